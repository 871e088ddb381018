"""Releases as their readers and the next writer see them."""

import shutil
import subprocess
from pathlib import Path

import datasets
import pytest

import mmdata
from mmdata.corpus import Corpus
from mmdata.errors import ReleaseError
from mmdata.releases import POINTER, Releases

ROOT = Path(__file__).parents[1]
PHOTOGRAPHS = ROOT.parent / "shared" / "data" / "skin" / "extracted_data"
real_photographs = pytest.mark.skipif(
    not PHOTOGRAPHS.is_dir(), reason="the photographs may not be copied; they lie beside the project where its CI runs"
)


@pytest.fixture
def skin(tmp_path):
    return mmdata.new("skin", tmp_path / "내 말뭉치", like="skin")


@pytest.fixture
def source(skin, tmp_path):
    return shutil.copytree(skin / "tiny", tmp_path / "원본")


def grown(skin, source):
    """Two releases: of 36 pictures, and of 35."""
    mmdata.build(skin, source)
    next(source.rglob("TS_*/*.png")).unlink()
    return mmdata.build(skin, source)


def test_the_newest_release_is_the_default_and_an_older_one_loads_by_its_version(skin, source):
    assert grown(skin, source).version == "1.1.0"
    new, old = datasets.load_dataset(str(skin)), datasets.load_dataset(str(skin), "1.0.0")
    assert (str(new["train"].info.version), len(new["train"]), len(new["test"])) == ("1.1.0", 23, 12)
    assert (str(old["train"].info.version), len(old["train"]), len(old["test"])) == ("1.0.0", 24, 12)


@pytest.mark.parametrize(("bump", "version"), [("major", "2.0.0"), ("minor", "1.1.0"), ("patch", "1.0.1")])
def test_bump_says_which_part_goes_up(skin, source, bump, version):
    mmdata.build(skin, source)
    next(source.rglob("*.png")).unlink()
    assert mmdata.build(skin, source, bump=bump).version == version


def test_going_back_to_the_old_source_is_a_new_release_with_the_old_shards(skin, source):
    first = mmdata.build(skin, source).manifest
    picture = next(source.rglob("TS_*/*.png"))
    content = picture.read_bytes()
    picture.unlink()
    mmdata.build(skin, source)
    picture.write_bytes(content)
    third = mmdata.build(skin, source)
    assert (third.version, third.manifest.files) == ("1.2.0", first.files)
    assert third.decoded == 0


def test_a_complete_release_that_a_killed_writer_left_unnamed_is_named_by_the_next(skin, source):
    mmdata.build(skin, source)
    before = (skin / POINTER).read_bytes()
    next(source.rglob("*.png")).unlink()
    mmdata.build(skin, source)
    (skin / POINTER).write_bytes(before)  # As if killed between the rename and the replace.
    assert str(datasets.load_dataset(str(skin))["train"].info.version) == "1.0.0"
    assert not mmdata.build(skin, source).created
    assert str(datasets.load_dataset(str(skin))["train"].info.version) == "1.1.0"


@pytest.mark.parametrize(
    "damage", [None, b"", b"configs: [", b"configs: 3", "configs:\n- config_name: 새것\n".encode()]
)
def test_a_lost_or_damaged_pointer_is_written_anew(skin, source, damage):
    mmdata.build(skin, source)
    whole = (skin / POINTER).read_bytes()
    (skin / POINTER).unlink()
    if damage is not None:
        (skin / POINTER).write_bytes(damage)
    assert not mmdata.build(skin, source).created
    assert (skin / POINTER).read_bytes() == whole


def test_a_deleted_or_damaged_cache_costs_time_only(skin, source):
    mmdata.build(skin, source)
    (skin / ".cache.sqlite").write_bytes(b"not a database at all" * 300)
    again = mmdata.build(skin, source)
    assert (again.created, again.decoded) == (False, 36)


def test_prune_drops_old_releases_and_the_rest_loads(skin, source):
    grown(skin, source)
    assert mmdata.prune(skin, keep=2) == []
    assert mmdata.prune(skin, keep=1) == ["1.0.0"]
    assert [p.name for p in (skin / "data").iterdir()] == ["1.1.0"]
    assert len(datasets.load_dataset(str(skin))["train"]) == 23
    with pytest.raises(ValueError, match=r"'1\.0\.0' not found"):
        datasets.load_dataset(str(skin), "1.0.0")
    next(source.rglob("*.png")).unlink()
    assert mmdata.build(skin, source).version == "1.2.0"


def test_a_missing_version_is_named_with_those_there_are(skin, source):
    mmdata.build(skin, source)
    with pytest.raises(ReleaseError, match=r"skin has no release '3\.0\.0'. It has: 1\.0\.0"):
        Releases(Corpus(skin)).manifest("3.0.0")


def test_nothing_of_a_release_shows_in_git(skin, source):
    subprocess.run(["git", "init", "-q", skin.parent], check=True)
    subprocess.run(["git", "-C", skin.parent, "add", "-A"], check=True)
    tracked = subprocess.check_output(["git", "-C", skin.parent, "ls-files"])
    mmdata.build(skin, source)
    subprocess.run(["git", "-C", skin.parent, "add", "-A"], check=True)
    assert subprocess.check_output(["git", "-C", skin.parent, "ls-files"]) == tracked


@real_photographs
def test_the_96_real_photographs_build_and_every_wrong_count_is_named(skin):
    build = mmdata.build(skin, PHOTOGRAPHS)
    assert build.manifest.splits == {"train": 72, "test": 24}
    off = [f for f in build.findings if f.check == "folder count"]
    assert sum(f.count for f in off) == 24
    said = {name: f.message.split(" in ")[0] for f in off for name in f.message.split(" in ")[1].split(", ")}
    assert len(said) == 24 and (said["TS_건선_정면"], said["VS_지루_측면"]) == ("6 of 800", "2 of 100")
    loaded = datasets.load_dataset(str(skin))
    stored = {
        row["id"]: row["image"]["bytes"]
        for s in loaded.values()
        for row in s.cast_column("image", datasets.Image(decode=False))
    }
    for path in PHOTOGRAPHS.rglob("*.jpg"):
        half, label, view = path.parent.name.split("_")
        assert stored.pop(f"{'train' if half == 'TS' else 'test'}/{label}/{view}/{path.stem}") == path.read_bytes()
    assert stored == {}


@real_photographs
def test_the_manifest_says_where_everything_came_from(skin):
    manifest = mmdata.build(skin, PHOTOGRAPHS).manifest
    assert (manifest.origin.source, manifest.origin.files) == ("extracted_data", 96)
    assert manifest.origin.bytes == sum(p.stat().st_size for p in PHOTOGRAPHS.rglob("*.jpg"))
    assert manifest.counts["label"]["건선"] == {"train": 12, "test": 4}
    assert {"sha256", "mmdata-corpus", "datasets", "pyarrow", "pillow", "imagehash"} == set(manifest.code)
    assert str(skin.parent) not in manifest.model_dump_json(), "no path of this machine in what is published"

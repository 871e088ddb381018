"""Published answers joined with somebody's own copy of the pictures: by hashes, whatever the files are named."""

import json
import os
import random
import shutil
from pathlib import Path

import pytest
from annotating import look
from answering import answer, finding, newest, stored

import mmdata
from mmdata.annotation.prompt import parse_prompt
from mmdata.annotation.store import path_of
from mmdata.corpus import Corpus
from mmdata.errors import AnnotationError, CorpusError, HubError, ReleaseError
from mmdata.hub.partial import write_partial
from mmdata.releases import Releases
from mmdata.verbs.attach import as_json, as_screen, attach

REPO = "our-team/skin"


@pytest.fixture(scope="session")
def theirs(_built_once, tmp_path_factory):
    """The publisher's folder: the tiny pictures with two columns of answers as 1.1.0."""
    folder = shutil.copytree(_built_once, tmp_path_factory.mktemp("그들의") / "skin")
    answer(folder, value=lambda row: finding(row) if row.number % 3 else None)
    answer(folder, "describe_blind", lambda row: f"<summary>{row.id}</summary>")
    mmdata.release(folder)
    return folder


@pytest.fixture(scope="session")
def version(theirs, tmp_path_factory):
    """Path → content of that release on the Hub, without its pictures."""
    into = tmp_path_factory.mktemp("판")
    write_partial(Corpus(theirs), newest(theirs), into)
    files = {f"data/1.1.0/{path.name}": path.read_bytes() for path in into.iterdir()}
    return files | {f"prompts/{path.name}": path.read_bytes() for path in (theirs / "prompts").iterdir()}


@pytest.fixture
def on_hub(hub, version):
    """Puts it there, changed or not, under the tag v1.1.0."""
    hub.new(REPO)

    def put(changed=None):
        hub.repos[REPO].tags["v1.1.0"] = hub.put(REPO, version | (changed or {}))

    put()
    return put


def copied(source: Path, to: Path) -> Path:
    """The same files, written in another order at other times."""
    files = sorted(path for path in source.rglob("*") if path.is_file())
    random.Random(7).shuffle(files)
    for number, path in enumerate(files):
        new = to / path.relative_to(source)
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(path.read_bytes())
        os.utime(new, (10**9 + number, 10**9 + number))
    return to


def built(under: Path, source: Path, **options) -> Path:
    folder = mmdata.new("skin", under / "나의 말뭉치", like="skin")
    mmdata.build(folder, source, **options)
    return folder


@pytest.fixture(scope="session")
def _mine(theirs, tmp_path_factory):
    home = tmp_path_factory.mktemp("나의")
    return built(home, copied(theirs / "tiny", home / "내려받은 것"))


@pytest.fixture
def mine(_mine, tmp_path):
    """A release of one's own copy of the pictures, without any answer."""
    return shutil.copytree(_mine, tmp_path / "나의 말뭉치" / "skin")


def shards(folder: Path) -> set[tuple[str, str]]:
    return {(file.path, file.sha256) for file in newest(folder).manifest.files}


def test_pushed_without_pictures_and_attached_elsewhere_the_rows_are_identical(theirs, mine, hub, tmp_path):
    folder = shutil.copytree(theirs, tmp_path / "그들의" / "skin")
    mmdata.push(folder, REPO, annotations_only=True)
    files = hub.snapshot(REPO)[2]
    assert not any(b"PNG\r\n" in content for path, content in files.items() if path.startswith("data/"))
    for prompt in (mine / "prompts").iterdir():
        prompt.unlink()
    done = attach(mine, REPO)
    assert (done.rows, done.matched, done.not_here, done.differing) == (36, 36, 0, 0)
    assert done.answers == done.added == {"describe": 24, "describe_blind": 36}
    assert (done.release, done.created, done.identical) == ("1.1.0", True, True)
    assert shards(mine) == shards(theirs) and stored(mine) == stored(theirs)
    assert done.prompts == ["describe", "describe_blind"]
    for name in done.prompts:
        assert (mine / f"prompts/{name}.yaml").read_bytes() == (theirs / f"prompts/{name}.yaml").read_bytes()
    assert (
        "36 of 36 rows are of our-team/skin v1.1.0" in as_screen(done).plain
        and "byte for byte" in as_screen(done).plain
    )

    again = attach(mine, REPO)
    assert (again.added, again.created, again.identical) == ({"describe": 0, "describe_blind": 0}, False, True)
    assert (again.release, again.prompts) == ("1.1.0", [])
    assert "has these answers already; no release was made" in as_screen(again).plain
    asked = mmdata.annotate(mine, "describe_blind", estimate=True)
    assert (asked.estimate.calls, asked.states) == (0, {"ok": 36})


def test_renamed_files_are_joined_by_their_hashes_and_missing_ones_are_said(theirs, on_hub, tmp_path):
    source = copied(theirs / "tiny", tmp_path / "내려받은 것")
    gone = sorted(source.rglob("*.png"))[:5]
    for path in gone:
        path.unlink()
    for number, path in enumerate(sorted(source.rglob("*.png"))):
        path.rename(path.with_name(f"H9_{1000 - number:04}_P0_L0.png"))
    mine = built(tmp_path, source, workers=1)
    done = attach(mine, REPO)
    assert (done.rows, done.matched, done.not_here, done.identical) == (31, 31, 5, False)
    assert "5 published rows have no picture here" in as_screen(done).plain
    told = {row["image"]["bytes"]: (row["describe"], row["describe_blind"]) for row in stored(theirs).values()}
    own = stored(mine)
    assert len(own) == 31 and not own.keys() & stored(theirs).keys()
    assert all((row["describe"], row["describe_blind"]) == told[row["image"]["bytes"]] for row in own.values())
    assert not attach(mine, REPO).created


def test_rows_under_another_class_are_said_and_get_no_answer_to_what_was_not_asked(theirs, on_hub, tmp_path):
    """`describe` was told the class, `describe_blind` was not."""
    source = copied(theirs / "tiny", tmp_path / "내려받은 것")
    moved = sorted(source.rglob("TS_건선_정면/*.png"))
    for path in moved:
        path.rename(path.parents[1] / "TS_주사_정면" / path.name)
    extra = source / "Training/images/TS_주사_정면/H3_9999_P0_L0.png"
    extra.write_bytes((theirs / "tiny" / moved[0].relative_to(source)).read_bytes() + b"\0")
    mine = built(tmp_path, source, workers=1)
    done = attach(mine, REPO)
    assert (done.rows, done.matched, done.differing, len(done.examples)) == (37, 36, len(moved), min(5, len(moved)))
    assert done.examples[0].endswith(": label 주사 here, 건선 there")
    said = as_screen(done).plain
    assert f"{len(moved)} rows have another class here than was published" in said
    assert "1 rows here were not published" in said
    own, were = stored(mine), {row["image"]["bytes"]: row for row in stored(theirs).values()}
    names = {path.stem for path in moved}
    assert len(names) == len(moved) > 1
    for id, row in own.items():
        old = were.get(row["image"]["bytes"])
        blind = old and old["describe_blind"]
        assert (row["describe"], row["describe_blind"]) == (
            None if old is None or id.split("/")[-1] in names else old["describe"],
            blind,
        )


def test_a_version_with_its_pictures_will_do_too(theirs, mine, hub):
    hub.new(REPO)
    data = {f"data/1.1.0/{path.name}": path.read_bytes() for path in (theirs / "data/1.1.0").iterdir()}
    hub.repos[REPO].tags["v1.1.0"] = hub.put(REPO, data)
    (mine / "prompts/describe.yaml").unlink()
    done = attach(mine, REPO, version="1.1.0", bump="patch")
    assert (done.release, done.identical, done.prompts) == ("1.0.1", True, ["describe"])
    # The Hub has no file of it: it is written as the manifest keeps it.
    assert parse_prompt(mine / "prompts/describe.yaml") == parse_prompt(theirs / "prompts/describe.yaml")
    assert json.loads(as_json(done))["added"] == {"describe": 24, "describe_blind": 36}


def test_stopped_before_the_release_the_same_command_goes_on(mine, on_hub, monkeypatch):
    (mine / "prompts/describe.yaml").unlink()
    for step in ("place_prompt", "release"):
        with monkeypatch.context() as patch:
            patch.setattr(f"mmdata.verbs.attach.{step}", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                attach(mine, REPO)
    done = attach(mine, REPO)
    assert (done.created, done.identical, done.added["describe"]) == (True, True, 0)


def test_columns_of_ones_own_stay(mine, on_hub):
    text = (mine / "prompts/describe.yaml").read_text(encoding="utf-8")
    (mine / "prompts/mine.yaml").write_text(text.replace("id: describe", "id: mine"), encoding="utf-8")
    edited = (mine / "prompts/mine.yaml").read_text(encoding="utf-8").replace("0.2", "0.7")
    (mine / "prompts/mine.yaml").write_text(edited, encoding="utf-8")
    answer(mine, "mine", lambda row: "내 글")
    mmdata.release(mine)
    done = attach(mine, REPO)
    assert (done.release, done.identical) == ("1.2.0", False)
    assert [note.column for note in newest(mine).manifest.annotations] == ["describe", "describe_blind", "mine"]


def nothing_happened(folder) -> bool:
    return Releases(mmdata.Corpus(folder)).versions() == ["1.0.0"] and (
        not path_of(folder).exists() or not look(folder, "SELECT 1 FROM answers")
    )


def test_another_prompt_of_that_name_is_refused(mine, on_hub):
    path = mine / "prompts/describe.yaml"
    theirs = parse_prompt(path).sha256
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("min_chars: 150", "min_chars: 10"), encoding="utf-8")
    assert attach(mine, REPO).created  # How answers are judged is everyone's own.
    shutil.rmtree(mine / "data/1.1.0")
    path_of(mine).unlink()
    path.write_text(text.replace("0.2", "0.9"), encoding="utf-8")
    own = parse_prompt(path).sha256
    with pytest.raises(
        CorpusError, match=rf"describe\.yaml: .*\(parameters\): .*{own}, theirs {theirs}\. Move yours away"
    ):
        attach(mine, REPO)
    assert nothing_happened(mine)


def test_a_damaged_file_on_the_hub_is_refused_and_fetched_anew_the_next_time(mine, on_hub, hub, version):
    name = next(name for name in version if name.startswith("data/1.1.0/test-"))
    content = bytearray(version[name])
    content[len(content) // 2] ^= 1
    on_hub({name: bytes(content)})
    with pytest.raises(
        HubError, match=r"v1\.1\.0: test-.*parquet is not as the Hub or its manifest says, so nothing was attached"
    ):
        attach(mine, REPO)
    assert nothing_happened(mine)
    on_hub()
    assert attach(mine, REPO).identical


def test_a_file_damaged_in_the_cache_is_fetched_anew(mine, on_hub, tmp_path):
    attach(mine, REPO)
    cached = [path for path in tmp_path.rglob("snapshots/*/data/1.1.0/train-*") if path.is_symlink()]
    for path in cached:
        path.resolve().write_bytes(b"x")
    assert cached
    with pytest.raises(HubError, match="Run the same command again"):
        attach(mine, REPO)
    assert attach(mine, REPO).identical


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"annotations": []}, r"our-team/skin v1\.1\.0 has no answers to attach"),
        ({"prompt": {}}, r"before mmdata kept prompts, so its answers \(describe, describe_blind\)"),
        ({"version": "1.0.9"}, r"its manifest names 'skin 1\.0\.9'; it was not pushed by mmdata"),
        ({"path": "../../../etc/passwd"}, r"its manifest names '\.\./\.\./\.\./etc/passwd'"),
    ],
)
def test_a_manifest_that_will_not_do_is_refused(mine, on_hub, version, changes, said):
    manifest = json.loads(version["data/1.1.0/manifest.json"])
    for name, value in changes.items():
        where = {"prompt": manifest["annotations"], "path": manifest["files"]}.get(name, [manifest])
        for part in where:
            part[name] = value
    on_hub({"data/1.1.0/manifest.json": json.dumps(manifest).encode()})
    with pytest.raises(HubError, match=said):
        attach(mine, REPO)
    assert nothing_happened(mine)


def test_what_is_missing_is_said(theirs, mine, on_hub, hub, version, tmp_path, source):
    with pytest.raises(HubError, match=r"our-team/skin has no version 2\.0\.0\. It has: 1\.1\.0"):
        attach(mine, REPO, version="2.0.0")
    with pytest.raises(HubError, match="no such dataset repository"):
        attach(mine, "our-team/other")
    bare = mmdata.new("skin", tmp_path / "빈", like="skin")
    with pytest.raises(
        ReleaseError, match=r"build one from your own copy of the source first, with `mmdata build .*skin --source"
    ):
        attach(bare, REPO)
    mmdata.build(bare, source, workers=1)
    with pytest.raises(HubError, match=r"none of the 4 rows of skin 1\.0\.0 has a picture of our-team/skin v1\.1\.0"):
        attach(bare, REPO)
    assert nothing_happened(bare)
    (bare / "data" / "1.1.0").mkdir()
    (bare / "data/1.1.0/manifest.json").write_bytes(version["data/1.1.0/manifest.json"])
    with pytest.raises(ReleaseError, match=r"skin 1\.1\.0 was published without its pictures"):
        attach(bare, REPO)
    with mmdata.annotation.store.writing(mine), pytest.raises(AnnotationError, match="another process"):
        attach(mine, REPO)


def test_a_prompt_about_a_field_that_the_rows_do_not_have_is_refused(theirs, hub, mine, tmp_path):
    folder = shutil.copytree(theirs, tmp_path / "그들의" / "skin")
    chained = "id: short\nmodel: m\nfields: [describe]\nuser: 'shorten: {{ describe }}'\n"
    (folder / "prompts/short.yaml").write_text(chained, encoding="utf-8")
    answer(folder, "short", lambda row: "짧다")
    mmdata.release(folder)
    mmdata.push(folder, REPO, annotations_only=True)
    with pytest.raises(
        AnnotationError, match=r"the prompt short asks about describe, which the rows of skin 1\.0\.0 do not have"
    ):
        attach(mine, REPO)
    assert nothing_happened(mine)

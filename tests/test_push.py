"""Versions on a Hub: pushed by one commit and one tag, loaded by everyone else's tools."""

import json
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
import yaml
from datasets import load_dataset
from hub_api import WRITE
from hub_server import Hub, serving
from hubbing import hub_env
from kit import ids, put, run

import mmdata
from mmdata.errors import CorpusError, HubError, ReleaseError
from mmdata.hub.remote import Remote
from mmdata.releases import Releases

REPO = "my-team/birds"
OPEN = "may_redistribute: [rows, images]"


def configs(files: dict[str, bytes]) -> list[tuple[str, bool]]:
    front = yaml.safe_load(files["README.md"].decode().split("---\n")[1])
    return [(config["config_name"], config.get("default", False)) for config in front["configs"]]


LOAD = """
import sys
from datasets import load_dataset
for version in sys.argv[2:]:
    whole = load_dataset(sys.argv[1], revision="v" + version)
    rows = load_dataset(sys.argv[1], revision="v" + version, streaming=True, split="train")
    seen = sorted(row["id"] for row in rows)
    assert seen == sorted(whole["train"]["id"])
    assert next(iter(rows))["image"].size == (64, 64)
    print(version, whole["train"].info.version, len(seen), whole["test"].num_rows)
"""


def loaded(hub: Hub, home: Path, *versions: str) -> list[str]:
    """As another process, without mmdata, sees the versions."""
    command = [sys.executable, "-c", LOAD, REPO, *versions]
    done = subprocess.run(command, env=hub_env(hub, home), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_two_versions_are_loaded_by_their_tags_from_one_cache_and_from_two(birds, hub, tmp_path):
    first = mmdata.push(birds, REPO, version="1.0.0")
    second = mmdata.push(birds, REPO)
    assert (first.created, first.tagged, second.created, second.tagged) == (True, True, False, True)
    assert configs(hub.files(REPO)) == [("sample", False), ("1.1.0", True), ("1.0.0", False)]
    old, new = "1.0.0 1.0.0 3 1", "1.1.0 1.1.0 4 1"
    assert loaded(hub, tmp_path / "one", "1.0.0", "1.1.0", "1.0.0") == [old, new, old]
    assert loaded(hub, tmp_path / "two", "1.1.0") == [new]
    assert {path for path in hub.files(REPO) if path.startswith("data/")} == {
        path.relative_to(birds).as_posix() for path in birds.glob("data/*/*")
    }


def test_the_same_push_again_sends_nothing(birds, hub):
    first = mmdata.push(birds, REPO)
    head, tags, _ = hub.snapshot(REPO)
    hub.forget()
    again = mmdata.push(birds, REPO)
    assert not again.changed
    assert again.commit == first.commit == head == tags["v1.1.0"]
    assert {request.method for request in hub.requests} <= {"GET", "HEAD"}
    assert hub.snapshot(REPO)[:2] == (head, tags)


def test_an_older_version_is_there_or_refused(birds, hub):
    mmdata.push(birds, REPO, version="1.0.0")
    mmdata.push(birds, REPO)
    head = hub.snapshot(REPO)[0]
    assert not mmdata.push(birds, REPO, version="1.0.0").changed
    assert hub.snapshot(REPO)[0] == head
    mmdata.push(birds, "my-team/other")
    with pytest.raises(HubError, match=r"holds 1\.1\.0 already, and versions only go up"):
        mmdata.push(birds, "my-team/other", version="1.0.0")


def test_a_shard_that_both_versions_have_is_sent_once(birds, hub):
    mmdata.push(birds, REPO, version="1.0.0")
    hub.forget()
    mmdata.push(birds, REPO)
    stored = [request.path.rsplit("/", 1)[1] for request in hub.requests if request.path.startswith("/storage/")]
    test, train = (next(birds.glob(f"data/1.1.0/{split}-*")) for split in ("test", "train"))
    assert (birds / "data/1.0.0" / test.name).exists()
    digests = {file.path: file.sha256 for file in Releases(mmdata.Corpus(birds)).manifest("1.1.0").files}
    assert digests[train.name] in stored
    assert digests[test.name] not in stored
    assert f"data/1.1.0/{test.name}" in hub.files(REPO)


def test_a_better_card_goes_to_main_and_the_tag_stays(birds, hub):
    first = mmdata.push(birds, REPO)
    card = birds / "README.md"
    card.write_text(card.read_text(encoding="utf-8").replace("# Birds", "# 새"), encoding="utf-8")
    (birds / "prompts").mkdir()
    (birds / "prompts/describe.yaml").write_text("id: describe\nmodel: m\nuser: 무엇인가?\n", encoding="utf-8")
    done = mmdata.push(birds, REPO)
    assert done.sent == ["README.md", "prompts/describe.yaml"]
    assert (done.tagged, done.commit) == (False, first.commit)
    head, tags, files = hub.snapshot(REPO)
    assert tags == {"v1.1.0": first.commit}
    assert head != first.commit
    assert "# 새" in files["README.md"].decode()
    (birds / "prompts/describe.yaml").unlink()
    assert mmdata.push(birds, REPO).removed == ["prompts/describe.yaml"]


def test_a_push_cut_before_its_tag_gets_it_from_the_next_version(birds, hub):
    first = mmdata.push(birds, REPO, version="1.0.0")
    hub.repos[REPO].tags.clear()
    second = mmdata.push(birds, REPO)
    assert hub.snapshot(REPO)[1] == {"v1.0.0": first.commit, "v1.1.0": second.commit}


def test_what_an_untagged_push_of_other_content_left_is_replaced(birds, hub):
    mmdata.push(birds, REPO)
    hub.repos[REPO].tags.clear()
    hub.put(REPO, {"data/1.1.0/train-00000-of-00001-0000000000000000.parquet": b"of a build that was done again"})
    done = mmdata.push(birds, REPO)
    assert done.removed == ["data/1.1.0/train-00000-of-00001-0000000000000000.parquet"]
    assert done.tagged
    assert not mmdata.push(birds, REPO).changed


def test_an_untagged_version_that_is_damaged_gets_no_tag(birds, hub):
    mmdata.push(birds, REPO, version="1.0.0")
    hub.repos[REPO].tags.clear()
    shard = next(path for path in hub.files(REPO) if path.startswith("data/1.0.0/train-"))
    hub.put(REPO, {shard: b"PAR1 damaged"})
    with pytest.raises(HubError, match=r"data/1\.0\.0/train-.* is not as its manifest says\. Push 1\.0\.0 again"):
        mmdata.push(birds, REPO)
    mmdata.push(birds, REPO, version="1.0.0")
    mmdata.push(birds, REPO)
    assert set(hub.snapshot(REPO)[1]) == {"v1.0.0", "v1.1.0"}


def test_a_tag_that_somebody_took_away_is_not_put_on_another_commit(birds, hub):
    mmdata.push(birds, REPO, version="1.0.0")
    mmdata.push(birds, REPO)
    del hub.repos[REPO].tags["v1.0.0"]
    assert not mmdata.push(birds, REPO).changed
    assert set(hub.snapshot(REPO)[1]) == {"v1.1.0"}


def test_an_older_shard_that_is_damaged_is_told(birds, hub):
    mmdata.push(birds, REPO, version="1.0.0")
    shard = next(path for path in hub.files(REPO) if path.startswith("data/1.0.0/train-"))
    hub.put(REPO, {shard: b"PAR1 damaged"})
    with pytest.raises(HubError, match=r"train-.* is not as its manifest says\. Put it back from its tag v1\.0\.0"):
        mmdata.push(birds, REPO)


def test_a_corpus_of_any_name_comes_back(birds, hub, tmp_path):
    folder = birds.rename(birds.parent / "내 새-1")
    mmdata.build(folder, folder / "tiny", workers=1)
    mmdata.push(folder, REPO)
    assert mmdata.pull(REPO, into=tmp_path / "새").rows == mmdata.pull(REPO, into=tmp_path / "또").rows


def test_an_older_version_that_cannot_be_read_is_told(birds, hub):
    mmdata.push(birds, REPO, version="1.0.0")
    path = "data/1.0.0/manifest.json"
    newer = json.loads(hub.files(REPO)[path]) | {"a_newer_key": 1}
    hub.put(REPO, {path: json.dumps(newer).encode()})
    with pytest.raises(HubError, match=r"v1\.0\.0: its manifest\.json cannot be read: a_newer_key.*A newer mmdata may"):
        mmdata.push(birds, REPO)


def test_an_older_index_that_is_gone_is_told(birds, hub):
    mmdata.push(birds, REPO, version="1.0.0")
    remote = Remote(REPO)
    remote.commit({}, ["data/1.0.0/index.parquet"], remote.state().head, "by hand")
    with pytest.raises(HubError, match=r"data/1\.0\.0/index\.parquet is gone from `main`"):
        mmdata.push(birds, REPO)


def test_a_snapshot_without_pictures_is_not_pushed_on(birds, hub, tmp_path):
    mmdata.push(birds, REPO, annotations_only=True)
    assert not any(path.startswith("sample/") for path in hub.files(REPO))  # Of the withheld, maybe.
    assert configs(hub.files(REPO)) == [("1.1.0", True)]
    huggingface_hub.snapshot_download(REPO, repo_type="dataset", local_dir=tmp_path / "birds")
    for only in (True, False):
        with pytest.raises(ReleaseError, match="published without its pictures, and has none here"):
            mmdata.push(tmp_path / "birds", "my-team/other", annotations_only=only)
    with pytest.raises(ReleaseError, match="join the two with `mmdata attach`"):
        mmdata.check(tmp_path / "birds")
    assert len(load_dataset(str(tmp_path / "birds"))["train"][0]["image_sha256"]) == 64


def test_what_is_gone_here_goes_there(birds, hub):
    (birds / "terms.yaml").write_text("keep: [mm]\n", encoding="utf-8")
    mmdata.push(birds, REPO)
    (birds / "terms.yaml").unlink()
    hub.put(REPO, {".huggingface.yaml": b"configs: []", "LICENSE": b"theirs", "more.txt": b"theirs"})
    assert mmdata.push(birds, REPO).removed == [".huggingface.yaml", "terms.yaml"]
    assert {"LICENSE", "more.txt"} <= set(hub.files(REPO))


def test_a_link_out_of_the_folder_is_not_followed(birds, hub, tmp_path):
    (birds / "LICENSE.txt").symlink_to(put(tmp_path, "private.txt", b"private"))
    with pytest.raises(HubError, match=r"LICENSE\.txt is a link out of the corpus folder"):
        mmdata.push(birds, REPO)
    assert hub.repos == {}


def test_only_what_belongs_to_a_corpus_is_sent(birds, hub):
    for path in ("비밀.txt", ".env", "report.html", "annotations.sqlite", "prompts/.describe.yaml.swp", "raw/1.png"):
        put(birds, path, b"x")
    sent = set(mmdata.push(birds, REPO).sent)
    assert {path for path in sent if not path.startswith(("data/1.1.0/", "sample/"))} == {
        "README.md",
        "builder.py",
        "croissant.json",
        "labels.yaml",
    }


def test_a_dry_run_only_looks(birds, hub):
    done = mmdata.push(birds, REPO, dry_run=True)
    assert (done.created, done.tagged, done.commit) == (True, True, "")
    assert hub.repos == {}
    assert {request.method for request in hub.requests} == {"GET"}
    assert done.sent == mmdata.push(birds, REPO).sent


def test_a_snapshot_of_the_tag_is_a_corpus_that_loads_and_passes(birds, hub, tmp_path):
    mmdata.push(birds, REPO, version="1.0.0")
    mmdata.push(birds, REPO)
    folder = tmp_path / "빈 폴더"
    huggingface_hub.snapshot_download(REPO, repo_type="dataset", revision="v1.1.0", local_dir=folder)
    assert load_dataset(str(folder))["train"].info.version == "1.1.0"
    assert ids(folder) == ids(birds)
    assert load_dataset(str(folder), "1.0.0")["train"].num_rows == 3
    report = mmdata.check(folder)
    assert (report.version, report.count("error")) == ("1.1.0", 0)


@pytest.mark.slow
def test_the_command_says_what_it_did_and_never_the_token(birds, tmp_path):
    with serving() as hub:
        env = hub_env(hub, tmp_path / "hf")
        done = run("push", birds, "--repo", REPO, env=env | {"HF_DEBUG": "1"})
        assert done.returncode == 0, done.stderr
        assert 'load_dataset("my-team/birds", revision="v1.1.0")' in done.stdout
        said = json.loads(run("push", birds, "--repo", REPO, "--json", env=env).stdout)
        assert (said["changed"], said["version"]) == (False, "1.1.0")
        assert WRITE not in done.stdout + done.stderr
        assert not any(WRITE.encode() in content for content in hub.files(REPO).values())


# Mistakes


@pytest.mark.parametrize("name", ["birds", "a/b/c", "my team/birds", "", "../birds", "https://huggingface.co/a/b"])
def test_a_name_that_is_none(birds, name):
    with pytest.raises(HubError, match="namespace/name"):
        mmdata.push(birds, name)


def test_nothing_to_push(tmp_path, hub):
    empty = mmdata.new("birds", tmp_path)
    with pytest.raises(ReleaseError, match="no release to push yet"):
        mmdata.push(empty, REPO)
    assert hub.requests == []


def test_a_damaged_release_is_not_published(birds, hub):
    shard = next(birds.glob("data/1.1.0/train-*"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(ReleaseError, match="the release is damaged"):
        mmdata.push(birds, REPO)
    assert hub.repos == {}


def test_a_wrong_word_in_the_card(birds, hub):
    card = birds / "README.md"
    card.write_text(card.read_text(encoding="utf-8").replace(OPEN, "may_redistribute: [pictures]"), encoding="utf-8")
    with pytest.raises(CorpusError, match=r"\[rows, images\], \[rows\], or \[\] for neither"):
        mmdata.push(birds, REPO)

"""A version on the Hub as a local release: the same files, and answers that nobody pays for again."""

import itertools
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from answering import answer
from hub_server import Fault, serving
from hubbing import hub_env, using
from kit import ids, put, run

import mmdata
from mmdata.annotation.prompt import Prompt
from mmdata.errors import HubError, ReleaseError
from mmdata.hub.remote import Remote
from mmdata.verbs import pull as verb

REPO = "my-team/skin"


@pytest.fixture(scope="session")
def _published(_built_once, tmp_path_factory):
    """Skin with the releases 1.0.0 and, with answers to all rows, 1.1.0."""
    folder = shutil.copytree(_built_once, tmp_path_factory.mktemp("낸 것") / "skin")
    answer(folder)
    mmdata.release(folder)
    return folder


@pytest.fixture
def hub(_published, tmp_path):
    """A Hub that holds both."""
    with serving() as hub, using(hub, tmp_path / "hf"):
        for version in ("1.0.0", "1.1.0"):
            mmdata.push(_published, REPO, version=version, private=version == "1.0.0")
        hub.forget()
        yield hub


@pytest.fixture
def into(tmp_path):
    return tmp_path / "받은 것" / "skin"


def contents(folder: Path, *names: str) -> dict[str, bytes]:
    found = (path for name in names for path in sorted(folder.glob(name)))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_it_is_the_release_that_was_pushed(_published, hub, into):
    done = mmdata.pull(REPO, into=into)
    assert (done.version, done.created, done.rows, done.adopted) == ("1.1.0", True, 36, {"describe": 36})
    names = ("data/1.1.0/*", "builder.py", "[a-z]*.yaml", "prompts/*", "sample/*")
    assert contents(into, *names) == contents(_published, *names)
    assert ids(into) == ids(_published)
    assert not (into / ".pull").exists()
    assert "annotations.sqlite*" in (into / ".gitignore").read_text()


def test_its_answers_are_not_asked_again_and_can_be_checked_fixed_and_released(hub, into):
    mmdata.pull(REPO, into=into)
    estimate = mmdata.annotate(into, "describe", estimate=True)
    assert (estimate.before.new, estimate.before.reused) == (0, 36)
    report = mmdata.check(into, prompts=["describe"])
    assert report.answers["describe"] == {"ok": 36}
    assert not mmdata.release(into, prompts=["describe"]).created


def test_again_it_fetches_nothing(hub, into):
    mmdata.pull(REPO, into=into)
    hub.forget()
    again = mmdata.pull(REPO, into=into)
    assert (again.created, again.bytes, again.adopted) == (False, 0, {"describe": 0})
    assert not any("/resolve/" in request.path and request.path.endswith(".parquet") for request in hub.requests)


def test_an_older_version_comes_into_the_same_folder(hub, into):
    mmdata.pull(REPO, into=into, version="v1.1.0")
    (into / "labels.yaml").write_bytes((into / "labels.yaml").read_bytes() + b"# mine\n")
    done = mmdata.pull(REPO, into=into, version="1.0.0")
    assert (done.created, done.differing) == (True, ["labels.yaml"])
    assert (into / "labels.yaml").read_bytes().endswith(b"# mine\n")
    assert sorted(path.name for path in (into / "data").iterdir()) == ["1.0.0", "1.1.0"]
    assert mmdata.diff(into).columns_added == ["describe"]


def test_what_was_pulled_can_be_pushed_on(hub, into):
    """Its card's generated part is replaced, its manifest is the very one: the Hub holds it already."""
    mmdata.pull(REPO, into=into)
    assert not mmdata.push(into, REPO).changed


@pytest.mark.parametrize("of", ["/revision/main", "/refs", "/tree/", "/manifest.json", "/index.parquet", "/builder.py"])
def test_a_pull_that_is_cut_leaves_no_release_and_goes_on(hub, into, of):
    hub.behave = lambda request: Fault(how="cut") if of in request.path else None
    with pytest.raises(HubError, match="the connection failed"):
        mmdata.pull(REPO, into=into)
    assert not (into / "data").exists()
    hub.forget()
    assert mmdata.pull(REPO, into=into).created
    assert len(ids(into)) == 36


def test_what_has_come_is_not_fetched_again(hub, into):
    hub.behave = lambda request: Fault(how="cut") if re.search(r"/resolve/.*/data/.*/test-", request.path) else None
    with pytest.raises(HubError, match="What has come so far is kept"):
        mmdata.pull(REPO, into=into)
    hub.forget()
    mmdata.pull(REPO, into=into)
    got = [r.path for r in hub.requests if r.method == "GET" and "/resolve/" in r.path]
    assert [path for path in got if "/data/1.1.0/" in path and path.endswith(".parquet") and "test-" not in path] == []


def test_a_damaged_file_is_not_laid_out(hub, into):
    _, _, files = hub.snapshot(REPO)
    (shard,) = [path for path in files if path.startswith("data/1.1.0/train-")]
    commit = hub.put(REPO, {shard: files[shard][:-1] + b"x"})
    hub.repos[REPO].tags["v1.1.0"] = commit
    with pytest.raises(HubError, match=r"train-.* is not as the Hub or its manifest says, so nothing was laid out"):
        mmdata.pull(REPO, into=into)
    assert not (into / "data").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [("train-00000", "../../../train-00000"), ('"corpus": "skin"', '"corpus": "../skin"'), ('"1.1.0"', '"1.2.0"')],
)
def test_names_in_a_manifest_lead_nowhere_else(hub, into, old, new):
    _, _, files = hub.snapshot(REPO)
    text = files["data/1.1.0/manifest.json"].decode()
    assert old in text
    hub.repos[REPO].tags["v1.1.0"] = hub.put(REPO, {"data/1.1.0/manifest.json": text.replace(old, new).encode()})
    with pytest.raises(HubError, match="was not pushed by mmdata"):
        mmdata.pull(REPO, into=into)
    assert not into.exists()


def test_another_release_of_that_version_stays(hub, into, built_skin):
    answer(built_skin, value=lambda row: "다른 답")
    mmdata.release(built_skin)
    before = contents(built_skin, "data/*/*")
    with pytest.raises(ReleaseError, match=r"has a release 1\.1\.0 that is not the one of my-team/skin"):
        mmdata.pull(REPO, into=built_skin)
    assert contents(built_skin, "data/*/*") == before


def test_what_cannot_be_pulled(hub, into, tmp_path, _published):
    for repo, version, said in (
        ("my-team/bird", None, "no such dataset repository"),
        (REPO, "2.0.0", r"has no version 2\.0\.0\. It has: 1\.0\.0, 1\.1\.0"),
    ):
        with pytest.raises(HubError, match=said):
            mmdata.pull(repo, version=version, into=into)
    mmdata.push(_published, "my-team/answers", annotations_only=True)
    with pytest.raises(HubError, match=r"published without its pictures.*mmdata attach"):
        mmdata.pull("my-team/answers", into=into)
    full = put(tmp_path / "사진", "a.txt", b"x").parent
    with pytest.raises(HubError, match="no corpus folder, and not empty"):
        mmdata.pull(REPO, into=full)


@pytest.mark.slow
def test_the_command_makes_the_folder_by_the_corpus_s_name(hub, tmp_path):
    env = hub_env(hub, tmp_path / "hf")
    done = run("pull", REPO, cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "36 rows" in done.stdout
    assert "builder.py is code that mmdata runs" in done.stdout
    said = json.loads(run("pull", REPO, "--json", cwd=tmp_path, env=env).stdout)
    assert (said["folder"], said["created"]) == ("dataset_builders/skin", False)


def edited(hub, change, version="1.1.0"):
    """The manifest of a version edited by hand, and its tag put there."""
    path = f"data/{version}/manifest.json"
    manifest = json.loads(hub.files(REPO)[path])
    change(manifest)
    hub.repos[REPO].tags[f"v{version}"] = hub.put(REPO, {path: json.dumps(manifest).encode()})


def test_answers_whose_prompt_cannot_be_asked_are_left_and_told(hub, into):
    def ask_for_more(manifest):
        note = manifest["annotations"][0]
        note["prompt"]["fields"] = ["nonesuch"]
        note["prompt_sha256"] = Prompt.model_validate(note["prompt"]).sha256

    edited(hub, ask_for_more)
    done = mmdata.pull(REPO, into=into)
    assert (done.created, done.adopted) == (True, {})
    assert "asks about nonesuch, which the rows of skin 1.1.0 do not have" in done.left[0]


@pytest.mark.parametrize("moved", [1, 3, 7, 9])
def test_a_pull_that_is_killed_while_it_lays_out_goes_on(hub, into, monkeypatch, moved):
    """By Ctrl-C at the n-th file that is moved to its place."""
    real, count = os.replace, itertools.count(1)

    def until(a, b):
        if "/.pull/" in str(a) and next(count) == moved:
            raise KeyboardInterrupt
        return real(a, b)

    monkeypatch.setattr(os, "replace", until)
    with pytest.raises(KeyboardInterrupt):
        mmdata.pull(REPO, into=into)
    monkeypatch.setattr(os, "replace", real)
    assert not (into / "data").exists()
    assert mmdata.pull(REPO, into=into).created
    assert len(ids(into)) == 36


def test_two_pulls_into_one_folder_wait_for_each_other(hub, into, monkeypatch):
    real = verb._require_whole

    def meanwhile(*given):
        real(*given)
        with pytest.raises(ReleaseError, match="is being pulled into by another process"):
            mmdata.pull(REPO, version="1.0.0", into=into)

    monkeypatch.setattr(verb, "_require_whole", meanwhile)
    assert mmdata.pull(REPO, into=into).created


def test_builder_and_manifest_are_verified_too(hub, into, monkeypatch):
    real = Remote.download

    def damaging(remote, paths, revision, aside):
        real(remote, paths, revision, aside)
        (aside / "builder.py").write_text("# damaged")

    with monkeypatch.context() as patch:
        patch.setattr(Remote, "download", damaging)
        with pytest.raises(HubError, match=r"builder\.py is not as the Hub or its manifest says"):
            mmdata.pull(REPO, into=into)
    assert mmdata.pull(REPO, into=into).created


def test_a_name_like_a_pattern_comes_along(_published, hub, into, tmp_path):
    odd = "sample/a[1].parquet"
    hub.repos[REPO].tags["v1.1.0"] = hub.put(REPO, {odd: b"PAR1"})
    mmdata.pull(REPO, into=into)
    assert (into / odd).read_bytes() == b"PAR1"

"""What goes wrong between us and the Hub is one HubError that says what to do; no address, signature or token is in it."""

import hashlib
import logging
import traceback
from unittest.mock import Mock

import httpx2
import pytest
from hub_api import READ, SIGNATURE, STRANGER, WRITE
from hub_repos import Blob
from hub_server import Fault
from hubbing import using
from huggingface_hub import constants
from hypothesis import given
from hypothesis import strategies as st

from mmdata.errors import HubError
from mmdata.hub.remote import Entry, Local, Remote

REPO = "our-team/skin"
SHARD = Local(b"PAR1 and more")
UNKNOWN = "hf_nobodyKnowsThisToken0123456789"


@pytest.fixture
def remote(hub):
    hub.new(REPO)
    return Remote(REPO)


def refused(call, *secrets: str) -> str:
    """The message of its HubError; nothing secret is in it, in its traceback or what led to it."""
    with pytest.raises(HubError) as caught:
        call()
    told = "".join(traceback.format_exception(caught.value))
    for secret in (WRITE, READ, STRANGER, UNKNOWN, SIGNATURE, "X-Signature", "http://", "Bearer", *secrets):
        assert secret not in told, secret
    return str(caught.value)


def send(remote: Remote, parent: str | None = None, **files: Local) -> str:
    state = remote.state()
    return remote.commit(files or {"data/x.parquet": SHARD}, [], parent or state.head, "Version 1.0.0")


def on(part: str, fault: Fault):
    return lambda request: fault if part in request.path else None


# What it does


def test_what_is_sent_is_there_and_what_is_gone_is_not(remote, hub):
    first = send(remote, **{"a.txt": Local(b"a"), "data/x.parquet": SHARD})
    second = remote.commit({"b.txt": Local(b"b")}, ["a.txt"], first, "next")
    remote.tag("1.10.0", first)
    remote.tag("1.9.0", second)
    state = remote.state()
    assert (state.head, state.private) == (second, False)
    assert list(state.tags.items()) == [("1.9.0", second), ("1.10.0", first)]
    assert state.newest == "1.10.0" and remote.version(None) == ("1.10.0", first)
    assert remote.version("v1.9.0") == ("1.9.0", second)
    assert set(remote.tree(first)) == {".gitattributes", "a.txt", "data/x.parquet"}
    assert set(remote.tree(second)) == {".gitattributes", "b.txt", "data/x.parquet"}
    assert remote.file("a.txt", first).read_bytes() == b"a"


def test_a_private_repository_is_made_private(hub):
    assert Remote(REPO).state() is None
    state = Remote(REPO).create(private=True)
    assert state.private and hub.repos[REPO].private and Remote(REPO).state() == state


@pytest.mark.parametrize("rules", [b"data/\n", b"*\n", b"*.parquet\n"])
def test_a_gitignore_on_the_hub_loses_no_file(remote, hub, rules):
    hub.put(REPO, {".gitignore": rules})
    files = {"data/1.0.0/x.parquet": SHARD, "README.md": Local(b"# x")}
    send(remote, **files)
    held = hub.snapshot(REPO)[2]
    assert {path: held[path] for path in files} == {path: local.bytes for path, local in files.items()}


@given(st.binary(max_size=40), st.binary(max_size=40), st.booleans())
def test_an_entry_holds_its_own_content_only(content, other, large):
    blob = Blob(content, large)
    entry = Entry(len(content), blob.sha256 if large else None, blob.git_sha1)
    assert entry.holds(Local(content))
    assert entry.holds(Local(other)) is (content == other)


def test_an_entry_knows_a_file_by_the_hash_that_it_is_given(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    entry = Entry(3, hashlib.sha256(b"abc").hexdigest(), "")
    assert entry.holds(Local(tmp_path / "x")) and not entry.holds(Local(tmp_path / "x", "0" * 64))
    assert not Entry(4, entry.sha256, "").holds(Local(tmp_path / "x"))


def test_a_download_brings_what_matches_and_goes_on_after_a_fault(remote, hub, tmp_path):
    head = send(remote, **{f"data/1.0.0/{n}.parquet": Local(b"shard %d" % n) for n in range(3)})
    paths = [f"data/1.0.0/{n}.parquet" for n in range(3)]
    hub.behave = on("/1.parquet", Fault(503))
    assert "503" in refused(lambda: remote.download(paths, head, tmp_path))
    hub.forget()
    remote.download(paths, head, tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.glob("data/1.0.0/*")} == {
        f"{n}.parquet": b"shard %d" % n for n in range(3)
    }
    assert len([r for r in hub.requests if r.method == "GET" and "/resolve/" in r.path]) < 3


def test_a_folder_begun_is_not_taken_for_a_download(remote, hub, tmp_path):
    """Where it cannot list the files, huggingface_hub is content with a folder that holds anything."""
    head = send(remote)
    (tmp_path / "begun").write_text("x")
    hub.behave = on("/tree/", Fault(403))
    assert "data/x.parquet did not come" in refused(lambda: remote.download(["data/x.parquet"], head, tmp_path))


# What goes wrong


@pytest.mark.parametrize(
    "name", ["skin", "a/b/c", "", "our team/skin", "our-team/", "팀/피부", "a/../b", f"{WRITE}@x/y"]
)
def test_a_name_that_will_not_do(name):
    assert "namespace/name" in refused(lambda: Remote(name))


@pytest.mark.parametrize(
    ("token", "says"),
    [
        (UNKNOWN, "401, the token is not accepted"),
        (None, "401, the token is missing"),
        (READ, "403"),
        (STRANGER, "403"),
    ],
)
def test_a_token_that_may_not(remote, hub, tmp_path, token, says):
    head = hub.snapshot(REPO)[0]
    with using(hub, tmp_path, token):
        other = Remote(REPO)
        said = refused(lambda: other.commit({"x.parquet": SHARD}, [], head, "x"))
        assert says in said and "holds what it held" in said
        assert says in refused(lambda: other.tag("1.0.0", head))
        assert says in refused(lambda: Remote("our-team/new").create(False))
    assert hub.snapshot(REPO)[:2] == (head, {})


def test_a_private_repository_is_not_there_for_others(hub, tmp_path):
    hub.new(REPO, private=True)
    with using(hub, tmp_path, STRANGER):
        assert Remote(REPO).state() is None
        assert "may not see it" in refused(lambda: Remote(REPO).version(None))
        assert "404" in refused(lambda: Remote(REPO).tree("main"))
    with using(hub, tmp_path, None):
        assert "token is missing, or the name is wrong" in refused(lambda: Remote(REPO).state())
    with using(hub, tmp_path, READ):
        assert Remote(REPO).state().private


def test_a_token_that_is_none(remote, hub, tmp_path):
    token = "hf_한글토큰이들어왔다"
    with using(hub, tmp_path, token):
        assert "characters that no token has" in refused(lambda: Remote(REPO).state(), token)


ANSWERS = {
    401: "401, the token", 403: "403, this token may not", 404: "404", 409: "409, someone else", 412: "412, someone else",
    413: "413, a file is too large", 429: "429, too many requests", 500: "500, it has a fault", 503: "503, it has a fault",
    418: "418: ",
}  # fmt: skip


@pytest.mark.parametrize("status", ANSWERS)
def test_what_each_answer_means(remote, hub, tmp_path, status):
    head = send(remote)
    calls = {
        "/tree/": lambda: remote.tree("main"),
        "/tag/": lambda: remote.tag("1.0.0", head),
        "/preupload/": lambda: send(remote, **{"a.txt": Local(b"a")}),
        "/commit/": lambda: send(remote, **{"a.txt": Local(b"a")}),
        "/storage/": lambda: send(remote, **{"b.parquet": Local(b"b")}),
        "/resolve/": lambda: remote.file("data/x.parquet", head),
    }
    for part, call in calls.items():
        hub.behave = on(part, Fault(status))
        said = refused(call)
        assert ANSWERS[status] in said and said.startswith(f"{REPO} could not be "), part
    hub.behave = on("/refs", Fault(status))
    if status == 404:
        assert remote.state() is None
    else:
        assert ANSWERS[status] in refused(remote.state)
    hub.forget()
    assert hub.snapshot(REPO)[:2] == (head, {})


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("part", ["/tree/", "/tag/", "/preupload/", "/commit/", "/storage/", "/verify", "/refs"])
def test_a_connection_cut_for_good(remote, hub, part, after):
    head = send(remote)
    hub.behave = on(part, Fault(how="cut", after=after))
    calls = {"/tree/": lambda: remote.tree("main"), "/tag/": lambda: remote.tag("1.0.0", head), "/refs": remote.state}
    said = refused(calls.get(part, lambda: send(remote, **{"b.parquet": Local(b"b")})))
    assert "the connection failed. Is there a network?" in said
    done = (hub.snapshot(REPO)[0] != head) or bool(hub.snapshot(REPO)[1])
    assert done is (after and part in {"/tag/", "/commit/"})
    if part == "/commit/":
        assert "If only its answer was lost, the commit is there, whole" in said, "nobody knows which"
    elif part == "/tag/":
        assert "the same command sees to its tag v1.0.0" in said


def test_a_fault_that_passes_is_not_seen(remote, hub):
    seen = set()

    def once_each(request):
        first = request.path not in seen and any(
            p in request.path for p in ("/preupload/", "batch", "/storage/", "/tree/")
        )
        seen.add(request.path)
        return Fault(503) if first else None

    hub.behave = once_each
    head = send(remote)
    assert set(remote.tree(head)) == {".gitattributes", "data/x.parquet"}


def test_warnings_of_new_tries_hold_no_signature(remote, hub, caplog):
    hub.behave = on("/storage/", Fault(503))
    with caplog.at_level(logging.DEBUG):
        refused(lambda: send(remote))
    tries = [record for record in caplog.records if "503 thrown while requesting PUT" in record.getMessage()]
    assert len(tries) == 6 and all("/storage/" in record.getMessage() for record in tries)
    assert SIGNATURE not in caplog.text and WRITE not in caplog.text


def test_a_race_is_told(remote, hub):
    head = remote.state().head
    hub.put(REPO, {"theirs.txt": b"x"})
    said = refused(lambda: send(remote, parent=head))
    assert "412, someone else has changed it meanwhile" in said and "holds what it held" in said
    remote.tag("1.0.0", head)
    assert "409, someone else has changed it meanwhile" in refused(lambda: remote.tag("1.0.0", head))


def test_what_is_not_there(remote, hub):
    head = remote.state().head
    assert "404, it has no such revision" in refused(lambda: remote.tree("v9.9.9"))
    assert "404" in refused(lambda: remote.file("none.txt", head))
    assert "404" in refused(lambda: Remote("our-team/none").tree("main"))
    assert "no version yet. It has: none: nothing was pushed there by mmdata" in refused(lambda: remote.version(None))
    remote.tag("1.0.0", head)
    assert refused(lambda: remote.version("2.0.0")) == f"{REPO} has no version 2.0.0. It has: 1.0.0"


def test_metadata_that_the_hub_refuses(remote, hub):
    head = remote.state().head
    said = refused(lambda: send(remote, **{"README.md": Local(b"---\na: [1\n---\n")}))
    assert "refuses the card's metadata" in said and "Put README.md right" in said
    hub.behave = on("validate-yaml", Fault(503))
    assert "not a Hub's" in refused(lambda: send(remote, **{"README.md": Local(b"# x")}))
    assert hub.snapshot(REPO)[0] == head


def test_a_file_that_goes_while_it_is_sent(remote, hub, tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"x")
    hub.behave = lambda request: (tmp_path / "x.parquet").unlink(missing_ok=True) if "batch" in request.path else None
    assert "x.parquet: No such file" in refused(lambda: send(remote, **{"x.parquet": Local(tmp_path / "x.parquet")}))


def test_offline_and_no_network(remote, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused(remote.state)
    assert "HF_HUB_OFFLINE is set" in refused(lambda: remote.file("x", "0" * 40))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "Is there a network?" in refused(Remote(REPO).state)


def test_a_hub_that_does_not_answer_in_time(remote, monkeypatch):
    late = httpx2.ReadTimeout("10 s", request=httpx2.Request("GET", f"http://x/?{SIGNATURE}"))
    monkeypatch.setattr(remote.api, "list_repo_refs", Mock(side_effect=late))
    assert "does not answer in time" in refused(remote.state)


def test_what_is_our_own_fault_is_not_the_hubs(remote, monkeypatch):
    monkeypatch.setattr(remote.api, "list_repo_refs", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        remote.state()

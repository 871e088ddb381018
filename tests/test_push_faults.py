"""A push that fails anywhere leaves the old version or the new one, whole; the same command then completes it."""

import copy
import itertools
import signal
import threading
from contextlib import ExitStack
from functools import cache

import pytest
from hub_api import WRITE
from hub_server import Fault, at, serving, since
from hubbing import REPO, assert_whole, corpus_of, forked, harmless, held, started, using

from mmdata.errors import HubError
from mmdata.verbs import push as verb
from mmdata.verbs.push import push

OLD, NEW = "1.0.0", "1.1.0"
UNTAGGED = "1.1.0 where 1.0.0 has no tag yet"
FAULTS = {
    "401": (at, Fault(401)),
    "403": (at, Fault(403)),
    "404": (at, Fault(404)),
    "503 once": (at, Fault(503)),
    "503 for ever": (since, Fault(503)),
    "cut before": (at, Fault(how="cut")),
    "cut after": (at, Fault(how="cut", after=True)),
}


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    """Releases 1.0.0 and 1.1.0, of two rows and of three. No test changes it."""
    return corpus_of(tmp_path_factory.mktemp("두 판"), 2, 3)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Somebody else's corpus of the same name, with versions of the same names and other rows."""
    return corpus_of(tmp_path_factory.mktemp("남의 것"), 2, 3)


@pytest.fixture(scope="module")
def quick():
    """Checks and texts are worked out once for each release: only what goes over the wire is new in each push."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("report_for", "card_of", "croissant_of"):
            patch.setattr(verb, name, _once(getattr(verb, name)))
        yield


def _once(function):
    known = {}

    def called(corpus, what, *rest):
        key = corpus.folder, *(getattr(v, "manifest", v).version for v in (what if isinstance(what, list) else [what]))
        if key not in known:
            known[key] = function(corpus, what, *rest)
        return known[key]

    return called


@pytest.fixture(scope="module")
def start(birds, quick, tmp_path_factory):
    """A Hub, and what puts it back: to nothing (OLD is to be pushed), to 1.0.0 (NEW), to that without its tag."""
    with serving() as hub, using(hub, tmp_path_factory.mktemp("집")):

        @cache
        def of(begin: str):
            hub.repos, hub.stored = {}, {}
            hub.forget()
            if begin != OLD:
                push(birds, REPO, version=OLD)
            if begin == UNTAGGED:
                hub.repos[REPO].tags.clear()
            before = copy.deepcopy(hub.repos), dict(hub.stored), held(hub)
            hub.forget()
            push(birds, REPO, version=version_of(begin))
            return before, len(hub.requests), held(hub)

        def again(begin: str):
            """What it holds then, how many requests a push makes that nothing disturbs, and what that leaves."""
            (repos, stored, old), count, new = of(begin)
            hub.repos, hub.stored = copy.deepcopy(repos), dict(stored)
            hub.forget()
            return old, count, new

        yield hub, again


def version_of(begin: str) -> str:
    return OLD if begin == OLD else NEW


@pytest.mark.parametrize(
    ("kind", "begin"), [*itertools.product(FAULTS, (OLD, NEW)), ("cut after", UNTAGGED), ("403", UNTAGGED)]
)
def test_a_fault_at_any_request_leaves_the_old_or_the_new_and_the_next_push_completes_it(birds, start, kind, begin):
    hub, again = start
    when, fault = FAULTS[kind]
    version = version_of(begin)
    count = again(begin)[1]
    assert count >= 10
    failed = 0
    for number in range(1, count + 1):
        (old, old_tags), _, (new, new_tags) = again(begin)
        hub.behave = when(number, fault)
        said = ""
        try:
            push(birds, REPO, version=version)
        except HubError as error:
            failed += 1
            said = harmless(str(error))
        where = f"{hub.requests[number - 1]}: {said}"
        assert_whole(hub)
        files, tags = held(hub)
        assert files in (old, new) or (not old and set(files) == {".gitattributes"}), where
        assert old_tags.keys() <= tags.keys() and all(new_tags[tag] == tree for tag, tree in tags.items()), where
        assert files == new or f"v{version}" not in tags, where
        assert files != new or "Nothing was" not in said, where
        assert said or (files, tags) == (new, new_tags), where
        hub.forget()
        push(birds, REPO, version=version)
        assert held(hub) == (new, new_tags), where
    retried = kind in {"503 once", "cut before", "cut after"}
    # That there is no repository yet is what the first request of all finds out.
    assert 0 < failed < count if retried else failed == count - (kind == "404" and begin == OLD)


# Somebody else at the same time


def once_at(part: str, action):
    """Before the Hub reads the first request to such an address, something happens."""
    waiting = [action]

    def behave(request):
        if part in request.path and waiting:
            waiting.pop()()

    return behave


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("part", ["/repos/create", "/refs", "/preupload/", "/commit/", "/tag/"])
def test_somebody_elses_push_in_between_is_a_clear_error_and_stands(birds, others, start, version, part):
    hub, again = start
    again(version)
    if part == "/repos/create":
        hub.repos.clear()
    theirs = []

    def push_theirs():
        push(others, REPO, version=version)
        theirs.append((hub.snapshot(REPO), held(hub)))

    hub.behave = once_at(part, push_theirs)
    with pytest.raises(HubError, match=r"someone else|has a v.* of other content") as caught:
        push(birds, REPO, version=version)
    harmless(str(caught.value))
    assert (hub.snapshot(REPO), held(hub)) == theirs[0]
    assert_whole(hub)
    with pytest.raises(HubError, match=rf"has a v{version} of other content .* A version never changes"):
        push(birds, REPO, version=version)
    assert hub.snapshot(REPO) == theirs[0][0]


@pytest.mark.parametrize("part", ["/refs", "/preupload/", "/commit/", "/tag/"])
def test_the_same_push_in_between_is_told_and_nothing_is_left_to_do(birds, start, part):
    hub, again = start
    _, _, new = again(NEW)
    hub.behave = once_at(part, lambda: push(birds, REPO, version=NEW))
    try:
        push(birds, REPO, version=NEW)
    except HubError as error:
        assert "someone else has changed it meanwhile" in str(error)
    assert held(hub) == new
    assert not push(birds, REPO, version=NEW).changed


# In processes of their own


@pytest.mark.slow
def test_a_push_killed_anywhere_is_completed_by_the_next(birds, start, tmp_path):
    reference, again = start
    (old, old_tags), _, (new, new_tags) = again(NEW)
    cases = [("/storage/", False), ("/commit/", False), ("/commit/", True), ("/tag/", False)]
    with ExitStack() as stack:
        hubs, pushes = [], []
        for number, (part, after) in enumerate(cases):
            hub = stack.enter_context(serving())
            hub.repos, hub.stored = copy.deepcopy(reference.repos), dict(reference.stored)
            stall = Fault(how="stall", after=after)
            hub.behave = lambda request, part=part, stall=stall: stall if part in request.path else None
            hubs.append(hub)
            pushes.append(forked(stack, hub, tmp_path / str(number), birds, NEW))
        for (part, after), hub, process in zip(cases, hubs, pushes, strict=True):
            while not hub.stalled.wait(0.1):
                assert process.poll() is None, process.communicate()
            process.kill()
            assert process.wait() == -signal.SIGKILL
            assert_whole(hub)
            committed = part == "/tag/" or (part == "/commit/" and after)
            assert held(hub) == (new if committed else old, old_tags), (part, after)
            hub.forget()
            with using(hub, tmp_path / "again"):
                push(birds, REPO, version=NEW)
            assert held(hub) == (new, new_tags)


def test_two_pushes_at_once_make_one_version(birds, start, tmp_path):
    hub, again = start
    _, _, (new, new_tags) = again(OLD)
    both = threading.Barrier(2, timeout=60)
    seen = set()

    def meet(request):  # Both have looked before either commits.
        if "/commit/" in request.path and len(seen) < 2:
            seen.add(request.number)
            both.wait()

    hub.behave = meet
    with ExitStack() as stack:
        pushes = [forked(stack, hub, tmp_path / name, birds, OLD) for name in ("one", "other")]
        said = [harmless("".join(process.communicate())) for process in pushes]
    assert sorted(process.returncode for process in pushes) == [0, 1]
    lost = next(text for text, process in zip(said, pushes, strict=True) if process.returncode)
    assert "412" in lost and "Traceback" not in lost
    assert held(hub) == (new, new_tags)


def test_no_token_or_signature_is_printed_logged_or_published(birds, tmp_path):
    with ExitStack() as stack:
        hubs = [stack.enter_context(serving()) for _ in range(2)]
        passing = iter([Fault(503)])
        hubs[0].behave = lambda request: next(passing, None) if "/storage/" in request.path else None
        hubs[1].behave = lambda request: Fault(403) if "/commit/" in request.path else None
        runs = [
            started(stack, hub, tmp_path / str(n), birds, OLD, HF_HUB_VERBOSITY="debug") for n, hub in enumerate(hubs)
        ]
        said = [harmless(process.communicate(timeout=90)[0]) for process in runs]
        assert [process.returncode for process in runs] == [0, 1], said
        assert "503 thrown while requesting PUT" in said[0] and "/storage/" in said[0]
        assert "403, this token may not do that" in said[1] and "Traceback" not in said[1]
        assert_whole(hubs[0])
        assert hubs[0].snapshot(REPO)[1].keys() == {f"v{OLD}"} and set(hubs[1].snapshot(REPO)[2]) == {".gitattributes"}
        for path, content in hubs[0].snapshot(REPO)[2].items():
            for secret in (WRITE, hubs[0].url, str(birds.parent), str(tmp_path)):
                assert secret.encode() not in content, path

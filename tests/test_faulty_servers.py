"""Servers that fail in each way that servers do: what is kept, what is asked again, and when a run stops."""

import itertools
import json
import logging
import re
import socket
import threading
import time
from collections import Counter
from types import SimpleNamespace

import pytest
from annotating import KEY, SECRET, edit_prompt, held, look, small_corpus
from openai_server import Act, Server, completion, error, serving
from pydantic import BaseModel

import mmdata.schemas
from mmdata.annotation import asking
from mmdata.errors import AnnotationError
from mmdata.verbs.annotate import annotate

ROWS = 24


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving() as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    return small_corpus(tmp_path, ROWS)


@pytest.fixture
def soon(monkeypatch):
    """A row that failed waits a tenth of its time before it is asked again."""
    monkeypatch.setattr(asking, "random", SimpleNamespace(uniform=lambda low, high: 0.1 * high))


def first_calls(act: Act, calls: int = 1):
    """Each row fails at its first calls, then goes well."""
    return lambda row, call: act if call <= calls else Act()


def one_row(act: Act):
    return lambda row, call: act if row.endswith("r007") else Act()


def assert_all_well(done, folder) -> None:
    assert done.states == {"ok": ROWS} and done.stopped == ""
    assert [status for status, _ in held(folder).values()] == ["ok"] * ROWS
    assert look(folder, "SELECT COUNT(*) FROM answers") == [(ROWS,)]


# Faults that pass


@pytest.mark.parametrize("headers", [{"Retry-After": "0.3"}, {"retry-after-ms": "300"}, {}])
def test_a_429_takes_none_of_a_rows_tries(server, folder, headers):
    sample = 2  # One at a time: the first is refused six times, which is more than its five tries.
    refused = Act(429, error("Rate limit reached", "rate_limit_exceeded"), headers)
    server.behave = lambda row, call: refused if server.statuses[429] < 6 else Act()
    began = time.monotonic()
    done = annotate(folder, base_url=server.url, sample=sample, concurrency=1)
    assert done.states == {"ok": sample}
    assert look(folder, "SELECT DISTINCT attempt FROM answers") == [(1,)]
    assert time.monotonic() - began >= 6 * (0.3 if headers else 1.0)


@pytest.mark.parametrize(
    "act",
    [
        Act(500, error("The server had an error")),
        Act(502, b"<html>Bad Gateway</html>"),
        Act(503, error("overloaded"), {"Retry-After": "0"}),
        Act(408, b""),
        Act(409, error("lock timeout")),
        Act(how="reset"),
        Act(how="cut"),
        Act(body=b'{"choices": [{"mess'),
        Act(body=b"\xff\xfe\x00 garbage \x80", headers={"Content-Type": "text/plain"}),
        Act(body=b"<!doctype html><html><title>Log in</title></html>", headers={"Content-Type": "text/html"}),
        Act(body=b""),
        Act(body=error("upstream failed")),
        Act(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
        Act(headers={"Content-Length": "many"}),
    ],
    ids=lambda act: f"{act.status}-{act.how}-{act.body[:12]!r}",
)
def test_a_fault_that_passes_loses_no_row(server, folder, soon, act):
    server.behave = lambda row, call: act if call == 1 and int(row[-1]) % 5 == 0 else Act()
    done = annotate(folder, base_url=server.url)
    assert_all_well(done, folder)
    assert set(server.calls.values()) == {1, 2}


@pytest.mark.parametrize("how", ["silence", "trickle"])
def test_a_silent_or_trickling_server_is_left_at_the_timeout(server, folder, how):
    server.behave = lambda row, call: Act(how=how) if call == 1 and row.endswith("r007") else Act()
    began = time.monotonic()
    done = annotate(folder, base_url=server.url, timeout=0.5)
    assert_all_well(done, folder)
    assert time.monotonic() - began < 5 and server.calls["train/건선/정면/r007"] == 2


def test_a_row_that_always_fails_fails_alone(server, folder, soon):
    server.behave = one_row(Act(500, error("CUDA error at this picture")))
    done = annotate(folder, base_url=server.url, give_up=60)
    assert done.states == {"ok": ROWS - 1, "failed": 1}
    assert held(folder)["train/건선/정면/r007"] == ("failed", "http 500")
    assert server.calls["train/건선/정면/r007"] == 5


def test_a_server_down_and_up_again_loses_no_row(server, folder, monkeypatch):
    until = time.monotonic() + 3
    server.behave = lambda row, call: Act(503, error("starting")) if time.monotonic() < until else Act()
    done = annotate(folder, base_url=server.url)
    assert_all_well(done, folder)
    assert server.statuses[503] < ROWS + 10, "the breaker lets one try at a time"


def test_a_server_that_starts_late_is_waited_for(folder, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    results = []
    run = threading.Thread(target=lambda: results.append(annotate(folder, base_url=f"http://127.0.0.1:{port}/v1")))
    run.start()
    time.sleep(1)
    with serving(port=port):
        run.join(30)
    assert_all_well(results[0], folder)


@pytest.mark.parametrize("up", [True, False])
def test_a_server_down_for_good_ends_the_run_and_no_row_has_failed(server, folder, up):
    server.behave = lambda row, call: Act(503, error("maintenance"))
    url = server.url if up else "http://127.0.0.1:9/v1"
    with pytest.raises(AnnotationError, match=r"let nothing through for 1 s: .*\. Run the same command again later"):
        annotate(folder, base_url=url, give_up=1)
    assert held(folder) == {}
    assert sum(server.calls.values()) < ROWS + 5


def test_a_limit_that_never_lifts_ends_the_run(server, folder):
    server.behave = lambda row, call: Act(429, error("requests per day"), {"Retry-After": "0.1"})
    with pytest.raises(AnnotationError, match=r"let nothing through for 1 s: requests per day"):
        annotate(folder, base_url=server.url, give_up=1, concurrency=4)
    assert held(folder) == {}


def test_twenty_a_second_against_sixty_four_at_once_loses_no_row(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    folder = small_corpus(tmp_path, 90)
    with serving(Server(per_second=20)) as server:
        began = time.monotonic()
        done = annotate(folder, base_url=server.url, concurrency=64)
        seconds = time.monotonic() - began
    assert done.states == {"ok": 90}
    assert look(folder, "SELECT COUNT(*), MAX(attempt) FROM answers") == [(90, 1)]
    assert server.statuses[429] < 75, "no storm"
    assert seconds < 9, "half of what the server gives at least"


def test_errors_and_drops_here_and_there_lose_no_row(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    folder = small_corpus(tmp_path, 150)
    with serving() as server:
        faults = [Act(500, error("oops"))] * 5 + [Act(how="reset")] * 2 + [None] * 93
        turn = itertools.count()
        server.behave = lambda row, call: faults[next(turn) * 37 % 100] or Act()
        done = annotate(folder, base_url=server.url, concurrency=64)
        assert done.states == {"ok": 150}
        assert server.statuses[500] >= 5 and sum(server.calls.values()) < 200


def test_a_clock_that_goes_backwards_changes_nothing(server, folder, monkeypatch):
    real, began = time.time, time.time()
    monkeypatch.setattr(time, "time", lambda: began - 50 * (real() - began) - 86_400)
    server.behave = lambda row, call: (
        Act(429, error("slow"), {"Retry-After": "0.2"}) if call == 1 and row < "train/건선/정면/r004" else Act()
    )
    done = annotate(folder, base_url=server.url)
    assert_all_well(done, folder)
    assert 0 < done.seconds < 10


# Faults of one row


@pytest.mark.parametrize(
    ("act", "status", "kind"),
    [
        (Act(400, error("image too large", "image_too_large")), "failed", "image_too_large"),
        (Act(422, b'{"detail": "no such field"}'), "failed", "http 422"),
        (Act(413, b""), "failed", "http 413"),
        (Act(400, error("filtered", "content_filter")), "refused", "content_filter"),
        (Act(body=completion("", "content_filter")), "refused", "content_filter"),
        (Act(body=completion(None, refusal="죄송합니다")), "refused", "refusal"),
        (Act(body=completion("붉은 반", "length")), "truncated", "max_tokens"),
        (Act(body=completion("  \n")), "empty", "no text"),
        (Act(body=completion(None)), "empty", "no text"),
        (Act(body=b'{"choices": []}'), "empty", "no choice"),
        (Act(body=b'{"choices": [{}]}'), "empty", "no choice"),
    ],
)  # fmt: skip
def test_a_row_the_server_will_not_answer_is_asked_once_and_the_others_are_answered(server, folder, act, status, kind):
    server.behave = one_row(act)
    done = annotate(folder, base_url=server.url)
    assert done.states == {"ok": ROWS - 1, status: 1}
    assert held(folder)["train/건선/정면/r007"] == (status, kind)
    assert set(server.calls.values()) == {1}
    assert look(folder, f"SELECT raw FROM answers WHERE status = '{status}'") == [(act.body.decode(),)]
    server.behave = lambda row, call: Act()
    assert annotate(folder, base_url=server.url).calls == 0
    again = annotate(folder, base_url=server.url, retry=[status])
    assert (again.before.retried, again.calls, again.states) == (1, 1, {"ok": ROWS})


class Seen(BaseModel):
    """An answer of two facts."""

    label: str
    certain: int


def test_an_answer_of_another_shape_is_invalid(server, folder, monkeypatch):
    monkeypatch.setattr(mmdata.schemas, "Seen", Seen, raising=False)
    edit_prompt(folder, "id: caption\n", "id: caption\nresponse: Seen\n")
    good = completion('```json\n{"label": "건선", "certain": 3}\n```')
    bad = {
        "r003": '{"label": "건선"}',
        "r004": "건선입니다",
        "r005": '{"label": "\\ud800", "certain": 1}',
        "r006": "[" * 9999,
    }
    server.behave = lambda row, call: Act(body=completion(bad[row[-4:]]) if row[-4:] in bad else good)
    done = annotate(folder, base_url=server.url)
    assert done.states == {"ok": ROWS - 4, "invalid": 4}
    assert held(folder)["train/건선/정면/r003"] == ("invalid", "certain: Field required")
    assert look(folder, "SELECT DISTINCT value FROM answers WHERE status = 'ok'") == [('{"label":"건선","certain":3}',)]
    asked = json.loads(server.bodies[-1].partition(b"\r\n\r\n")[2])
    assert asked["response_format"]["json_schema"]["schema"]["required"] == ["label", "certain"]


def test_half_a_surrogate_pair_is_kept_as_text(server, folder):
    server.behave = lambda row, call: Act(
        body=b'{"choices": [{"message": {"content": "\\ud83d ok"}}], "usage": {"prompt_tokens": 1e99, "completion_tokens": 99999999999999999999}}'
    )
    done = annotate(folder, base_url=server.url)
    assert done.states == {"ok": ROWS}
    assert look(folder, "SELECT DISTINCT value, tokens_in, tokens_out FROM answers") == [("? ok", None, None)]


# Faults of all


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (Act(429, error("You exceeded your current quota", "insufficient_quota")), "quota is used up: You exceeded .* Add credit"),
        (Act(402, error("Insufficient Balance")), "quota is used up: Insufficient Balance"),
        (Act(401, error("Incorrect API key provided")), "refused the key: Incorrect API key.* Check OPENAI_API_KEY"),
        (Act(403, error("Country not supported")), "refused the key: Country not supported"),
        (Act(404, error("The model `tiny-vision` does not exist")), "no such model or address: The model `tiny-vision`"),
        (Act(418, b"teapot"), "answers with HTTP 418: teapot"),
    ],
)  # fmt: skip
def test_what_will_not_pass_stops_the_run_at_once(server, folder, act, words):
    server.behave = lambda row, call: act
    with pytest.raises(AnnotationError, match=words):
        annotate(folder, base_url=server.url, concurrency=4)
    assert held(folder) == {} and sum(server.calls.values()) <= 4
    server.forget()
    server.behave = lambda row, call: Act()
    assert_all_well(annotate(folder, base_url=server.url), folder)


def test_a_quota_used_up_half_way_keeps_what_was_answered(server, folder):
    used_up = Act(429, error("You exceeded your current quota", "insufficient_quota"))
    server.behave = lambda row, call: Act() if server.statuses[200] < 10 else used_up
    with pytest.raises(AnnotationError, match="quota"):
        annotate(folder, base_url=server.url, concurrency=2)
    assert len(held(folder)) == 10 and sum(server.calls.values()) <= 12


def test_a_request_that_is_wrong_for_all_stops_the_run(server, folder):
    server.behave = lambda row, call: Act(400, error("Unsupported parameter: 'max_tokens'"))
    with pytest.raises(
        AnnotationError, match=r"refuses every request: Unsupported parameter: 'max_tokens'.*--sample 1"
    ):
        annotate(folder, base_url=server.url, concurrency=2)
    assert len(held(folder)) < 5 and sum(server.calls.values()) <= 6


@pytest.mark.parametrize("url", ["localhost:8000/v1", "http://127.0.0.1:99999/v1", "http://[::1/v1"])
def test_no_address_is_said_at_once(folder, url, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(AnnotationError, match=r"no server's address.*--base-url"):
        annotate(folder, base_url=url)


# What is nobody's business


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
def test_no_key_no_picture_and_no_prompt_in_a_log_or_an_error(server, folder, caplog, capfd, monkeypatch, status):
    for name in ("openai", "httpx", "httpx2", "httpcore", "aiohttp", "asyncio"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
    caplog.set_level(logging.DEBUG)

    def echo(row: str, call: int) -> Act:
        """Says all that it was sent, as careless servers do."""
        sent = server.bodies[-1].decode()
        return Act(status, completion() if status == 200 else json.dumps({"detail": [{"input": sent}]}).encode())

    server.behave = echo
    said = ""
    try:
        annotate(folder, base_url=server.url, give_up=0.5, timeout=5)
    except AnnotationError as failure:
        said = str(failure)
    assert (said == "") == (status == 200)
    out, err = capfd.readouterr()
    written = "\n".join([said, out, err, *(f"{r.getMessage()} {r.args}" for r in caplog.records)])
    assert "chat/completions" in written or status != 200, "the loggers were heard"
    assert KEY not in written and SECRET[:8] not in written and "사진을 설명해" not in written
    pictures = re.findall(rb"base64,([^\"]{40})", b"".join(server.bodies))
    assert pictures and not any(p.decode()[8:24] in written for p in pictures)
    assert "\\u" + format(ord(SECRET[0]), "x") not in written


def test_the_store_is_for_nobody_else(server, folder):
    modes = Counter()

    def peep(row: str, call: int) -> Act:
        modes.update((p.name, oct(p.stat().st_mode & 0o777)) for p in folder.glob("annotations.sqlite*"))
        return Act()

    server.behave = peep
    annotate(folder, base_url=server.url)
    assert {name for name, _ in modes} >= {"annotations.sqlite", "annotations.sqlite-wal"}
    assert {mode for _, mode in modes} == {"0o600"}

"""What a reply means, and how fast the next question goes: pure, on a clock of the tests' own."""

import asyncio
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai_server import completion, error
from pydantic import BaseModel

from mmdata.annotation.limits import DOWN_AFTER, PACE_SECONDS, Bucket, Limits
from mmdata.annotation.verdict import PATIENCE_SECONDS, Reply, Trouble, duration, judge, retry_after, without


class Facts(BaseModel):
    """An answer with a schema."""

    label: str


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["choices", "message", "content", "refusal", "finish_reason", "usage", "prompt_tokens", "error", "code", "detail", "label"]
    ), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
HEADERS = st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "date"]), st.text() | st.floats().map(str))


def assert_can_be_kept(verdict: Reply | Trouble) -> None:
    texts = [verdict.kind, verdict.value if isinstance(verdict, Reply) else verdict.message]
    for text in texts:
        (text or "").encode()
    assert len(verdict.kind) <= 200
    if isinstance(verdict, Reply):
        assert all(n is None or 0 <= n < 2**63 for n in (verdict.tokens_in, verdict.tokens_out))
        assert (verdict.value is not None) == (verdict.status == "ok")
    else:
        assert verdict.message and "\n" not in verdict.message
        assert verdict.wait is None or 0 <= verdict.wait <= PATIENCE_SECONDS


@given(st.sampled_from([200, 201, 301, 400, 401, 402, 404, 408, 413, 429, 500, 529]), HEADERS, st.binary() | JSON.map(lambda v: json.dumps(v).encode()), st.booleans())  # fmt: skip
def test_no_reply_whatever_is_an_exception(status, headers, body, schema):
    assert_can_be_kept(judge(status, headers, body, Facts if schema else None))


@given(JSON, JSON, JSON, st.booleans())
def test_no_completion_whatever_is_an_exception(content, finish, usage, schema):
    message = {"content": content, "refusal": None}
    body = {"choices": [{"message": message, "finish_reason": finish}], "usage": usage}
    assert_can_be_kept(judge(200, {}, json.dumps(body).encode(), Facts if schema else None))


def test_an_answer_is_its_text_without_space_around_it_and_its_tokens():
    assert judge(200, {}, completion(" 붉은 반점. \n"), None) == Reply("ok", "", "붉은 반점.", 100, 20)


@pytest.mark.parametrize(
    "content", ['{"label": "건선"}', '```json\n{"label": "건선"}\n```', ' ```\n{"label":"건선"}``` ']
)
def test_an_object_may_stand_in_a_code_fence(content):
    assert judge(200, {}, completion(content), Facts) == Reply("ok", "", '{"label":"건선"}', 100, 20)


def test_a_deep_body_is_no_completion():
    verdict = judge(200, {}, b"[" * 200_000, None)
    assert isinstance(verdict, Trouble) and verdict.then == "down"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (error("model not found"), "model not found"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"detail": [{"msg": "\\ud53c\\ubd80"}]}', '[{"msg": "피부"}]'),
        (b'{"object": "error", "message": "too long"}', "too long"),
        (b'{"error": "plain"}', "plain"),
        (b"<html>\n <b>Bad</b>", "<html> <b>Bad</b>"),
        (b"", "(nothing)"),
        (b"\xff" * 900, "�" * 200),
    ],
)  # fmt: skip
def test_what_the_server_said_is_one_short_line(body, said):
    verdict = judge(500, {}, body, None)
    assert isinstance(verdict, Trouble) and verdict.message == said


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "86400"}, PATIENCE_SECONDS),
        ({"retry-after": "inf"}, PATIENCE_SECONDS),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_by_the_servers_own_clock(headers, seconds):
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20ms", 0.02), ("1s", 1.0), ("6m0s", 360.0), ("1h2m3.5s", 3723.5), (" 6m ", 360.0), ("1h", 3600.0), ("1m30s", 90.0),
     ("", None), ("s", None), ("1", None), ("1.2.3s", None), ("-1s", None), ("1s2m", None), ("1d", None)],
)  # fmt: skip
def test_a_duration_is_hours_minutes_seconds(text, seconds):
    assert duration(text) == seconds


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_any_duration_is_the_sum_of_its_parts(h, m, s, ms):
    assert duration(f"{h}h{m}m{s}s{ms}ms") == pytest.approx(3600 * h + 60 * m + s + ms / 1000)


@given(st.text())
def test_any_text_is_a_duration_or_none(text):
    found = duration(text)
    assert found is None or found >= 0


@given(st.text(max_size=80), st.text(max_size=200), st.text(max_size=40))
def test_what_is_echoed_is_left_out(before, secret, after):
    said = without(before + secret + after, [secret, "sk-12345"])
    windows = {" ".join(secret.split())[n : n + 16] for n in range(len(secret))}
    assert not any(len(w) == 16 and w in said for w in windows)


def test_what_is_not_echoed_stays():
    asked = '[{"role": "user", "content": "당신은 피부과 전문의입니다. 소견을 적습니다."}]'
    said = 'Bad input "당신은 피부과 전문의입니다. 소견을" for key sk-12345: the model `m` is unknown'
    assert without(said, ["sk-12345", asked]) == 'Bad input…" for key …: the model `m` is unknown'
    assert without("plain words", ["", "plain", asked]) == "plain words"


# The pace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(st.floats(1, 1e6), st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 50)), max_size=60))
def test_a_bucket_never_gives_more_than_its_rate(per_minute, asked):
    bucket, now, given, most = Bucket(per_minute), 1.0, 0.0, 0.0
    for pause, amount in asked:
        now += pause
        wait = bucket.wait(now, amount)
        assert wait >= 0 and math.isfinite(wait)
        most = max(most, amount)
        if wait == 0:
            given += amount
    rate = per_minute / 60
    assert given <= max(rate, most) + rate * (now - 1.0) + 1e-6 * given, "what it began with, and what came in"


def test_a_bucket_says_how_long_to_wait():
    bucket = Bucket(60)
    assert [bucket.wait(1.0, 1), bucket.wait(1.0, 1), bucket.wait(1.5, 1), bucket.wait(2.0, 1)] == [0, 1, 0.5, 0]


@pytest.mark.parametrize("limit", ["-1", "0", "nan", "inf", "many", "", None])
def test_a_header_that_limits_nothing_sets_no_bucket(limit):
    limits = Limits(8)
    limits.went_well({"x-ratelimit-limit-requests": limit} if limit is not None else {})
    assert limits.requests is None and limits.tokens is None


def test_headers_set_the_buckets_unless_the_user_did():
    told = {"x-ratelimit-limit-requests": "600", "x-ratelimit-limit-tokens": "90000"}
    limits, ours = Limits(8), Limits(8, rpm=30, tpm=1000)
    limits.went_well(told)
    ours.went_well(told)
    assert limits.requests and limits.tokens and ours.requests and ours.tokens
    assert (limits.requests.per_minute, limits.tokens.per_minute) == (600, 90000)
    assert (ours.requests.per_minute, ours.tokens.per_minute) == (30, 1000)
    kept = limits.requests
    limits.went_well(told)
    assert limits.requests is kept, "what was used stays used"


def test_the_number_at_once_grows_with_answers_and_is_cut_once_a_second():
    clock = Clock()
    limits = Limits(64, clock=clock)
    assert limits.level == 16
    for _ in range(200):
        limits.went_well({})
    assert 32 < limits.level <= 64
    before = limits.level
    for _ in range(20):
        limits.slow_down(0)
    assert limits.level == pytest.approx(before * 0.7)
    for _ in range(100):
        clock.now += 1
        limits.slow_down(0)
    assert limits.level == 1


def test_the_pace_is_what_came_through_between_two_429s_and_is_forgotten():
    clock = Clock()
    limits = Limits(64, clock=clock)
    limits.slow_down(0)
    for _ in range(40):
        limits.went_well({})
    assert limits.pace is None, "one 429 tells nothing"
    clock.now += 2
    limits.slow_down(0)
    assert limits.pace and limits.pace.per_minute == 60 * 20
    limits.went_well({})
    assert limits.pace.per_minute > 60 * 20
    clock.now += PACE_SECONDS
    limits.went_well({})
    assert limits.pace is None


def test_the_breaker_opens_when_rows_fail_one_after_the_other_not_when_one_does():
    clock = Clock()
    limits = Limits(64, clock=clock)
    for _ in range(3 * DOWN_AFTER):
        limits.failed("one", None)
    assert not limits.down and limits.resume_at <= clock()
    for row in range(DOWN_AFTER):
        limits.failed(row, None)
    assert limits.down and limits.resume_at == clock() + 0.5
    for row in range(64):
        limits.failed(row, None)
    assert limits.resume_at == clock() + 0.5, "those were sent before it opened"
    pauses = []
    for _ in range(9):
        clock.now = limits.resume_at
        limits.failed(0, None)
        pauses.append(limits.resume_at - clock())
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30, 30]
    limits.went_well({})
    assert not limits.down and limits.troubled_since is None


def test_a_breaker_lets_one_try_and_an_answer_lets_all():
    async def run() -> list[int]:
        limits = Limits(8)
        limits.down = True
        busy: list[int] = []

        async def one(number: int) -> None:
            await limits.take(1)
            busy.append(limits.busy)
            await asyncio.sleep(0.01)
            limits.give_back()
            if number == 0:
                limits.went_well({})

        await asyncio.wait_for(asyncio.gather(*(one(n) for n in range(24))), 5)
        return busy

    busy = asyncio.run(run())
    assert busy[0] == 1 and max(busy) > 4


@given(st.lists(st.sampled_from(["well", "slow", "fail", "row"]), max_size=60), st.integers(1, 12))
def test_nobody_waits_for_ever(events, most):
    """Whatever the server does, each of 20 workers gets through in the end, and never more at once than allowed."""

    async def run() -> None:
        limits = Limits(most)
        left = list(events)

        async def one(number: int) -> None:
            while True:
                await limits.take(1)
                assert 1 <= limits.busy <= most
                await asyncio.sleep(0)
                event = left.pop() if left else "well"
                limits.give_back()
                if event == "slow":
                    limits.slow_down(0.0)
                elif event == "fail":
                    limits.failed(number, None)
                    limits.resume_at = 0.0
                elif event == "row":
                    limits.is_up()
                    return
                else:
                    limits.went_well({})
                    return

        await asyncio.wait_for(asyncio.gather(*(one(n) for n in range(20))), 20)
        assert limits.busy == 0

    asyncio.run(run())

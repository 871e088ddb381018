"""What is asked, and what is not: exactly the questions that have no answer, within budget, time and choice."""

import base64
import io
import json
from collections import deque
from hashlib import sha256

import pytest
from annotating import KEY, edit_prompt, held, look, small_corpus
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from kit import encoded, photo
from openai_server import Act, completion, error, serving
from PIL import Image

import mmdata
from mmdata.annotation import asked
from mmdata.annotation.prompt import read_prompt
from mmdata.annotation.questions import key_of
from mmdata.annotation.store import reading
from mmdata.errors import AnnotationError
from mmdata.reading import Row
from mmdata.verbs.annotate import annotate

ROWS = 24
COST = 120 / 1_000_000
"""US dollars of an answer of the loopback server, at one dollar for a million tokens."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving() as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    return small_corpus(tmp_path, ROWS)


def priced(folder) -> None:
    (folder / "prices.yaml").write_text("tiny-vision: {input: 1, output: 1}\n")


# What is asked


def test_all_rows_are_asked_once_and_then_never_again(server, folder):
    first = annotate(folder, base_url=server.url)
    assert (first.rows, first.before.new, first.calls, first.states) == (ROWS, ROWS, ROWS, {"ok": ROWS})
    again = annotate(folder, base_url=server.url)
    assert (again.before.reused, again.calls, again.states) == (ROWS, 0, {"ok": ROWS})
    assert set(server.calls.values()) == {1}
    values = look(folder, "SELECT DISTINCT value, raw, tokens_in, tokens_out, attempt, made_by FROM answers")
    assert values == [("붉은 반점이 보입니다.", completion().decode(), 100, 20, 1, "model")]


def test_a_request_holds_the_prompt_the_row_and_the_picture(server, folder):
    annotate(folder, base_url=server.url, where="id LIKE '%r007'")
    head, _, body = server.bodies[-1].partition(b"\r\n\r\n")
    asked = json.loads(body)
    assert b"POST /v1/chat/completions" in head and f"Bearer {KEY}".encode() in head
    assert (asked["model"], asked["max_tokens"]) == ("tiny-vision", 20)
    assert asked["messages"][1]["content"][0]["text"] == "⟦train/건선/정면/r007⟧ 건선 사진을 설명해 주세요."
    url = asked["messages"][1]["content"][1]["image_url"]["url"]
    assert base64.b64decode(url.removeprefix("data:image/png;base64,")) == encoded(photo(7, (32, 32)))


@pytest.mark.parametrize(
    ("old", "new"), [("tiny-vision", "other-model"), ("max_tokens: 20", "max_tokens: 21"), ("사진을", "그림을")]
)
def test_an_edited_prompt_makes_all_stale_and_the_old_one_again_none(server, folder, old, new):
    annotate(folder, base_url=server.url)
    edit_prompt(folder, old, new)
    done = annotate(folder, base_url=server.url)
    assert (done.before.stale, done.before.new, done.calls) == (ROWS, 0, ROWS)
    edit_prompt(folder, new, old)
    assert annotate(folder, base_url=server.url).calls == 0


def test_a_new_release_asks_only_what_is_new(server, folder, tmp_path):
    annotate(folder, base_url=server.url)
    source = tmp_path / "more" / "Training" / "images" / "TS_건선_정면"
    source.mkdir(parents=True)
    for n in range(ROWS + 2):
        seed = n if n != 5 else "another picture"
        (source / f"r{n:03}.png").write_bytes(encoded(photo(seed, (32, 32))))
    mmdata.build(folder, tmp_path / "more")
    done = annotate(folder, base_url=server.url)
    assert (done.before.new, done.before.stale, done.before.reused, done.calls) == (2, 1, ROWS - 1, 3)


def test_a_smaller_copy_is_another_question(server, folder, tmp_path):
    mmdata.build(folder, _one_large(tmp_path))
    annotate(folder, base_url=server.url, max_side=64)
    url = json.loads(server.bodies[-1].partition(b"\r\n\r\n")[2])["messages"][1]["content"][1]["image_url"]["url"]
    kind, _, data = url.partition(";base64,")
    assert kind == "data:image/jpeg" and Image.open(io.BytesIO(base64.b64decode(data))).size == (64, 32)
    assert annotate(folder, base_url=server.url, max_side=64).calls == 0
    assert annotate(folder, base_url=server.url).before.stale == 1


def _one_large(root):
    folder = root / "large" / "TS_건선_정면"
    folder.mkdir(parents=True)
    (folder / "large.png").write_bytes(encoded(photo(1, (200, 100))))
    return root / "large"


# Some of it


def test_a_sample_is_the_same_rows_each_time_and_grows(server, folder):
    assert annotate(folder, base_url=server.url, sample=5).states == {"ok": 5}
    assert annotate(folder, base_url=server.url, sample=5).calls == 0
    assert annotate(folder, base_url=server.url, sample=8).calls == 3
    assert annotate(folder, base_url=server.url, sample=1000).calls == ROWS - 8


def test_where_chooses_rows_and_a_wrong_one_is_said(server, folder):
    done = annotate(folder, base_url=server.url, where="id LIKE '%r00%' AND label = '건선'")
    assert (done.rows, done.states) == (10, {"ok": 10})
    assert annotate(folder, base_url=server.url, where="label = '정상'").rows == 0
    with pytest.raises(AnnotationError, match=r"--where .*lable.*It may use: split, id, place"):
        annotate(folder, base_url=server.url, where="lable = '정상'")


def test_minutes_end_a_run_that_goes_on_later(server, folder):
    server.latency = (0.3, 0.4)
    done = annotate(folder, base_url=server.url, concurrency=2, minutes=1 / 60)
    assert "time is up" in done.stopped and done.seconds < 3
    assert 0 < done.states["ok"] < ROWS and done.states.total() == ROWS
    assert done.states["ok"] == sum(server.calls.values()), "what was on its way has come in"


def test_minutes_end_a_run_against_a_server_that_is_down(server, folder):
    server.behave = lambda row, call: Act(503, error("starting"))
    done = annotate(folder, base_url=server.url, minutes=1 / 60)
    assert "time is up" in done.stopped and done.states == {"waiting": ROWS} and done.seconds < 3


# Money


def test_an_estimate_makes_no_call(server, folder):
    priced(folder)
    done = annotate(folder, base_url=server.url, estimate=True)
    assert done.estimate and done.estimate.calls == ROWS and not done.estimate.measured
    assert done.states == {"waiting": ROWS} and not server.calls
    annotate(folder, base_url=server.url, sample=6)
    after = annotate(folder, estimate=True).estimate
    assert after and after.measured and after.cost == pytest.approx((ROWS - 6) * COST)


@pytest.mark.parametrize("concurrency", [1, 64])
def test_a_budget_is_never_overspent_not_even_by_a_second_run(server, tmp_path, concurrency):
    folder = small_corpus(tmp_path, 150)
    priced(folder)
    done = annotate(folder, base_url=server.url, budget=100.5 * COST, concurrency=concurrency)
    assert "budget" in done.stopped and done.states == {"ok": 100, "waiting": 50}
    assert done.cost == pytest.approx(100 * COST)
    assert annotate(folder, base_url=server.url, budget=100.5 * COST).calls == 0
    assert annotate(folder, base_url=server.url, budget=120.5 * COST).calls == 20
    assert annotate(folder, base_url=server.url).states == {"ok": 150}


def test_a_small_budget_is_kept_where_the_estimate_is_too_low(server, folder):
    priced(folder)
    done = annotate(folder, base_url=server.url, budget=5.5 * COST)
    assert done.calls == 5 and done.cost == pytest.approx(5 * COST)


def test_a_server_that_counts_no_tokens_is_held_to_the_estimate(server, folder):
    priced(folder)
    plain = json.loads(completion())
    del plain["usage"]
    server.behave = lambda row, call: Act(body=json.dumps(plain).encode())
    done = annotate(folder, base_url=server.url, budget=5 * COST)
    assert "budget" in done.stopped and 5 <= done.calls < ROWS and done.cost and done.cost <= 5 * COST


def test_a_budget_without_a_price_is_refused(server, folder):
    with pytest.raises(AnnotationError, match=r"price of tiny-vision is not known.*prices\.yaml"):
        annotate(folder, base_url=server.url, budget=1.0)
    assert not server.calls


# Mistakes


def test_mistakes_are_said_before_a_call_is_made(server, folder, skin, monkeypatch):
    with pytest.raises(AnnotationError, match=r"retry: failing: no such status\. There are: refused, "):
        annotate(folder, retry=["failing"])
    with pytest.raises(AnnotationError, match="skin has no release to annotate yet: run `mmdata build` first"):
        annotate(skin)
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(AnnotationError, match="no key: set OPENAI_API_KEY"):
        annotate(folder)
    assert annotate(folder, base_url=server.url, sample=1).calls == 1, "a server of one's own may want none"


def test_a_fault_of_ours_is_raised_and_what_was_answered_is_kept(server, folder, monkeypatch):
    from mmdata.annotation import sending

    judge, seen = sending.judge, iter(range(100))
    monkeypatch.setattr(sending, "judge", lambda *a: judge(*a) if next(seen) < 10 else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        annotate(folder, base_url=server.url, concurrency=4)
    assert len(held(folder)) == 10
    monkeypatch.setattr(sending, "judge", judge)
    monkeypatch.setattr("mmdata.annotation.store.Store.add", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        annotate(folder, base_url=server.url)


# Rows that come, go, change, move and repeat

PICTURES = [encoded(photo(n, (32, 32))) for n in range(3)]
PROMPT = "id: caption\nmodel: m\nparameters: {seed: 0}\nfields: [text]\nuser: '⟦{{ text }}⟧'\n"
TEXTS = st.sampled_from(["가", "나", "다", "라", "마"])


class FakeRelease:
    """Rows in memory, as `mmdata.reading.Release` gives them."""

    kinds = {"text": "text", "image": "image"}  # noqa: RUF012
    manifest = type("Manifest", (), {"version": "1.0.0", "taken_from": None, "annotations": []})()
    now: list[tuple[str, str, int]] = []  # noqa: RUF012
    """(id, text, number of the picture)."""

    def __init__(self, *_):
        pass

    def rows(self, fields=()):
        for n, (id, text, picture) in enumerate(self.now):
            yield Row("train", n, id, id, {"text": text}, {"image": [sha256(PICTURES[picture]).hexdigest()]})

    def pictures(self, field, wanted):
        by_hash = {sha256(picture).hexdigest(): picture for picture in PICTURES}
        for row in wanted:
            yield row, [by_hash[digest] for digest in row.pictures[field]]


class FakeReleases:
    def __init__(self, *_):
        pass

    def newest(self):
        return FakeRelease.manifest


def test_exactly_the_changed_questions_are_asked(server, tmp_path, monkeypatch):
    monkeypatch.setattr(asked, "Release", FakeRelease)
    monkeypatch.setattr(asked, "Releases", FakeReleases)
    server.bodies, server.latency = deque(), (0.0, 0.002)
    server.behave = lambda row, call: Act(body=completion(f"답 {row}"))
    homes = iter(range(10**6))

    class Machine(RuleBasedStateMachine):
        @initialize()
        def begin(self):
            self.folder = tmp_path / str(next(homes)) / "skin"
            (self.folder / "prompts").mkdir(parents=True)
            (self.folder / "builder.py").touch()
            self.rows, self.seed, self.count, self.answered = [], 0, 0, set()
            self.write_prompt()

        def write_prompt(self):
            (self.folder / "prompts" / "caption.yaml").write_text(PROMPT.replace("seed: 0", f"seed: {self.seed}"))

        @rule(text=TEXTS, picture=st.integers(0, 2), data=st.data())
        def add(self, text, picture, data):
            at = data.draw(st.integers(0, len(self.rows)))
            self.count += 1
            self.rows.insert(at, (f"r{self.count}", text, picture))

        @rule(data=st.data())
        def duplicate(self, data):
            if self.rows:
                _, text, picture = data.draw(st.sampled_from(self.rows))
                self.add(text, picture, data)

        @rule(text=TEXTS, picture=st.integers(0, 2), data=st.data())
        def edit(self, text, picture, data):
            if self.rows:
                at = data.draw(st.integers(0, len(self.rows) - 1))
                self.rows[at] = (self.rows[at][0], text, picture)

        @rule(data=st.data())
        def remove(self, data):
            if self.rows:
                self.rows.pop(data.draw(st.integers(0, len(self.rows) - 1)))

        @rule(data=st.data())
        def reorder(self, data):
            self.rows = data.draw(st.permutations(self.rows))

        @rule(seed=st.integers(0, 1))
        def edit_prompt(self, seed):
            self.seed = seed
            self.write_prompt()

        @rule(sample=st.none() | st.integers(1, 4))
        def ask(self, sample):
            FakeRelease.now = self.rows
            server.bodies.clear()
            done = annotate(self.folder, base_url=server.url, sample=sample)
            asked = [self.content(body) for body in server.bodies]
            assert len(asked) == len(set(asked)), "no question is asked twice"
            assert not set(asked) & self.answered, "none that has an answer"
            wanted = {(self.seed, text, picture) for _, text, picture in self.rows} - self.answered
            assert set(asked) == wanted if sample is None else set(asked) <= wanted
            known = done.before
            assert known.rows == done.rows == (len(self.rows) if sample is None else min(sample, len(self.rows)))
            assert known.new + known.stale + known.reused == done.rows and known.retried == 0
            if sample is None:
                assert known.reused == sum((self.seed, t, p) in self.answered for _, t, p in self.rows)
            assert done.states == ({"ok": done.rows} if done.rows else {})
            self.answered |= set(asked)
            self.each_row_has_its_own_answer(done.rows == len(self.rows))

        def content(self, body):
            asked = json.loads(body.partition(b"\r\n\r\n")[2])
            text, picture = asked["messages"][0]["content"]
            data = base64.b64decode(picture["image_url"]["url"].partition(",")[2])
            return asked["seed"], text["text"].strip("⟦⟧"), PICTURES.index(data)

        def each_row_has_its_own_answer(self, all_asked):
            release = FakeRelease()
            prompt = read_prompt(self.folder, None, release.kinds)
            with reading(self.folder) as store:
                assert store and store._db.execute("SELECT COUNT(DISTINCT key) FROM answers").fetchone()[0] == len(
                    self.answered
                )
                for row in release.rows():
                    found = store.held(key_of(prompt, row)[0])
                    assert found is not None or not all_asked
                    assert found is None or found.value == f"답 {row.values['text']}"

    run_state_machine_as_test(Machine, settings=settings(max_examples=20, stateful_step_count=15, deadline=None))

"""rank.py: a shared prefix changes no score, and nothing hangs on where the right option stands."""

import itertools
import json
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import encoded, photo
from naive_ranking import naive_scores
from tiny_models import opened, tiny

from mmdata.corpus import HOME
from mmdata.errors import MmdataError
from mmdata.predictions import read_predictions
from mmdata.training_recipes import rank
from mmdata.training_recipes.common import questions as asking
from mmdata.training_recipes.common import scoring
from mmdata.training_recipes.common.questions import Question, question
from mmdata.training_recipes.common.scoring import Ranker

OPTIONS = ["yes", "no", "it is very sunny today", "네, 맞아요", "there are two dogs on the beach", "yes"]
FAMILIES = ["gemma3", "qwen3_vl"]


def dialogue(seed: int, rounds: int = 5, pictures: int = 1) -> list[Question]:
    """Its rounds' questions. The last are longer than the tiny Gemma's sliding window of 64 tokens."""
    seen = [encoded(photo(f"{seed} {n}")) for n in range(pictures)]
    talk, made = [{"role": "user", "content": f"해변의 개 {seed}.\n\nis number 0 sunny and warm?"}], []
    for number in range(rounds):
        made.append(question(f"{seed}/{number}", seen, talk, OPTIONS))
        answered = {"role": "assistant", "content": f"no {number}"}
        talk = [*talk, answered, {"role": "user", "content": f"is number {number + 1} sunny and warm?"}]
    return made


@pytest.fixture
def few(monkeypatch):
    """The first six rows of a view."""
    rows = asking.rows_of

    def first(*arguments, **options):
        features, made = rows(*arguments, **options)
        return features, itertools.islice(made, 6)

    monkeypatch.setattr(asking, "rows_of", first)


def rank_it(family: str, *arguments: object) -> int:
    return rank.main(["--model", tiny(family), *map(str, arguments)])


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_are_those_of_each_option_alone(family):
    model = opened(family)
    asked = [*dialogue(1), *dialogue(2), *dialogue(3, 2, pictures=0), *dialogue(4, 2, pictures=2), *dialogue(1, 2)]
    random.Random(0).shuffle(asked[5:9])
    ranker, mean = Ranker(model, at_once=4), Ranker(model, mean=True)
    for one in asked:
        wanted = naive_scores(model, one)
        assert naive_scores(model, one, at_once=6) == pytest.approx(wanted, abs=1e-4)
        assert ranker.scores(one) == pytest.approx(wanted, abs=1e-4)
        tokens = [len(model.suffix(option)) for option in one.options]
        assert mean.scores(one) == pytest.approx([w / n for w, n in zip(wanted, tokens, strict=True)], abs=1e-4)
    assert len(model.prefix([scoring.filled(asked[4])])["input_ids"][0]) > 128


@pytest.mark.parametrize("family", FAMILIES)
def test_the_picture_counts_and_is_encoded_once_a_dialogue(family, monkeypatch):
    model = opened(family)
    calls = []
    inner = model.model.model
    encode = type(inner).get_image_features
    monkeypatch.setattr(inner, "get_image_features", lambda *a, **k: calls.append(1) or encode(inner, *a, **k))
    ranker = Ranker(model)
    first, second = dialogue(1), dialogue(2)
    scores = [ranker.scores(one) for one in [*first, *second]]
    assert len(calls) == 2
    other = second[0]._replace(pictures=first[0].pictures)
    assert ranker.scores(other) != pytest.approx(scores[5], abs=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_round_of_visdial_goes_on_where_the_one_before_ended(family):
    model = opened(family)
    rows = asking.of_view(HOME / "visdial", "ranking", "validation", "sample", options=True).rows
    before = torch.empty(0, dtype=torch.long)
    for number, one in enumerate(itertools.islice(rows, 4), 1):
        assert one.id.endswith(f"/{number}")
        (ids,) = model.prefix([scoring.filled(one)])["input_ids"]
        assert len(ids) > len(before) and torch.equal(ids[: len(before)], before)
        before = ids


@settings(max_examples=10)
@given(st.permutations(range(6)), st.integers(1, 6))
def test_scores_follow_the_options(order, at_once):
    one = dialogue(1, 1)[0]
    ranker = Ranker(opened("gemma3"), at_once)
    scores = ranker.scores(one)
    shuffled = ranker.scores(one._replace(options=[OPTIONS[n] for n in order]))
    assert shuffled == pytest.approx([scores[n] for n in order], abs=1e-4)
    assert scores[0] == pytest.approx(scores[5], abs=1e-4), "the same words"


def test_shuffled_options_are_ranked_the_same_wherever_the_right_one_stands(few, tmp_path, monkeypatch):
    """Through the whole recipe, over VisDial's own rows: what is said of an option does not hang on gt_index."""
    corpus = HOME / "visdial"
    rows = asking.rows_of
    orders = {}

    def shuffled(*arguments, **options):
        features, made = rows(*arguments, **options)

        def moved():
            for id, row in made:
                order = orders.setdefault(row["id"], random.Random(row["id"]).sample(range(100), 100))
                answers, gt = [row["answer_options"][n] for n in order], order.index(row["gt_index"])
                yield id, row | {"answer_options": answers, "gt_index": gt, "relevance": None}

        return features, moved()

    command = ("gemma3", "--folder", corpus, "--version", "sample", "--split", "validation", "--out")
    assert rank_it(*command, tmp_path / "a.jsonl") == 0
    monkeypatch.setattr(asking, "rows_of", shuffled)
    assert rank_it(*command, tmp_path / "b.jsonl", "--at-once", 30) == 0
    one, other = ({p.id: p for p in read_predictions(tmp_path / name)} for name in ("a.jsonl", "b.jsonl"))
    assert one.keys() == other.keys() == orders.keys()
    for id, order in orders.items():
        assert other[id].scores == pytest.approx([one[id].scores[n] for n in order], abs=1e-3)
        assert other[id].prompt != one[id].prompt, "other options are another question"


def test_it_goes_on_and_a_row_that_fails_is_an_error(few, tmp_path, monkeypatch, capsys):
    command = ("gemma3", "--folder", HOME / "visdial", "--version", "sample", "--split", "validation", "--json", "--out", tmp_path / "r.jsonl")  # fmt: skip
    summed, calls = Ranker._summed, iter(range(10**6))

    def fails(self, *arguments):
        if next(calls) == 3:
            raise RuntimeError("no memory\nleft")
        return summed(self, *arguments)

    monkeypatch.setattr(Ranker, "_summed", fails)
    assert rank_it(*command) == 4
    facts = json.loads(capsys.readouterr().out)
    assert (facts["answered"], facts["errors"]) == (5, 1)
    assert [one.error for one in read_predictions(tmp_path / "r.jsonl") if one.error] == [
        "RuntimeError: no memory left"
    ]
    assert rank_it(*command) == 0
    assert json.loads(capsys.readouterr().out)["answered before"] == 5
    assert all(len(one.scores) == 100 for one in read_predictions(tmp_path / "r.jsonl"))


def test_what_cannot_be_ranked_is_said(tmp_path, monkeypatch):
    out = ("--out", tmp_path / "r.jsonl")
    with pytest.raises(SystemExit, match="no answer_options"):
        rank_it("gemma3", "--folder", HOME / "visdial", "--view", "replies", "--split", "validation", *out)
    monkeypatch.setattr(asking, "rows_of", lambda *_, **__: ({}, iter(())))
    with pytest.raises(SystemExit, match="no row of the train split"):
        rank_it("gemma3", "--folder", HOME / "visdial", "--split", "train", *out)
    with pytest.raises(MmdataError, match="cross-attention"):
        Ranker(opened("mllama"))

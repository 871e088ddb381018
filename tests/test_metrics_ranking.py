"""MRR, R@k, mean rank and NDCG, against the official definitions written out; VisDial's metrics and EvalAI's file."""

import json
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from visdial_files import CORPUS

from mmdata import MmdataError
from mmdata.evaluating.pairs import Pair, asked_of
from mmdata.metrics.ranking import ndcg, ranking, ranks_of
from mmdata.predictions import Prediction, PredictionFile, read_predictions

METRICS, EVALAI = CORPUS.module("metrics"), CORPUS.module("evalai")


def figures(made):
    return {score.name: score.value for score in made.scores}


def place(scores: list[float], option: int) -> int:
    """1 + position by descending score; of equal ones the first stands first."""
    return 1 + sorted(range(len(scores)), key=lambda other: -scores[other]).index(option)


def official_ndcg(scores: list[float], relevance: list[float]) -> float | None:
    """As the challenge's page has it, for one picture."""
    k = sum(one != 0 for one in relevance)
    if k == 0:
        return None
    order = sorted(range(len(scores)), key=lambda option: -scores[option])
    dcg = sum(relevance[order[i]] / math.log2(i + 2) for i in range(k))
    best = sum(one / math.log2(i + 2) for i, one in enumerate(sorted(relevance, reverse=True)[:k]))
    return dcg / best


@pytest.fixture(scope="module")
def tables():
    """1,200 score tables, from all scores one to hardly any equal; of a tenth nothing is relevant."""
    random = np.random.default_rng(0)
    scores, relevance = [], []
    for number in range(1200):
        scores.append(random.integers(0, (1, 2, 5, 50, 10**6)[number % 5], 100).astype(float))
        relevant = random.random(100) < random.random() * (number % 10 > 0)
        relevance.append(np.where(relevant, random.integers(0, 6, 100) / 5, 0.0))
    return np.array(scores), random.integers(0, 100, 1200).tolist(), np.array(relevance)


def test_1200_tables_with_ties_are_as_the_official_definitions_have_them(tables):
    scores, truth, relevance = tables
    found = figures(ranking(scores, truth, relevance=relevance.tolist(), rounds=10))
    ranks = [place(one, gold) for one, gold in zip(scores.tolist(), truth, strict=True)]
    gains = [official_ndcg(one, gain) for one, gain in zip(scores.tolist(), relevance.tolist(), strict=True)]
    counted = [gain for gain in gains if gain is not None]
    assert 100 < len(gains) - len(counted) < 300
    wanted = {f"R@{k}": sum(rank <= k for rank in ranks) / 1200 for k in (1, 5, 10)}
    wanted |= {"MRR": sum(1 / rank for rank in ranks) / 1200, "mean rank": sum(ranks) / 1200}
    assert found == pytest.approx(wanted | {"NDCG": sum(counted) / len(counted)})
    for one, gain, of in zip(scores, gains, relevance, strict=True):  # Each picture by itself, a batch of one.
        (alone,) = ndcg(one[None], of[None])
        assert math.isnan(alone) if gain is None else alone == pytest.approx(gain)
    assert np.array_equal(np.sort(ranks_of(scores), axis=1), np.tile(np.arange(1, 101), (1200, 1)))


def test_what_cannot_be_judged_is_counted(tables):
    scores, truth, relevance = tables
    made = ranking(scores, truth, relevance=[*relevance[:20].tolist(), *[None] * 1180], rounds=10)
    none = sum(not any(one) for one in relevance[:20])
    assert none and f"NDCG leaves out {none} of 20 questions" in " ".join(made.notes)
    assert {s.name: s.n for s in made.scores} == {
        "MRR": 1200, "R@1": 1200, "R@5": 1200, "R@10": 1200, "mean rank": 1200, "NDCG": 20 - none
    }  # fmt: skip
    tied = sum(list(one).count(one[gold]) > 1 for one, gold in zip(scores, truth, strict=True))
    assert f"in {tied} of 1,200 questions" in " ".join(made.notes)
    unknown = ranking(scores[:2], [None, None])
    assert unknown.scores == [] and "is known" in unknown.notes[0]
    assert ranking([], []).notes == ["there is no ranking to judge"]
    for wrong in ([[1.0, float("nan")]], [1.0]):
        with pytest.raises(ValueError, match="scores must be numbers"):
            ranks_of(wrong)


def test_a_hand_computed_case():
    """Relevance 1, ½ and 0; the order puts ½ first: (½ + 1 / log2 3) / (1 + ½ / log2 3)."""
    (found,) = ndcg([[0.2, 0.9, 0.1]], [[1.0, 0.5, 0.0]])
    assert found == pytest.approx((0.5 + 1 / math.log2(3)) / (1 + 0.5 / math.log2(3)))
    assert ranks_of([[0.2, 0.9, 0.2, 0.1]]).tolist() == [[2, 1, 3, 4]]


def test_several_rounds_of_one_picture_are_one_picture():
    scores, relevance = [[2.0, 1.0], [1.0, 2.0], [2.0, 1.0]], [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
    made = ranking(scores, [0, 0, 0], relevance=relevance, groups=["a", "a", "b"], ks=(1,))
    assert figures(made)["NDCG"] == pytest.approx(((1 + 0) / 2 + 1) / 2)


def test_20_000_rounds_in_a_second():
    scores = np.random.default_rng(0).random((20_000, 100))
    begun = time.process_time()
    ndcg(scores, scores * (scores > 0.9))
    assert time.process_time() - begun < 1


# VisDial


def rounds_of(count: int) -> list[dict]:
    """Rows of the view, their options all different."""
    random = np.random.default_rng(5)
    made = []
    for number in range(count):
        gold = int(random.integers(0, 100))
        relevance = [float(option == gold) or float(option % 7 == 0) / 2 for option in range(100)]
        made.append(
            {
                "id": f"val/{number // 10}/{number % 10 + 1}",
                "image_id": number // 10,
                "round_id": number % 10 + 1,
                "answer_options": [f"대답 {number} {option}" for option in range(100)],
                "gt_index": gold,
                "relevance": relevance if number % 10 == 3 else None,
            }
        )
    return made


def pair(row: dict, version="1.0.0", **said) -> Pair:
    asked = {"id": row["id"], "view": "ranking", "split": "validation", "version": version, "model": "m", "prompt": ""}
    return Pair(row, Prediction(**asked, seconds=0, **said))


def shuffled(row: dict, order: list[int]) -> dict:
    moved = {name: row[name] and [row[name][at] for at in order] for name in ("answer_options", "relevance")}
    return row | moved | {"gt_index": order.index(row["gt_index"])}


def test_the_ranking_does_not_see_gt_index():
    """A model scores texts: in whatever order the options come, it does as well. And nobody gains by saying nothing."""
    rows = rounds_of(60)
    random = np.random.default_rng(1)
    score_of = {
        option: float(score) for row in rows for option, score in zip(row["answer_options"], random.random(100))
    }
    found = []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(100).tolist() if seed else list(range(100))
        moved = [shuffled(row, order) for row in rows]
        pairs = [pair(row, scores=[score_of[option] for option in row["answer_options"]]) for row in moved]
        found.append(METRICS.ranking(pairs, rounds=50))
    assert all(one.scores == found[0].scores and one.outcomes == found[0].outcomes for one in found)
    (last,) = (
        s
        for s in METRICS.ranking([pair(row, scores=[0.0] * 100) for row in rounds_of(2000)]).scores
        if s.name == "mean rank"
    )
    assert last.low < 50.5 < last.high, "of equal scores the right option is neither preferred nor put last"
    one, other = rows[0], rows[0] | {"gt_index": (rows[0]["gt_index"] + 1) % 100}
    scores = random.random(100).tolist()
    said = [METRICS.ranking([pair(row, scores=scores)]).outcomes[0].said for row in (one, other)]
    assert said[0] == said[1]


def test_perfect_scores_are_one():
    pairs = [
        pair(row, scores=[2.0 * (n == row["gt_index"]) + (n % 7 == 0) for n in range(100)]) for row in rounds_of(40)
    ]
    made = METRICS.ranking(pairs)
    assert {score.value for score in made.scores} == {1.0}
    assert all(one.right and one.truth == one.said and one.note == "rank 1" for one in made.outcomes)


@settings(max_examples=15)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_is_nothing(order):
    scores = np.random.default_rng(2).integers(0, 9, (30, 100)).astype(float).tolist()
    pairs = [pair(row, scores=one) for row, one in zip(rounds_of(30), scores, strict=True)]
    other = list(pairs)
    order.shuffle(other)
    for ours, theirs in zip(*(METRICS.ranking(one, rounds=30).scores for one in (pairs, other)), strict=True):
        assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.value, theirs.low, theirs.high))


def test_a_prediction_without_a_score_for_each_option_is_said():
    row = rounds_of(1)[0]
    for said in ({"scores": [0.0] * 99}, {"output": "yes"}):
        with pytest.raises(MmdataError, match=r"val/0/1: 100 scores are wanted"):
            METRICS.ranking([pair(row, **said)])


def test_the_sample_is_ranked():
    asked = asked_of(CORPUS, "ranking", "validation", "sample")
    made = METRICS.ranking([pair({**row, "id": id}, scores=[0.0] * 100) for id, row in asked.rows.items()], rounds=10)
    assert {"MRR", "NDCG"} <= figures(made).keys() and len(made.outcomes) == len(asked.rows)


# EvalAI


@pytest.fixture(scope="module")
def shipped():
    """The rows of the sample's validation split, by id."""
    return asked_of(CORPUS, "ranking", "validation", "sample").rows


@pytest.fixture
def predicted(shipped, tmp_path):
    return predictions_of(shipped, tmp_path)


def predictions_of(rows, folder, version="sample"):
    random = np.random.default_rng(3)
    with PredictionFile(folder / "predictions.jsonl") as out:
        for row in rows.values():
            out.add(pair(row, version, scores=random.integers(0, 30, 100).astype(float).tolist()).prediction)
    return out.path


def test_a_submission_is_written_and_read_back_to_the_same_figures(shipped, predicted, tmp_path):
    assert EVALAI.write(predicted, tmp_path / "sub.json") == len(shipped) == 30
    entries = json.loads((tmp_path / "sub.json").read_text())
    assert entries[3].keys() == {"image_id", "round_id", "ranks"}
    assert [(one["image_id"], one["round_id"]) for one in entries] == [
        (row["image_id"], row["round_id"]) for row in shipped.values()
    ]
    assert all(sorted(one["ranks"]) == list(range(1, 101)) for one in entries)
    assert EVALAI.read(tmp_path / "sub.json", tmp_path / "theirs.jsonl", split="validation", version="sample") == 30
    ours, theirs = (
        METRICS.ranking([Pair(shipped[one.id], one) for one in read_predictions(path)])
        for path in (predicted, tmp_path / "theirs.jsonl")
    )
    assert ours.scores == theirs.scores and ours.outcomes == theirs.outcomes


GOOD = {"image_id": 1, "round_id": 1, "ranks": list(range(1, 101))}


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("[", "no submission"),
        ("[]", "a list is wanted"),
        (json.dumps([{"image_id": 1, "ranks": []}]), "entry 0: image_id, round_id and ranks are wanted"),
        (json.dumps([GOOD, GOOD]), "round 1 of picture 1 is there twice"),
        (json.dumps([GOOD | {"round_id": 0}]), "must be whole numbers, from 1"),
        (json.dumps([GOOD | {"ranks": [1] * 100}]), "each number from 1 to 100 once"),
        (json.dumps([GOOD | {"ranks": list(range(100))}]), "each number from 1 to 100 once"),
    ],
)
def test_what_is_no_submission_is_said(said, wanted, tmp_path):
    (tmp_path / "sub.json").write_text(said)
    with pytest.raises(MmdataError, match=wanted):
        EVALAI.read(tmp_path / "sub.json", tmp_path / "out.jsonl", split="validation", version="1.0.0")
    assert not (tmp_path / "out.jsonl").exists()


def test_a_submission_has_all_rounds_or_is_not_written(shipped, tmp_path):
    first, *others = shipped
    path = predictions_of({first: shipped[first]}, tmp_path)
    words = (
        rf"29 of the 30 rounds of the validation split of version sample are missing, such as {others[0]}\. .* rank.py"
    )
    with pytest.raises(MmdataError, match=words):
        EVALAI.write(path, tmp_path / "sub.json")
    predictions_of({id: shipped[id] for id in others[1:]}, tmp_path)
    with PredictionFile(path) as out:
        out.add(pair(shipped[others[0]], "sample", error="the server was not reached").prediction)
    with pytest.raises(MmdataError, match=rf"1 of 30 rounds have not 100 scores, {others[0]} \(the server"):
        EVALAI.write(path, tmp_path / "sub.json")
    predictions_of(shipped | {"x": shipped[first] | {"id": "val/7/11"}}, tmp_path)
    with pytest.raises(MmdataError, match=r"1 of 31 rounds are not in the validation split .*, such as val/7/11"):
        EVALAI.write(path, tmp_path / "sub.json")
    assert not (tmp_path / "sub.json").exists()


def test_a_submission_is_of_one_version(shipped, predicted, tmp_path):
    predictions_of(dict(list(shipped.items())[:1]), tmp_path, version="0.9.0")
    with pytest.raises(MmdataError, match=r"more than one version: 'sample' \(30\), '0.9.0' \(1\)"):
        EVALAI.write(predicted, tmp_path / "sub.json")
    assert EVALAI.write(predicted, tmp_path / "sub.json", version="sample") == 30

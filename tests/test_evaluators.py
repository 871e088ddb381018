"""A corpus's metrics.py: which functions judge what, what can be set, and how their faults are told."""
# ruff: noqa: F811 - fixtures, imported

import pytest
from judged import answer, folder, gold, path, tag, truths, written  # noqa: F401

from mmdata.corpus import Corpus
from mmdata.errors import BuildError, CorpusError, MmdataError, ReleaseError
from mmdata.evaluating.judging import judge
from mmdata.metrics.measures import Measures
from mmdata.verbs.evaluate import evaluate
from mmdata.views import rows_of

METRICS = '''
"""Metrics of a test."""

import time

from mmdata.metrics.measures import Measures, Score, Table


def lengths(pairs, features, *, at_least: int = 3, names: list[str] = ()):
    """How many answers are long enough."""
    assert all(pair.prediction.error is None and pair.row["images"] == [None] for pair in pairs)
    n = sum(len(pair.prediction.output) >= at_least for pair in pairs)
    return Measures(scores=[Score(name="long", value=n / len(pairs), n=len(pairs))], notes=[*names, features["label"].names[0]])


def words(pairs):
    """Nothing."""
    return Measures(notes=["words"])


def other(pairs):
    """Of another view."""
    return Measures(notes=["other"])


def broken(pairs):
    return {}[pairs[0].row["id"]]


def wrong(pairs):
    return 3


def helper(text):
    return text


lengths.view = words.view = "diagnosis"
other.view = "chat"
broken.view = wrong.view = "diagnosis"
'''


@pytest.fixture
def own(folder):
    (folder / "metrics.py").write_text(METRICS, encoding="utf-8")
    return folder


def test_evaluators_are_found_by_their_view_and_set_by_name(own, gold, path):
    written(path, [answer(id, "가" * n) for n, id in enumerate(gold)])
    made = evaluate(own, path, metrics=["lengths", "words"])
    assert made.measures.scores[0].value == pytest.approx(9 / 12)
    assert made.measures.notes == ["건선", "words"] and made.settings == {}
    made = evaluate(own, path, metrics=["lengths"], options={"at_least": "6", "names": '["a"]'})
    assert made.measures.scores[0].value == pytest.approx(6 / 12)
    assert made.settings == {"at_least": 6, "names": ["a"]} and made.measures.notes == ["a", "건선"]
    with pytest.raises(BuildError, match=r"skin has no option 'atleast'\. It has: at_least, names"):
        evaluate(own, path, metrics=["lengths"], options={"atleast": 6})
    with pytest.raises(BuildError, match="at_least='viel': value: Input should be a valid integer"):
        evaluate(own, path, metrics=["lengths"], options={"at_least": "viel"})


ALL = """
from mmdata.metrics.measures import Measures


def every(pairs, rows, *, features=None):
    return Measures(notes=[pairs[0].row["id"], str(len(rows)), rows[0]["id"], str("label" in features)])


every.view = "diagnosis"
every.targets = ("chat",)
"""


def test_an_evaluator_may_see_rows_that_were_not_answered(folder, gold, path):
    (folder / "metrics.py").write_text(ALL, encoding="utf-8")
    first, *_, last = gold
    told = [last, "12", first, "True"]
    assert evaluate(folder, written(path, [answer(last, "x")])).measures.notes == told
    assert judge(folder, "chat", "test", {last: "x"}).notes == told
    with pytest.raises(BuildError, match="skin has no option 'features'"):
        evaluate(folder, path, options={"features": "1"})


def test_a_fault_of_an_evaluator_names_its_line(own, gold, path):
    written(path, [answer(id, "x") for id in gold])
    with pytest.raises(
        CorpusError, match=r"metrics\.py, line 27: KeyError: 'test/건선.*while judging 12 answers by broken"
    ):
        evaluate(own, path, metrics=["broken"])
    with pytest.raises(CorpusError, match=r"metrics\.py: wrong returns int, it should return Measures"):
        evaluate(own, path, metrics=["wrong"])
    with pytest.raises(CorpusError, match=r"(?s)skin has no metric 'lenghts'. There are:.*lengths: How many answers"):
        evaluate(own, path, metrics=["lenghts"])
    with pytest.raises(CorpusError, match="words judges answers to the view diagnosis, these are to chat"):
        evaluate(own, written(path, [answer("a", "x", view="chat")]), metrics=["other", "words"])
    with pytest.raises(MmdataError, match="no prediction is of the view 'chat', only of 'diagnosis'"):
        evaluate(own, written(path, [answer("a", "x")]), metrics=["other"])


def test_a_view_that_nobody_judges(own, path):
    written(path, [answer("a", "x", view="captions")])
    with pytest.raises(
        CorpusError, match=r"(?s)cannot judge answers to the view 'captions'.*other \(view chat\): Of another view"
    ):
        evaluate(own, path)
    (own / "metrics.py").unlink()
    with pytest.raises(CorpusError, match=r"It can judge: none: write one in .*metrics\.py"):
        evaluate(own, path)
    (own / "metrics.py").write_text("def alone(pairs):\n    return None\n")
    with pytest.raises(CorpusError, match=r'alone does not say which view it judges; add alone\.view = "VIEW"'):
        evaluate(own, path)


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ('return {"label": row["label"]}', "rows of the view diagnosis have no id"),
        ('return {"id": "x"}', "two rows of the view diagnosis have the id 'x'"),
        ('return {"id": row["beak"]}', r"views\.py, line 2: KeyError: 'beak'"),
    ],
)
def test_a_view_without_ids_is_said(folder, path, view, message):
    (folder / "views.py").write_text(f"def diagnosis(row):\n    {view}\n")
    with pytest.raises(CorpusError, match=message):
        evaluate(folder, written(path, [answer("a", "x")]))


def test_a_damaged_release_is_said(folder, gold, path):
    written(path, [answer(id, "x") for id in gold])
    for shard in (folder / "data/1.0.0").glob("test-*.parquet"):
        shard.write_bytes(shard.read_bytes()[:200])
    with pytest.raises(ReleaseError, match="test-00000"):
        evaluate(folder, path)


def test_judge_reads_the_targets_of_a_training_view(folder):
    gold = truths(folder, "train")
    targets = {id: tag(label) for id, label in gold.items()}
    first, second, third, *_ = gold
    targets |= {second: tag("습진"), third: tag("정상"), "nowhere": tag("건선")}
    for view in ("chat", "diagnosis"):
        outcomes = {one.id: one for one in judge(folder, view, "train", targets).outcomes}
        assert len(outcomes) == 24
        assert (outcomes[first].right, outcomes[second].said, outcomes[third].right) == (True, "None", False)
    assert judge(Corpus(folder), "rounds", "train", targets) == Measures()
    assert judge(folder, "chat", "train", {}) == Measures()
    assert (
        len(
            judge(
                folder, "chat", "test", {id: tag(label) for id, label in truths(folder).items()}, version="sample"
            ).outcomes
        )
        == 12
    )


def test_no_picture_is_read_for_judging(folder):
    _, rows = rows_of(Corpus(folder), "diagnosis", split="test", version="1.0.0")
    assert [row["images"] for _, row in rows] == [[None]] * 12
    _, rows = rows_of(Corpus(folder), "diagnosis", split="test", version="1.0.0", pictures=True)
    assert all(row["images"][0]["bytes"].startswith(b"\x89PNG") for _, row in rows)

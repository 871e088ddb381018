"""Classes read from texts, their figures against scikit-learn's, and bootstrap intervals."""

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdata.labels import ClassEntry, LabelMap
from mmdata.metrics.classification import classify, knowing, read_json, read_tag, tags_in
from mmdata.metrics.intervals import interval, means
from mmdata.metrics.measures import Measures

CLASSES = ["건선", "아토피", "여드름", "정상"]
MAP = LabelMap("label", {"건선": ClassEntry(en="psoriasis", aliases=["건선증"]), "Acne": ClassEntry()})
SAID = st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from([*CLASSES, None])), min_size=1, max_size=40)


def figures(made: Measures) -> dict[str, float]:
    return {score.name: score.value for score in made.scores}


# Reading


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<label>건선</label>\n<summary>붉은 판</summary>", "건선"),
        ("<LABEL> 건선증\n</Label>", "건선"),
        ("<label>acne</label>", "Acne"),
        ("<label>건선</label> … <label>건선증</label>", "건선"),
        ("<label>건선</label> 또는 <label>Acne</label>", None),
        ("<label>건선</label> <label>모름</label>", None),
        ("<label>건선 또는 Acne</label>", None),
        ("<label>진단불가</label>", None),
        ("건선입니다", None),
        ("<label>건선", None),
        ("<labels>건선</labels>", None),
        ("", None),
    ],
)
def test_a_tag_is_read_by_the_label_map(text, wanted):
    assert read_tag(text, "label", MAP) == wanted


def test_a_tag_is_read_by_names_alone():
    assert read_tag("<style>casual_basic</style>", "style", ["Casual_Basic"]) == "Casual_Basic"
    assert read_tag("<style>건선증</style>", "style", ["건선"]) is None


def test_what_stands_in_tags_comes_in_order_and_once():
    assert tags_in("<label> b\n</Label> <labels>c</labels> <LABEL>a</LABEL> <label>b</label><label>", "label") == [
        "b",
        "a",
    ]


def test_a_class_that_was_renamed_or_taken_out_since_is_known():
    known = knowing(MAP, ["건선증", "백반증"])
    assert [known.named(cls) for cls in ("건선증", "건선", "백반증", "acne")] == ["건선", "건선", "백반증", "Acne"]
    assert read_tag("<label>백반증</label>", "label", known) == "백반증" and MAP.named("백반증") is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"a": {"b": 1}}', {"a": {"b": 1}}),
        ('네, 답입니다.\n```json\n{"a": "{"}\n```\n끝', {"a": "{"}),
        ('{"a": 1} {"a": 1}', {"a": 1}),
        ('{"a": 1} {"a": 2}', None),
        ("[1, 2]", None),
        ('{"a": ', None),
        ("{" * 100_000, None),
        ("", None),
    ],
)
def test_the_one_json_object_is_read(text, wanted):
    assert read_json(text) == wanted


# Figures


@settings(max_examples=30)
@given(SAID)
def test_figures_are_scikit_learns(rows):
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

    truth, said = [t for t, _ in rows], [s for _, s in rows]
    shown = [s or "None" for s in said]
    made = classify(truth, said, CLASSES, rounds=20)
    present = [cls for cls in CLASSES if cls in truth]
    macro = precision_recall_fscore_support(truth, shown, labels=present, average="macro", zero_division=0)[:3]
    found = figures(made)
    assert found["label accuracy"] == pytest.approx(accuracy_score(truth, shown))
    assert [found[f"label macro {name}"] for name in ("precision", "recall", "F1")] == pytest.approx(macro)
    assert np.array_equal(made.confusions[0].counts, confusion_matrix(truth, shown, labels=[*CLASSES, "None"])[:-1])
    assert made.confusions[0].said[-1] == "None"
    each = zip(*precision_recall_fscore_support(truth, shown, labels=CLASSES, zero_division=0)[:3], strict=True)
    for row, wanted in zip(made.tables[0].rows, each, strict=True):
        assert row[2:] == pytest.approx(wanted) and row[1] == truth.count(row[0])
    assert any("macro figures leave them out" in note for note in made.notes) == (len(present) < len(CLASSES))


@settings(max_examples=30)
@given(SAID, st.randoms())
def test_the_order_of_rows_is_nothing(rows, order):
    other = list(rows)
    order.shuffle(other)
    ours, theirs = (classify(*map(list, zip(*one, strict=True)), CLASSES, rounds=50) for one in (rows, other))
    assert ours == theirs


def test_a_hand_computed_table():
    """3 건선, of which 2 found; 1 아토피, said to be 건선; 2 정상, one found and one unread."""
    truth = ["건선", "건선", "건선", "아토피", "정상", "정상"]
    said = ["건선", "건선", "정상", "건선", "정상", None]
    made = classify(truth, said, CLASSES, ids=list("abcdef"), slices={"나이": ["20대", None] * 3})
    assert figures(made) == pytest.approx(
        {
            "label accuracy": 3 / 6,
            "label macro precision": (2 / 3 + 0 + 1 / 2) / 3,
            "label macro recall": (2 / 3 + 0 + 1 / 2) / 3,
            "label macro F1": (2 / 3 + 0 + 1 / 2) / 3,
            "label majority accuracy": 3 / 6,
            "label majority macro F1": (2 * 3 / 9) / 3,
        }
    )
    assert made.tables[1].rows == [
        ["20대", 3, 2 / 3, pytest.approx(2 / 3)],
        ["not known", 3, 1 / 3, pytest.approx(2 / 9)],
    ]
    assert [(one.id, one.said, one.right) for one in made.outcomes][-2:] == [("e", "정상", True), ("f", "None", False)]
    assert made.notes[0].startswith("label: of 1 of 6 rows no class could be read")
    assert "여드름" in made.notes[1]
    assert [score.note for score in made.scores][-1] == "always 건선"


def test_all_right_is_one_and_nothing_is_nothing():
    made = classify(CLASSES, CLASSES, CLASSES, name="진단")
    assert {value for name, value in figures(made).items() if "majority" not in name} == {1.0}
    assert classify([], [], CLASSES).notes == ["label: there is no row to judge"]
    with pytest.raises(ValueError, match="'종기' is none of the classes 건선"):
        classify(["종기"], [None], CLASSES)
    json.loads(made.model_dump_json())


# Intervals


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for number in range(300):
        low, high = interval(random.binomial(1, 0.7, (100, 1)).astype(float), seed=number, rounds=200)
        covered += bool(low[0] <= 0.7 <= high[0])
    assert 0.90 <= covered / 300 <= 0.98


def test_the_interval_of_accuracy_is_that_of_the_mean_of_rights():
    """Two ways to draw: cells of a table, and rows."""
    random = np.random.default_rng(1)
    truth = [CLASSES[n] for n in random.integers(0, 4, 500)]
    said = [one if random.random() < 0.8 else CLASSES[0] for one in truth]
    by_table = classify(truth, said, CLASSES, rounds=4000).scores[0]
    (by_rows,) = means({"right": [float(t == s) for t, s in zip(truth, said, strict=True)]}, rounds=4000)
    assert by_table.value == by_rows.value
    assert (by_table.low, by_table.high) == pytest.approx((by_rows.low, by_rows.high), abs=0.005)
    wanted = 1.96 * (by_rows.value * (1 - by_rows.value) / 500) ** 0.5  # The normal approximation.
    assert by_rows.high - by_rows.value == pytest.approx(wanted, rel=0.15)


def test_a_seed_is_an_interval_and_another_is_another():
    values = {"a": np.random.default_rng(2).random(50)}
    assert means(values) == means(values) == means({"a": values["a"][::-1]})
    assert means(values, seed=1) != means(values)


def test_rows_that_hang_together_are_drawn_together():
    """Ten equal rows of each of 20 dialogues say as much as 20 rows."""
    one = np.random.default_rng(3).random(20)
    (alone,) = means({"a": one})
    (together,) = means({"a": np.repeat(one, 10)}, groups=list(np.repeat(range(20), 10)))
    (apart,) = means({"a": np.repeat(one, 10)})
    width = together.high - together.low
    assert (alone.low, alone.high) == pytest.approx((together.low, together.high))
    assert width > 2.5 * (apart.high - apart.low)


def test_pictures_of_one_person_are_drawn_together():
    """Ten equal pictures of each of 40 persons say as much of a class as 40 pictures."""
    random = np.random.default_rng(4)
    truth = [CLASSES[n] for n in random.integers(0, 4, 40)]
    said = [
        one if random.random() < 0.7 else CLASSES[n] for one, n in zip(truth, random.integers(0, 4, 40), strict=True)
    ]
    alone, each, apart, together = (
        classify(truth * times, said * times, CLASSES, groups=groups, rounds=2000).scores[:4]
        for times, groups in ((1, None), (1, range(40)), (10, None), (10, [*range(40)] * 10))
    )
    for one, own, close, wide in zip(alone, each, apart, together, strict=True):
        assert close.value == pytest.approx(wide.value)
        assert (wide.low, wide.high) == (own.low, own.high)
        assert (wide.low, wide.high) == pytest.approx((one.low, one.high), abs=0.03)
        assert wide.high - wide.low > 2.5 * (close.high - close.low)
    (person, *_) = classify(truth, said, CLASSES, groups=["a"] * 40).scores
    assert (person.low, person.high) == (None, None)
    with pytest.raises(ValueError, match="2 groups are given for 40 rows"):
        classify(truth, said, CLASSES, groups=["a", "b"])


def test_what_does_not_count_is_left_out():
    nan = float("nan")
    scores = means({"a": [1.0, nan, 0.0], "b": [nan, nan, nan], "c": [2.0, nan, nan]})
    assert [(s.name, s.value, s.n) for s in scores] == [("a", 0.5, 2), ("c", 2.0, 1)]
    (alone,) = means({"a": [1.0]})
    assert (alone.low, alone.high) == (None, None)


def test_1200_rows_in_half_a_second():
    random = np.random.default_rng(0)
    truth, said = ([CLASSES[n] for n in random.integers(0, 4, 1200)] for _ in range(2))
    begun = time.process_time()
    classify(truth, said, CLASSES)
    means({name: random.random(1200) for name in "abcdefg"})
    assert time.process_time() - begun < 0.5

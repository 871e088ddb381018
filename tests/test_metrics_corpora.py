"""Fashion's and character style's own metrics: what is right, what is wrong, and that targets are judged perfect."""

import json

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdata import MmdataError
from mmdata.corpus import HOME, Corpus
from mmdata.evaluating.judging import judge
from mmdata.evaluating.pairs import Pair, asked_of
from mmdata.predictions import Prediction

FASHION, STYLE = Corpus(HOME / "fashion"), Corpus(HOME / "character_style")
OUTFITS, STYLED = FASHION.module("metrics"), STYLE.module("metrics")
FILTER = str(HOME / "fashion/tiny/필터.json")


def said(id: str, **given) -> Prediction:
    return Prediction(id=id, view="v", split="train", version="sample", model="m", prompt="", seconds=0, **given)


def figures(made) -> dict[str, float]:
    return {score.name: score.value for score in made.scores}


# Fashion


@pytest.fixture(scope="module")
def rows():
    return asked_of(FASHION, "outfits", "train", "sample").rows


def one(rows, season="봄", category="상의"):
    """An item of a season and category, with a target."""
    numbers = [FASHION.features[name].str2int(value) for name, value in (("season", season), ("category", category))]
    return next(row for row in rows.values() if [row["season"], row["category"]] == numbers)


def advised(row, recommend, answer="", **options):
    output = recommend if isinstance(recommend, str) else json.dumps({"answer": answer, "recommend": recommend})
    return OUTFITS.outfits(
        [Pair(row, said(row["id"], output=output))], FASHION.features, [row], **{"filter": FILTER} | options
    )


SPRING = {"아우터": ["트렌치 코트"], "하의": ["데님 팬츠"], "신발": ["로퍼"]}


@pytest.mark.parametrize(
    ("recommend", "season", "item"),
    [
        (SPRING, True, True),
        ({"outer": ["트렌치코트"], "바지": ["청바지"], "신발": ["Loafers"], "상의": []}, True, True),
        (SPRING | {"하의": ["데님 팬츠", "청바지", "Jeans", "코튼 팬츠"]}, True, True),
        (SPRING | {"아우터": ["롱패딩"]}, False, True),
        (SPRING | {"상의": ["맨투맨"]}, True, False),
        (SPRING | {"하의": ["로퍼"]}, True, False),
        (SPRING | {"하의": ["우주복 바지"]}, False, False),
        (SPRING | {"가방": ["백팩"]}, False, False),
        (SPRING | {"하의": ["데님 팬츠", "슬랙스", "코튼 팬츠", "미디스커트"]}, True, False),
        ({}, False, False),
        ({"하의": []}, False, False),
        ({"하의": "데님 팬츠"}, False, False),
        ({"하의": [1]}, False, False),
        ("봄에는 데님 팬츠와 로퍼를 추천해요.", False, False),
        ('{"answer": "데님 팬츠"}', False, False),
    ],
)
def test_what_is_recommended_is_judged_not_what_is_mentioned(rows, recommend, season, item):
    made = advised(one(rows), recommend)
    found = figures(made)
    assert [found[f"{name} right"] for name in ("season", "item", "both")] == [season, item, season and item]
    assert made.outcomes[0].right == (season and item) == (made.outcomes[0].note == "")


def test_a_season_that_is_only_said_is_not_right(rows):
    """The sentence says summer and the item; the coat is for winter all the same."""
    made = advised(
        one(rows, "여름"), {"하의": ["숏 팬츠"], "아우터": ["카디건"]}, "여름에는 숏 팬츠와 샌들을 추천해요."
    )
    found = figures(made)
    assert (found["season right"], found["item right"], found["sentence agrees"]) == (0, 1, 0)
    assert "아우터 in 여름" in made.outcomes[0].note and "카디건 is not worn in 여름" in made.outcomes[0].note


def test_precision_and_recall_worked_out_by_hand(rows):
    row = one(rows) | {"recommend": SPRING | {"상의": []}}
    found = figures(advised(row, {"아우터": ["트렌치 코트"], "하의": ["코튼 팬츠"]}, "트렌치 코트에 코튼 팬츠요."))
    assert [found[name] for name in ("precision", "recall", "F1", "exact")] == pytest.approx([1 / 2, 1 / 3, 2 / 5, 0])
    assert found["sentence agrees"] == 1


@pytest.mark.parametrize("filter", ["", FILTER])
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_target_is_perfect(split, filter):
    asked = asked_of(FASHION, "outfits", split, "sample")
    pairs = [
        Pair(row, said(id, output=json.dumps({"answer": "", "recommend": row["recommend"]})))
        for id, row in asked.rows.items()
    ]
    made = OUTFITS.outfits(pairs, asked.features, list(asked.rows.values()), filter=filter)
    assert {name: value for name, value in figures(made).items() if name != "sentence agrees"} == dict.fromkeys(
        ("season right", "item right", "both right", "precision", "recall", "F1", "exact"), 1.0
    )
    assert all(row[2:] == [1, 1, 1] for row in made.tables[0].rows) and bool(made.notes) == (not filter)


@settings(max_examples=10, deadline=None)
@given(order=st.randoms(use_true_random=False))
def test_the_order_of_rows_is_nothing(rows, order):
    pairs = [Pair(row, said(id, output=json.dumps({"recommend": SPRING}))) for id, row in rows.items()]
    other = list(pairs)
    order.shuffle(other)
    every = list(rows.values())
    ours, theirs = (OUTFITS.outfits(these, FASHION.features, every, rounds=30) for these in (pairs, other))
    assert 0 < figures(ours)["both right"] < 1
    for mine, yours in zip(ours.scores, theirs.scores, strict=True):
        assert [mine.value, mine.low, mine.high] == pytest.approx([yours.value, yours.low, yours.high])


def test_which_rows_were_answered_changes_no_verdict(rows):
    """A coat that no answered row was recommended is worn in spring all the same."""
    answers = {id: json.dumps({"recommend": SPRING}) for id in rows}
    every = {one.id: one for one in judge(FASHION, "outfits", "train", answers, version="sample").outcomes}
    ids = [next(id for id, one in every.items() if one.right == right) for right in (True, False)]
    for id in ids:
        made = judge(FASHION, "outfits", "train", {id: answers[id]}, version="sample")
        assert made.outcomes == [every[id]]
        assert made.notes[0].startswith(f"what is worn when is read from the targets of the split's {len(rows)} rows")


def test_a_filter_that_is_not_there_is_said(rows):
    with pytest.raises(MmdataError, match="no filter can be read there"):
        advised(one(rows), SPRING, filter="nowhere.json")


@pytest.mark.parametrize(
    ("corpus", "view"), [(FASHION, "sft"), (STYLE, "chat")], ids=lambda one: getattr(one, "name", one)
)
def test_targets_of_training_are_judged_right(corpus, view):
    """As the preflight does."""
    targets = {}
    for id, row in asked_of(corpus, view, "train", "sample").rows.items():
        (turn,) = row["completion"]
        targets[id] = turn["content"]
    made = judge(corpus, view, "train", targets, version="sample")
    assert len(made.outcomes) == len(targets) > 0 and all(one.right for one in made.outcomes)
    assert {score.value for score in made.scores if "majority" not in score.name} == {1.0}


# Character style


@pytest.fixture(scope="module")
def styled():
    return asked_of(STYLE, "styling", "train", "sample")


def test_classes_are_read_by_the_label_map(styled):
    ids = list(styled.rows)[:4]
    names = {
        field: STYLE.features[field].int2str(styled.rows[ids[0]][field])
        for field in ("style", "vibe", "shot", "quality")
    }
    right = {STYLED.KEYS[field]: name for field, name in names.items()}
    outputs = {
        ids[0]: json.dumps(right | {"fashion_style": right["fashion_style"].lower()}),
        ids[1]: "a casual look",
        ids[2]: json.dumps({"fashion_style": "Space_Suit", "vibe_category": ["Warm_Friendly"]}),
        ids[3]: "{}",
    }
    made = STYLED.styling(
        [Pair(styled.rows[id], said(id, output=text)) for id, text in outputs.items()], styled.features
    )
    assert {one.title for one in made.confusions} == {"style", "vibe", "shot", "quality"}
    assert all(sum(row[-1] for row in one.counts) == 3 for one in made.confusions), "None"
    assert [one.right for one in made.outcomes] == [True, False, False, False]
    assert made.outcomes[2].said.startswith("Space_Suit / ['Warm_Friendly']") and "style: None" in made.outcomes[2].note
    assert "1 of 4 answers cannot be read" in made.notes[-1]
    assert figures(made)["style accuracy"] == figures(made)["shot accuracy"] == 0.25


def test_an_alias_is_its_class(styled):
    id, row = next((id, row) for id, row in styled.rows.items() if row["style"] == 1)
    made = STYLED.styling([Pair(row, said(id, output='{"fashion_style": "vintage_retro"}'))], styled.features)
    assert figures(made)["style accuracy"] == 1


def test_a_class_that_was_renamed_since_is_still_right(styled):
    """The release calls Street_Hip by what is an alias now, and has a class that is no more."""
    names = {"Street_Hip": "Street_Casual", "Classy_Elegant": "Gala"}
    old = [names.get(cls, cls) for cls in STYLE.labels["style"].names]
    older = dict(styled.features) | {"style": datasets.ClassLabel(names=old)}
    row = next(iter(styled.rows.values())) | dict.fromkeys(("vibe", "shot", "quality"))
    answers = [
        ("Street_Casual", "Street_Casual"),
        ("Street_Casual", "street_hip"),
        ("Gala", "gala"),
        ("Gala", "Chic_Modern"),
    ]
    made = STYLED.styling(
        [
            Pair(row | {"style": old.index(cls)}, said(word, output=f'{{"fashion_style": "{word}"}}'))
            for cls, word in answers
        ],
        older,
    )
    assert [one.right for one in made.outcomes] == [True, True, True, False]
    assert [one.truth.split(" / ")[0] for one in made.outcomes] == ["Street_Hip", "Street_Hip", "Gala", "Gala"]


def test_pictures_of_one_person_are_drawn_together(styled):
    pairs = [Pair(row, said(id, output='{"fashion_style": "Casual_Basic"}')) for id, row in styled.rows.items()]
    for who, alone in (("a", True), (None, False)):
        made = STYLED.styling([Pair(row | {"identity": who}, one) for row, one in pairs], styled.features)
        assert {score.low is None for score in made.scores if "majority" not in score.name} == {alone}


def test_vectors_of_classes_apart_are_perfect_and_stand_beside_the_text_alone():
    asked = asked_of(STYLE, "labels", "train", "sample")
    pairs = [Pair(row, said(id, vector=np.eye(7)[row["style"]].tolist())) for id, row in asked.rows.items()]
    made = STYLED.labels(pairs, asked.features, points=50)
    found = figures(made)
    beside = {name for name in found if name.startswith("text alone")}
    assert beside == {f"text alone {name}" for name in STYLED.BESIDE} and "majority share" in found
    assert {value for name, value in found.items() if name not in beside | {"majority share"}} == {1.0}
    assert len(made.figures) == 1 and "Casual_Basic" in made.figures[0].title
    assert not any(str(cls) in row["text_input"] for row in asked.rows.values() for cls in STYLE.labels["style"].names)


@pytest.mark.parametrize("given", [{"output": "x"}, {"vector": [1.0, 2.0]}, {"vector": [0.0] * 7}])
def test_a_vector_that_is_none_is_said(given):
    rows = asked_of(STYLE, "labels", "train", "sample").rows
    (first, one), (other, two) = list(rows.items())[:2]
    pairs = [Pair(one, said(first, vector=[1.0] * 7)), Pair(two, said(other, **given))]
    with pytest.raises(MmdataError, match=f"{other}: a vector of 7 numbers is wanted"):
        STYLED.labels(pairs, STYLE.features, points=0)


def test_no_prompt_to_predict_from_holds_what_is_wanted(styled):
    for row in styled.rows.values():
        shown = row["prompt"][0]["content"]
        assert not any(STYLE.features[field].int2str(row[field]) in shown for field in ("style", "vibe", "shot"))

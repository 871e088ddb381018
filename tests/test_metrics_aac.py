"""AAC: how an output is read, and persona consistency and context relevance where the right order is known."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdata.corpus import HOME, Corpus
from mmdata.evaluating.pairs import Pair
from mmdata.predictions import Prediction

CORPUS = Corpus(HOME / "aac")
METRICS, FITTING, VIEWS = map(CORPUS.module, ("metrics", "fitting", "views"))
PERSONAS = {one["id"]: one["persona"] for one in json.loads((HOME / "aac/tiny/personas.json").read_text("utf-8"))}
ANSWERS = [
    ["사과를 먹고 싶어요.", "사과를 깎아 주세요.", "빨간 사과로 그림을 그려 볼래요."],
    ["버스 타고 여행 가자.", "자동차 운전을 보고 싶다.", "기차가 늦게 왔다."],
]
SITUATIONS = [
    {"time": "오후 3시", "place": "집 부엌", "interaction_partner": "엄마", "current_activity": "간식을 고르고 있음"},
    {"time": "아침", "place": "버스 정류장", "interaction_partner": "친구", "current_activity": "버스를 기다림"},
]


def rows_of(number: int, persona: int) -> list[dict]:
    """A combination that was laid by a persona of tiny/: 1 likes food and is polite, 2 likes cars and is not."""
    made = {
        "id": f"{persona}/{number:04}",
        "persona_id": str(persona),
        "persona": PERSONAS[persona],
        "attributions": [],
    }
    made |= {
        "cards": [{"path": "a", "bytes": b""}],
        "clusters": None,
        "context": SITUATIONS[persona - 1],
        "output": ANSWERS[persona - 1],
    }
    return list(VIEWS.references(made))


def judged(outputs: dict[tuple, str], also: tuple = (), **options):
    """Of (number, persona[, style]) → output; the split has all styles of these, and the combinations `also`."""
    split = {}
    for number, persona in dict.fromkeys([at[:2] for at in outputs] + [*also]):
        split |= {(number, persona, one["style"]): one for one in rows_of(number, persona)}
    pairs = []
    for (number, persona, *style), output in outputs.items():
        row = split[number, persona, style[0] if style else "most_likely"]
        pairs.append(Pair(row, said(row["id"], output)))
    return METRICS.references(pairs, list(split.values()), **{"encoder": "none", "rounds": 50} | options)


def said(id: str, output: str) -> Prediction:
    asked = {"id": id, "view": "references", "split": "test", "version": "1.0.0", "model": "m", "prompt": ""}
    return Prediction(**asked, output=output, seconds=0)


def figures(made) -> dict[str, float]:
    return {score.name: score.value for score in made.scores}


# Reading


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        ("물 주세요.", {"": "물 주세요."}),
        ("<creative> 물 주세요.", {"creative": "물 주세요."}),
        ("물 주세요. <CREATIVE>\n", {"creative": "물 주세요."}),
        ("<creative>물 주세요.</creative>", {"creative": "물 주세요."}),
        (
            "<most_likely>물</most_likely>\n<alternative> 빵 <creative>밥",
            {"most_likely": "물", "alternative": "빵", "creative": "밥"},
        ),
        (
            '```json\n{"most_likely": "물", "alternative": "빵", "creative": "밥"}\n```',
            {"most_likely": "물", "alternative": "빵", "creative": "밥"},
        ),
        ('{"creative": "밥 "}', {"creative": "밥"}),
        ("", {"": ""}),
        ("<other>물", {"": "<other>물"}),
    ],
)
def test_an_output_is_one_text_or_three(output, wanted):
    assert METRICS.said_of(output) == wanted


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["<creative>", "</creative>", "<alternative>", "물", " "])).map("".join)
)
def test_any_output_gives_one_text_at_least(output):
    found = METRICS.said_of(output)
    assert found and set(found) <= {"", *VIEWS.STYLES} and all(text == text.strip() for text in found.values())


def test_what_is_predicted_from_the_training_views_is_read_as_its_target():
    stored = {"id": "1/0001", "persona": PERSONAS[1], "cards": [], "attributions": [], "output": ANSWERS[0]}
    (three,) = VIEWS.all_three(stored)
    assert list(METRICS.said_of(three["completion"][0]["content"][0]["text"]).values()) == ANSWERS[0]
    for at, style in enumerate(VIEWS.STYLES):
        assert METRICS.text_of(three["completion"][0]["content"][0]["text"], style) == ANSWERS[0][at]


def test_what_is_judged_is_asked_in_the_words_that_are_trained():
    stored = {"id": "1/0001", "persona_id": "1", "persona": PERSONAS[1], "cards": [1, 2], "clusters": [0, 3]}
    stored |= {"attributions": [], "context": SITUATIONS[0], "output": ANSWERS[0]}
    judged = list(VIEWS.references(stored))
    for view in (VIEWS.interpretations, VIEWS.persona_interpretations):
        for key in ("id", "style", "prompt"):
            assert [one[key] for one in view(stored)] == [one[key] for one in judged]
    assert [one["id"] for one in judged] == [f"1/0001/{style}" for style in VIEWS.STYLES]
    assert [one["references"] for one in judged] == [[text] for text in ANSWERS[0]]
    for one, tagged in zip(judged, VIEWS.persona_interpretations(stored), strict=True):
        assert f"<{one['style']}>" in one["prompt"][0]["content"][-1]["text"]
        answer = tagged["completion"][0]["content"][0]["text"]
        assert answer.startswith(f"<{one['style']}> ")
        assert [METRICS.text_of(answer, one["style"])] == one["references"]


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        ("물", "물"),
        ("<creative> 물", "물"),
        ("<most_likely> 빵 <creative> 물", "물"),
        ("<most_likely> 빵 <alternative> 밥", ""),
    ],
)
def test_of_several_texts_that_of_the_style_counts(output, wanted):
    assert METRICS.text_of(output, "creative") == wanted


# Against the references


@pytest.mark.parametrize(
    "output",
    [
        lambda of, style: of[style],
        lambda of, style: f"<{style}> {of[style]}",
        lambda of, style: json.dumps(of),
    ],
)
def test_perfect_outputs_have_all(output):
    told = {persona: dict(zip(VIEWS.STYLES, ANSWERS[persona - 1], strict=True)) for persona in (1, 2)}
    made = judged(
        {
            (n, persona, style): output(told[persona], style)
            for n in (1, 2)
            for persona in (1, 2)
            for style in VIEWS.STYLES
        }
    )
    found = figures(made)
    assert found["BLEU-4"] == 100 and found["ROUGE-1"] == found["ROUGE-L"] == found["exact"] == 1
    assert all(one.right for one in made.outcomes) and len(made.outcomes) == 12
    assert {score.n for score in made.scores} == {12}


@pytest.mark.parametrize("tag", ["", "<creative> "])
def test_a_text_is_compared_with_the_style_that_was_asked_for(tag):
    right, wrong = (judged({(1, 1, style): tag + ANSWERS[0][2]}) for style in ("creative", "most_likely"))
    assert figures(right)["exact"] == 1 and figures(wrong)["exact"] == 0
    assert wrong.outcomes[0].truth == ANSWERS[0][0]


def test_intervals_are_over_combinations():
    """Three texts of one combination hang together: one combination has no interval."""
    one = judged({(1, 1, style): text for style, text in zip(VIEWS.STYLES, ANSWERS[0], strict=True)})
    two = judged({(n, 1, style): "사과" for n in (1, 2) for style in VIEWS.STYLES})
    assert {score.low for score in one.scores} == {None} and None not in {score.low for score in two.scores}


def test_how_a_person_speaks_hangs_on_no_answer():
    alone = judged({(1, 1, "creative"): "사과 주세요."}, also=((2, 1), (1, 2)))
    others = judged({(1, 1, "creative"): "사과 주세요.", (2, 1, "most_likely"): "사과 주세요."}, also=((1, 2),))
    assert figures(alone)["persona consistency"] == pytest.approx(figures(others)["persona consistency"])
    assert [line[0] for line in alone.tables[0].rows][-1] == "these texts, for another person and situation"


@settings(max_examples=10)
@given(st.permutations([(1, 1), (2, 1), (1, 2), (2, 2)]))
def test_the_order_of_rows_is_nothing(order):
    outputs = dict(zip([(1, 1), (2, 1), (1, 2), (2, 2)], ["사과 주세요.", "물", "버스 가자.", "네"], strict=True))
    ours, theirs = judged(outputs), judged({at: outputs[at] for at in order})
    for one, other in zip(ours.scores, theirs.scores, strict=True):
        assert [one.value, one.low, one.high] == pytest.approx([other.value, other.low, other.high])


# Persona and situation


def test_the_formula_worked_out_by_hand():
    near = FITTING.spelt_alike
    assert near("간식을 먹어요", "간식") == 1 and near("간식 줘", "간식을") == 2 / 3 and near("물", "간식") == 0
    person = FITTING.person_of(["간식", "버스"], ["사과 주세요.", "물을 조금 더 주세요.", "물."])
    assert (person.words, person.levels) == (7 / 3, {"polite": 2 / 3, "plain": 1 / 3})
    # interest 1; length 2 / (7/3); two of three references are polite.
    wanted = (1 + ((2 / (7 / 3)) + 2 / 3) / 2) / 2
    assert FITTING.persona_consistency("간식 주세요.", person, near) == pytest.approx(wanted)
    assert FITTING.context_relevance("엄마, 간식 주세요.", "부엌, 엄마, 간식을", near) == pytest.approx(
        (0 + 1 + 2 / 3) / 3
    )
    assert [FITTING.level_of(text) for text in ("갑니다.", "가요!", "가자", "")] == [
        "formal",
        "polite",
        "plain",
        "plain",
    ]
    by_vectors = FITTING.nearness_of(["가", "나", "다"], lambda texts: np.array([[1.0, 0.0], [-1.0, 0.0], [0.6, 0.8]]))
    assert (by_vectors("가", "나"), by_vectors("가", "가"), by_vectors("가", "다")) == (0, 1, 0.6)


OF_FOOD = ["사과 먹고 싶어요.", "간식 주세요.", "음료를 더 마실래요."]
OF_CARS = ["버스 타고 가자.", "자동차를 운전한다.", "기차 여행이 좋다."]


@pytest.mark.parametrize("own", [1, 2])
def test_a_text_in_a_personas_interests_and_register_is_more_consistent_than_anothers(own):
    ours, theirs = (OF_FOOD, OF_CARS) if own == 1 else (OF_CARS, OF_FOOD)
    for one in ours:
        for other in theirs:
            first, second = (
                figures(judged({(1, own): t, (2, 3 - own): "네"}))["persona consistency"] for t in (one, other)
            )
            alone = [figures(judged({(1, own): text}))["persona consistency"] for text in (one, other)]
            assert alone[0] > alone[1] and first > second, (one, other)


@pytest.mark.parametrize("own", [1, 2])
def test_a_text_that_fits_the_situation_is_more_relevant_than_one_that_does_not(own):
    fitting = (
        ["엄마, 부엌에서 간식 먹어요.", "엄마 간식 골라 주세요."],
        ["친구야, 버스 기다리자.", "아침 버스를 기다려요."],
    )
    for one in fitting[own - 1]:
        for other in fitting[2 - own]:
            ours, theirs = (figures(judged({(1, own): text}))["context relevance"] for text in (one, other))
            assert ours > theirs, (one, other)


def test_the_table_shows_what_the_figures_are_worth():
    made = judged({(1, 1): OF_FOOD[0], (1, 2): OF_CARS[0]})
    lines = {line[0]: line[1:] for line in made.tables[0].rows}
    assert list(lines) == ["these texts", "the references", "these texts, for another person and situation"]
    assert lines["these texts"] == pytest.approx([figures(made)[name] for name in METRICS.FITTING])
    assert lines["these texts"][0] > lines["these texts, for another person and situation"][0]
    assert made.scores[-1].note == "by spelling alone"
    only = judged({(1, 1): OF_FOOD[0]})
    assert [line[0] for line in only.tables[0].rows] == ["these texts", "the references"]
    assert METRICS.references([], [], encoder="none").scores == []

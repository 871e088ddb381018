"""fashion: targets by rule, questions without their answer, spellings that are never silently unmatched."""

import json
import random

import pytest
from fashion_files import CATEGORIES, FILTER, FOLDER, SEASONS, builder_of, item, made, source
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdata.annotation.prompt import parse_prompt
from mmdata.corpus import Corpus
from mmdata.errors import MmdataError
from mmdata.labels import read_label_maps

CORPUS = Corpus(FOLDER)
ADVICE, SPLITS, WORDING, WORDS, VIEWS = map(CORPUS.module, ("advice", "splits", "templates", "spellings", "views"))
TEMPLATES = WORDING.read_templates(FOLDER / "instructions.yaml")
NAMES = st.text("가나다라마바사/ -AB1", min_size=1, max_size=6).map(str.strip).filter(WORDS.said)
ENTRIES = st.fixed_dictionaries({category: st.lists(NAMES, max_size=8, unique=True) for category in CATEGORIES})
ONE_OF = {"category": st.sampled_from(CATEGORIES), "season": st.sampled_from(SEASONS)}


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    return builder_of(tmp_path_factory.mktemp("cache"))


# Targets


@settings(max_examples=50)
@given(entries=ENTRIES, **ONE_OF, id=st.text(max_size=8), seed=st.integers(0, 99), most=st.integers(1, 4))
def test_what_is_recommended_keeps_the_rules(entries, category, season, id, seed, most):
    found = ADVICE.recommended(entries, category, season, id, seed, most)
    assert list(found) == list(entries)
    assert found[category] == []
    assert season != "여름" or found["아우터"] == []
    for other, names in found.items():
        assert set(names) <= set(entries[other]) and names == sorted(set(names)) and len(names) <= most
        if other != category and (season, other) != ("여름", "아우터"):
            assert len(names) == min(most, len(entries[other]))
    assert any(found.values()) == ADVICE.any_recommended(entries, category, season)


@settings(max_examples=50)
@given(entries=ENTRIES, **ONE_OF, id=st.text(max_size=8), order=st.randoms())
def test_targets_hang_on_no_order(entries, category, season, id, order):
    def shuffled(values):
        return order.sample(values, len(values))

    other = {name: shuffled(entries[name]) for name in shuffled(CATEGORIES)}
    asked = category, season, id, 42, 3
    assert ADVICE.recommended(entries, *asked) == ADVICE.recommended(other, *asked)


def test_another_seed_item_or_season_draws_others():
    entries = {category: [f"{category} {n}" for n in range(9)] for category in CATEGORIES}
    draws = {
        json.dumps(ADVICE.recommended(entries, "상의", season, id, seed, 3), ensure_ascii=False)
        for season, id, seed in [("봄", "1", 42), ("가을", "1", 42), ("봄", "2", 42), ("봄", "1", 43)]
    }
    assert len(draws) == 4


@settings(max_examples=50)
@given(st.lists(NAMES, min_size=4, max_size=9, unique=True), NAMES, st.integers(1, 3), st.text(max_size=5))
def test_one_name_more_takes_at_most_one_place(names, another, most, key):
    before, after = (set(ADVICE.drawn(set(some), most, key)) for some in (names, [*names, another]))
    assert after == before or (another in after and len(before - after) == 1)


def test_four_fifths_of_the_items_are_for_training():
    splits = [SPLITS.split_of(str(n)) for n in range(4000)]
    assert [round(splits.count(name) / 400) for name in ("train", "validation", "test")] == [8, 1, 1]


# Words


@given(
    template=st.sampled_from(TEMPLATES),
    name=NAMES,
    color=st.sampled_from([None, "블랙", "네이비"]),
    **ONE_OF,
    key=st.text(max_size=5),
)
def test_a_question_names_the_item_and_its_season(template, name, color, category, season, key):
    asked = WORDING.instruction([template, "{item} {season}"], key, season, category, name, color)
    assert season in asked and (name in asked or category in asked) and "{" not in asked


@pytest.mark.parametrize(
    ("template", "item", "text"),
    [
        ("이 {item}과 어울리는", "셔츠", "이 셔츠와 어울리는"),
        ("이 {item}과 어울리는", "니트/스웨터", "이 니트/스웨터와 어울리는"),
        ("{item}를 샀어요", "데님 팬츠", "데님 팬츠를 샀어요"),
        ("{item}를 샀어요", "부츠 겸 샌들", "부츠 겸 샌들을 샀어요"),
        ("{item}가 있는데", "가디건", "가디건이 있는데"),
        ("{item}과 {item}를", "MA-1", "MA-1과 MA-1을"),
    ],
)
def test_particles_agree_with_what_they_follow(template, item, text):
    assert WORDING.filled(template, {"item": item}) == text


def test_a_colour_that_is_in_the_name_is_said_once():
    every = {"{color} {sub_category}", "{item}"}
    assert {WORDING.instruction([one, "{item}"], "", "봄", "하의", "데님 팬츠", "데님") for one in every} == {
        "데님 팬츠"
    }
    assert (
        WORDING.answer({"상의": ["셔츠"]}, "봄", "데님 팬츠", "데님") == "봄에는 이 데님 팬츠에 상의로 셔츠를 추천해요."
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("templates: []", "below it a list of texts"),
        ("templates: ['{color} {item}']", "must be without {color}"),
        ("questions: ['{item}']", "questions: Extra inputs are not permitted"),
        ("templates: ['{item} {answer}']", "uses answer; there are category, color, item"),
        ("templates: ['{item} {recommend}']", "uses recommend"),
        ("templates: ['{season}에?']", "says nothing of the item"),
        ("templates: ['{item']", "expected '}'"),
        ("templates: ['{item!r}']", "with nothing behind the name"),
        ("templates: [3]", "templates.0: Input should be a valid string (got 3)"),
        ("[", "line 1"),
    ],
)
def test_templates_are_read_strictly(tmp_path, text, words):
    (tmp_path / "instructions.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(MmdataError) as error:
        WORDING.read_templates(tmp_path / "instructions.yaml")
    assert words in str(error.value) and "instructions.yaml" in str(error.value)


@pytest.mark.parametrize(
    "spelling", ["반팔티", "반소매티셔츠", " 반소매  티셔츠", "TSHIRTS", "T-Shirt", "반팔\u00a0티셔츠"]
)
def test_spellings_of_one_name_are_one(spelling):
    known = WORDS.spellings_of(CORPUS.labels["sub_category"])
    assert WORDS.unified(spelling, known) == "반소매 티셔츠"
    slashed = ("셔츠 / 블라우스", "셔츠·블라우스", "셔츠／블라우스", "셔츠 , 블라우스")
    assert {WORDS.unified(one, known) for one in slashed} == {"셔츠/블라우스"}


def test_two_names_of_one_spelling_are_a_mistake(tmp_path):
    (tmp_path / "labels.yaml").write_text("sub_category: {셔츠/블라우스: {}, '셔츠 · 블라우스': {}}", encoding="utf-8")
    with pytest.raises(
        MmdataError, match="'셔츠 · 블라우스' of '셔츠 · 블라우스' is a spelling of '셔츠/블라우스' too"
    ):
        WORDS.spellings_of(read_label_maps(tmp_path / "labels.yaml")["sub_category"])


# No answer in a question

FEATURES = CORPUS.features


@settings(max_examples=25)
@given(st.integers(0, 9), st.sampled_from(CATEGORIES[:3]), st.randoms())
def test_a_question_is_the_same_whatever_its_answer_is(builder, id, category, order):
    line = item(id, main_category=category, season="봄, 여름, 겨울")
    other = {s: {c: [f"비밀 {s} {c} {n}" for n in range(order.randint(1, 5))] for c in CATEGORIES} for s in SEASONS}
    ours, theirs = made(builder, source(line)), made(builder, source(line, filter=other))
    assert ours.keys() == theirs.keys() == {f"{id}/봄", f"{id}/여름", f"{id}/겨울"}
    for name, row in ours.items():
        assert row["instruction"] == theirs[name]["instruction"]
        assert row["recommend"] != theirs[name]["recommend"] and row["answer"] != theirs[name]["answer"]
        for view in ("sft", "outfits", "search"):
            pair = [_given(view, one) for one in (row, theirs[name])]
            shown = [[{k: v for k, v in one.items() if k not in ANSWERS} for one in rows] for rows in pair]
            assert shown[0] == shown[1] and "비밀" not in str(shown)


ANSWERS = {"completion", "answer", "recommend", "advice"}


def _given(view, row):
    """What a view gives of a row."""
    made = getattr(VIEWS, view)(_stored(row), FEATURES)
    return [made] if isinstance(made, dict) else list(made)


def _stored(row):
    """As a release has it: classes as numbers."""
    return row | {name: FEATURES[name].str2int(row[name]) for name in ("season", "category")}


def test_no_prompt_that_makes_a_question_sees_an_answer(builder):
    """Nor what gives it away; the prompt that words the answer is not asked before."""
    customer = parse_prompt(FOLDER / "prompts/customer.yaml")
    assert not {"answer", "recommend", "stylist"} & set(customer.fields)
    row = made(builder, source(item(season="가을")))["1/가을"]
    rendered = "\n".join(customer.render(row))
    for name in (name for names in row["recommend"].values() for name in names):
        assert name not in rendered


@pytest.mark.parametrize("seasons_per_item", [None, 1, 2])
def test_views_of_items_have_each_once(tmp_path, seasons_per_item):
    builder = builder_of(tmp_path, seasons_per_item=seasons_per_item)
    rows = made(builder, source(*(item(n, season="봄, 여름, 가을") for n in range(6))))
    assert len(rows) == 6 * (seasons_per_item or 3)
    seen = [one for row in rows.values() for one in VIEWS.embedding(_stored(row), FEATURES)]
    assert sorted(one["item_id"] for one in seen) == list("012345")
    assert seen[0]["text"] == "블랙 후드 티셔츠 상품 0" and set(seen[0]["seasons"]) == {"봄", "여름", "가을"}
    found = [one for row in rows.values() for one in _given("search", row)]
    assert [one["id"] for one in found] == [one["item_id"] for one in seen]
    first = rows[f"0/{found[0]['seasons'][0]}"]
    assert found[0]["advice"] == {name: first[name] for name in ("season", "answer", "recommend")}
    assert found[0]["price"] == 39000 and found[0]["category"] == "상의" and not {"answer", "season"} & found[0].keys()


# Nothing hangs on other items, nor on any order


@settings(max_examples=25)
@given(st.randoms(), st.integers(1, 8), st.integers(0, 8))
def test_a_row_is_the_items_own(builder, order, count, others):
    def line(n):
        r = random.Random(n)
        seasons = ", ".join(r.sample(SEASONS, r.randint(1, 4)))
        return item(
            n, main_category=r.choice(CATEGORIES[:3]), season=seasons, sub_category=r.choice(["슬랙스", "카디건"])
        )

    lines = [line(n) for n in range(count)]
    plain = made(builder, source(*lines))
    lines += [line(n) for n in range(100, 100 + others)]
    order.shuffle(lines)
    cut = order.randint(0, len(lines))
    turned = {s: {c: order.sample(names, len(names)) for c, names in by.items()} for s, by in FILTER.items()}
    files = source(*lines, filter=dict(order.sample(list(turned.items()), 4)))
    files["나머지.csv"] = source(*lines[cut:])["의류.csv"]
    files["의류.csv"] = source(*lines[:cut])["의류.csv"]
    rows = made(builder, dict(order.sample(list(files.items()), len(files))))
    assert {id: row for id, row in rows.items() if int(row["item_id"]) < 100} == plain
    assert list(rows) == sorted(rows, key=lambda id: (id.partition("/")[0], list(rows).index(id)))
    homes = {(row["item_id"], row["split"]) for row in rows.values()}
    assert len(homes) == count + others

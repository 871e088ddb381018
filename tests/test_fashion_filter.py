"""fashion: a spelling of the catalogue or of the filter that has no other half is never passed over in silence."""

import json

import pytest
from fashion_files import CATEGORIES, FILTER, FOLDER, builder_of, item, made, read, source
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdata.corpus import Corpus
from mmdata.errors import MmdataError

CORPUS = Corpus(FOLDER)
WORDS = CORPUS.module("spellings")
NAMES = st.text("가나다라마바사/ -AB1", min_size=1, max_size=6).map(str.strip).filter(WORDS.said)


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    return builder_of(tmp_path_factory.mktemp("cache"))


# No silent non-match


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(CATEGORIES[:3]), NAMES), min_size=1, max_size=12))
def test_every_spelling_without_its_other_half_is_said_and_counted(builder, said):
    known = WORDS.spellings_of(CORPUS.labels["sub_category"])
    _, findings = read(
        builder, source(*(item(n, main_category=c, sub_category=name) for n, (c, name) in enumerate(said)))
    )
    has = {(c, WORDS.key(WORDS.unified(n, known))) for by in FILTER.values() for c, names in by.items() for n in names}
    lone = [(c, WORDS.tidy(name)) for c, name in said if (c, WORDS.key(WORDS.unified(name, known))) not in has]
    found = [f for f in findings if f.check == "sub-category not in the filter"]
    assert sum(f.count for f in found) == len(lone)
    for category, name in lone:
        (of_category,) = [f.message for f in found if f.message.startswith(category)]
        assert f"{name} ({lone.count((category, name))}" in of_category
    spare = {f.message.partition(":")[0]: f.message for f in findings if f.check == "filter entry without items"}
    met = {(c, WORDS.key(WORDS.unified(n, known))) for c, n in said}
    for category, name in has - met:
        assert name in {WORDS.key(one) for one in spare[category].rpartition(": ")[2].split(", ")}


def test_a_spelling_under_another_category_or_nearly_right_is_hinted_at(builder):
    lines = [item(1, main_category="하의", sub_category="가디건"), item(2, main_category="하의", sub_category="슬렉스")]
    (text,) = [f.message for f in read(builder, source(*lines))[1] if f.check == "sub-category not in the filter"]
    assert "2 spellings of 2 items" in text
    assert "가디건 (1; the filter has it under 아우터)" in text and "슬렉스 (1)" in text


def test_the_filters_own_faults_are_said(builder):
    filter = FILTER | {
        "장마": {"상의": ["우비"]},
        "여름": FILTER["여름"] | {"아우터": ["바람막이"], "가방": ["백팩", "토트"]},
    }
    _, findings = read(builder, source(item(), filter=filter))
    said = [f.message for f in findings if f.check == "filter"]
    assert "필터.json: 여름 가방 (2), 필터.json: 장마 상의 (1)" in said[0]
    assert "아우터 for 여름, which is never recommended: 나일론/바람막이" in said[1]


def test_two_filters_are_one_and_a_season_may_be_lacking(builder):
    clothes, shoes = ({"봄": {c: FILTER["봄"][c] for c in some}} for some in (CATEGORIES[:3], CATEGORIES[3:]))
    files = source(item(season="봄, 겨울"), filter=clothes, **{"신발 Filter.JSON": json.dumps(shoes).encode()})
    rows = made(builder, files)
    assert rows.keys() == {"1/봄"} and len(rows["1/봄"]["recommend"]["신발"]) == 3
    items, findings = read(builder, files)
    assert [(i.id, i.data["refused"][0]) for i in items if "refused" in i.data] == [("1/겨울", "nothing to recommend")]
    assert "the filter has nothing for 여름, 가을, 겨울" in " ".join(f.message for f in findings)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "필터.json: not readable as JSON"),
        (b"\xff\xfe\x00", "필터.json: not readable as JSON"),
        (b"[" * 100_000, "필터.json: not readable as JSON"),
        (b"[]", "필터.json: no filter; a filter is"),
        ('{"봄": ["상의"]}'.encode(), "no filter; a filter is"),
        ('{"봄": {"상의": "셔츠"}}'.encode(), "no filter; a filter is"),
        ('{"봄": {"상의": [1]}}'.encode(), "no filter; a filter is"),
        ('{"봄": {}, "봄": {}}'.encode(), "'봄' is there twice"),
        (b"{}", "필터.json has no entry: nothing can be recommended"),
        (None, "no *filter*.json or *필터*.json: nothing can be recommended"),
    ],
)
def test_a_source_without_a_filter_that_can_be_read_is_no_source(builder, content, words):
    files = source(item()) | ({"필터.json": content} if content is not None else {})
    if content is None:
        del files["필터.json"]
    with pytest.raises(MmdataError) as error:
        read(builder, files)
    assert words in str(error.value)


def test_a_filter_may_be_cp949(builder):
    files = source(item()) | {"필터.json": json.dumps(FILTER, ensure_ascii=False).encode("cp949")}
    assert made(builder, files) == made(builder, source(item()))

"""Outfits: every one fulfils every wish, the best come first, and none shares an item while there are others."""

import itertools
import random

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from recommending import FASHION, RECOMMEND, SEASONS, SHOP, HeldIndex, advice, like, rows_of

from mmdata.errors import CorpusError
from mmdata.serving.advising import NoMatch

OUTFITS, PALETTES, STOCK = (FASHION.module(name) for name in ("outfits", "palettes", "stock"))
TABLES = PALETTES.Palettes(FASHION.folder / "palettes.yaml")
INDEX = HeldIndex(rows_of(*SHOP))
PRICES = st.one_of(st.none(), st.integers(0, 6))
SHELVES = st.lists(st.lists(st.tuples(st.integers(0, 2), PRICES), min_size=0, max_size=4), min_size=1, max_size=3)


def offers(shelves):
    return [
        [OUTFITS.Offer(f"{place}-{number}", worse, price, {}) for number, (worse, price) in enumerate(shelf)]
        for place, shelf in enumerate(shelves)
    ]


def by_force(shelves, most, max_total):
    """The same, all looked at."""
    there = [
        outfit for outfit in itertools.product(*shelves) if max_total is None or OUTFITS.total(outfit) <= (0, max_total)
    ]
    taken = []
    while there and len(taken) < most:
        used = {one.id for outfit in taken for one in outfit}
        best = min(there, key=lambda outfit: (sum(one.id in used for one in outfit), OUTFITS.rank(outfit)))
        there.remove(best)
        taken.append(best)
    return taken


@settings(max_examples=150)
@given(SHELVES, st.integers(1, 8), st.one_of(st.none(), st.integers(0, 15)), st.randoms())
def test_they_are_those_that_looking_at_all_finds(shelves, most, max_total, order):
    shelves = offers(shelves)
    found = OUTFITS.outfits(shelves, most, max_total)
    assert found == by_force(shelves, most, max_total)
    assert found == OUTFITS.outfits([order.sample(shelf, len(shelf)) for shelf in shelves], most, max_total)


def test_no_item_is_in_two_outfits_while_there_are_others():
    shelves = offers([[(0, 1), (0, 2), (2, 9)], [(0, 1), (1, 5), (2, 9)]])
    found = [[one.id for one in outfit] for outfit in OUTFITS.outfits(shelves, 5)]
    assert found[:3] == [["0-0", "1-0"], ["0-1", "1-1"], ["0-2", "1-2"]] and len(found) == 5


def test_ten_thousand_items_of_a_category_are_looked_through():
    draw = random.Random(1)
    shelves = offers([[(draw.randint(0, 3), draw.randrange(5_000, 200_000, 100)) for _ in range(10_000)]] * 3)
    found = OUTFITS.outfits(shelves, 10, 60_000)
    assert len(found) == 10 and len({one.id for outfit in found for one in outfit}) == 30
    assert all(OUTFITS.total(outfit) <= (0, 60_000) for outfit in found)


# Of catalogues


COLORS = ["블랙", "검정", "화이트", "Grey", "핑크", "블랙/화이트", "무지개", None]
SUBS = {
    "상의": ["후드 티셔츠"],
    "아우터": ["카디건", "가디건"],
    "하의": ["데님 팬츠", "슬랙스"],
    "신발": ["로퍼", "샌들"],
}
ITEMS = st.tuples(
    st.sampled_from([(category, name) for category, names in SUBS.items() for name in names]),
    st.sampled_from(COLORS),
    st.sampled_from([SEASONS, SEASONS[:2], SEASONS[2:]]),
    st.sampled_from(["캐주얼", "포멀", None]),
    st.sampled_from([None, *range(10_000, 90_000, 10_000)]),
    st.sampled_from([True, False, False, None]),
    st.sampled_from([None, None, "Men", "Women", "Unisex"]),
)
WISHES = st.fixed_dictionaries(
    {},
    optional={
        "season": st.sampled_from(SEASONS), "category": st.sampled_from(list(SUBS)), "palette": st.sampled_from(["무채색", "뉴트럴", "톤온톤"]),
        "style": st.sampled_from(["캐주얼", "포멀"]), "gender": st.sampled_from(["Men", "women"]), "in_stock": st.booleans(),
        "max_total": st.integers(3, 14).map(lambda n: n * 10_000), "outfits": st.integers(1, 5),
    },
)  # fmt: skip


@settings(max_examples=120)
@given(
    st.lists(ITEMS, min_size=10, max_size=30),
    WISHES,
    st.sampled_from(SEASONS),
    st.sampled_from(list(SUBS)),
    st.randoms(),
)
def test_every_outfit_fulfils_every_wish(items, wishes, season, own, draw):
    lines = [(f"i{number}", *sort, *rest) for number, (sort, *rest, _) in enumerate(items)]
    rows = [row | {"gender": line[-1]} for row, line in zip(rows_of(*lines), items, strict=True)]
    index, wish = HeldIndex(rows), RECOMMEND.Wish(**wishes)
    near = like(index, "i0", "i1", "i2")
    allowed = [category for category in SUBS if category not in {own, wish.category} or not draw.randint(0, 3)]
    season, stock = wish.season or season, STOCK.stock_of(index)
    choices = {category: stock.worn(season, category) for category in draw.sample(allowed, 2)}
    recommend = {
        category: draw.sample(names, draw.randint(1, len(names))) for category, names in choices.items() if names
    }
    one = advice(season=season, category=own, **(recommend or {"신발": ["헬멧"]}))
    try:
        RECOMMEND.question(wish, near, index)
        if RECOMMEND.faults(one, wish, near, index):
            event("faults")
            return
        made = RECOMMEND.combine(one, wish, near, index)
    except NoMatch as why:
        event("no match")
        assert "Loosen one" in str(why) or "톤온톤" in str(why)
        return
    assert len(made.groups) <= wish.outfits and (made.groups or made.notes) and made.answer
    named = {category: {*map(stock.unified, names)} for category, names in recommend.items() if names}
    event(f"{len(made.groups)} outfits")
    every = {row["id"]: row for row in index.rows()}
    seen = [[hit.id for hit in group.hits] for group in made.groups]
    assert len({tuple(outfit) for outfit in seen}) == len(seen)
    for group in made.groups:
        assert {hit.row["category"] for hit in group.hits} == named.keys() and len(group.hits) == len(named)
        for hit in group.hits:
            row = every[hit.id]
            assert hit.row == {name: value for name, value in row.items() if name not in {"id", "picture"}}
            assert row["category"] != (wish.category or own) and one.season in row["seasons"]
            assert stock.unified(row["sub_category"]) in named[row["category"]]
            assert not (wish.in_stock and row["sold_out"])
            assert not (wish.gender and row["gender"] and row["gender"].lower() not in {wish.gender.lower(), "unisex"})
            if wish.palette and wish.palette != PALETTES.TONE_ON_TONE:
                assert TABLES.within(row["color"], TABLES.colors(wish.palette, None))
        if wish.max_total is not None:
            assert sum(hit.row["price"] for hit in group.hits) <= wish.max_total


def test_the_catalogue_is_counted_once_for_each_publication():
    index, other = HeldIndex(rows_of(*SHOP)), HeldIndex(rows_of(*SHOP[:5]))
    other.facts = index.facts
    assert STOCK.stock_of(index) is STOCK.stock_of(index)
    assert STOCK.stock_of(index).worn("봄", "신발") and not STOCK.stock_of(other).worn("봄", "신발")
    # What is published has the same facts where only the view was edited.
    index.table, index.facts = other.table, index.facts.model_copy()
    assert not STOCK.stock_of(index).worn("봄", "신발")


def suggested(**wishes):
    near = like(INDEX, "t1", "t2")
    return RECOMMEND.combine(advice(), RECOMMEND.Wish(season="봄", **wishes), near, INDEX)


def test_a_wish_that_leaves_nothing_is_named():
    assert suggested(palette="파스텔").notes == [
        "no 하의 is left: 2 items of 데님 팬츠 are worn in 봄; of these each wish alone leaves: in_stock 2, palette 파스텔 0. Loosen one",
        "no 신발 is left: 1 items of 로퍼 are worn in 봄; of these each wish alone leaves: in_stock 1, palette 파스텔 0. Loosen one",
    ]
    assert suggested(max_total=80_000).notes == ["max_total is 80,000 won; the cheapest outfit costs 91,000. Raise it"]
    assert suggested(style="히피").notes == ["no item that is left is 히피, so style decides nothing"]
    assert [len(suggested(**wish).groups) for wish in ({"max_total": 80_000}, {"max_total": 91_000}, {})] == [0, 1, 2]
    assert suggested(max_total=80_000).answer


def test_a_price_that_is_not_known_is_not_nothing():
    one = advice(season="여름", 하의=["데님 팬츠"], 신발=["샌들"])
    wish = {"season": "여름", "outfits": 1}
    (group,) = RECOMMEND.combine(one, RECOMMEND.Wish(**wish), like(INDEX, "t1", "t2"), INDEX).groups
    assert group.note == "합계 38,000원, 가격을 모르는 상품 1개"
    made = RECOMMEND.combine(one, RECOMMEND.Wish(**wish, max_total=10**9), like(INDEX, "t1", "t2"), INDEX)
    assert made.groups == [] and "max_total 1,000,000,000 0" in made.notes[0]


def test_style_is_preferred_and_leaves_nothing_out():
    first = {style: suggested(style=style).groups[0].hits[0].id for style in ("캐주얼", "스트릿")}
    assert first == {"캐주얼": "b1", "스트릿": "b2"} and len(suggested(style="캐주얼").groups) == 2


def test_the_item_itself_may_be_worn_in_other_seasons():
    made = RECOMMEND.combine(advice(season="봄"), RECOMMEND.Wish(season="봄"), INDEX.near("o2"), INDEX)
    assert made.notes == ["the item itself is worn in 겨울, not in 봄"] and made.groups


# Palettes


def test_colours_of_labels_yaml_are_the_palettes():
    assert TABLES.names == ["무채색", "뉴트럴", "어스", "파스텔", "비비드", "다크", "톤온톤"]
    mono = TABLES.colors("무채색", None)
    assert all(TABLES.within(one, mono) for one in ("블랙", "검정색", "Black", "회색", "블랙/화이트", "black · Grey"))
    assert not any(TABLES.within(one, mono) for one in ("레드", "블랙/레드", "무지개", "", None))
    assert TABLES.named("Pastel") == "파스텔" and TABLES.named("tone on tone") == "톤온톤" and TABLES.named("x") is None
    blue = TABLES.colors("톤온톤", "Navy Blue")
    assert TABLES.within("하늘색", blue) and not TABLES.within("핑크", blue)
    assert TABLES.colors("톤온톤", "무지개") is TABLES.colors("톤온톤", None) is None
    assert TABLES.agree("남색", "하늘색") and not TABLES.agree("레드", "스카이블루") and not TABLES.agree(None, "블랙")


@pytest.mark.parametrize(
    ("wish", "words"), [({}, "the item's is 무지개"), ({"category": "신발"}, "the item's is not known")]
)
def test_tone_on_tone_wants_a_hue(wish, words):
    odd = HeldIndex(rows_of(*SHOP, ("x", "상의", "후드 티셔츠", "무지개", SEASONS, None, 1, False)))
    with pytest.raises(NoMatch, match=words):
        RECOMMEND.question(RECOMMEND.Wish(palette="톤온톤", **wish), like(odd, "x"), odd)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("palettes: {무채색: {en: a, colors: []}}\nhues: {}", "at least 1 item"),
        ("palettes: {}", "hues: Field required"),
        ("palettes: {톤온톤: {en: a, colors: [블랙]}}\nhues: {}", "톤온톤 has no colours of its own"),
        ("palettes: {무채색: {colours: [블랙]}}\nhues: {}", "Extra inputs"),
    ],
)
def test_palettes_are_read_strictly(tmp_path, text, words):
    (tmp_path / "palettes.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "labels.yaml").write_text("color: {블랙: {}}", encoding="utf-8")
    with pytest.raises(CorpusError, match=words):
        PALETTES.Palettes(tmp_path / "palettes.yaml")

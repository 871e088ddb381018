"""Items of the catalogue as outfits: by what is recommended, and by what the customer wishes."""

from collections.abc import Mapping, Sequence

from mmdata.searching.facts import Hit, Index
from mmdata.serving.advising import Group, Suggestion

from .advice import goes
from .conditions import Conditions, Row, alone, conditions_of, fulfils
from .mentions import tells
from .outfits import Offer, Outfit, outfits, total
from .pictured import Pictured, pictured
from .spellings import key
from .stock import Stock, items, stock_of, whole
from .templates import answer
from .wishes import PALETTES, Advice, Wish

WORST = 3
"""Of an offer: another style, and a colour that does not agree."""


def combine(advice: Advice, wish: Wish, near: list[Hit], index: Index) -> Suggestion:
    """Outfits of what is recommended: an item of each category, all of which fulfil what is wished.

    Stock, palette, gender and the most that an outfit may cost are conditions. Style is a preference, as shoes have none:
    the wished one, else that of the items near the picture; so is, where no palette is wished, a colour that agrees with
    the item's. What suits better comes first, then what is cheaper.

    Raises:
        NoMatch: tone on tone is wished for, and the item in the picture has no one hue.
    """
    item, stock = pictured(near, wish.category), stock_of(index)
    conditions = conditions_of(wish, item)
    chosen = _chosen(advice, own_of(advice, wish, item), stock)
    found = {c: items(index, c, _spelled(stock, advice.season, c, names), advice.season) for c, names in chosen.items()}
    shelves = {category: [row for row in rows if fulfils(row, conditions)] for category, rows in found.items()}
    notes = []
    if wish.season and item.itself and wish.season not in item.seasons:
        notes.append(f"the item itself is worn in {', '.join(item.seasons)}, not in {wish.season}")
    groups: list[Group] = []
    if empty := [category for category, rows in shelves.items() if not rows]:
        notes += [_left(category, chosen[category], advice.season, found[category], conditions) for category in empty]
    else:
        offers = [[_offer(row, wish, item) for row in rows] for rows in shelves.values()]
        made = outfits(offers, wish.outfits, wish.max_total)
        rows = whole(index, {one.id for outfit in made for one in outfit})
        groups = [_group(number, outfit, rows) for number, outfit in enumerate(made, 1)]
        if not made and wish.max_total is not None:
            least = sum(min(one.price or 0 for one in shelf) for shelf in offers)
            notes.append(f"max_total is {wish.max_total:,} won; the cheapest outfit costs {least:,}. Raise it")
        if wish.style and not any(_is(one.row["style"], wish.style) for shelf in offers for one in shelf):
            notes.append(f"no item that is left is {wish.style}, so style decides nothing")
    return Suggestion(answer=_answer(advice, chosen, near, item), groups=groups, notes=notes)


def own_of(advice: Advice, wish: Wish, item: Pictured) -> set[str]:
    """The item's category. Where only the model and the neighbours speak of it, it may be either's."""
    sure = bool(wish.category) or item.itself
    return {one for one in (item.category, None if sure else advice.category) if one}


def _chosen(advice: Advice, own: set[str], stock: Stock) -> dict[str, list[str]]:
    """Category → names, each once and in one spelling. Whatever became of the answer: never the item's own category."""
    said = {c: names for c, names in advice.recommend.model_dump().items() if names and goes(c, advice.season, own)}
    return {c: list(dict.fromkeys(map(stock.unified, names))) for c, names in said.items()}


def _spelled(stock: Stock, season: str, category: str, names: Sequence[str]) -> set[str]:
    return {spelling for name in names for spelling in stock.spelled(season, category, name)}


def _left(category: str, names: Sequence[str], season: str, rows: Sequence[Row], conditions: Conditions) -> str:
    of = f"{len(rows):,} items of {', '.join(names)} are worn in {season}"
    return f"no {category} is left: {of}; of these {alone(rows, conditions)}. Loosen one"


def _offer(row: Row, wish: Wish, item: Pictured) -> Offer:
    style = wish.style or item.style
    worse = 0 if not style or _is(row["style"], style) else 1 if row["style"] is None else 2
    if wish.palette is None and item.color:
        worse += not PALETTES.agree(row["color"], item.color)
    return Offer(row["id"], worse, row["price"], row)


def _is(said: str | None, style: str) -> bool:
    return said is not None and key(said) == key(style)


def _group(number: int, outfit: Outfit, rows: Mapping[str, Row]) -> Group:
    unknown, known = total(outfit)
    more = f", 가격을 모르는 상품 {unknown}개" if unknown else ""
    hits = []
    for one in outfit:
        row = dict(rows[one.id])
        hits.append(Hit(id=row.pop("id"), score=round(1 - one.worse / WORST, 2), picture=row.pop("picture"), row=row))
    return Group(title=f"코디 {number}", hits=hits, note=f"합계 {known:,}원{more}")


def _answer(advice: Advice, chosen: Mapping[str, Sequence[str]], near: Sequence[Hit], item: Pictured) -> str:
    """As the model words it, if that names just what it recommends; else by rule."""
    known = item if item.category else pictured(near, advice.category)
    sub_category = known.sub_category or known.category or advice.category
    row = {"sub_category": sub_category, "color": known.color, "recommend": chosen}
    return advice.answer if tells(advice.answer, row) else answer(chosen, advice.season, sub_category, known.color)

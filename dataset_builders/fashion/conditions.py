"""What the customer's wishes ask of an item alone."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mmdata.serving.advising import NoMatch

from .palettes import TONE_ON_TONE
from .pictured import Pictured
from .spellings import key
from .wishes import PALETTES, Wish

Row = Mapping[str, Any]
Conditions = dict[str, Callable[[Row], bool]]
"""Of an item's sold_out, color, gender and price, by the wish's name."""
FOR_ALL = {key(word) for word in ("Unisex", "공용", "남녀공용", "유니섹스")}


def conditions_of(wish: Wish, item: Pictured) -> Conditions:
    """What an item must fulfil. What is not known of it counts for it as to stock and gender, against it as to colour
    and price: of an unknown price nobody can say what an outfit costs.

    Raises:
        NoMatch: tone on tone is wished for, and the item in the picture has no one hue.
    """
    made: Conditions = {}
    if wish.in_stock:
        made["in_stock"] = lambda row: not row["sold_out"]
    if wish.palette:
        colors = PALETTES.colors(wish.palette, item.color)
        if colors is None:
            said = f"the item's is {item.color}" if item.color else "the item's is not known"
            raise NoMatch(f"{TONE_ON_TONE} wants a colour of one hue: {said}. Wish for another palette")
        made[f"palette {wish.palette}"] = lambda row: PALETTES.within(row["color"], colors)
    if wish.gender:
        allowed = {key(wish.gender), *FOR_ALL}
        made[f"gender {wish.gender}"] = lambda row: not row["gender"] or key(row["gender"]) in allowed
    if wish.max_total is not None:
        most = wish.max_total
        made[f"max_total {most:,}"] = lambda row: row["price"] is not None and row["price"] <= most
    return made


def fulfils(row: Row, conditions: Conditions) -> bool:
    return all(holds(row) for holds in conditions.values())


def alone(rows: Iterable[Row], conditions: Conditions) -> str:
    """How many items each wish leaves, were there no other: which of them to loosen."""
    rows = list(rows)
    counts = ", ".join(f"{name} {sum(map(holds, rows)):,}" for name, holds in conditions.items())
    return f"each wish alone leaves: {counts}" if counts else "nothing is wished"

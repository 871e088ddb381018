"""What is known of the item in a picture: what the items near it have in common."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from mmdata.searching.facts import Hit

ITSELF = 0.999
"""Cosine from which on the nearest is the item itself: its picture, at most saved anew or kept in half precision."""


class Pictured(NamedTuple):
    """An item as its neighbours show it. None, or nothing, where they do not."""

    category: str | None
    """That all of them have."""
    sub_category: str | None = None
    color: str | None = None
    style: str | None = None
    seasons: tuple[str, ...] = ()
    """In which any of them is worn."""
    itself: bool = False
    """Whether it is an item of the catalogue."""


def pictured(near: Sequence[Hit], category: str | None = None) -> Pictured:
    """The item in the picture that these are near to: of most of them it has colour, style and sub-category.

    Args:
        near: the nearest first.
        category: of the item, where it is known: neighbours of others say nothing then.
    """
    itself = bool(near) and near[0].score >= ITSELF and category in {None, near[0].row["category"]}
    rows = [near[0].row] if itself else [hit.row for hit in near if category in {None, hit.row["category"]}]
    categories = {row["category"] for row in rows}
    category = category or (categories.pop() if len(categories) == 1 else None)
    seasons = dict.fromkeys(season for row in rows for season in row["seasons"] or ())
    return Pictured(
        category,
        _most([row["sub_category"] for row in rows]) if category else None,
        _most([row["color"] for row in rows]),
        _most([row["style"] for row in rows]),
        tuple(seasons),
        itself,
    )


def _most(values: Sequence[Any]) -> str | None:
    """The value that most of them have, the first of such; None where none is said."""
    counts = Counter(value for value in values if value is not None)
    return max(counts, key=counts.__getitem__) if counts else None

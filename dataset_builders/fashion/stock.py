"""What the catalogue of an index has, so that nothing is recommended that it has not."""

from collections.abc import Collection, Iterable, Sequence
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from mmdata.searching.facts import Facts, Index

from .conditions import Conditions, Row, fulfils
from .spellings import key, spellings_of
from .wishes import LABELS

ASKED = ("category", "color", "gender", "price", "sold_out", "sub_category")
"""What a wish asks of an item, and where it stands."""
_KEPT: WeakKeyDictionary[Index, tuple[Facts, "Stock"]] = WeakKeyDictionary()
"""The catalogue of each index that is open; its facts are other ones, though they may be equal, after a publication."""
_COUNTING = Lock()
_SPELLINGS = spellings_of(LABELS["sub_category"]) if "sub_category" in LABELS else {}


class Stock:
    """Sub-categories by season and category, as the catalogue spells them, and what kinds of items they have."""

    def __init__(self, rows: Iterable[Row]):
        self._worn: dict[tuple[str, str], dict[str, set[str]]] = {}
        self._kinds: dict[tuple[str, str, str], dict[tuple[Any, ...], Row]] = {}
        for row in rows:
            name = self._key(row["sub_category"])
            for season in row["seasons"] or ():
                place = season, row["category"]
                self._worn.setdefault(place, {}).setdefault(name, set()).add(row["sub_category"])
                kinds = self._kinds.setdefault((*place, name), {})
                kind = row["sold_out"], row["color"], row["gender"]
                kinds[kind] = _cheaper(kinds.get(kind, row), row)

    def worn(self, season: str, category: str, conditions: Conditions | None = None) -> list[str]:
        """One spelling of each sub-category of which items are worn in a season, sorted.

        Args:
            conditions: that at least one of its items must fulfil.
        """
        return sorted(
            min(names)
            for name, names in self._worn.get((season, category), {}).items()
            if any(fulfils(kind, conditions or {}) for kind in self._kinds[season, category, name].values())
        )

    def spelled(self, season: str, category: str, name: str) -> set[str]:
        """The catalogue's spellings of a name, however it is written; none where no item of it is worn then."""
        return set(self._worn.get((season, category), {}).get(self._key(name), ()))

    def unified(self, name: str) -> str:
        """A name as labels.yaml spells it."""
        return _SPELLINGS.get(key(name), name)

    def _key(self, name: str) -> str:
        return key(self.unified(name))


def stock_of(index: Index) -> Stock:
    """The catalogue of an index; counted once for each publication."""
    with _COUNTING:  # Clients that come together wait for one of them to count.
        facts = index.facts
        of, stock = _KEPT.get(index, (None, None))
        if stock is None or of is not facts:
            stock = Stock(index.rows(columns=(*ASKED, "seasons")))
            _KEPT[index] = facts, stock
        return stock


def items(index: Index, category: str, names: Iterable[str], season: str) -> Sequence[dict[str, Any]]:
    """The items of some sub-categories that are worn in a season, by their ids: what is asked of them, and their style.

    Args:
        names: as the catalogue spells them.
    """
    where = f"category = {_quoted(category)} and sub_category in {_listed(names)} and seasons = {_quoted(season)}"
    return index.rows(where, columns=(*ASKED, "style"))


def all_items(index: Index, season: str, but: str | None) -> Sequence[dict[str, Any]]:
    """The items of all categories but one that are worn in a season, and what is asked of them."""
    where = f"seasons = {_quoted(season)}" + (f" and category != {_quoted(but)}" if but else "")
    return index.rows(where, columns=ASKED)


def whole(index: Index, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """All values of some items, by their ids."""
    return {row["id"]: row for row in index.rows(f"id in {_listed(ids)}")} if ids else {}


def _listed(texts: Iterable[str]) -> str:
    return f"({', '.join(map(_quoted, sorted(texts)))})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _cheaper(one: Row, other: Row) -> Row:
    return min((one, other), key=lambda row: (row["price"] is None, row["price"] or 0))

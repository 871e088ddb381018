"""Outfits: one item of each category, the best first, within what they may cost together. Pure."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, product
from typing import Any, NamedTuple


class Offer(NamedTuple):
    """An item that may be chosen."""

    id: str
    worse: int
    """0: it suits; each that does not suit as well is worse by so many."""
    price: int | None
    """In won; None where it is not known."""
    row: Mapping[str, Any]


Outfit = tuple[Offer, ...]
Rank = tuple[int, int, int, tuple[str, ...]]


def rank(outfit: Outfit) -> Rank:
    """The smaller, the better: suits, then has no unknown price, then is cheap, then by ids, so that none are equal."""
    return (
        sum(one.worse for one in outfit),
        *total(outfit),
        tuple(one.id for one in outfit),
    )


def outfits(shelves: Sequence[Sequence[Offer]], most: int, max_total: int | None = None) -> list[Outfit]:
    """The best outfits.

    The next is always that which has the fewest items of those before it, and of such the one of the best rank: no item
    is in two outfits while there are others. All are looked at in effect, and few in fact: of the offers of a shelf that
    suit as well, an outfit has the cheapest unless that one is taken.

    Args:
        shelves: the offers of each category, in any order; ids are unique.
        most: outfits, at most.
        max_total: won that an outfit may cost; then none has an unknown price.
    """
    if not shelves:
        return []
    sorted_ = [sorted(_affordable(shelf, max_total), key=_order) for shelf in shelves]
    taken: list[Outfit] = []
    while len(taken) < most:
        used = {one.id for outfit in taken for one in outfit}
        best = min(_candidates(sorted_, used, taken, max_total), default=None)
        if best is None:
            break
        taken.append(best[2])
    return taken


def total(outfit: Outfit) -> tuple[int, int]:
    """How many of its prices are not known, and won that the others cost."""
    return sum(one.price is None for one in outfit), sum(one.price or 0 for one in outfit)


def _candidates(
    shelves: Sequence[Sequence[Offer]], used: set[str], taken: Sequence[Outfit], max_total: int | None
) -> Iterator[tuple[int, Rank, Outfit]]:
    """The best of each way to take from the shelves what is as often used, and suits as well: one of them is the best."""
    levels = []
    for shelf in shelves:
        again = sorted(shelf, key=lambda one: one.id in used)  # Stable: each part stays in order.
        levels.append([list(part) for _, part in groupby(again, key=lambda one: (one.id in used, one.worse))])
    for parts in product(*levels):
        found = next(_cheapest(parts, taken, max_total), None)
        if found is not None:
            yield sum(one.id in used for one in found), rank(found), found


def _cheapest(parts: Sequence[Sequence[Offer]], taken: Sequence[Outfit], max_total: int | None) -> Iterator[Outfit]:
    """Outfits of one offer of each part that are not taken yet, cheapest first, best first where prices are equal."""
    start = (0,) * len(parts)
    waiting = [(rank(_at(parts, start)), start)]
    seen = {start}
    while waiting:
        (_, _, price, _), places = heapq.heappop(waiting)
        if max_total is not None and price > max_total:
            return  # What comes after costs no less.
        outfit = _at(parts, places)
        if outfit not in taken:
            yield outfit
        for at, place in enumerate(places):
            after = (*places[:at], place + 1, *places[at + 1 :])
            if place + 1 < len(parts[at]) and after not in seen:
                seen.add(after)
                heapq.heappush(waiting, (rank(_at(parts, after)), after))


def _at(parts: Sequence[Sequence[Offer]], places: Sequence[int]) -> Outfit:
    return tuple(part[place] for part, place in zip(parts, places, strict=True))


def _affordable(shelf: Sequence[Offer], max_total: int | None) -> Iterator[Offer]:
    return (one for one in shelf if max_total is None or (one.price is not None and one.price <= max_total))


def _order(offer: Offer) -> tuple[int, bool, int, str]:
    return offer.worse, offer.price is None, offer.price or 0, offer.id

"""What goes with an item, by rule: each part drawn by a hash, from the seed and the item's own id alone."""

import heapq
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

from .facts import OUTER, SUMMER


def recommended(
    entries: Mapping[str, Sequence[str]], category: str, season: str, item: str, seed: int, most: int
) -> dict[str, list[str]]:
    """What goes with an item: nothing of its own category, no outerwear in summer, else at most `most`, sorted.

    Args:
        entries: category → sub-categories that are worn in the season.
    """
    return {
        other: sorted(drawn(set(names), most, f"{seed} {item} {season} {other}"))
        if goes(other, season, {category})
        else []
        for other, names in entries.items()
    }


def any_recommended(entries: Mapping[str, Sequence[str]], category: str, season: str) -> bool:
    """Whether anything goes with the items of a category."""
    return any(names and goes(other, season, {category}) for other, names in entries.items())


def drawn(names: set[str], most: int, key: str) -> list[str]:
    """At most so many of the names: those of the smallest hashes, whatever their order, on any machine.

    One name more or less changes only the answers that it comes into or goes out of.
    """
    if most >= len(names):
        return list(names)
    return heapq.nsmallest(most, names, key=lambda name: sha256(f"{key} {name}".encode()).digest())


def some_seasons(seasons: Sequence[str], most: int | None, item: str, seed: int) -> list[str]:
    """At most so many of an item's seasons, in their own order."""
    if most is None or most >= len(seasons):
        return list(seasons)
    kept = drawn(set(seasons), most, f"{seed} {item}")
    return [season for season in seasons if season in kept]


def goes(other: str, season: str, own: Collection[str]) -> bool:
    """Whether a category goes with an item whose category is one of `own`: never its own, no outerwear in summer."""
    return other not in own and not (season == SUMMER and other == OUTER)

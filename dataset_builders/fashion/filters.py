"""The filter: which sub-categories of each category are worn in each season, `{season: {category: [sub_category…]}}`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from mmdata import Finding, MmdataError
from mmdata.labels import LabelMap

from .facts import OUTER, SUMMER
from .spellings import key, tidy, unified

NAMED = 100
"""Spellings that a message lists."""
Entries = dict[str, dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Filter:
    """All the filter files of a source as one."""

    entries: Entries
    """season → category → sub-categories, sorted, in one spelling each. Every season and category is there."""
    spellings: dict[str, str]
    """Key → the one spelling."""

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """(category, sub-category), of whatever season."""
        return {
            (c, name) for by_category in self.entries.values() for c, names in by_category.items() for name in names
        }


def parse(content: bytes, place: str) -> dict[str, Any]:
    """A filter file. Raises MmdataError where it is none."""
    shape = 'a filter is {"봄": {"상의": ["후드 티셔츠", …], …}, …}. Correct it, or remove it from the source'
    try:
        raw = json.loads(_text(content), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise MmdataError(f"{place}: not readable as JSON: {error}; {shape}") from None
    good = isinstance(raw, dict) and all(
        isinstance(by_category, dict)
        and all(isinstance(names, list) and all(isinstance(n, str) for n in names) for names in by_category.values())
        for by_category in raw.values()
    )
    if not good:
        raise MmdataError(f"{place}: no filter; {shape}")
    return dict(raw)


def merged(
    files: Iterable[tuple[str, Mapping[str, Mapping[str, list[str]]]]],
    seasons: LabelMap,
    categories: LabelMap,
    known: Mapping[str, str],
) -> tuple[Filter, list[Finding]]:
    """Filter files as one, whatever their order; and what in them has no place.

    Args:
        files: (path, content) of each.
        known: key → spelling of labels.yaml's sub-categories.
    """
    said: dict[str, dict[str, set[str]]] = {s: {c: set() for c in categories.names} for s in seasons.names}
    lost: dict[str, int] = {}
    for path, content in files:
        for season, by_category in content.items():
            for category, names in by_category.items():
                at = said.get(seasons.named(season) or "", {}).get(categories.named(category) or "")
                if at is None:
                    where = f"{path}: {season} {category}"
                    lost[where] = lost.get(where, 0) + len(names)
                else:
                    at.update(made for name in names if (made := tidy(name)))
    every = sorted({name for by_category in said.values() for names in by_category.values() for name in names})
    spellings = dict(known)
    for name in every:  # The first of the sorted, whatever the files' order.
        spellings.setdefault(key(name), name)
    entries = {
        season: {category: sorted({unified(n, spellings) for n in names}) for category, names in by_category.items()}
        for season, by_category in said.items()
    }
    findings = []
    if lost:
        text = f"the filter has entries under what is no season or category of labels.yaml, left out: {listed(lost)}"
        findings.append(Finding.warning("filter", text, sorted(lost), sum(lost.values())))
    if summer := entries.get(SUMMER, {}).get(OUTER):
        text = f"the filter has {OUTER} for {SUMMER}, which is never recommended: {', '.join(summer)}"
        findings.append(Finding.warning("filter", text, summer, len(summer)))
    empty = [s for s, by_category in entries.items() if not any(by_category.values())]
    if empty and len(empty) < len(entries):
        text = f"the filter has nothing for {', '.join(empty)}: no item gets a row of that season"
        findings.append(Finding.warning("filter", text, empty, len(empty)))
    return Filter(entries, spellings), findings


def mismatches(
    filter: Filter, unmatched: Mapping[tuple[str, str], int], matched: set[tuple[str, str]]
) -> Iterator[Finding]:
    """Both sides of the join of catalogue and filter, by category.

    Args:
        unmatched: (category, spelling of the catalogue) → items, of those that are in no season of the filter.
        matched: (category, sub-category) that items have.
    """
    pairs = filter.pairs
    for category in next(iter(filter.entries.values())):
        counts = {spelling: n for (where, spelling), n in unmatched.items() if where == category}
        if counts:
            hints = {spelling: _hint(filter, spelling, category, pairs) for spelling in sorted(counts)[:NAMED]}
            text = (
                f"{category}: {len(counts)} spellings of {sum(counts.values()):,} items are in no season of the filter: "
                f"{listed(counts, hints)}. Write them into the filter, or into labels.yaml as aliases"
            )
            yield Finding.warning("sub-category not in the filter", text, sorted(counts), sum(counts.values()))
        if spare := sorted(name for where, name in pairs - matched if where == category):
            more = f", … and {len(spare) - NAMED} more" if len(spare) > NAMED else ""
            text = (
                f"{category}: {len(spare)} sub-categories of the filter match no item: {', '.join(spare[:NAMED])}{more}"
            )
            yield Finding.warning("filter entry without items", text, spare, len(spare))


def listed(counts: Mapping[str, int], hints: Mapping[str, str] | None = None) -> str:
    """후드 (7), 니트 (3): by name, at most NAMED."""
    shown = [f"{name} ({n:,}{(hints or {}).get(name, '')})" for name, n in sorted(counts.items())[:NAMED]]
    return ", ".join(shown) + (f", … and {len(counts) - NAMED} more" if len(counts) > NAMED else "")


def _hint(filter: Filter, spelling: str, category: str, pairs: set[tuple[str, str]]) -> str:
    name = unified(spelling, filter.spellings)
    if elsewhere := sorted(where for where, other in pairs if other == name and where != category):
        return f"; the filter has it under {', '.join(elsewhere)}"
    near = get_close_matches(name, sorted(other for where, other in pairs if where == category), n=1, cutoff=0.5)
    return f"; like {near[0]}?" if near else ""


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp949")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} is there twice")
    return made

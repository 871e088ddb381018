"""What a check is: one function, its level, and what it gives back."""

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from ..names import printable
from .report import Level
from .slices import Slice


class Hit(NamedTuple):
    """One fault, at a row given by its number in the release (None: at none)."""

    number: int | None
    message: str
    excerpt: str = ""


@dataclass
class Hits:
    """What a check found."""

    judged: int = 0
    """Rows, answers or pictures that it looked at."""
    found: int = 0
    first: list[Hit] = field(default_factory=list)
    """At most as many as the limit."""
    could_not: list[str] = field(default_factory=list)
    """What it could not judge, and why."""

    @classmethod
    def of(cls, judged: int, hits: Sequence[Hit], limit: int, could_not: str = "") -> "Hits":
        return cls(judged, len(hits), list(hits[:limit]), [could_not] if could_not else [])

    def moved(self, rows: int) -> "Hits":
        """The same, where so many other rows come before its own."""
        moved = [hit._replace(number=hit.number + rows) if hit.number is not None else hit for hit in self.first]
        return Hits(self.judged, self.found, moved, self.could_not)


class Answers(NamedTuple):
    """What is left of a prompt's answers when all slices have been looked at."""

    limit: int
    id: Callable[[int], str]
    """Row number → id."""
    text: Callable[[int], str]
    """Row number → its answer as it stands."""


@dataclass(frozen=True)
class Check:
    """One check. Its name and what is said of it come from the function."""

    level: Level
    look: Callable[..., Any]
    sum_up: Callable[[list[Any], Answers], Hits] | None = None
    """For a check that needs all slices: takes what `look` gave for each. Else `look` gives Hits."""

    @property
    def name(self) -> str:
        return self.look.__name__.replace("_", " ")

    @property
    def doc(self) -> str:
        """First paragraph of the docstring, on one line."""
        return " ".join((inspect.getdoc(self.look) or "").split("\n\n")[0].split())


def summed(parts: Sequence[Hits], limit: int) -> Hits:
    """The hits of several slices, or prompts, as one."""
    first = [hit for part in parts for hit in part.first][:limit]
    notes = Counter(note for part in parts for note in part.could_not)
    return Hits(sum(p.judged for p in parts), sum(p.found for p in parts), first, list(notes))


def excerpt(text: str, start: int = 0, end: int | None = None, around: int = 40) -> str:
    """The text about a place, on one line, the place between « and »; the head of the text, without a place."""
    if end is None:
        head = text[: 2 * around].replace("\n", " ")
        return head + ("…" if len(text) > 2 * around else "")
    before, after = text[max(0, start - around) : start], text[end : end + around]
    marked = f"{before}«{text[start:end][:200]}»{after}"
    cut = ("…" if start > around else "") + marked + ("…" if end + around < len(text) else "")
    return cut.replace("\n", " ")


def matching(some: Slice, pattern: str, message: str, *, column: str = "text") -> Hits:
    """A fault at the first place of each text that a (Rust) regular expression matches; `{}` stands for what matched."""
    return located(some, pattern, message, some.texts[column].str.contains(pattern), column=column)


def located(some: Slice, pattern: str, says: str | Sequence[str], mask: pl.Series, *, column: str = "text") -> Hits:
    """A fault for each text where the mask holds, at the pattern's first match.

    Args:
        says: the message, or that of each such text in order, as far as the limit goes.
    """
    wrong = some.texts.filter(mask)
    there = pl.col(column)
    shown = wrong.head(some.limit).select(
        "number", "field", column, at=there.str.find(pattern), match=there.str.extract(f"({pattern})", 1)
    )
    first = []
    for n, (number, name, text, at, match) in enumerate(shown.iter_rows()):
        start = len(text.encode()[: at or 0].decode())  # polars counts bytes.
        say = says.replace("{}", printable(match or "")) if isinstance(says, str) else says[n]
        first.append(Hit(number, in_field(name) + say, excerpt(text, start, start + len(match or ""))))
    return Hits(len(some.texts), len(wrong), first)


def at_texts(some: Slice, mask: pl.Series, message: str | pl.Series, could_not: str = "") -> Hits:
    """A fault for each text where the mask holds."""
    says = message if isinstance(message, pl.Series) else pl.Series([message]).new_from_index(0, len(mask))
    wrong = some.texts.with_columns(says=says).filter(mask)
    first = [
        Hit(number, in_field(name) + say, excerpt(text))
        for number, name, text, say in wrong.head(some.limit).select("number", "field", "text", "says").iter_rows()
    ]
    return Hits(len(mask), len(wrong), first, [could_not] if could_not else [])


def at_rows(some: Slice, statuses: Sequence[str], message: str) -> Hits:
    """A fault for each row whose answer is in one of these states; `{}` stands for the kind."""
    wrong = some.rows.filter(pl.col("status").is_in(statuses))
    first = [
        Hit(number, message.replace("{}", f"{status}: {kind}" if kind else status))
        for number, status, kind in wrong.head(some.limit).select("number", "status", "kind").iter_rows()
    ]
    return Hits(len(some.rows), len(wrong), first)


def in_field(name: str) -> str:
    return f"field {name}: " if name else ""

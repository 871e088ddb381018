"""`where`: one small grammar of filters, with the same meaning in a file, in PostgreSQL and over HTTP.

    seasons = '여름' and price < 50000
    not (brand in ('A', 'B') or title like '%원피스%') and discount is not null

    = != <> < <= > >=   in, not in   between   like, ilike   is null, is not null   and, or, not, ( )

Names stand as they are, or in double quotes; text in single quotes; numbers; true and false. Nothing else is let
through, and values reach PostgreSQL as parameters only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlglot
from sqlglot import exp

from ..errors import MmdataError
from .conditions import Compared, Flag, Joined, Not, Part
from .facts import Column
from .grammar import GRAMMAR, Node, Reader, Wrong, quoted

if TYPE_CHECKING:
    from psycopg.sql import Composed

LENGTH = 2000
"""Letters that a filter may have."""
NESTING = 30
"""Brackets, `not` or minus within one another that it may have; sqlglot needs twenty Python frames for each."""


class FilterError(MmdataError):
    """A filter is none: a mistake of who asks."""


@dataclass(frozen=True)
class Where:
    """A filter that its columns allow."""

    text: str
    condition: Part

    @property
    def polars(self) -> pl.Expr:
        """True, false or null of each row; `filter` keeps those that are true."""
        return self.condition.polars

    @property
    def postgres(self) -> "tuple[Composed, list[Any]]":
        """What may stand after WHERE, and its parameters in order. It needs psycopg."""
        from psycopg.sql import SQL

        condition, values = self.condition.postgres
        return SQL("({})").format(condition), values

    @cached_property
    def names(self) -> frozenset[str]:
        """Columns that it asks for."""
        return frozenset(_names(self.condition))


def parse(text: str, columns: Sequence[Column]) -> Where:
    """The filter that a text is.

    Raises:
        FilterError: it is none; it names a column that is not there, or compares one with what it cannot be.
    """
    try:
        where = Where(text, Reader(columns).condition(_tree(text)))
        if where.names:
            return where
        what = "it asks of no column"
    except Wrong as error:
        what = str(error)
    except RecursionError:
        what = "it is nested too deeply. Use fewer brackets"
    shown = text if len(text) <= 200 else text[:199] + "…"
    choices = ", ".join(quoted(column.name) for column in columns) or "no column"
    example = next((quoted(c.name) for c in columns if c.kind in ("text", "texts") and c.name != "id"), "name")
    raise FilterError(
        f"where {shown!r}: {what}. It may use: {choices}; text stands in single quotes: {example} = '건선'"
    )


def _tree(text: str) -> Node:
    if len(text) > LENGTH:
        raise Wrong(f"it has {len(text):,} letters, and may have {LENGTH:,}")
    if "\0" in text or any(0xD800 <= ord(letter) < 0xE000 for letter in text):
        raise Wrong("it holds bytes that are no text")
    if not text.strip():
        raise Wrong("it is empty")
    try:
        tokens = sqlglot.tokenize(text)
        depth = deepest = before = 0
        for token in tokens:
            depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
            before = before + 1 if token.text.lower() in ("not", "-") else 0
            deepest = max(deepest, depth + before)
            if token.text == ";" and token.token_type.name == "SEMICOLON":
                raise Wrong("it is one filter only, without a semicolon")
            if token.comments:
                raise Wrong(f"the comment {token.comments[0].strip()!r} has no place in a filter")
        if deepest > NESTING:
            raise Wrong(f"it is nested {deepest} deep, and may be {NESTING} deep")
        return sqlglot.parse_one(text, into=exp.Condition)
    except sqlglot.errors.SqlglotError as error:
        notes = getattr(error, "errors", None) or [{}]
        near = (notes[0].get("highlight") or "").strip()
        at = f" near {near!r}" if near else ""
        raise Wrong(f"it cannot be read{at}. {GRAMMAR}; a column named like a word of SQL in double quotes") from None


def _names(part: Part) -> set[str]:
    match part:
        case Not():
            return _names(part.part)
        case Joined():
            return set().union(*map(_names, part.parts))
        case Flag():
            return {part.of.name} if isinstance(part.of, Column) else set()
        case Compared() if isinstance(part.value, Column):
            return {part.column.name, part.value.name}
        case _:
            return {part.column.name}

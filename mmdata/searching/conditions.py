"""What a filter asks, as a tree that becomes a polars expression or PostgreSQL's, with one meaning in both.

Logic is SQL's, of three values: what is asked of a null is neither true nor false. Texts compare by code point;
`ilike` takes A to Z for a to z, and no other letters for one another. Of a list of texts `=`, `in` and `like` hold
where they do of any of them.
"""

import hashlib
import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from .facts import Column

if TYPE_CHECKING:
    from psycopg.sql import Composable

    Sql = tuple[Composable, list[Any]]

Value = str | int | float | bool
Sign = Literal["=", "!=", "<", "<=", ">", ">="]
TYPES: dict[str, pl.DataType] = {
    "text": pl.String(),
    "whole": pl.Int64(),
    "real": pl.Float64(),
    "flag": pl.Boolean(),
    "texts": pl.List(pl.String()),
}
"""Kind → type that a column is compared as; a column of nothing but nulls may have any."""
OTHERS = "mmdata_others"
"""Column of PostgreSQL's table that holds, as JSON, the values that have none of their own; a null is left out."""
DIGEST = "mmdata_digest"
"""Column of PostgreSQL's table that tells whether a row has changed."""
_TAKEN = {OTHERS, DIGEST, "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}


def identifier(name: str) -> str:
    """A column's name in PostgreSQL: its own, unless PostgreSQL or psycopg could not have it so.

    That is one of over 63 bytes, one of PostgreSQL's own, or with a percent sign (psycopg takes it for a parameter).
    """
    if name and len(name.encode()) <= 63 and name not in _TAKEN and not re.search(r"[%\0]", name):
        return name
    return "column_" + hashlib.sha256(name.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Compared:
    """A column and a value, or another column, neither of them a list."""

    column: Column
    sign: Sign
    value: Value | Column

    @property
    def polars(self) -> pl.Expr:
        left = _polars(self.column)
        right = _polars(self.value) if isinstance(self.value, Column) else pl.lit(self.value)
        match self.sign:
            case "=":
                return left == right
            case "!=":
                return left != right
            case "<":
                return left < right
            case "<=":
                return left <= right
            case ">":
                return left > right
            case ">=":
                return left >= right

    @property
    def postgres(self) -> "Sql":
        if isinstance(self.value, Column):
            return _sql(f"{{}} {self.sign} {{}}", _name(self.column), _name(self.value)), []
        return _sql(f"{{}} {self.sign} %s", _name(self.column)), [self.value]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A column has one of these values; a list of texts has one of them in it."""

    column: Column
    values: Sequence[Value]

    @property
    def polars(self) -> pl.Expr:
        if self.column.kind == "texts":
            # Null where the list is: `is_in` alone asks of the elements only.
            return _polars(self.column).list.set_intersection(list(self.values)).list.len() > 0
        column = _polars(self.column)
        if self.column.kind == "whole" and isinstance(self.values[0], float):
            column = column.cast(pl.Float64)
        return column.is_in(list(self.values))

    @property
    def postgres(self) -> "Sql":
        if self.column.kind == "texts":
            return _sql("{} && %s::text[]", _name(self.column)), [list(self.values)]
        kind = {str: "text", int: "bigint", float: "float8", bool: "boolean"}[type(self.values[0])]
        return _sql(f"{{}} = ANY(%s::{kind}[])", _name(self.column)), [list(self.values)]


@dataclass(frozen=True, slots=True)
class Like:
    """A text is as a pattern says: % any letters, _ one letter, and a backslash before a letter that is meant."""

    column: Column
    pattern: str
    folded: bool
    """Whether A to Z stand for a to z."""

    @property
    def polars(self) -> pl.Expr:
        wanted = _regex(self.pattern, self.folded)
        if self.column.kind == "texts":
            return _polars(self.column).list.eval(pl.element().str.contains(wanted)).list.any()
        return _polars(self.column).str.contains(wanted)

    @property
    def postgres(self) -> "Sql":
        like = "ILIKE" if self.folded else "LIKE"
        name = _name(self.column)
        if self.column.kind == "texts":
            any_of = f'EXISTS (SELECT FROM unnest({{}}) AS element WHERE element COLLATE "C" {like} %s)'
            return _sql(f"CASE WHEN {{}} IS NOT NULL THEN {any_of} END", name, name), [self.pattern]
        return _sql(f"{{}} {like} %s", name), [self.pattern]


@dataclass(frozen=True, slots=True)
class Null:
    """A column has no value."""

    column: Column

    @property
    def polars(self) -> pl.Expr:
        return pl.col(self.column.name).is_null()

    @property
    def postgres(self) -> "Sql":
        if self.column.kind == "other":
            return _sql("{} -> %s IS NULL", _sql_name(OTHERS)), [self.column.name]
        return _sql("{} IS NULL", _name(self.column)), []


@dataclass(frozen=True, slots=True)
class Flag:
    """A column is true; or what is always so, or never."""

    of: Column | bool

    @property
    def polars(self) -> pl.Expr:
        return _polars(self.of) if isinstance(self.of, Column) else pl.lit(self.of)

    @property
    def postgres(self) -> "Sql":
        return (_name(self.of), []) if isinstance(self.of, Column) else (_sql("TRUE" if self.of else "FALSE"), [])


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    part: "Part"

    @property
    def polars(self) -> pl.Expr:
        return ~self.part.polars

    @property
    def postgres(self) -> "Sql":
        part, values = self.part.postgres
        return _sql("NOT ({})", part), values


@dataclass(frozen=True, slots=True)
class Joined:
    """All of them hold, or any."""

    how: Literal["AND", "OR"]
    parts: Sequence["Part"]

    @property
    def polars(self) -> pl.Expr:
        join = pl.all_horizontal if self.how == "AND" else pl.any_horizontal
        return join([part.polars for part in self.parts])

    @property
    def postgres(self) -> "Sql":
        parts = [part.postgres for part in self.parts]
        between = _sql(f") {self.how} (")
        return _sql("({})", between.join([part for part, _ in parts])), [v for _, values in parts for v in values]


Part = Compared | AnyOf | Like | Null | Flag | Not | Joined


def _polars(column: Column) -> pl.Expr:
    return pl.col(column.name).cast(TYPES[column.kind])


def _regex(pattern: str, folded: bool) -> str:
    parts = []
    for escaped, letter in re.findall(r"(\\?)(.)", pattern, re.DOTALL):
        if letter in "%_" and not escaped:
            parts.append(".*" if letter == "%" else ".")
        elif folded and letter.isascii() and letter.isalpha():
            parts.append(f"[{letter.lower()}{letter.upper()}]")
        else:
            parts.append(re.escape(letter))
    return rf"(?s)\A{''.join(parts)}\z"


def _name(column: Column) -> "Composable":
    return _sql_name(identifier(column.name))


def _sql_name(name: str) -> "Composable":
    return importlib.import_module("psycopg.sql").Identifier(name)  # type: ignore[no-any-return]


def _sql(text: str, *parts: Any) -> Any:
    sql = importlib.import_module("psycopg.sql").SQL(text)
    return sql.format(*parts) if parts else sql

"""What sqlglot read, as a condition: each kind of node is let through by name, and compared as its column allows."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import sqlglot
from sqlglot import exp

from .conditions import AnyOf, Compared, Flag, Joined, Like, Not, Null, Part, Sign, Value
from .facts import Column

KINDS = {
    "text": "text",
    "whole": "a whole number",
    "real": "a number",
    "flag": "true or false",
    "texts": "a list of texts",
    "other": "neither text nor number, and can only be asked for null",
}
SIGNS: dict[type[Any], Sign] = {
    exp.EQ: "=", exp.NEQ: "!=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
TURNED: dict[Sign, Sign] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""What a comparison is with its sides changed."""
GRAMMAR = "A filter compares columns with values (=, <, in, between, like, is null), joined by and, or, not"


Node = Any
"""One of sqlglot's, whose common class has had more than one name."""


class Wrong(Exception):
    """What is wrong, without where it stands."""


class Reader:
    """Makes conditions of nodes; raises Wrong where one has no place, or a value is not of its column's kind."""

    def __init__(self, columns: Sequence[Column]):
        self._columns = {column.name: column for column in columns}
        self._rules: dict[type[Any], tuple[set[str], Callable[[Any], Part]]] = {
            exp.Paren: ({"this"}, lambda node: self.condition(node.this)),
            exp.And: ({"this", "expression"}, lambda node: self._joined("AND", node)),
            exp.Or: ({"this", "expression"}, lambda node: self._joined("OR", node)),
            exp.Not: ({"this"}, lambda node: Not(self.condition(node.this))),
            exp.Column: ({"this"}, self._flag),
            exp.Boolean: ({"this"}, lambda node: Flag(bool(node.this))),
            exp.In: ({"this", "expressions"}, self._in),
            exp.Between: ({"this", "low", "high"}, self._between),
            exp.Like: ({"this", "expression", "negate"}, self._like),
            exp.ILike: ({"this", "expression", "negate"}, self._like),
            exp.Is: ({"this", "expression"}, self._null),
            **{kind: ({"this", "expression"}, self._compared) for kind in SIGNS},
        }

    def condition(self, node: Node) -> Part:
        if (rule := self._rules.get(type(node))) is None:
            raise _no_place(node)
        allowed, read = rule
        if any(value not in (None, False, []) and key not in allowed for key, value in node.args.items()):
            raise _no_place(node)
        return read(node)

    def _joined(self, how: Any, node: Node) -> Part:
        return Joined(how, [self.condition(part) for part in node.flatten(unnest=False)])

    def _flag(self, node: exp.Column) -> Part:
        column = self._column(node)
        if column.kind != "flag":
            raise Wrong(f"{column.name} is {KINDS[column.kind]}; a condition is true or false")
        return Flag(column)

    def _compared(self, node: Node) -> Part:
        sign, left, right = SIGNS[type(node)], _bare(node.this), _bare(node.expression)
        if not isinstance(left, exp.Column):
            if not isinstance(right, exp.Column):
                raise Wrong(f"{_written(node)} compares no column")
            sign, left, right = TURNED[sign], right, left
        column = self._column(left)
        if isinstance(right, exp.Column):
            return self._pair(column, sign, self._column(right))
        if column.kind == "texts" and sign in ("=", "!="):
            found = AnyOf(column, [self._value(column, right)])
            return found if sign == "=" else Not(found)
        if column.kind == "texts" or (column.kind == "flag" and sign not in ("=", "!=")):
            raise Wrong(f"{column.name} is {KINDS[column.kind]}, and is not less or more than another")
        return Compared(column, sign, self._value(column, right))

    def _pair(self, left: Column, sign: Sign, right: Column) -> Part:
        numbers = {left.kind, right.kind} <= {"whole", "real"}
        if not numbers and not (left.kind == right.kind == "text"):
            raise Wrong(f"{left.name} is {KINDS[left.kind]}, {right.name} is {KINDS[right.kind]}: they do not compare")
        return Compared(left, sign, right)

    def _in(self, node: exp.In) -> Part:
        column = self._column(node.this)
        if not node.expressions:
            raise Wrong(f"`in` wants values in brackets: {quoted(column.name)} in (…, …)")
        values = [self._value(column, _bare(value)) for value in node.expressions]
        if any(isinstance(value, float) for value in values):
            return AnyOf(column, [float(value) for value in values])
        return AnyOf(column, values)

    def _between(self, node: exp.Between) -> Part:
        column = self._column(node.this)
        if column.kind not in ("text", "whole", "real"):
            raise Wrong(f"{column.name} is {KINDS[column.kind]}, and is not between others")
        low, high = (self._value(column, _bare(node.args[end])) for end in ("low", "high"))
        return Joined("AND", [Compared(column, ">=", low), Compared(column, "<=", high)])

    def _like(self, node: Node) -> Part:
        column, pattern = self._column(node.this), _bare(node.expression)
        if column.kind not in ("text", "texts"):
            raise Wrong(f"{column.name} is {KINDS[column.kind]}; `like` asks of texts")
        wanted = str(self._value(column, pattern))
        if (len(wanted) - len(wanted.rstrip("\\"))) % 2:
            raise Wrong(f"the pattern {wanted!r} ends in a backslash; one that is meant is written twice")
        found = Like(column, wanted, isinstance(node, exp.ILike))
        return Not(found) if node.args.get("negate") else found

    def _null(self, node: exp.Is) -> Part:
        if not isinstance(node.expression, exp.Null):
            raise Wrong("`is` asks for null only. For true and false: name = true")
        return Null(self._column(node.this, any_kind=True))

    def _column(self, node: Node, any_kind: bool = False) -> Column:
        node = _bare(node)
        if not isinstance(node, exp.Column) or node.args.get("table"):
            raise Wrong(f"{_written(node)} is no column, where one must stand")
        if (column := self._columns.get(node.name)) is None:
            raise Wrong(f"there is no column {node.name!r}")
        if column.kind == "other" and not any_kind:
            raise Wrong(f"{column.name} is {KINDS['other']}")
        return column

    def _value(self, column: Column, node: Node) -> Value:
        minus = 0
        while isinstance(node, exp.Neg):
            minus, node = minus + 1, _bare(node.this)
        match node:
            case exp.Boolean() if not minus:
                value: Value = bool(node.this)
            case exp.Literal() if node.is_string and not minus:
                value = str(node.this)
            case exp.Literal() if not node.is_string:
                value = _number(node.this) * (-1) ** minus
            case exp.Null():
                raise Wrong(f"nothing equals null. Ask: {quoted(column.name)} is null, or is not null")
            case exp.Column():
                raise Wrong(f"{node.name!r} is a column's name, where a value must stand")
            case _:
                raise _no_place(node)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = {"flag": isinstance(value, bool), "whole": is_number, "real": is_number}
        if not fits.get(column.kind, isinstance(value, str)):
            what = "text" if isinstance(value, str) else "a number" if is_number else "true or false"
            said = repr(value) if not isinstance(value, bool) else str(value).lower()
            raise Wrong(f"{column.name} is {KINDS[column.kind]}; {said} is {what}")
        return float(value) if column.kind == "real" else value


def _bare(node: Node) -> Node:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _number(digits: str) -> int | float:
    try:
        value: int | float = int(digits)
    except ValueError:
        value = float(digits)
    if abs(value) >= 2**63:
        value = float(value)  # A column of whole numbers holds none so large, and no backend another's integers.
    if math.isinf(value):
        raise Wrong(f"the number {digits} is too large")
    return value


def _no_place(node: Node) -> Wrong:
    return Wrong(f"{_written(node)} has no place in a filter. {GRAMMAR}")


def _written(node: Node) -> str:
    try:
        text = " ".join(node.sql(comments=False).split())
    except (RecursionError, sqlglot.errors.SqlglotError):
        text = type(node).__name__
    return repr(text if len(text) <= 60 else text[:59] + "…")


def quoted(name: str) -> str:
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'

"""Values of entries as columns, whose kinds are known once all were seen; a chunk at a time is Python's, the rest Arrow's."""

import base64
import json
import math
from collections.abc import Mapping
from datetime import date, time
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .facts import Column, Kind

AT_ONCE = 4096
"""Entries whose values are Python's, at most."""
ARROW: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "whole": pa.int64(),
    "real": pa.float64(),
    "flag": pa.bool_(),
    "texts": pa.list_(pa.string()),
    "other": pa.string(),
}
"""What an entry's value of a kind is stored as: "other" as JSON."""
EXACT = 2**53
"""Whole numbers beyond it, either way, are not all numbers with a fraction."""


class Columns:
    """Rows of values, some of them missing, to become a table."""

    def __init__(self) -> None:
        self._chunks: list[tuple[dict[str, Kind | None], dict[str, pa.Array], int]] = []
        self._rows: list[Mapping[str, Any]] = []

    def add(self, row: Mapping[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) == AT_ONCE:
            self._pack()

    def table(self) -> tuple[list[Column], pa.Table]:
        """The kinds and the values, in the order in which columns were first seen."""
        self._pack()
        seen: dict[str, Kind | None] = {}
        for kinds, _, _ in self._chunks:
            for name, kind in kinds.items():
                seen[name] = _common(seen.get(name), kind)
        for name in [name for name, kind in seen.items() if kind == "real"]:
            if any(kinds.get(name) == "whole" and _beyond(arrays[name]) for kinds, arrays, _ in self._chunks):
                seen[name] = "other"
        columns = [Column(name=name, kind=kind or "text") for name, kind in seen.items()]
        made = {
            column.name: pa.chunked_array(
                [
                    _as(column.kind, kinds.get(column.name), arrays.get(column.name), rows)
                    for kinds, arrays, rows in self._chunks
                ],
                ARROW[column.kind],
            )
            for column in columns
        }
        return columns, pa.table(made)

    def _pack(self) -> None:
        names = dict.fromkeys(name for row in self._rows for name in row)
        kinds: dict[str, Kind | None] = {}
        arrays = {}
        for name in names:
            values = [_storable(row.get(name)) for row in self._rows]
            kinds[name] = kind = _kind_of_all(values)
            arrays[name] = _packed(values, kind)
        if self._rows:
            self._chunks.append((kinds, arrays, len(self._rows)))
        self._rows = []


def unpacked(rows: list[dict[str, Any]], columns: list[Column]) -> list[dict[str, Any]]:
    """Rows of such a table as they were: what is kept as JSON is a value again."""
    others = [column.name for column in columns if column.kind == "other"]
    for row in rows:
        for name in others:
            if row[name] is not None:
                row[name] = json.loads(row[name])
    return rows


def _packed(values: list[Any], kind: Kind | None) -> pa.Array:
    if kind == "other":
        values = [None if value is None else _json(value) for value in values]
    return pa.array(values, ARROW[kind] if kind else pa.null())


def _as(kind: Kind, before: Kind | None, array: pa.Array | None, rows: int) -> pa.Array:
    if array is None or before is None:
        return pa.nulls(rows, ARROW[kind])
    if kind == "other" and before != "other":
        return _packed(array.to_pylist(), "other")
    return array.cast(ARROW[kind])


def _kind_of_all(values: list[Any]) -> Kind | None:
    kind: Kind | None = None
    for value in values:
        if kind == "other":
            break
        kind = _common(kind, _kind(value))
    if kind == "real" and any(isinstance(value, int) and abs(value) > EXACT for value in values):
        return "other"
    return kind


def _beyond(whole: pa.Array) -> bool:
    """Whether some of these whole numbers would be others as numbers with a fraction."""
    ends = pc.min_max(whole).as_py()
    return ends["min"] is not None and (ends["min"] < -EXACT or ends["max"] > EXACT)


def _common(one: Kind | None, other: Kind | None) -> Kind | None:
    if one is None or other is None or one == other:
        return one or other
    return "real" if {one, other} == {"whole", "real"} else "other"


def _kind(value: Any) -> Kind | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int):
        return "whole" if -(2**63) <= value < 2**63 else "other"
    if isinstance(value, float):
        return "real"
    if isinstance(value, str):
        return "text"
    return "texts" if isinstance(value, list) and all(isinstance(one, str) for one in value) else "other"


def _storable(value: Any) -> Any:
    """The value in JSON's types: a date as ISO 8601 has it, bytes in base 64, what is no number as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {str(key): _storable(one) for key, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list | tuple) else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

"""A release on disk, read without `datasets`: light to import, a little of it at a time."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .manifest import Manifest
from .row_index import INDEX

ROWS = 256
"""Read at a time, where pictures are not read."""
PICTURES = 16
"""Read at a time, where they are."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a release, its pictures by their hashes."""

    split: str
    number: int
    """Place in the split."""
    id: str
    place: str
    """Where it came from in the source."""
    values: dict[str, Any]
    """The fields that were asked for; a label is its class name."""
    pictures: dict[str, list[str]]
    """Picture field → sha256 of its picture, or of each in its list."""


class Release:
    """A release, by its folder and manifest."""

    def __init__(self, corpus: Path, manifest: Manifest, folder: Path | None = None):
        """The files are in `folder`; by default where the corpus folder keeps releases."""
        self.manifest, self.folder = manifest, folder or corpus / "data" / manifest.version
        self.kinds = {feature["name"]: _kind(feature) for feature in manifest.features}
        """Field → "image" (one, or a list), "label", "text", "number" or "other"."""

    @cached_property
    def classes(self) -> dict[str, list[str]]:
        """Label field → class names in order."""
        return {f["name"]: names for f in self.manifest.features if (names := _classes(f)) is not None}

    @cached_property
    def picture_fields(self) -> list[str]:
        """Columns that hold pictures, at any depth."""
        columns = ({key: part for key, part in f.items() if key != "name"} for f in self.manifest.features)
        return [f["name"] for f, column in zip(self.manifest.features, columns, strict=True) if _holds_image(column)]

    def rows(self, fields: Sequence[str] = ()) -> Iterator[Row]:
        """All rows in order, with these fields' values."""
        index = self._index()
        for shard in self.manifest.files:
            with pq.ParquetFile(self.folder / shard.path, pre_buffer=False) as file:
                for batch in file.iter_batches(ROWS, columns=list(fields) or [file.schema_arrow.names[0]]):
                    columns = {name: self._named(name, batch.column(name)) for name in fields}
                    for n, entry in enumerate(itertools.islice(index, batch.num_rows)):
                        yield Row(
                            entry["split"], entry["number"], entry["id"], entry["place"],
                            {name: column[n] for name, column in columns.items()},
                            _by_field(entry["pictures"]),
                        )  # fmt: skip

    def pictures(self, field: str, wanted: Iterator[Row]) -> Iterator[tuple[Row, list[bytes]]]:
        """The pictures in one field of some rows, given in the order of the release."""
        row = next(wanted, None)
        start = 0
        split = ""
        for shard in self.manifest.files:
            start = start if shard.split == split else 0
            split = shard.split
            end = start + shard.rows
            if row is not None and row.split == split and row.number < end:
                with pq.ParquetFile(self.folder / shard.path, pre_buffer=False, buffer_size=1 << 20) as file:
                    first = start
                    for group in range(file.num_row_groups):
                        rows = file.metadata.row_group(group).num_rows
                        if row is None or row.split != split or row.number >= end:
                            break
                        if row.number < first + rows:
                            at = first
                            for batch in file.iter_batches(PICTURES, row_groups=[group], columns=[field]):
                                column = batch.column(0)
                                while row is not None and row.split == split and row.number < at + batch.num_rows:
                                    yield row, _bytes_in(column[row.number - at].as_py())
                                    row = next(wanted, None)
                                at += batch.num_rows
                                if row is None or row.split != split or row.number >= first + rows:
                                    break
                        first += rows
            start = end

    def table(self, fields: Sequence[str]) -> pa.Table:
        """Some columns of all rows in memory, labels as class names, with `split`, `id` and `place` first."""
        index = pq.read_table(self.folder / INDEX, columns=["split", "id", "place"])
        for name in fields:
            index = index.append_column(name, pa.chunked_array([pa.array(self._named(name, self._column(name)))]))
        return index

    def column(self, name: str) -> list[Any]:
        """One column of all rows in memory, labels as class names."""
        return self._named(name, self._column(name))

    def _column(self, name: str) -> pa.ChunkedArray:
        tables = [pq.read_table(self.folder / f.path, columns=[name], memory_map=True) for f in self.manifest.files]
        return pa.chunked_array([chunk for t in tables for chunk in t.column(0).chunks])

    def _named(self, name: str, column: pa.Array) -> list[Any]:
        values = column.to_pylist()
        names = self.classes.get(name)
        return values if names is None else [None if v is None else names[v] for v in values]

    def _index(self) -> Iterator[dict[str, Any]]:
        split, number = "", 0
        with pq.ParquetFile(self.folder / INDEX) as file:
            for batch in file.iter_batches(4 * ROWS):
                for entry in batch.to_pylist():
                    number = number + 1 if entry["split"] == split else 0
                    split = entry["split"]
                    entry["number"] = number
                    yield entry


def _by_field(pictures: list[dict[str, str]]) -> dict[str, list[str]]:
    """One of a list is noted as `cards[0]`."""
    found: dict[str, list[str]] = {}
    for picture in pictures:
        found.setdefault(picture["field"].partition("[")[0], []).append(picture["sha256"])
    return found


def _bytes_in(cell: Any) -> list[bytes]:
    if isinstance(cell, list):
        return [picture["bytes"] for picture in cell]
    return [] if cell is None else [cell["bytes"]]


def _kind(feature: dict[str, Any]) -> str:
    if "list" in feature:
        return "image" if _is_image(feature["list"]) else "other"
    dtype = feature.get("dtype")
    if _is_image(dtype):
        return "image"
    if isinstance(dtype, dict):
        return "label" if "class_label" in dtype else "other"
    if dtype in {"string", "large_string"}:
        return "text"
    return "number" if isinstance(dtype, str) and dtype.startswith(("int", "float", "uint", "bool")) else "other"


def _is_image(dtype: Any) -> bool:
    return dtype == "image" or (isinstance(dtype, dict) and "image" in dtype)


def _holds_image(feature: Any) -> bool:
    if isinstance(feature, dict):
        return "image" in feature or feature.get("dtype") == "image" or any(map(_holds_image, feature.values()))
    return feature == "image" or (isinstance(feature, list) and any(map(_holds_image, feature)))


def _classes(feature: dict[str, Any]) -> list[str] | None:
    dtype = feature.get("dtype")
    if isinstance(dtype, dict) and "class_label" in dtype:
        names = dtype["class_label"]["names"]
        return [names[key] for key in sorted(names, key=int)]
    return None

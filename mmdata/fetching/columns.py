"""A column of URLs: pictures that a catalogue names."""

import csv
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..errors import SourceError
from .addresses import address, shown_briefly
from .faults import Failure, Refused
from .wanted import Wanted

PICTURES = "pictures"
"""The folder that they go to."""
Rows = Iterator[tuple[str, Any]]
"""Row, such as "row 17", and value."""


def read_column(urls: str) -> tuple[list[Wanted], list[Failure]]:
    """The pictures that a column names, each URL once, and the values that are no URLs. Empty ones are passed over.

    Args:
        urls: "FILE:COLUMN"; a .csv, .jsonl or .parquet file.

    Raises:
        SourceError: there is no such file or column, or it cannot be read.
    """
    file, _, column = urls.rpartition(":")
    path = Path(file).expanduser()
    readers = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}
    read = readers.get(path.suffix.lower())
    if not column or read is None:
        raise SourceError(
            f"{urls}: FILE:COLUMN is wanted, such as catalogue.csv:thumbnail_url; .csv, .jsonl or .parquet"
        )
    wanted: dict[str, Wanted] = {}
    faults: list[Failure] = []
    begins, ends = places_of(urls)
    try:
        for row, value in read(path, column):
            place = f"{begins}{row}{ends}"
            if value is None or (isinstance(value, str) and not value.strip()):
                continue
            url = value.strip() if isinstance(value, str) else ""
            if url in wanted:
                continue
            digest = sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
            name = f"{PICTURES}/{digest[:2]}/{digest[:32]}"
            try:
                if not url:
                    raise Refused("bad url", f"{str(value)[:60]!r} is no URL but {type(value).__name__}")
                address(url)
                wanted[url] = Wanted(url, name, "image", place, by_content=True)
            except Refused as refused:
                faults.append(Failure("", shown_briefly(url), refused.kind, refused.reason, place))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from None
    return list(wanted.values()), faults


def places_of(urls: str) -> tuple[str, str]:
    """How the places of a column's URLs begin and end: "catalogue.csv: row 17, thumbnail_url"."""
    file, _, column = urls.rpartition(":")
    return f"{Path(file).name}: ", f", {column}"


def _csv(path: Path, column: str) -> Rows:
    encoding = "utf-8-sig"
    try:
        with path.open(encoding=encoding) as text:
            for _ in text:
                pass
    except UnicodeDecodeError:
        encoding = "cp949"  # What Excel writes in Korea.
    try:
        with path.open(encoding=encoding, newline="") as text:
            rows = csv.DictReader(text)
            _require(path, column, rows.fieldnames or [])
            for number, row in enumerate(rows, 1):
                yield f"row {number}", row[column]
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: no CSV that can be read: {error}. Save it as CSV in UTF-8") from None


def _jsonl(path: Path, column: str) -> Rows:
    seen: dict[str, None] = {}
    found, number = False, 0
    with path.open(encoding="utf-8-sig") as lines:
        try:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise SourceError(f"{path}, line {number}: no object")
                if column in row:
                    found = True
                    yield f"line {number}", row[column]
                elif not found:
                    seen |= dict.fromkeys(row)
        except ValueError as error:
            raise SourceError(f"{path}, line {number or 1}: not readable as JSON: {error}") from None
    if not found:
        _require(path, column, list(seen))


def _parquet(path: Path, column: str) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _require(path, column, file.schema_arrow.names)
            row = 0
            for batch in file.iter_batches(columns=[column]):
                for value in batch.column(0):
                    row += 1
                    yield f"row {row}", value.as_py()
    except pa.ArrowInvalid as error:
        raise SourceError(f"{path}: no parquet file that can be read: {error}") from None


def _require(path: Path, column: str, columns: Any) -> None:
    if column not in columns:
        raise SourceError(f"{path} has no column {column!r}. Columns: {', '.join(map(str, columns)) or 'none'}")

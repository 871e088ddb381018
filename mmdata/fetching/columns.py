"""A column of URLs: pictures that a catalogue names."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..errors import SourceError
from .addresses import address, key_of_url, shown_briefly
from .faults import Failure, Refused
from .wanted import PICTURES, Wanted

ENDS = re.compile(r"\.(csv|jsonl|ndjson|parquet):", re.IGNORECASE)
Rows = Iterator[tuple[str, Any]]
"""Row, such as "row 17", and value."""


def read_column(urls: str) -> tuple[list[Wanted], list[Failure]]:
    """The pictures that a column names, each URL once, and the values that are no URLs. Empty ones are passed over.

    Args:
        urls: "FILE:COLUMN"; a .csv, .jsonl or .parquet file.

    Raises:
        SourceError: there is no such file or column, or it cannot be read.
    """
    path, column = file_and_column(urls)
    readers = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}
    read = readers[path.suffix.lower()]
    found: dict[str, tuple[str, str]] = {}
    faults: list[Failure] = []
    begins, ends = places_of(urls)
    try:
        for row, value in read(path, column):
            place = f"{begins}{row}{ends}"
            if value is None or (isinstance(value, str) and not value.strip()):
                continue
            url = value.strip() if isinstance(value, str) else ""
            if url in found:
                continue
            try:
                if not url:
                    raise Refused("bad url", f"{str(value)[:60]!r} is no URL but {type(value).__name__}")
                address(url)
                found[url] = key_of_url(url), place
            except Refused as refused:
                faults.append(Failure("", shown_briefly(url), refused.kind, refused.reason, place))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from None
    times = Counter(key for key, _ in found.values())
    return [_picture(url, place, key, alone=times[key] == 1) for url, (key, place) in found.items()], faults


def _picture(url: str, place: str, key: str, *, alone: bool) -> Wanted:
    """Two URLs that only what is secret tells apart may be two pictures."""
    whole = key if alone else url
    digest = sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
    name = f"{PICTURES}/{digest[:2]}/{digest[:32]}"
    return Wanted(url, name, "image", place, key if alone else f"{key}#{digest[:32]}", by_content=True)


def file_and_column(urls: str) -> tuple[Path, str]:
    """The two parts of "FILE:COLUMN": a file that is there, else up to the first ending of one; a column may have colons.

    Raises:
        SourceError: there are no two.
    """
    splits = [(Path(urls[: at.end() - 1]).expanduser(), urls[at.end() :]) for at in ENDS.finditer(urls)]
    splits = [(path, column) for path, column in splits if column]
    if not splits:
        raise SourceError(
            f"{urls}: FILE:COLUMN is wanted, such as catalogue.csv:thumbnail_url; .csv, .jsonl or .parquet"
        )
    return next((one for one in reversed(splits) if one[0].is_file()), splits[0])


def places_of(urls: str) -> tuple[str, str]:
    """How the places of a column's URLs begin and end: "catalogue.csv: row 17, thumbnail_url"."""
    path, column = file_and_column(urls)
    return f"{path.name}: ", f", {column}"


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

"""Rows of a published version found again among somebody's own, by the hashes of their pictures."""

import itertools
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import datasets
import pyarrow.parquet as pq

from ..reading import Release, Row
from ..row_index import INDEX
from .columns import text_of

Pictures = list[tuple[str, str]]
"""(field, sha256) of each of a row's pictures."""
Mine = tuple[Row, Pictures]


@dataclass(frozen=True, slots=True)
class Theirs:
    """A published row."""

    number: int
    """In the version."""
    id: str
    labels: dict[str, str | None]
    answers: dict[str, str]
    """Column → answer, as a store keeps it."""


class PublishedRows:
    """The rows of a published version. On disk: there may be millions."""

    def __init__(self, path: Path, release: Release, columns: Sequence[str]):
        self._db = sqlite3.connect(path)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE rows (number INTEGER PRIMARY KEY, pictures BLOB, id TEXT, told TEXT);"
            "CREATE TABLE here (pictures BLOB PRIMARY KEY) WITHOUT ROWID"
        )
        self._db.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", _read(release, columns))
        self._db.execute("CREATE INDEX rows_pictures ON rows (pictures, id)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def matching(self, some: Sequence[Mine]) -> list[Theirs | None]:
        """For each of some rows here the published one that it is; None: there is none, or no telling which."""
        keyed = [(row, _key(row.id, pictures)) for row, pictures in some]
        self._db.executemany("INSERT OR IGNORE INTO here VALUES (?)", ((key,) for _, key in keyed))
        return [same_row(row, self._candidates(row, key)) for row, key in keyed]

    def _candidates(self, row: Row, key: bytes) -> list[Theirs]:
        """The published row of that id, or one of each kind that has the pictures: thousands may share a blank one."""
        found = self._db.execute("SELECT * FROM rows WHERE pictures = ? AND id = ?", (key, row.id)).fetchall()
        if not found:
            query = "SELECT * FROM rows WHERE number IN (SELECT MIN(number) FROM rows WHERE pictures = ? GROUP BY told)"
            found = self._db.execute(query + " ORDER BY number", (key,)).fetchall()
        return [Theirs(number, id, **json.loads(told)) for number, _, id, told in found]

    def not_here(self) -> int:
        """Published rows whose pictures no row had that was looked for."""
        query = "SELECT COUNT(*) FROM rows WHERE pictures NOT IN (SELECT pictures FROM here)"
        return int(self._db.execute(query).fetchone()[0])


def same_row(row: Row, candidates: Sequence[Theirs]) -> Theirs | None:
    """Of published rows with a row's pictures, the one that it is.

    The id tells them apart; where the files were renamed, the labels. If these are the same too, any of them will
    do as long as they were answered alike.
    """
    if len(candidates) < 2:
        return next(iter(candidates), None)
    if named := [theirs for theirs in candidates if theirs.id == row.id]:
        return named[0]
    alike = [theirs for theirs in candidates if not differing(row, theirs)] or candidates
    same = all((theirs.labels, theirs.answers) == (alike[0].labels, alike[0].answers) for theirs in alike)
    return alike[0] if same else None


def differing(row: Row, theirs: Theirs) -> list[str]:
    """Label fields in which a row here has another class than the published one."""
    return [name for name, cls in theirs.labels.items() if name in row.values and row.values[name] != cls]


def rows_with_pictures(release: Release, fields: Sequence[str]) -> Iterator[Mine]:
    """All rows of a release in order, with these fields' values and the hashes of all their pictures."""
    return zip(release.rows(fields), _pictures(release), strict=True)


def _pictures(release: Release) -> Iterator[Pictures]:
    with pq.ParquetFile(release.folder / INDEX) as file:
        for batch in file.iter_batches(1_000, columns=["pictures"]):
            for pictures in batch.column(0).to_pylist():
                yield [(picture["field"], picture["sha256"]) for picture in pictures]


def _key(id: str, pictures: Pictures) -> bytes:
    """Of a row's pictures; of its id, where it has none."""
    told: Any = sorted(pictures) if pictures else id
    return sha256(json.dumps(told).encode()).digest()


def _read(release: Release, columns: Sequence[str]) -> Iterator[tuple[int, bytes, str, str]]:
    schema = pq.read_schema(release.folder / release.manifest.files[0].path)
    features: dict[str, Any] = dict(datasets.Features.from_arrow_schema(schema))
    labels = list(release.classes)
    for number, (row, pictures) in zip(itertools.count(), rows_with_pictures(release, [*labels, *columns])):
        texts = {name: text_of(row.values[name], features[name]) for name in columns}
        told = {
            "labels": {name: row.values[name] for name in labels},
            "answers": {name: text for name, text in texts.items() if text is not None},
        }
        yield number, _key(row.id, pictures), row.id, json.dumps(told, ensure_ascii=False)

"""An index put into PostgreSQL: in one transaction, so that readers see the old one until the new one is whole."""

import json
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import chain
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
import psycopg
from psycopg.sql import SQL, Composable, Identifier
from pydantic import ValidationError

from ..errors import MmdataError
from ..progress import Progress, Silent
from .conditions import DIGEST, OTHERS, identifier
from .connecting import Connection, Database
from .facts import Column, Facts, Vectors
from .local import LocalIndex
from .tables import (
    INDEXABLE,
    INDEXES,
    filterable,
    locked,
    name_of,
    pictures_table,
    prepared,
    rows_of,
    rows_table,
)

MANY = 0.1
"""Where more than this share has changed, a table is made anew: pgvector puts 450 rows a second into an index that is
there, and makes an index of 3,000 a second."""
AT_ONCE = 4096
"""Vectors, or entries, that are in memory at once."""
LOCK_SECONDS = 10.0
"""For who still reads what is to be replaced. Readers who come meanwhile wait behind it, and for less than they may."""
EF_CONSTRUCTION = 64
"""Breadth of pgvector's search while it makes the index, with 16 edges each."""


class Changes(NamedTuple):
    """What was written."""

    pictures: int
    rows: int
    pictures_removed: int
    """Of a table that was made anew: 0."""
    rows_removed: int
    whole: bool
    """Whether the pictures' table was made anew."""


def written(index: LocalIndex, database: Database, progress: Progress | None = None) -> Changes:
    """Bring the database up to date with an index. Only what has changed is written, unless that is much.

    It may be stopped, killed or disconnected at any time: then nothing has happened.

    Raises:
        MmdataError: the server cannot be reached or lacks pgvector, the user may not write, or the disk is full.
    """
    progress = progress or Silent()
    with database.connect() as connection:
        try:
            prepared(connection, database)
            with connection.transaction():
                return _write(connection, index, progress)
        except psycopg.errors.InsufficientPrivilege as error:
            raise MmdataError(
                f"{database.place}: {database.said(error)}. Ask its owner for GRANT CREATE on a schema, or name a user that "
                "may make tables"
            ) from None
        except psycopg.Error as error:
            kept = (
                "Nothing there has changed"
                if not connection.closed
                else "The connection is lost, and nothing there has changed"
            )
            raise MmdataError(f"{database.place}: {database.said(error)}. {kept}. Run the same command again") from None


def _write(connection: Connection, index: LocalIndex, progress: Progress) -> Changes:
    facts = index.facts
    name = name_of(facts.corpus, facts.model)
    with suppress(psycopg.Error), connection.transaction():
        # Where the server's system can: else it works on for one who was killed.
        connection.execute("SET LOCAL client_connection_check_interval = '1s'")
    connection.execute("SET LOCAL statement_timeout = 0")  # A server's own is for questions.
    locked(connection, name, progress)
    progress.stage("PostgreSQL: what has changed")
    there = connection.execute("SELECT to_regclass(%s), to_regclass(%s)", [_quoted(name), _quoted(rows_of(name))])
    whole = None not in (there.fetchone() or (None,))
    before = _before(connection, name) if whole else None
    pictures = _pictures(connection, name, index, before, progress)
    rows = _rows(connection, rows_of(name), index, before, progress)
    progress.stage("PostgreSQL: putting it in place")
    # Last, for readers wait from the first of these until the commit; and no longer for one who keeps a table to himself.
    connection.execute(f"SET LOCAL lock_timeout = '{1000 * LOCK_SECONDS:.0f}'")
    for table, change in ((name, pictures), (rows_of(name), rows)):
        if change.anew:
            connection.execute(SQL("DROP TABLE IF EXISTS {}").format(Identifier(table)))
            connection.execute(SQL("ALTER TABLE {} RENAME TO {}").format(Identifier(_new(table)), Identifier(table)))
    note = SQL(
        "INSERT INTO {} VALUES (%s, %s, %s) ON CONFLICT (name) DO UPDATE SET facts = excluded.facts, stamp = excluded.stamp"
    )
    connection.execute(note.format(Identifier(INDEXES)), [name, facts.model_dump_json(), uuid4().hex])
    return Changes(pictures.written, rows.written, pictures.removed, rows.removed, pictures.anew)


def _before(connection: Connection, name: str) -> Facts | None:
    """What is there now; None where another version of mmdata wrote it."""
    query = SQL("SELECT facts FROM {} WHERE name = %s").format(Identifier(INDEXES))
    line = connection.execute(query, [name]).fetchone()
    try:
        return Facts.model_validate(line[0]) if line else None
    except ValidationError:
        return None


class _Change(NamedTuple):
    written: int
    removed: int
    anew: bool


def _pictures(
    connection: Connection, name: str, index: LocalIndex, before: Facts | None, progress: Progress
) -> _Change:
    facts = index.facts
    same = before is not None and (before.revision, before.dimensions) == (facts.revision, facts.dimensions)
    gone: set[str] = set()
    if same:
        gone = {line[0] for line in connection.execute(SQL("SELECT picture FROM {}").format(Identifier(name)))}
    pictures = index.pictures
    new = set(pictures) - gone
    gone.difference_update(pictures)
    if anew := not same or len(new) + len(gone) > MANY * len(pictures):
        table, new, gone = _new(name), set(pictures), set()
        connection.execute(pictures_table(table, facts.dimensions))
    else:
        table = name
        connection.execute(SQL("DELETE FROM {} WHERE picture = ANY(%s)").format(Identifier(name)), [list(gone)])
    progress.stage("PostgreSQL: pictures")
    into = SQL("COPY {} (picture, embedding, vector) FROM STDIN (FORMAT BINARY)").format(Identifier(table))
    with connection.cursor().copy(into) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        done = 0
        for some, vectors in index.batches(AT_ONCE):
            if picked := [number for number, picture in enumerate(some) if picture in new]:
                copy.write(_packed([some[number] for number in picked], vectors[picked]))
                progress.rows(done := done + len(picked), len(new), "")
        copy.write(b"\xff\xff")
    if anew:
        connection.execute(SQL("ALTER TABLE {} ADD PRIMARY KEY (picture)").format(Identifier(table)))
        progress.stage("PostgreSQL: making the index")
        _indexed(connection, table, facts)
        connection.execute(SQL("ANALYZE {}").format(Identifier(table)))
    return _Change(len(new), len(gone), anew)


def _indexed(connection: Connection, table: str, facts: Facts) -> None:
    if facts.dimensions > INDEXABLE:
        return
    wanted = facts.pictures * (2 * facts.dimensions + 400) // 1024
    connection.execute(f"SET LOCAL maintenance_work_mem = '{min(max(wanted, 1 << 16), 1 << 21)}kB'")
    make = SQL(
        f"CREATE INDEX ON {{}} USING hnsw (embedding halfvec_cosine_ops) WITH (m = 16, ef_construction = {EF_CONSTRUCTION})"
    ).format(Identifier(table))
    try:
        with connection.transaction():
            connection.execute(make)
    except psycopg.errors.DiskFull:  # A container has 64 MB to share among workers; alone, it needs none of them.
        connection.execute("SET LOCAL max_parallel_maintenance_workers = 0")
        connection.execute(make)


def _rows(connection: Connection, name: str, index: LocalIndex, before: Facts | None, progress: Progress) -> _Change:
    facts = index.facts
    known: dict[str, bytes] = {}
    if same := before is not None and before.columns == facts.columns:
        known = dict(connection.execute(SQL("SELECT id, {} FROM {}").format(Identifier(DIGEST), Identifier(name))))
    new, gone = _compared(index, known) if same else ({}, [])
    if anew := not same or len(new) + len(gone) > MANY * facts.rows:
        table, count, removed = _new(name), facts.rows, 0
        connection.execute(rows_table(table, facts.columns))
    else:
        table, count, removed = name, len(new), len(gone)
        changed = [*gone, *(id for id, replaces in new.items() if replaces)]
        connection.execute(SQL("DELETE FROM {} WHERE id = ANY(%s)").format(Identifier(name)), [changed])
    progress.stage("PostgreSQL: rows")
    names: list[Composable] = [Identifier(identifier(column.name)) for column in filterable(facts.columns)]
    listing = SQL(", ").join([Identifier("id"), Identifier("picture"), *names, Identifier(OTHERS), Identifier(DIGEST)])
    with connection.cursor().copy(SQL("COPY {} ({}) FROM STDIN").format(Identifier(table), listing)) as copy:
        done = 0
        for row in chain.from_iterable(index.row_batches(AT_ONCE)):
            if not anew and row["id"] not in new:
                continue
            try:
                copy.write_row(_cells(row, facts.columns))
            except psycopg.DataError as error:
                raise MmdataError(
                    f"PostgreSQL cannot keep the entry {row['id']!r}: {error}. Remove it from the text"
                ) from None
            done += 1
            if done % AT_ONCE == 0:
                progress.rows(done, count, "")
    if anew:
        connection.execute(SQL("ALTER TABLE {} ADD PRIMARY KEY (id)").format(Identifier(table)))
        connection.execute(SQL("CREATE INDEX ON {} (picture, id)").format(Identifier(table)))
        connection.execute(SQL("ANALYZE {}").format(Identifier(table)))
    return _Change(count, removed, anew)


def _compared(index: LocalIndex, known: dict[str, bytes]) -> tuple[dict[str, bool], list[str]]:
    """Entries that are to be written, by id, and whether each replaces one; ids that are there no more.

    Args:
        known: digest by id of those that are there; emptied.
    """
    new = {}
    for row in chain.from_iterable(index.row_batches(AT_ONCE)):
        there = known.pop(row["id"], None)
        if there != _digest(row):
            new[row["id"]] = there is not None
    return new, list(known)


def _cells(row: dict[str, Any], columns: Sequence[Column]) -> list[Any]:
    rest = {c.name: row[c.name] for c in columns if c.kind == "other" and row[c.name] is not None}
    told = json.dumps(rest, ensure_ascii=False) if rest else None
    return [row["id"], row["picture"], *(row[column.name] for column in filterable(columns)), told, _digest(row)]


def _digest(row: dict[str, Any]) -> bytes:
    return sha256(json.dumps(row, ensure_ascii=False, sort_keys=True).encode()).digest()[:16]


def _packed(pictures: list[str], vectors: Vectors) -> bytes:
    """Lines of COPY's binary format: three fields, each after its length."""
    count, dimensions = vectors.shape
    line = np.dtype(
        [
            ("fields", ">i2"),
            ("length_of_picture", ">i4"), ("picture", "S64"),
            ("length_of_half", ">i4"), ("dimensions", ">i2"), ("unused", ">i2"), ("half", ">f2", (dimensions,)),
            ("length_of_vector", ">i4"), ("vector", "<f4", (dimensions,)),
        ]
    )  # fmt: skip
    lines = np.zeros(count, line)
    lines["fields"], lines["length_of_picture"], lines["picture"] = 3, 64, pictures
    lines["length_of_half"], lines["dimensions"], lines["half"] = 4 + 2 * dimensions, dimensions, vectors
    lines["length_of_vector"], lines["vector"] = 4 * dimensions, vectors
    return lines.tobytes()


def _new(table: str) -> str:
    return table + "_new"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

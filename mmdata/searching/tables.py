"""How an index lies in PostgreSQL: its tables, by name, the list of all of them, and a database made ready for them.

mmdata_indexes                     name, facts, stamp (another after each change)
mmdata_<corpus>_<model>_<hash>       picture, embedding (halfvec, indexed), vector (float32, to score what is found)
mmdata_<corpus>_<model>_<hash>_rows  id, picture, a column for each value to filter by, the others as JSON
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import psycopg
from psycopg.sql import SQL, Composable, Composed, Identifier
from pydantic import ValidationError

from ..errors import MmdataError
from ..progress import Progress
from .conditions import DIGEST, OTHERS, identifier
from .connecting import Connection, Database
from .facts import Column, Facts

EXTENSION = "CREATE EXTENSION vector"
PGVECTOR = (0, 8)
"""The first with iterative scans."""
INDEXES = "mmdata_indexes"
TYPES = {
    "text": 'text COLLATE "C"',
    "whole": "bigint",
    "real": "float8",
    "flag": "boolean",
    "texts": 'text[] COLLATE "C"',
}
"""Kind → type of its column."""
INDEXABLE = 4000
"""Dimensions that pgvector's HNSW can have of halfvec; more are searched exactly."""
PLAIN = 3900
"""Dimensions of halfvec that a page of 8 kB has room for; a scan reads what is in the page much faster."""


class Listed(NamedTuple):
    """A line of mmdata_indexes."""

    name: str
    facts: Facts
    stamp: str


def prepared(connection: Connection, database: Database) -> None:
    """See that pgvector and the list of indexes are there: what is left, where publishing fails, does no harm."""
    with connection.transaction():
        locked(connection, "mmdata", None)  # Two who make the same at once would fail.
        find = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
        version = connection.execute(find).fetchone()
        if version is None:
            version = _with_pgvector(connection, database, find)
        if tuple(int(part) for part in version[0].split(".")[:2]) < PGVECTOR:
            raise MmdataError(
                f"{database.place} has pgvector {version[0]}; {'.'.join(map(str, PGVECTOR))} is needed. Install it there, "
                "then: ALTER EXTENSION vector UPDATE"
            )
        if connection.execute("SELECT to_regclass(%s)", [INDEXES]).fetchone() == (None,):
            made = SQL("CREATE TABLE {} (name text PRIMARY KEY, facts jsonb NOT NULL, stamp text NOT NULL)")
            connection.execute(made.format(Identifier(INDEXES)))


def _with_pgvector(connection: Connection, database: Database, find: Any) -> Any:
    try:
        connection.execute(EXTENSION)
    except psycopg.errors.InsufficientPrivilege:
        raise MmdataError(
            f"{database.place} has no pgvector in it, and this user may not add it. Ask its owner to run there: "
            "CREATE EXTENSION vector"
        ) from None
    except (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported):
        raise MmdataError(
            f"{database.place} does not have pgvector. Install it on the server (Debian: postgresql-NN-pgvector; Docker: "
            "pgvector/pgvector), then run the same command again"
        ) from None
    return connection.execute(find).fetchone()


def locked(connection: Connection, name: str, progress: Progress | None) -> None:
    """Be the one who publishes it, until the transaction ends."""
    key = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
    if connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [key]).fetchone() != (True,):
        if progress is not None:
            progress.stage("PostgreSQL: waiting for another who publishes it")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def name_of(corpus: str, model: str) -> str:
    """The name of an index's table, which leaves room for endings within PostgreSQL's 63 bytes."""
    key = sha256(f"{corpus}\0{model}".encode()).hexdigest()[:8]
    return f"mmdata_{_slug(corpus)}_{_slug(model)}_{key}"


def rows_of(name: str) -> str:
    return name + "_rows"


def listed(connection: Connection, database: Database, corpus: str) -> list[Listed]:
    """The indexes of a corpus that are there. Raises MmdataError where one is not as this version makes them."""
    if connection.execute("SELECT to_regclass(%s)", [INDEXES]).fetchone() == (None,):
        return []
    query = SQL("SELECT name, facts, stamp FROM {} WHERE facts ->> 'corpus' = %s ORDER BY name").format(
        Identifier(INDEXES)
    )
    try:
        found = [Listed(*line) for line in connection.execute(query, [corpus])]
        return [line._replace(facts=Facts.model_validate(line.facts)) for line in found]
    except (ValidationError, psycopg.errors.UndefinedColumn):
        raise MmdataError(
            f"{database.place}: what {INDEXES} says of {corpus} was written by another version of mmdata. "
            "Publish it anew with `mmdata index … --dsn`"
        ) from None


def filterable(columns: Sequence[Column]) -> list[Column]:
    """Those that have a column of their own."""
    return [column for column in columns if column.kind != "other"]


def pictures_table(name: str, dimensions: int) -> Composed:
    storage = SQL("PLAIN" if dimensions <= PLAIN else "EXTERNAL")
    made = (
        f'CREATE TABLE {{}} (picture text COLLATE "C", embedding halfvec({dimensions}) NOT NULL, vector bytea NOT NULL)'
    )
    stored = "ALTER TABLE {} ALTER embedding SET STORAGE {}, ALTER vector SET STORAGE EXTERNAL"
    return SQL(f"{made}; {stored}").format(Identifier(name), Identifier(name), storage)


def rows_table(name: str, columns: Sequence[Column]) -> Composed:
    own = [SQL('id text COLLATE "C"'), SQL('picture text COLLATE "C" NOT NULL')]
    values = [SQL("{} " + TYPES[c.kind]).format(Identifier(identifier(c.name))) for c in filterable(columns)]
    rest = [SQL("{} json").format(Identifier(OTHERS)), SQL("{} bytea NOT NULL").format(Identifier(DIGEST))]
    return SQL("CREATE TABLE {} ({})").format(Identifier(name), SQL(", ").join([*own, *values, *rest]))


def value_columns(columns: Sequence[Column]) -> Composable:
    """The names of the columns of values, and last of the others', where there are any, to be read."""
    others = [Identifier(OTHERS)] if len(filterable(columns)) < len(columns) else [SQL("NULL")]
    return SQL(", ").join([*(Identifier(identifier(c.name)) for c in filterable(columns)), *others])


def values_in(cells: Sequence[Any], columns: Sequence[Column]) -> dict[str, Any]:
    """What `value_columns` gave, as an entry's values in their order."""
    found = dict(zip((column.name for column in filterable(columns)), cells, strict=False))
    others = cells[len(found)] or {}
    return {c.name: others.get(c.name) if c.kind == "other" else found[c.name] for c in columns}


def _slug(text: str) -> str:
    readable = re.sub(r"\W+", "_", text.rstrip("/").rpartition("/")[2].lower()).strip("_")
    return readable.encode()[:17].decode(errors="ignore") or "x"

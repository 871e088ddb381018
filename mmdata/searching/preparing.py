"""A database made ready for indexes: pgvector, the list of them, and one publisher at a time."""

from hashlib import sha256
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from ..errors import MmdataError
from ..progress import Progress
from .connecting import Connection, Database
from .tables import INDEXES

EXTENSION = "CREATE EXTENSION vector"
PGVECTOR = (0, 8)
"""The first with iterative scans."""


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

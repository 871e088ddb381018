"""The files of a source, in order, ready to be asked for."""

import fnmatch
import os
import posixpath
import sqlite3
from collections.abc import Iterator
from hashlib import sha256

from .findings import Finding
from .names import is_garbled, printable
from .sources import Source, SourceFile


class Listing:
    """The files of a source in the order of their paths, in SQLite so that a million cost no memory."""

    def __init__(self, database: sqlite3.Connection):
        self._db = database
        self._db.execute("CREATE TABLE files (path TEXT, raw TEXT, size INTEGER, stamp TEXT)")
        self.findings: list[Finding] = []

    @classmethod
    def of(cls, source: Source, database: sqlite3.Connection) -> "Listing":
        """List the whole source. Raises SourceError."""
        self = cls(database)
        garbled: dict[str, str] = {}

        def rows() -> Iterator[tuple[str, bytes, int, str]]:
            for file in source.list():
                if isinstance(file, Finding):
                    self.findings.append(file)
                    continue
                if is_garbled(file.raw):
                    garbled.setdefault(posixpath.dirname(file.raw), file.folder)
                yield _storable(file.path), os.fsencode(file.raw), file.size, file.stamp

        database.executemany("INSERT INTO files VALUES (?, ?, ?, ?)", rows())
        database.execute("CREATE INDEX files_path ON files (path, raw)")
        database.commit()
        for raw, folder in sorted(garbled.items()):
            self.findings.append(
                Finding.warning(
                    "garbled name",
                    f"{printable(raw) or '.'}: a CP949 name, read as {folder or 'Korean file names'}",
                    [folder],
                )
            )
        return self

    def files(self, *patterns: str) -> Iterator[SourceFile]:
        """Files whose path fits one of the glob patterns (any, without one), sorted by path."""
        cursor = self._db.cursor().execute("SELECT path, raw, size, stamp FROM files ORDER BY path, raw")
        for path, raw, size, stamp in cursor:
            if not patterns or any(fnmatch.fnmatchcase(path, p) for p in patterns):
                yield SourceFile(path, os.fsdecode(raw), size, stamp)

    def find(self, path: str) -> SourceFile | None:
        """The file at exactly this path."""
        row = self._db.execute(
            "SELECT path, raw, size, stamp FROM files WHERE path = ? ORDER BY raw LIMIT 1", (path,)
        ).fetchone()
        return row and SourceFile(row[0], os.fsdecode(row[1]), *row[2:])

    def totals(self) -> tuple[int, int]:
        """Number of files, sum of their bytes."""
        count, size = self._db.execute("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM files").fetchone()
        return count, size

    def digest(self) -> str:
        """Changes when any name, size or stamp does."""
        total = sha256()
        for row in self._db.execute("SELECT path, raw, size, stamp FROM files ORDER BY path, raw"):
            total.update(repr(row).encode())
        return total.hexdigest()


def _storable(text: str) -> str:
    """Undecodable bytes as \\xNN: SQLite, Arrow and JSON want real Unicode."""
    return text if text.isascii() else os.fsencode(text).decode("utf-8", "backslashreplace")

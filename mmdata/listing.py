"""The files of a source, in order, ready to be asked for."""

import copy
import fnmatch
import gzip
import os
import posixpath
import sqlite3
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256
from typing import BinaryIO

from .errors import FileProblem, SourceError
from .findings import Finding
from .json_parts import JsonFault, parts
from .names import is_garbled, printable
from .sources import Source, SourceFile
from .sources.base import Stream


class Listing:
    """The files of a source in the order of their paths, in SQLite so that a million cost no memory."""

    def __init__(self, source: Source, database: sqlite3.Connection):
        self._source, self._db = source, database
        self._db.create_function("last_part", 1, posixpath.basename, deterministic=True)
        self._db.execute("CREATE TABLE files (path TEXT, raw TEXT, size INTEGER, stamp TEXT)")
        self._by_name = False
        self._only: tuple[str, ...] = ()
        self.findings: list[Finding] = []

    @classmethod
    def of(cls, source: Source, database: sqlite3.Connection) -> "Listing":
        """List the whole source. Raises SourceError."""
        self = cls(source, database)
        garbled: dict[str, tuple[str, str, int]] = {}

        def rows() -> Iterator[tuple[str, bytes, int, str]]:
            for file in source.list():
                if isinstance(file, Finding):
                    self.findings.append(file)
                    continue
                if is_garbled(file.raw):
                    folder = posixpath.dirname(file.raw)
                    names = (folder, file.folder) if is_garbled(folder) else (file.raw, file.path)
                    raw, read, count = garbled.get(folder, (*names, 0))
                    garbled[folder] = raw, read, count + 1
                yield _storable(file.path), os.fsencode(file.raw), file.size, file.stamp

        database.executemany("INSERT INTO files VALUES (?, ?, ?, ?)", rows())
        database.execute("CREATE INDEX files_path ON files (path, raw)")
        database.commit()
        for folder, (raw, read, count) in sorted(garbled.items()):
            more = f" (and {count - 1} more)" if raw != folder and count > 1 else ""
            text = f"{printable(raw)}{more}: a CP949 name, read as {read}"
            self.findings.append(Finding.warning("garbled name", text, [read]))
        return self

    def limited(self, patterns: Sequence[str]) -> "Listing":
        """The same source, of which only files that fit one of the glob patterns are shown."""
        limited = copy.copy(self)
        limited._only = tuple(patterns)
        return limited

    def files(self, *patterns: str) -> Iterator[SourceFile]:
        """Files whose path fits one of the glob patterns (any, without one), sorted by path."""
        cursor = self._db.cursor().execute("SELECT path, raw, size, stamp FROM files ORDER BY path, raw")
        for path, raw, size, stamp in cursor:
            if self._shown(path) and (not patterns or _fits(path, patterns)):
                yield SourceFile(path, os.fsdecode(raw), size, stamp)

    def find(self, path: str) -> SourceFile | None:
        """The file at exactly this path."""
        row = self._db.execute(
            "SELECT path, raw, size, stamp FROM files WHERE path = ? ORDER BY raw LIMIT 1", (path,)
        ).fetchone()
        return SourceFile(row[0], os.fsdecode(row[1]), *row[2:]) if row and self._shown(path) else None

    def named(self, name: str) -> list[SourceFile]:
        """The files of this name (the last part of the path), in whatever folders, sorted by path."""
        if not self._by_name:  # Asked for by few corpora, so made for those alone.
            self._db.execute("CREATE INDEX files_name ON files (last_part(path), path, raw)")
            self._by_name = True
        rows = self._db.execute(
            "SELECT path, raw, size, stamp FROM files WHERE last_part(path) = ? ORDER BY path, raw",
            (unicodedata.normalize("NFC", name),),
        )
        return [SourceFile(path, os.fsdecode(raw), *rest) for path, raw, *rest in rows if self._shown(path)]

    def open(self, file: SourceFile) -> BinaryIO:
        """The content of a file of records, read from front to back; of a `.gz`, what is packed in it.

        A bounded part of it is in memory, wherever the source is. Use it in a `with`.

        Raises:
            FileProblem: it cannot be opened; reading it raises the same, with its path in the message.
        """
        opened = self._source.open(file)
        if not file.name.lower().endswith(".gz"):
            return opened

        def explain(error: Exception) -> FileProblem:
            return FileProblem(
                f"{printable(file.path)}: cannot be unpacked: {error}. It may be cut short: copy or download it again"
            )

        unpacked = gzip.GzipFile(fileobj=opened)

        def close() -> None:
            unpacked.close()
            opened.close()

        return Stream(unpacked.read1, close, explain).buffered()

    def json_parts(self, file: SourceFile, each: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """The parts of a JSON file too large to hold, as `json_parts.parts` gives them.

        Raises:
            SourceError: it is no JSON, or cut short.
        """
        with self.open(file) as opened:
            try:
                yield from parts(opened, each)
            except JsonFault as fault:
                remedy = "" if str(fault).endswith("again") else ". Correct it, or copy or download it again"
                raise SourceError(f"{printable(file.path)}: {fault}{remedy}") from None

    def totals(self) -> tuple[int, int]:
        """Number of files in the whole source, sum of their bytes."""
        count, size = self._db.execute("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM files").fetchone()
        return count, size

    def digest(self) -> str:
        """Changes when any name, size or stamp does."""
        total = sha256()
        for row in self._db.execute("SELECT path, raw, size, stamp FROM files ORDER BY path, raw"):
            if self._shown(row[0]):
                total.update(repr(row).encode())
        return total.hexdigest()

    def _shown(self, path: str) -> bool:
        return not self._only or _fits(path, self._only)


def _fits(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def _storable(text: str) -> str:
    """Undecodable bytes as \\xNN: SQLite, Arrow and JSON want real Unicode."""
    return text if text.isascii() else os.fsencode(text).decode("utf-8", "backslashreplace")

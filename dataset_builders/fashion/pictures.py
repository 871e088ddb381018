"""The picture of an item: by what its line says, never by the line's place."""

import csv
import io
import os
import posixpath
import sqlite3
from collections.abc import Iterable

from mmdata import Reject, SourceFile

from .catalogue import Line, path_of

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".img")
File = tuple[str, bytes, int, str]
"""path, raw, size and stamp of a SourceFile, which are quickly stored."""


class Pictures:
    """The pictures of a source by their names, and by the addresses they were fetched from.

    Args:
        scratch: a database for them.
    """

    def __init__(self, scratch: sqlite3.Connection, files: Iterable[SourceFile]):
        self._db = scratch
        scratch.execute("CREATE TABLE pictures (path TEXT, stem TEXT, raw BLOB, size INTEGER, stamp TEXT)")
        scratch.execute("CREATE TABLE fetched (url TEXT PRIMARY KEY, path TEXT)")
        rows = ((file.path, file.stem, os.fsencode(file.raw), file.size, file.stamp) for file in files)
        scratch.executemany("INSERT INTO pictures VALUES (?, ?, ?, ?, ?)", rows)
        scratch.execute("CREATE INDEX by_stem ON pictures (stem, path)")
        scratch.execute("CREATE INDEX by_path ON pictures (path)")

    def fetched(self, content: bytes, folder: str) -> None:
        """Take in a fetched.csv of this folder."""
        rows = csv.reader(io.StringIO(content.decode("utf-8", "replace"), newline=""))
        found = ((row[0], posixpath.join(folder, row[1])) for row in rows if len(row) == 4)
        self._db.executemany("INSERT OR REPLACE INTO fetched VALUES (?, ?)", found)

    def of(self, line: Line) -> File:
        """The one picture of an item: by s3_path, else by image_id, else by thumbnail_url.

        Raises:
            Reject: there is none, or more than one.
        """
        found: list[File] = []
        if line.s3_path:
            path = path_of(line.s3_path)
            name = posixpath.basename(path)
            found = [file for file in self._stemmed(_stem(name)) if posixpath.basename(file[0]) == name]
            if len(found) > 1:
                found = [file for file in found if _ends(path, file[0])] or found
        if not found and line.image_id:
            found = self._stemmed(_stem(posixpath.basename(path_of(line.image_id))))
        if not found and line.thumbnail_url:
            found = self._found("JOIN fetched USING (path) WHERE url = ?", line.thumbnail_url)
        if len(found) == 1:
            return found[0]
        ways = {"s3_path": line.s3_path, "image_id": line.image_id, "thumbnail_url": line.thumbnail_url}
        said = ", ".join(f"{name} {value}" for name, value in ways.items() if value)
        if found:
            paths = ", ".join(file[0] for file in found[:5])
            why = f"{said}: the picture may be any of {paths}. Give the path in the source as s3_path, or remove the others"
            raise Reject("ambiguous picture", field="image", value=said, reason=why)
        get = "; `mmdata fetch FOLDER --urls CSV:thumbnail_url --into SOURCE` gets it" if line.thumbnail_url else ""
        why = f"{said}: the source has no such picture. Copy it there, or remove the line{get}"
        raise Reject("no picture", field="image", value=said, reason=why)

    def _stemmed(self, stem: str) -> list[File]:
        return self._found("WHERE stem = ? ORDER BY path", stem)

    def _found(self, where: str, value: str) -> list[File]:
        return self._db.execute(f"SELECT path, raw, size, stamp FROM pictures {where}", (value,)).fetchall()  # noqa: S608


def source_file(file: File) -> SourceFile:
    """As the engine has it."""
    path, raw, size, stamp = file
    return SourceFile(path, os.fsdecode(raw), size, stamp)


def _stem(name: str) -> str:
    stem, ending = posixpath.splitext(name)
    return stem if ending.lower() in IMAGES else name


def _ends(path: str, other: str) -> bool:
    """Whether one path is the end of the other."""
    return f"/{path}".endswith(f"/{other}") or f"/{other}".endswith(f"/{path}")

"""The picture of an item: by what its line says, never by the line's place."""

import os
import posixpath
import sqlite3
from collections.abc import Iterator

from mmdata import Finding, Reject, SourceFile

from .catalogue import Line, address_of, path_of
from .tables import Fault, Opens, records

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".img")
File = tuple[str, bytes, int, str]
"""path, raw, size and stamp of a SourceFile, which are quickly stored."""


class Pictures:
    """The pictures of a source by their names, and by the addresses they were fetched from.

    Args:
        scratch: a database for them.
    """

    def __init__(self, scratch: sqlite3.Connection):
        self._db = scratch
        scratch.execute("CREATE TABLE pictures (path TEXT, stem TEXT, raw BLOB, size INTEGER, stamp TEXT)")
        scratch.execute("CREATE TABLE fetched (url TEXT PRIMARY KEY, path TEXT)")

    def add(self, file: SourceFile) -> None:
        """Take in a picture."""
        row = (file.path, file.stem, os.fsencode(file.raw), file.size, file.stamp)
        self._db.execute("INSERT INTO pictures VALUES (?, ?, ?, ?, ?)", row)

    def index(self) -> None:
        """Once all are there, so that they are found."""
        self._db.execute("CREATE INDEX by_stem ON pictures (stem, path)")
        self._db.execute("CREATE INDEX by_path ON pictures (path)")

    def fetched(self, path: str, opens: Opens) -> Iterator[Finding]:
        """Take in a fetched.csv, whose files are named from its own folder; a broken line is said."""
        folder, broken = posixpath.dirname(path), list[str]()

        def found() -> Iterator[tuple[str, str]]:
            for number, fields in records(opens):
                if isinstance(fields, Fault) or len(fields) < 2:
                    broken.append(f"{path}:{number}")
                else:
                    yield address_of(fields[0]), posixpath.normpath(posixpath.join(folder, fields[1]))

        self._db.executemany("INSERT OR REPLACE INTO fetched VALUES (?, ?)", found())
        if broken:
            text = (
                f"{len(broken):,} lines of {path} cannot be read, so their pictures are found by no address: "
                f"{', '.join(broken[:3])}. Run `mmdata fetch` again, which writes it anew"
            )
            yield Finding.warning("broken line", text, broken, len(broken))

    def of(self, line: Line) -> File:
        """The one picture of an item: by s3_path, else by image_id, else by thumbnail_url.

        Raises:
            Reject: there is none, or more than one.
        """
        found: list[File] = []
        if line.s3_path:
            path = path_of(line.s3_path)
            name = posixpath.basename(path)
            folder = posixpath.basename(posixpath.dirname(path))
            found = [file for file in self._stemmed(_stem(name)) if posixpath.basename(file[0]) == name]
            if folder:  # 대표.jpg of another folder is another item's.
                found = [file for file in found if posixpath.basename(posixpath.dirname(file[0])) == folder]
            if len(found) > 1:
                found = [file for file in found if _ends(path, file[0])] or found
        if not found and line.image_id:
            found = self._stemmed(_stem(posixpath.basename(path_of(line.image_id))))
        if not found and line.thumbnail_url:
            urls = (url for url in (line.signed, line.thumbnail_url) if url)
            found = next(
                filter(None, (self._found("JOIN fetched USING (path) WHERE url = ?", url) for url in urls)), []
            )
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

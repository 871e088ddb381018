"""Files on this machine: a folder, a zip."""

import errno
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from ..errors import FileProblem, SourceError
from ..findings import Finding
from ..names import printable, readable
from .base import SourceFile, Stream, first_line


class FolderSource:
    """A folder on disk. Symbolic links are followed; a link that leads back up is reported."""

    readers = 1

    def __init__(self, url: str):
        self.url = os.path.abspath(url)

    def list(self) -> Iterator[SourceFile | Finding]:
        yield from self._walk(self.url, "", frozenset())

    def _walk(self, folder: str, raw: str, above: frozenset[tuple[int, int]]) -> Iterator[SourceFile | Finding]:
        try:
            me = os.stat(folder)
            if (me.st_dev, me.st_ino) in above:
                yield Finding.error(
                    "unlistable", f"{printable(raw)}: a link that leads back to a folder above it; not followed", [raw]
                )
                return
            entries = sorted(os.scandir(folder), key=lambda e: e.name)
        except OSError as error:
            if not raw:
                raise SourceError(f"source {self.url!r} cannot be listed: {error.strerror}") from None
            yield Finding.error(
                "unlistable", f"{printable(raw)}/: the folder cannot be listed: {error.strerror}", [raw]
            )
            return
        for entry in entries:
            if entry.name == ".fetch":  # Where `mmdata fetch` keeps what is not whole yet.
                continue
            name = f"{raw}/{entry.name}" if raw else entry.name
            try:
                info = entry.stat()
            except OSError as error:
                why = "a link that leads to itself" if error.errno == errno.ELOOP else (error.strerror or "?")
                yield Finding.error("unlistable", f"{printable(name)}: {why}", [name])
                continue
            if stat.S_ISDIR(info.st_mode):
                yield from self._walk(entry.path, name, above | {(me.st_dev, me.st_ino)})
            elif stat.S_ISREG(info.st_mode):
                stamp = f"{info.st_mtime_ns}-{info.st_ctime_ns}-{info.st_ino}"
                yield SourceFile(readable(name), name, info.st_size, stamp)
            else:
                yield Finding.error("unlistable", f"{printable(name)}: not a regular file (a pipe or a device)", [name])

    def read(self, file: SourceFile) -> bytes:
        try:
            with open(os.path.join(self.url, file.raw), "rb", buffering=0) as opened:
                return opened.read()
        except OSError as error:
            raise FileProblem(f"cannot be read: {error.strerror}") from None

    def open(self, file: SourceFile) -> BinaryIO:
        def explain(error: Exception) -> FileProblem:
            return FileProblem(f"{printable(file.path)}: cannot be read: {getattr(error, 'strerror', None) or error}")

        try:
            opened = open(os.path.join(self.url, file.raw), "rb", buffering=0)  # noqa: SIM115 - the stream closes it
        except OSError as error:
            raise explain(error) from None
        return Stream(opened.read, opened.close, explain).buffered()


DAMAGE = (
    OSError,
    KeyError,
    ValueError,
    EOFError,
    RuntimeError,  # An encrypted file.
    NotImplementedError,  # An unknown way of packing.
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)
"""What zipfile raises on a zip that is cut, damaged or locked."""


class ZipSource:
    """A zip file. Names without the UTF-8 flag may be CP949; `readable` sees to it."""

    readers = 1

    def __init__(self, url: str):
        self.url = os.path.abspath(url)
        try:
            self._zip = zipfile.ZipFile(self.url)
        except DAMAGE as error:
            raise SourceError(
                f"source {url!r} is not a zip that can be opened: {first_line(error)}. "
                "It may be cut short: copy or download it again, or unpack it and give the folder"
            ) from None

    def list(self) -> Iterator[SourceFile | Finding]:
        for info in self._zip.infolist():
            if not info.is_dir():
                stamp = f"{info.CRC:08x}-{info.header_offset}"
                yield SourceFile(readable(info.filename), info.filename, info.file_size, stamp)

    def read(self, file: SourceFile) -> bytes:
        try:
            return self._zip.read(file.raw)
        except DAMAGE as error:
            raise _damaged(error) from None

    def open(self, file: SourceFile) -> BinaryIO:
        def explain(error: Exception) -> FileProblem:
            return FileProblem(f"{printable(file.path)}: {_damaged(error)}")

        try:
            opened = self._zip.open(file.raw)
        except DAMAGE as error:
            raise explain(error) from None
        return Stream(opened.read, opened.close, explain).buffered()


def _damaged(error: Exception) -> FileProblem:
    return FileProblem(f"cannot be read from the zip: {first_line(error)}; copy or download the zip again")

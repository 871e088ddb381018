"""What an archive holds, one member after the other, and nothing that could do harm."""

import bz2
import functools
import gzip
import io
import itertools
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from ..names import printable, readable
from .faults import Refused
from .names import name_fault
from .wanted import CHUNK

MOST_MEMBERS = 2_000_000
MOST_RATIO, FREE_BYTES = 200, 100_000_000
"""An archive that would grow more than so many times is a bomb, unless it stays below so many bytes."""
MOST_BYTES = 500_000_000_000
HEADER_BYTES = 1 << 20
"""A tar's header may have so many: Python reads it in one piece."""
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
"""Not LZMA: a few of its bytes may ask for 4 GB of memory."""
LITTER = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)")
"""What macOS and Windows put beside the files; a `._photo.jpg` is no picture."""
DAMAGE = (
    EOFError, OSError, RuntimeError, ValueError, KeyError, NotImplementedError,
    zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive."""

    name: str
    """Safe below a folder, NFC, garbled Korean put right."""
    size: int
    """Bytes, as the archive says."""
    crc: int | None
    opened: Callable[[], Any]
    """Gives its content as a file."""


def members_of(path: Path) -> Iterator[Member]:
    """The files of a zip or tar, in its order; read each before the next is asked for.

    Raises:
        Refused: a name, a link, a device or a size in it is not harmless; or it is damaged.
    """
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"PK"
        yield from _zip(path) if zipped else _tar(path)
    except DAMAGE as error:
        raise Refused(
            "broken archive", f"{path.name} cannot be unpacked: {str(error) or type(error).__name__}"
        ) from None


def largest_of(archive: int) -> int:
    """Bytes that may come out of an archive of so many."""
    return min(MOST_BYTES, max(FREE_BYTES, MOST_RATIO * archive))


def _zip(path: Path) -> Iterator[Member]:
    if (count := _listed(path)) > MOST_MEMBERS:
        raise unsafe(path, f"it says that it holds {count:,} files; {MOST_MEMBERS:,} are the most")
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        if (total := sum(info.file_size for info in infos)) > largest_of(path.stat().st_size):
            raise unsafe(path, f"it would grow to {total:,} bytes: a bomb")
        for info in infos:
            raw = info.filename.replace("\\", "/").removeprefix("./")  # Some Windows tools write it so.
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise unsafe(path, f"{printable(raw)!r} is a link or a device")
            if raw.endswith("/") or LITTER.search(raw):
                continue  # Folders are made for the files in them.
            name = _checked(path, raw)
            if info.flag_bits & 1:
                raise Refused("locked archive", f"{path.name}: {name!r} wants a password. Unpack it by hand")
            if info.compress_type not in METHODS:
                raise Refused(
                    "archive", f"{path.name}: {name!r} is packed by a method not read here. Unpack it by hand"
                )
            yield Member(name, info.file_size, info.CRC, functools.partial(archive.open, info))


def _tar(path: Path) -> Iterator[Member]:
    with path.open("rb") as raw:
        start = raw.read(3)
        raw.seek(0)
        unpack: Any = gzip.open if start[:2] == b"\x1f\x8b" else bz2.open if start == b"BZh" else None
        plain: IO[bytes] = unpack(raw) if unpack else raw
        metered = _Metered(plain)
        with tarfile.open(fileobj=metered, mode="r|") as archive:
            for count in itertools.count(1):
                member = archive.next()
                if member is None:
                    break
                archive.members.clear()  # type: ignore[attr-defined]  # It would keep them all.
                metered.left = HEADER_BYTES + max(0, member.size)  # What is left of it, and the next header.
                if count > MOST_MEMBERS:
                    raise unsafe(path, f"it holds more than {MOST_MEMBERS:,} files")
                if member.isdir() or LITTER.search(member.name):
                    continue
                name = _checked(path, member.name.removeprefix("./"))
                if not member.isreg() or member.issparse():
                    raise unsafe(path, f"{printable(name)!r} is a link, a device or sparse")
                tarfile.data_filter(member, "/nowhere")
                yield Member(name, member.size, None, functools.partial(archive.extractfile, member))
        if metered.last.strip(b"\0"):  # A tar that is cut between two files seems whole to tarfile.
            raise tarfile.ReadError("its end is missing")
        metered.left = HEADER_BYTES
        while metered.read(CHUNK):  # What checks a gzip stands behind its content.
            pass


class _Metered(io.RawIOBase):
    """A stream that gives no more than was allowed."""

    def __init__(self, inner: "IO[bytes] | BinaryIO"):
        self._inner, self.left = inner, HEADER_BYTES
        self.last = b""
        """The last bytes read: half a block of zeros, at a tar's end."""

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(size)
        self.left -= len(data)
        self.last = data[-256:] or self.last
        if self.left < 0:
            raise tarfile.ReadError("a header in it is larger than any should be")
        return data


def _checked(path: Path, raw: str) -> str:
    name = readable(raw)
    if fault := name_fault(name):
        raise unsafe(path, f"the name {printable(raw)[:80]!r} will not do: {fault}")
    return name


def unsafe(path: Path, why: str) -> Refused:
    """What is said of an archive that could do harm."""
    return Refused("unsafe archive", f"{path.name} is not unpacked: {why}. If you trust it, unpack it by hand")


def _listed(path: Path) -> int:
    """Files that a zip says it holds, read from its last bytes: zipfile would load their list whole."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - (1 << 16) - 22 - 20))
        tail = file.read()
        at = tail.rfind(b"PK\5\6")
        if at < 0:
            raise zipfile.BadZipFile("its end is missing")
        count = int.from_bytes(tail[at + 10 : at + 12], "little")
        listing = int.from_bytes(tail[at + 12 : at + 16], "little")
        if tail[max(0, at - 20) : at].startswith(b"PK\6\7"):
            file.seek(int.from_bytes(tail[at - 12 : at - 4], "little"))
            end = file.read(56)
            count, listing = int.from_bytes(end[32:40], "little"), int.from_bytes(end[40:48], "little")
        return max(count, listing // 300)  # A name and its fields, generously: the list is read in one piece.

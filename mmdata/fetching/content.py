"""Is it the file that was wanted? Looked at before it gets its name."""

import gzip
import os
import struct
import threading
import zipfile
import zlib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ..images import check_image
from ..names import bytes_text
from ..releases import sync
from .faults import Stop, Wrong, disk_fault
from .members import largest_of
from .parts import Part
from .wanted import CHUNK, Kind, Wanted

DECODING = threading.BoundedSemaphore(min(8, os.cpu_count() or 1))
"""So many pictures are in memory decoded; more would not be faster."""
NO_PICTURE = {"empty file", "not an image", "truncated image", "broken image"}
"""What `check_image` may find that another download could cure; the rest is the build's to judge."""
ARCHIVE_STARTS = (b"PK\3\4", b"PK\5\6", b"\x1f\x8b", b"BZh")
EXTENSIONS = {
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
}
CHOSEN = (*sorted(set(EXTENSIONS.values())), ".img")
"""Endings of a picture that gets its own by its content."""
ENDS = 4096
"""Bytes that are looked at of a file's beginning, and of its end."""
PAIRS = {b"{": b"}", b"[": b"]"}


@dataclass(frozen=True, slots=True)
class Whole:
    """A file in its place."""

    file: str
    """Path below the folder."""
    bytes: int
    sha256: str
    mtime: int
    """In nanoseconds: a file that has another now may have been damaged since."""


def looks_like_html(start: bytes) -> bool:
    """Whether a file that begins so is a web page."""
    return start[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html"))


def starts_as(kind: Kind, start: bytes) -> bool:
    """Whether a file that begins so may be of the kind, whatever the server calls it."""
    match kind:
        case "image":
            return _is_known_to_pillow(start[:16])
        case "archive":
            return start.startswith(ARCHIVE_STARTS) or start[257:262] == b"ustar"
        case "json" | "jsonl":
            return start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}
    return False


def start_fault(wanted: Wanted, start: bytes) -> Wrong | None:
    """What is wrong with a file that begins so, told before the rest of it comes; its hash would tell more."""
    if wanted.kind == "file" or wanted.sha256 is not None or starts_as(wanted.kind, start):
        return None
    if wanted.kind == "image":
        return Wrong("not an image", f"it begins with {start[:12]!r}, as no picture does that Pillow can read")
    what, kind = ("zip or tar", "archive") if wanted.kind == "archive" else ("JSON", "json")
    return Wrong(f"broken {kind}", f"it begins with {start[:12]!r}, as no {what} does")


def settle(part: Part, wanted: Wanted, folder: Path, largest: int, stop: Stop) -> Whole:
    """Look at what came; give it its name, on the disk, if it is the file.

    Raises:
        Wrong: it is not.
        SourceError: the disk will not have it.
    """
    try:
        came = _off_its_transfer(part, wanted, largest, stop) if part.packed else part.path
        digest, ending = examined(came, wanted, stop)
        place = folder / (wanted.name + ending)
        place.parent.mkdir(parents=True, exist_ok=True)
        size = came.stat().st_size
        sync(came)
        os.replace(came, place)
        mtime = place.stat().st_mtime_ns
        part.forget()
    except OSError as error:
        raise disk_fault(error, folder / wanted.name) from None
    return Whole(wanted.name + ending, size, digest, mtime)


def examined(path: Path, wanted: Wanted, stop: Stop) -> tuple[str, str]:
    """SHA-256 of a file that is what was wanted, and the ending to add to its name.

    Without a hash this is as far as it can be told: of JSON only its two ends are looked at, and of JSON lines that
    are cut between two lines nothing can be seen.

    Raises:
        Wrong: it is not what was wanted.
    """
    size = path.stat().st_size
    if wanted.bytes is not None and size != wanted.bytes:
        raise Wrong("wrong size", f"{size:,} bytes; {wanted.place} says {wanted.bytes:,}")
    digest = digest_of(path, stop)
    if wanted.sha256 is not None and digest != wanted.sha256:
        raise Wrong("wrong hash", f"its sha256 is {digest[:12]}…; {wanted.place} says {wanted.sha256[:12]}…")
    if wanted.sha256 is not None and not wanted.by_content:
        return digest, ""
    with path.open("rb") as file:
        start = file.read(ENDS)
        file.seek(max(0, size - ENDS))
        end = file.read().rstrip()
    match wanted.kind:
        case "image":
            return digest, _picture(path) if wanted.by_content else _picture(path) and ""
        case "archive" if not starts_as("archive", start) or (start[:2] == b"PK" and not zipfile.is_zipfile(path)):
            raise Wrong("broken archive", "it is no zip or tar, or its end is missing")
        case "json" | "jsonl" if not _has_its_end(wanted.kind, start, end, size):
            raise Wrong("broken json", f"it is no JSON, or its end is missing (it begins with {start[:12]!r})")
    if wanted.name.lower().endswith((".gz", ".tgz")) and (start[:2] == b"\x1f\x8b" or wanted.kind == "file"):
        _read_to_its_end(path, largest_of(size), stop)
    return digest, ""


def _has_its_end(kind: Kind, start: bytes, end: bytes, size: int) -> bool:
    """Whether the bracket that JSON, or its last line, begins with is closed by the last byte."""
    text = start if kind == "json" else end.rpartition(b"\n")[2]
    if kind == "jsonl" and b"\n" not in end and size > ENDS:  # Where its last line begins was not read.
        return starts_as(kind, start) and end[-1:] in PAIRS.values()
    first = text.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return starts_as(kind, start) and end[-1:] == PAIRS.get(first)


def _read_to_its_end(path: Path, most: int, stop: Stop) -> None:
    """Raises Wrong where what is packed in a gzip has not the length and checksum that stand behind it."""
    try:
        with gzip.open(path) as packed:
            while packed.read(CHUNK) and packed.tell() < most:  # A bomb is the unpacking's, or the build's, to judge.
                stop.look()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Wrong("broken gzip", f"it cannot be unpacked to its end: {error}") from None


def digest_of(path: Path, stop: Stop) -> str:
    total = sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            stop.look()
            total.update(chunk)
    return total.hexdigest()


def _picture(path: Path) -> str:
    """The ending for it. Raises Wrong where it cannot be decoded."""
    from PIL import Image

    with DECODING:
        found = check_image(path.read_bytes(), "full", None, hashed=False)
    if found.kind in NO_PICTURE:
        raise Wrong(found.kind, found.reason)
    try:
        with Image.open(path) as image:
            return EXTENSIONS.get(image.format or "", ".img")
    except Exception:  # A bomb, by Pillow's own measure: the build says so.
        return ".img"


def _is_known_to_pillow(prefix: bytes) -> bool:
    """Whether any of its formats begins so; TGA and a few as old have no such beginning."""
    from PIL import Image

    Image.init()
    for _, accept in Image.OPEN.values():
        try:
            if accept is not None and accept(prefix) is True:
                return True
        except (SyntaxError, IndexError, TypeError, struct.error):  # As Pillow does where the prefix is short.
            continue
    return False


def _off_its_transfer(part: Part, wanted: Wanted, largest: int, stop: Stop) -> Path:
    """The file without a gzip that the server put on for the way, unless it is the file's own.

    Some servers say `Content-Encoding: gzip` of a .tar.gz: then the packed bytes are the file.
    """
    if wanted.sha256 is not None:
        own = digest_of(part.path, stop) == wanted.sha256
    elif wanted.bytes is not None:
        own = part.have == wanted.bytes
    else:
        own = wanted.name.lower().endswith((".gz", ".tgz"))
    if own:
        return part.path
    plain, size = part.path.with_suffix(".plain"), 0
    unpack = zlib.decompressobj(wbits=31)
    try:
        with part.path.open("rb") as packed, plain.open("wb") as out:
            while not unpack.eof and (chunk := unpack.unconsumed_tail or packed.read(CHUNK)):
                stop.look()
                piece = unpack.decompress(chunk, CHUNK)
                size += len(piece)
                if size > largest:
                    raise Wrong("too large", f"unpacked from its transfer it has more than {bytes_text(largest)}")
                out.write(piece)
        if not unpack.eof:
            raise Wrong("broken gzip", "it came packed for the way, and cannot be unpacked: its end is missing")
    except zlib.error as error:
        raise Wrong("broken gzip", f"it came packed for the way, and cannot be unpacked: {error}") from None
    except BaseException:
        plain.unlink(missing_ok=True)
        raise
    return plain

"""Names and sizes as people read them: NFC, and Korean that a zip tool garbled."""

import functools
import os
import re
import unicodedata

UNDECODED = re.compile("[\udc80-\udcff]")
CP437_BOXES = re.compile("[\u2500-\u259f]")
"""Lead bytes of common Hangul (B0–C8) are all box drawing in CP437, which no real name holds."""


def readable(raw: str) -> str:
    """The name in NFC, with CP949 bytes read as Korean.

    Windows zips store Korean names as CP949 bytes without saying so. Unpacked on Linux they
    come as undecodable bytes (surrogates) or, from tools that assume CP437, as box-drawing
    letters (건선 → ░╟╝▒). Both are turned back; macOS's decomposed Hangul (NFD) is composed.
    A name that fits none of these is returned as it is, in NFC.
    """
    return unicodedata.normalize("NFC", _from_cp949(raw))


def is_garbled(raw: str) -> bool:
    """Whether `readable` had to decode the name anew (NFD alone does not count)."""
    return _from_cp949(raw) != raw


def printable(text: str) -> str:
    """The text on one line: control letters and undecodable bytes escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def bytes_text(size: int) -> str:
    """1.5 MB: powers of 1,000, one decimal."""
    for power, unit in ((12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if size >= 10**power:
            return f"{size / 10**power:.1f} {unit}"
    return f"{size} B"


def _from_cp949(raw: str) -> str:
    return raw if raw.isascii() else "/".join(map(_part_from_cp949, raw.split("/")))


@functools.lru_cache(4096)  # Folders come again with each of their files.
def _part_from_cp949(part: str) -> str:
    try:
        if UNDECODED.search(part):
            return os.fsencode(part).decode("cp949")
        if CP437_BOXES.search(part):
            return part.encode("cp437").decode("cp949")
    except UnicodeError:
        pass
    return part

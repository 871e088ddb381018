"""Pictograms as their collections list them, before anything is drawn or left out."""

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any

from mmdata import Listing, MmdataError, SourceFile

LARGEST = 64 << 20
"""Bytes of a file of records, or of a board."""
LONGEST = 251
"""Bytes of an id: with its ending, it is the name of a file."""
UNKNOWN = "author and licence are not known"

ATTRIBUTIONS = {
    "arasaac": (
        "The pictographic symbols used are the property of the Government of Aragón and have been created by Sergio "
        "Palao for ARASAAC (https://arasaac.org), that distributes them under Creative Commons License BY-NC-SA"
    ),
    "mulberry": "Mulberry Symbols (https://mulberrysymbols.org), CC BY-SA 4.0",
    "openmoji": (
        "All emojis designed by OpenMoji, the open-source emoji and icon project (https://openmoji.org), CC BY-SA 4.0"
    ),
}
"""What each collection wants to be said wherever its symbols are shown."""


class Lost(Exception):
    """A card cannot be had; the message says why, for all cards of which it is so."""


@dataclass
class Symbol:
    """One pictogram."""

    number: str
    """As its collection counts; "" where it does not."""
    keyword: str
    source: str
    attribution: str
    place: str
    picture: Callable[[], bytes]
    """Its file's bytes, SVG or any picture. Raises Lost."""
    keywords: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    """Of `sex`, `violence` (ARASAAC) and `rated` (Mulberry)."""
    judged: bool = True
    """Whether its collection says what it is flagged as, and of which categories it is."""

    @property
    def id(self) -> str:
        """`{number}_{keyword}`: what the original names the file, without .png. A longer one ends with its hash."""
        name = f"{self.number}_{self.keyword}" if self.number else self.keyword
        name = re.sub(r"[/\\\x00-\x1f]", "_", name)
        data = name.encode()
        if len(data) <= LONGEST:
            return name
        return f"{data[: LONGEST - 9].decode(errors='ignore')}~{sha256(data).hexdigest()[:8]}"


def clean(text: object) -> str:
    """A keyword as people write it: composed, without underscores and double spaces."""
    return re.sub(r"[\s_]+", " ", unicodedata.normalize("NFC", "" if text is None else str(text))).strip()


def terms(source: str, record: dict[str, Any]) -> tuple[str, str]:
    """Source and attribution of a symbol: `own`, where its record names author and licence itself."""
    licence, author = record.get("licence") or record.get("license"), record.get("author")
    if isinstance(licence, str) and licence.strip() and isinstance(author, str) and author.strip():
        return "own", f"{author.strip()}, {licence.strip()}"
    return source, ATTRIBUTIONS[source]


def fits(file: SourceFile, patterns: Collection[str]) -> bool:
    """Whether its own name fits one of the patterns."""
    return any(fnmatchcase(file.name, pattern) for pattern in patterns)


def files_named(listing: Listing, *patterns: str) -> Iterator[SourceFile]:
    """Files whose own name fits one of the patterns: what `listing.files` gives may have it from a folder's."""
    for file in listing.files(*patterns):
        if fits(file, patterns):
            yield file


def content(listing: Listing, file: SourceFile, largest: int = LARGEST) -> bytes:
    """A file's bytes. Raises Lost where there are too many."""
    if file.size > largest:
        raise Lost(f"a file is larger than {largest:,} bytes")
    with listing.open(file) as opened:
        data = opened.read(largest + 1)
    if len(data) > largest:
        raise Lost(f"a file is larger than {largest:,} bytes")
    return data


def json_in(listing: Listing, file: SourceFile) -> Any:
    """The value in a JSON file. Raises MmdataError: without it, cards would lack their flags."""
    try:
        return json.loads(content(listing, file).decode("utf-8-sig"))
    except Lost as why:
        raise MmdataError(f"{file.path}: {why}") from None
    except UnicodeDecodeError as error:
        raise MmdataError(f"{file.path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise MmdataError(f"{file.path}: no JSON: {error}. Copy or download it again, or remove it") from None

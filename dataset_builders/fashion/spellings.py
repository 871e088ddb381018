"""One spelling for each thing: what the words of catalogues, of the filter and of labels.yaml have in common."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from mmdata import MmdataError
from mmdata.labels import LabelMap

NOTHING = {"", "-", "na", "n/a", "nan", "none", "null"}
"""What programs write where there is no value."""
LONGEST_NOTHING = max(map(len, NOTHING))
STROKES = "/·ㆍ‧・,|&+"
_STROKES = re.compile(f"[{re.escape(STROKES)}]+")
_BLANKS = re.compile(r"[\s_-]+")


def tidy(text: str) -> str:
    """NFC, single spaces."""
    return " ".join((text if text.isascii() else unicodedata.normalize("NFC", text)).split())


def said(text: str | None) -> str | None:
    """The text tidied, None where it says nothing."""
    if not text:
        return None
    made = tidy(text)
    return None if len(made) <= LONGEST_NOTHING and made.lower() in NOTHING else made


often = lru_cache(1 << 14)(said)
"""The same, for columns whose values come again and again."""


@lru_cache(1 << 14)
def key(text: str) -> str:
    """Equal for two spellings of one name: 셔츠/블라우스, "셔츠 · 블라우스", ＭＡ－１ and ma 1."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _STROKES.sub("/", _BLANKS.sub("", plain)).strip("/")


def spellings_of(labels: LabelMap) -> dict[str, str]:
    """Key of each name and alias → the name.

    Raises:
        MmdataError: two names have one key.
    """
    found: dict[str, str] = {}
    for name, entry in labels.classes.items():
        for spelling in (name, *entry.aliases):
            if found.setdefault(key(spelling), name) != name:
                other = found[key(spelling)]
                raise MmdataError(
                    f"{labels.place}: {labels.name}: {spelling!r} of {name!r} is a spelling of {other!r} too"
                )
    return found


def unified(text: str, spellings: Mapping[str, str]) -> str:
    """The one spelling of a name, itself where none is known."""
    made = tidy(text)
    return spellings.get(key(made), made)

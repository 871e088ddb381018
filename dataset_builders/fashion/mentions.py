"""Which sub-categories a text names, however they are spelled: a model's words may give none away, nor add any."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmdata.labels import read_label_maps

from .spellings import STROKES, key, spellings_of, unified

Span = tuple[int, int]
SHORT = 2
"""Letters of a name that any two words may have between them."""
_BLANK, _STROKE = r"[\s_-]*", rf"\s*[{re.escape(STROKES)}]+\s*"


def gives_away(text: str, row: Mapping[str, Any]) -> bool:
    """Whether it names one of the row's recommended sub-categories, other than in the item's own words."""
    wanted = recommended(row)
    own = [span for span, _ in _found(text, dict.fromkeys(map(key, _own(row)), ""))]
    named = [span for span, name in _spans(text, row).items() if name in wanted]
    return any(not any(_holds(other, span) for other in own) for span in named)


def tells(text: str, row: Mapping[str, Any]) -> bool:
    """Whether it names all of the row's recommended sub-categories, and no other but the item's own.

    Others are those of labels.yaml.
    """
    own = unified(row["sub_category"], _known())
    spans = _spans(text, row) | dict(_found(text, {key(word): own for word in _own(row)}))
    whole = [name for span, name in spans.items() if not any(_holds(other, span, more=True) for other in spans)]
    return recommended(row) == {*whole} - {own}


def recommended(row: Mapping[str, Any]) -> set[str]:
    """Of all categories, in labels.yaml's spelling, which may have changed since the row was made."""
    return {unified(name, _known()) for names in row["recommend"].values() for name in names or ()}


def _own(row: Mapping[str, Any]) -> list[str]:
    return [row[field] for field in ("sub_category", "sub_category_original", "color") if row.get(field)]


def _spans(text: str, row: Mapping[str, Any]) -> dict[Span, str]:
    """Where sub-categories are named: those of labels.yaml, and the row's that are not there."""
    known = _known()
    more = {key(name): name for name in sorted(recommended(row)) if key(name) not in known}
    return dict([*_found(text, known), *_found(text, more)])


@lru_cache(1)
def _known() -> dict[str, str]:
    labels = read_label_maps(Path(__file__).with_name("labels.yaml"))
    return spellings_of(labels["sub_category"]) if "sub_category" in labels else {}


def _found(text: str, names: Mapping[str, str]) -> Iterable[tuple[Span, str]]:
    """Where names stand, by their keys; at each letter the longest."""
    names = {key: name for key, name in names.items() if key}
    if not names:
        return
    plain = unicodedata.normalize("NFKC", text).casefold()
    for match in _pattern(tuple(sorted(names, key=len, reverse=True))).finditer(plain):
        if (name := names.get(key(match[1]))) is not None:
            yield match.span(1), name


@lru_cache(1 << 10)
def _pattern(keys: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"(?=({'|'.join(map(_alternatives, keys))}))")


def _alternatives(key: str) -> str:
    """Blanks count for nothing, and Korean compounds and particles have none: a name is found within a word too.

    But a Latin name is a whole word, and what is short begins one where it has blanks or is one letter long: 친구 두 명
    speaks of no 구두. The first letter stands first, by which `re` is quick.
    """
    first, *rest = key
    begin, latin = re.escape(first), first.isascii()
    end = "(?![a-z0-9])" if key[-1].isascii() else ""
    loose = "".join(_STROKE if letter == "/" else _BLANK + re.escape(letter) for letter in rest) + end
    if latin:
        return f"{begin}(?<![a-z0-9]{begin}){loose}"
    if len(key) > SHORT:
        return f"{begin}{loose}"
    starting = rf"{begin}(?<![^\W_]{begin}){loose}"
    return f"{starting}|{re.escape(key)}{end}" if rest else starting


def _holds(outer: Span, inner: Span, more: bool = False) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1] and not (more and outer == inner)

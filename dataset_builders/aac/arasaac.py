"""ARASAAC: pictures named `{id}_{keyword}.png`, and what the API's records say of them; and pictures of nobody known."""

import re
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

from mmdata import Finding, Listing, MmdataError, SourceFile

from .symbols import UNKNOWN, Symbol, clean, content, files_named, json_in, terms

PICTURES = ("*.png", "*.PNG")
PHOTOS = ("*.jpg", "*.JPG", "*.jpeg", "*.JPEG")
"""Read only where they are named as ARASAAC's: any folder may have others."""
RECORDS = ("*arasaac*.json", "*pictogram*.json")
"""Answers of `/pictograms/all/{language}` or `/pictograms/{language}/search/…`, saved under such a name."""
NAME = re.compile(r"(?:(?P<number>\d+)(?:_|$))?(?P<keyword>.*)")
WIDTHS = {"300", "500", "2500"}
"""ARASAAC's own download names are `{id}_{width}.png`."""


def records(listing: Listing) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Record by number, and the files of such names that hold no records.

    Raises:
        MmdataError: a file is no JSON, or a record in it has no `_id`.
    """
    found: dict[str, dict[str, Any]] = {}
    others = []
    for file in files_named(listing, *RECORDS):
        said = json_in(listing, file)
        if not (isinstance(said, list) and said and isinstance(said[0], dict) and "_id" in said[0]):
            others.append(file.path)
            continue
        for at, record in enumerate(said):
            if not (isinstance(record, dict) and isinstance(record.get("_id"), int)):
                raise MmdataError(f"{file.path}: record {at} has no number `_id`. Save the API's answer as it is")
            found[str(record["_id"])] = record
    return found, others


def symbols(listing: Listing, claimed: Collection[str]) -> Iterator[Symbol | Finding]:
    """The pictures in the order of their numbers, those without one last.

    Args:
        claimed: paths of pictures that belong to boards.
    """
    said, others = records(listing)
    if others:
        text = f"{len(others)} JSON files are named as ARASAAC's records and hold none, not read: {others[0]}"
        yield Finding.warning("records", text, others, len(others))
    files = []
    for file in listing.files(*PICTURES, *PHOTOS):
        if file.path not in claimed and is_read(file):
            number, keyword = name_of(file)
            files.append((int(number) if number else 1 << 62, file.path, number, keyword, file))
    unnumbered = []
    unknown = []
    for _, path, number, keyword, file in sorted(files, key=lambda one: one[:2]):
        record = said.get(str(int(number)), {}) if number else {}
        is_theirs = bool(record) or _is_named(name_of(file)) or "arasaac" in file.folder.casefold()
        words = [clean(one.get("keyword")) for one in record.get("keywords") or [] if isinstance(one, dict)]
        if number and (not keyword or keyword in WIDTHS):
            keyword = words[0] if words else ""
        if not number:
            unnumbered.append(path)
            keyword = _spaced(keyword)
        source, attribution = terms("arasaac", record) if is_theirs else ("own", UNKNOWN)
        if not is_theirs:
            unknown.append(path)
        yield Symbol(
            number,
            clean(keyword),
            source,
            attribution,
            path,
            partial(content, listing, file),
            keywords=[word for word in words if word and word != clean(keyword)],
            categories=_texts(record.get("categories")),
            tags=_texts(record.get("tags")),
            flags={flag for flag in ("sex", "violence") if _is_set(record.get(flag))},
            judged=bool(record),
        )
    if unnumbered:
        text = (
            f"{len(unnumbered)} pictures have no number in front of their keyword, named by their file: {unnumbered[0]}"
        )
        yield Finding.warning("card without a number", text, unnumbered, len(unnumbered))
    if unknown:
        text = (
            f"{len(unknown)} pictures are of nobody known: named neither {{id}}_{{keyword}} nor in a record, and in no folder "
            f"named arasaac. Their {UNKNOWN}; say them in a record, or put them where they belong: {unknown[0]}"
        )
        yield Finding.warning("unknown author", text, unknown, len(unknown))


def is_read(file: SourceFile) -> bool:
    """Whether a picture that no board claims becomes a card."""
    return file.name.lower().endswith(".png") or _is_named(name_of(file))


def name_of(file: SourceFile) -> tuple[str, str]:
    """Number and keyword, as they are in its name."""
    stem = file.name.rpartition(".")[0]
    name = NAME.fullmatch(stem)
    return (name["number"] or "", name["keyword"]) if name else ("", stem)


def _is_named(name: tuple[str, str]) -> bool:
    """As ARASAAC's are; 20240131_120000 is a camera's."""
    number, keyword = name
    return bool(number and keyword) and (keyword in WIDTHS or not keyword.isdecimal())


def _spaced(name: str) -> str:
    """toWatchTv → to watch tv."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _is_set(flag: object) -> bool:
    """Also where somebody's own table says 1, or "true"."""
    return flag.strip().casefold() not in {"", "0", "false", "no", "null"} if isinstance(flag, str) else bool(flag)


def _texts(value: object) -> list[str]:
    return [clean(one) for one in value if isinstance(one, str)] if isinstance(value, list) else []

"""ARASAAC: pictures named `{id}_{keyword}.png`, and what the API's records say of them."""

import re
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

from mmdata import Finding, Listing, MmdataError

from .symbols import Symbol, clean, content, files_named, json_in, terms

PICTURES = ("*.png", "*.PNG")
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
    for file in listing.files(*PICTURES):
        if file.path not in claimed:
            stem = file.name[: -len(".png")]
            name = NAME.fullmatch(stem)
            number, keyword = (name["number"] or "", name["keyword"]) if name else ("", stem)
            files.append((int(number) if number else 1 << 62, file.path, number, keyword, file))
    unnumbered = []
    for _, path, number, keyword, file in sorted(files, key=lambda one: one[:2]):
        record = said.get(str(int(number)), {}) if number else {}
        words = [clean(one.get("keyword")) for one in record.get("keywords") or [] if isinstance(one, dict)]
        if number and (not keyword or keyword in WIDTHS):
            keyword = words[0] if words else ""
        if not number:
            unnumbered.append(path)
            keyword = _spaced(keyword)
        source, attribution = terms("arasaac", record)
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
            flags={flag for flag in ("sex", "violence") if record.get(flag) is True},
        )
    if unnumbered:
        text = (
            f"{len(unnumbered)} pictures have no number in front of their keyword, named by their file: {unnumbered[0]}"
        )
        yield Finding.warning("card without a number", text, unnumbered, len(unnumbered))


def _spaced(name: str) -> str:
    """toWatchTv → to watch tv."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _texts(value: object) -> list[str]:
    return [clean(one) for one in value if isinstance(one, str)] if isinstance(value, list) else []

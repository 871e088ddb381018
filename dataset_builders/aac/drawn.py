"""Mulberry and OpenMoji: SVG symbols, and the tables that say what each stands for."""

import csv
import io
import json
import posixpath
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from mmdata import Finding, Listing, MmdataError, SourceFile

from .symbols import Lost, Symbol, clean, content, files_named, json_in, terms

SVG = ("*.svg", "*.SVG")
MULBERRY = ("*symbol-info*.csv",)
OPENMOJI = ("*openmoji*.json", "*metadata.jsonl")
VARIANT = re.compile(r"(?:_\d+[a-z]?)+$")
"""old_person_3, farmer_2a: drawings of one word."""


def symbols(listing: Listing, language: str) -> Iterator[Symbol | Finding]:
    """The symbols of both tables, and a Finding about drawings that no table names.

    Args:
        language: of the keyword, such as "ko", where the table has it; else English.
    """
    named: set[str] = set()
    for file in files_named(listing, *MULBERRY):
        yield from _mulberry(listing, file, language, named)
    for file in files_named(listing, *OPENMOJI):
        yield from _openmoji(listing, file, language, named)
    spare = [file.path for file in listing.files(*SVG) if file.path not in named]
    if spare:
        text = f"{len(spare)} drawings are named by no table, left out: {spare[0]}"
        yield Finding.warning("drawing without a record", text, spare, len(spare))


def _mulberry(listing: Listing, file: SourceFile, language: str, named: set[str]) -> Iterator[Symbol]:
    """symbol-info.csv: symbol-id, symbol-en, category-en, tags, rated; keyword from label_{language}, symbol-{language}."""
    try:
        rows = list(csv.DictReader(io.StringIO(content(listing, file).decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error, Lost) as error:
        raise MmdataError(f"{file.path}: not readable as CSV: {error}. Copy or download it again") from None
    if not rows or not {"symbol-id", "symbol-en"} <= rows[0].keys():
        raise MmdataError(f"{file.path}: a line of it needs symbol-id and symbol-en. Give Mulberry's own table")
    for row in sorted(
        rows, key=lambda row: (not (row["symbol-id"] or "").isdecimal(), (row["symbol-id"] or "").zfill(9))
    ):
        english = _english(row["symbol-en"] or "")
        keyword = clean(row.get(f"label_{language}") or row.get(f"symbol-{language}") or english)
        svg = _of(listing, file, row.get("svg") or f"{row['symbol-en']}.svg", named)
        source, attribution = terms("mulberry", row)
        yield Symbol(
            row["symbol-id"] or "",
            keyword if language != "en" else english,
            source,
            attribution,
            svg.path if svg else f"{file.path}: {row['symbol-en']}",
            partial(_drawing, listing, svg),
            keywords=[english] if english and english != keyword else [],
            categories=[clean(row.get("category-en"))] if row.get("category-en") else [],
            tags=(row.get("tags") or "").split(),
            flags={"rated"} if (row.get("rated") or "0").strip() != "0" else set(),
        )


def _openmoji(listing: Listing, file: SourceFile, language: str, named: set[str]) -> Iterator[Symbol]:
    """openmoji.json (hexcode, annotation, group, tags), or such records a line (svg, label_{language}, label_en)."""
    for at, record in enumerate(_lines(listing, file)):
        if not (isinstance(record, dict) and isinstance(record.get("hexcode"), str)):
            continue
        english = clean(record.get("label_en") or record.get("annotation"))
        keyword = clean(record.get(f"label_{language}")) or english
        svg = _of(listing, file, record.get("svg") or f"{record['hexcode']}.svg", named)
        more = record.get(f"keywords_{language}")
        source, attribution = terms("openmoji", {"licence": record.get("licence"), "author": record.get("author")})
        yield Symbol(
            record["hexcode"],
            keyword,
            source,
            attribution,
            svg.path if svg else f"{file.path}: record {at}",
            partial(_drawing, listing, svg),
            keywords=[clean(one) for one in more if clean(one) != keyword] if isinstance(more, list) else [english],
            categories=[clean(record[key]) for key in ("group", "subgroup", "subgroups") if record.get(key)],
            tags=[
                clean(tag) for tag in str(record.get("tags_en") or record.get("tags") or "").split(",") if tag.strip()
            ],
        )


def _lines(listing: Listing, file: SourceFile) -> list[Any]:
    if not file.name.endswith(".jsonl"):
        said = json_in(listing, file)
        return said if isinstance(said, list) else []
    try:
        return [json.loads(line) for line in content(listing, file).decode("utf-8-sig").splitlines() if line.strip()]
    except (ValueError, RecursionError, Lost) as error:
        raise MmdataError(f"{file.path}: a line of it is no JSON: {error}. Copy or download it again") from None


def _of(listing: Listing, table: SourceFile, name: str, named: set[str]) -> SourceFile | None:
    """The drawing that a table names: beside the table, or else the only one of that name, in colour if there are two."""
    found = listing.find(posixpath.normpath(posixpath.join(table.folder, name)))
    if found is None:
        there = listing.named(posixpath.basename(name))
        there = [one for one in there if "color" in one.path.split("/")] or there
        found = there[0] if len(there) == 1 else None
    if found:
        named.add(found.path)
    return found


def _drawing(listing: Listing, svg: SourceFile | None) -> bytes:
    if svg is None:
        raise Lost("its table names a drawing that is not there, or several of that name")
    return content(listing, svg)


def _english(name: str) -> str:
    """wash_hands_,_to → to wash hands; old_person_3 → old person."""
    word, comma, particle = VARIANT.sub("", name).partition("_,_")
    word = VARIANT.sub("", word)
    return clean(f"{particle} {word}" if comma else word)

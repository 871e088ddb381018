"""`mmdata search --html`: what was asked and what was found, as one file that needs no network, with its pictures."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..corpus import Corpus
from ..errors import ReleaseError
from ..pages.page import clipped, rendered, write
from ..pages.thumbnails import CHUNK, Thumbnails, thumbnail
from .facts import Found, Hit
from .pictures import Pictures
from .screen import main_columns, shown

SIDE = 360
"""Longest side of a picture, shown at up to 230 CSS pixels: sharp on a phone."""
BYTES = 32_000
"""Of one; a photograph takes about 12,000. A thousand of them are 43 MB at most, in base64."""


def write_sheet(
    found: Found, corpus: Corpus, path: Path, *, picture: bytes = b"", text: str = "", where: str = ""
) -> None:
    """Write what was found as one self-contained HTML file; a reader sees the old file or the new one.

    Args:
        found: the hits.
        corpus: where their pictures are.
        path: the file to write; its folder must exist.
        picture, text, where: what was asked.

    Raises:
        ReleaseError: the file cannot be written.
    """
    licence = str(corpus.card.get("license_name") or corpus.card.get("license") or "")
    drawn = thumbnail([picture], SIDE, BYTES) if picture else None
    asked = {"picture": drawn or "", "text": clipped(text), "where": clipped(where)}
    write(path, page(found, asked, _thumbnails(found, corpus), licence), "the HTML sheet")


def page(found: Found, asked: dict[str, str], thumbnails: Thumbnails, licence: str = "") -> str:
    """The whole file as text.

    Args:
        asked: picture (a data URI), text and where; "" for what was not given.
    """
    order = main_columns(found)
    data = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "facts": found.facts.model_dump(exclude={"columns"}) | {"model": found.facts.called},
        "newer": found.newer,
        "milliseconds": found.milliseconds,
        "asked": asked,
        "hits": [_item(hit, order) for hit in found.hits],
    }
    template = Path(__file__).with_name("sheet.html.j2")
    title = f"{found.facts.corpus} {found.facts.version}"
    return rendered(template, title=title, data=data, thumbnails=thumbnails, licence=licence)


def _item(hit: Hit, order: list[str]) -> dict[str, Any]:
    values = [(name, clipped(told)) for name in order if (told := shown(hit.row.get(name)))]
    return {"id": hit.id, "score": hit.score, "same": hit.same, "values": values}


def _thumbnails(found: Found, corpus: Corpus) -> Thumbnails:
    made = Thumbnails({}, [], len(found.hits))
    try:
        pictures = Pictures(corpus, found.facts.version)
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
            for at in range(0, len(found.hits), CHUNK):
                some = found.hits[at : at + CHUNK]
                held = pictures.several([hit.picture for hit in some])
                there = [hit for hit in some if hit.picture in held]
                drawn = pool.map(lambda hit, held=held: thumbnail([held[hit.picture]], SIDE, BYTES), there)
                for hit, uri in zip(there, drawn, strict=True):
                    if uri:
                        made.rows[hit.id] = len(made.uris)
                        made.uris.append(uri)
    except ReleaseError:
        pass  # The release is not here, or damaged (the index may be a database's): the sheet then has no pictures.
    return made

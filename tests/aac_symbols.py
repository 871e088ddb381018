"""Pictograms in the forms that aac reads, and what its step `cards` makes of them."""

import io
import json
import sqlite3
import zipfile

from aac_files import CORPUS
from characters import Held
from kit import encoded, photo
from PIL import Image

from mmdata import Finding, Listing
from mmdata.schemas import AacCard

CARDS = CORPUS.module("cards").cards
NS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
SVG = f'<svg {NS} viewBox="0 0 20 10"><rect width="20" height="10" fill="#ff0000"/></svg>'.encode()


def read(files: dict[str, bytes], unjudged=False, **options) -> tuple[dict[str, AacCard], list[str]]:
    """What the step `cards` makes of files in memory: cards by id, and what its Findings say, with `unjudged` also of
    pictures that have no record."""
    chosen = CORPUS.builder.BUILDER_CONFIGS[0]
    wanted = {name: options.get(name, getattr(chosen, name)) for name in CARDS.options}
    listing = Listing.of(Held(files), sqlite3.connect(":memory:"))
    made = list(CARDS(listing, **wanted))
    findings = [one for one in made if isinstance(one, Finding)]
    return {one.id: one for one in made if isinstance(one, AacCard)}, [
        f"{one.check}: {one.message}" for one in findings if unjudged or one.check != "cards without a record"
    ]


def png(seed, mode="RGB") -> bytes:
    return encoded(photo(seed, (16, 16), mode))


def record(number: int, word: str, **more) -> dict:
    return {"_id": number, "keywords": [{"keyword": word, "type": 2}], "categories": [], "tags": []} | more


def js(value) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def opened(card) -> Image.Image:
    return Image.open(io.BytesIO(card.image.bytes))


def board(images, buttons=None, **more) -> bytes:
    buttons = buttons or [{"id": n, "label": f"말{n}", "image_id": image["id"]} for n, image in enumerate(images)]
    return js({"format": "open-board-0.1", "id": "b", "buttons": buttons, "images": images} | more)


def packed(files: dict[str, bytes], **options) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return out.getvalue()

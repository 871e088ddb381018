"""Small pictures of rows, for a page."""

import base64
import io
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageOps

SIDE = 128
"""Longest side of a thumbnail, shown at 96 CSS pixels: sharp on a phone."""
THUMBNAIL_BYTES = 4_096
"""Of one thumbnail; a photograph takes about 1,000. With PICTURED it bounds the file."""
PICTURED = 4_000
"""Rows with a picture. On 2 cores as many take 10 s if they are photographs of 224 pixels, 90 s if PNGs of 1,200."""
CHUNK = 64
"""Pictures in memory at once."""


class Thumbnails(NamedTuple):
    """Small pictures, each once however many rows and findings show it."""

    rows: dict[str, int]
    """Row id → place in `uris`."""
    uris: list[str]
    wanted: int = 0
    """Rows that should have one."""


def thumbnail(pictures: Sequence[bytes], longest: int = SIDE, most: int = THUMBNAIL_BYTES) -> str | None:
    """A row's pictures of any format that Pillow reads, small and side by side, as a data URI; None if one cannot be drawn.

    Args:
        longest: pixels of its longest side.
        most: bytes, which may blur it.
    """
    try:
        side = max(longest // max(1, len(pictures)), longest // 4)
        drawn = [_small(picture, side) for picture in pictures]
        flat = Image.new("RGB", (sum(one.width for one in drawn), max(one.height for one in drawn)), "white")
        at = 0
        for one in drawn:
            flat.paste(one, (at, 0), mask=one if one.mode == "RGBA" else None)
            at += one.width
        for quality in (60, 30, 5):
            out = io.BytesIO()
            flat.save(out, "WEBP", quality=quality)
            if out.tell() <= most:
                return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError):
        pass  # A row without its picture says as much.
    return None


def _small(picture: bytes, side: int) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of odd metadata and of size: checks of their own say so.
        with Image.open(io.BytesIO(picture)) as image:
            image.draft("RGB", (2 * side, 2 * side))  # A JPEG is decoded small: four times as fast.
            ImageOps.exif_transpose(image, in_place=True)
            small = image.convert("RGBA" if image.has_transparency_data else "RGB")
    small.thumbnail((side, side))
    return small

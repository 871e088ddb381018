"""What a picture shows, told from what is behind it: in whole numbers, the same on every machine.

What is in the middle of a picture and not at its border is most likely what it is of. The more a colour is found there
rather than at the border, the more each place of that colour is held to be of the thing.
"""

import math
from typing import Any

import numpy as np
from PIL import Image

Counts = np.ndarray[Any, Any]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; it may reach beyond the picture."""

SIDE, BORDER = 64, 5
"""The picture is looked at so small; so broad is its border."""
MIDDLE = range(13, 51)
LIGHT, TINT = 8, 32
"""Steps of lightness, and of each of the two of tint, that colours are told apart by."""


def thing(image: Image.Image) -> tuple[Counts, Box]:
    """(64, 64), 0 to 255: how likely each place is of the thing; and a square around the thing, in the picture's pixels."""
    pixels = np.asarray(image.convert("YCbCr").resize((SIDE, SIDE), Image.Resampling.BOX), np.int64)
    lightness, tints = (
        pixels[..., 0] * LIGHT // 256,
        np.clip((pixels[..., 1:] - 128) * TINT // 128 + TINT // 2, 0, TINT - 1),
    )
    colours = (lightness * TINT + tints[..., 0]) * TINT + tints[..., 1]
    inner = slice(BORDER, SIDE - BORDER)
    at_border = np.ones((SIDE, SIDE), bool)
    at_border[inner, inner] = False
    middle = np.zeros((SIDE, SIDE), bool)
    middle[MIDDLE.start : MIDDLE.stop, MIDDLE.start : MIDDLE.stop] = True
    # Shares of the middle and of the border, brought to one denominator.
    there = _spread(colours[middle])[colours] * int(at_border.sum())
    here = _spread(colours[at_border])[colours] * int(middle.sum())
    likely = 255 * there // (there + here + 1)
    return likely, _around(likely, image.width, image.height)


def _spread(colours: Counts) -> Counts:
    """How often each colour is there, and those next to it a half, a quarter or an eighth as much."""
    counts = np.bincount(colours, minlength=LIGHT * TINT * TINT).reshape(LIGHT, TINT, TINT)
    for axis in range(3):
        wide = np.pad(counts, [(int(axis == one),) * 2 for one in range(3)])
        before, here, after = (np.take(wide, range(at, at + counts.shape[axis]), axis) for at in range(3))
        counts = before + 2 * here + after
    return counts.ravel()


def _around(likely: Counts, width: int, height: int) -> Box:
    """A square around the centre of what is likely, 2.2 times as far as its places lie from there on the average."""
    weights = likely**3
    total = int(weights.sum()) or 1
    places = np.arange(SIDE)
    middles, spreads = [], []
    for axis, pixels in ((0, width), (1, height)):
        along = weights.sum(axis=axis)
        first, second = int((along * places).sum()), int((along * places**2).sum())
        middles.append((2 * first + total) * pixels // (2 * total * SIDE))
        spreads.append(math.isqrt((second * total - first**2) * pixels**2) // total)
    reach = max(2, 11 * max(spreads) // (5 * SIDE))
    return middles[0] - reach, middles[1] - reach, middles[0] + reach, middles[1] + reach

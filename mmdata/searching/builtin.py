"""Pictures as vectors with nothing to install or download: a thing's outline, the lines on it, and its colours.

Counted in whole numbers up to the last division, so that they are the same on every machine. It has no words.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from ..errors import MmdataError
from .facts import BUILTIN, Vectors

REVISION = "1"
"""Raised whenever a picture's vector may change."""
Counts = np.ndarray[Any, Any]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; it may reach beyond the picture."""
SIDE, GRID, CELLS, DIRECTIONS = 64, 8, 4, 4
"""Pixels a side of what is looked at; places a side in which colours, and lines, are seen; directions of lines."""
BORDER, MIDDLE = 5, slice(13, 51)
"""Of those pixels: the breadth of the border, and where the middle is."""
LIGHT, TINT = 8, 32
"""Steps of lightness, and of each of the two of tint, that the thing's colours are told apart by."""
OUTLINE, LINES, COLOURS, COARSE = (100, 1500), (70, 1500), (30, 10), (60, 0)
"""What a part of a vector weighs, and how short it is where there is next to nothing in the picture: that is not blown up to
the whole weight. Colours weigh less, as a thing comes in all of them."""
SIZES = 256, 128, 24, 256, 1
"""Of the parts, in their order; the last is the same of all pictures."""
ONE = 1 << 16
EIGHT = ((10, 0), (7, 7), (0, 10), (-7, 7), (-10, 0), (-7, -7), (0, -10), (7, -7))
"""Directions, right and down, each about ten long."""
SHARP = np.array([r**8 >> 56 for r in range(257)])
"""How much a line counts for a direction, of 256, by 256 × the cosine between them: half, midway between two."""


class Builtin:
    """The encoder that is always there."""

    name, revision, dimensions, side = BUILTIN, REVISION, sum(SIZES), 256

    def pictures(self, images: Sequence[Image.Image]) -> Vectors:
        """(N, 665), of length 1."""
        counts = [looked_at(image) for image in images]
        lengths = [_length(each) for each in counts]
        made = [each / length for each, length in zip(counts, lengths, strict=True)]
        return np.array(made, np.float32).reshape(-1, self.dimensions)

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Raises MmdataError: it knows no words."""
        raise MmdataError(
            "the model builtin sees colours and shapes, and knows no words. Search by a picture, or index with a model that "
            "has words: `mmdata index FOLDER --model google/siglip2-base-patch16-224` (Korean too) or "
            "openai/clip-vit-base-patch32 (English)"
        )


def coarse(vectors: Vectors) -> Vectors:
    """(N, 256): of such vectors (N, 665) only the part that is `seen`, of length 1 again.

    It tells a picture that was made smaller, compressed or cut a little from all others better than the whole does, which is
    made to take two things of one kind for the same. It says where things are: of a mirror image it is another.
    """
    part = vectors[:, sum(SIZES[:3]) : -1]
    return np.asarray(part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-9), np.float32)


def alike(one: Vectors, two: Vectors) -> Vectors:
    """(n, m) cosines of what pictures are coarsely, or the first's mirror images, where these are nearer.

    A learned model gives a mirror image nearly the same vector; builtin says where things are.

    Args:
        one: (n, D) vectors of builtin.
        two: (m, D).
    """
    ones, twos = coarse(one), coarse(two)
    nearer: Vectors = np.maximum(ones @ twos.T, mirrored(ones) @ twos.T)
    return nearer


def mirrored(vectors: Vectors) -> Vectors:
    """`coarse` vectors (N, 256) as of the same pictures left for right, but for what rounding to places moves."""
    colours, lines = np.split(vectors, [GRID * GRID * 3], axis=1)
    colours = colours.reshape(-1, GRID, GRID, 3)[:, :, ::-1]
    # Level and upright lines stay as they are, the two diagonals change places.
    lines = lines.reshape(-1, CELLS, CELLS, DIRECTIONS)[:, :, ::-1][..., [0, 1, 3, 2]]
    return np.concatenate([colours.reshape(len(vectors), -1), lines.reshape(len(vectors), -1)], axis=1)


def looked_at(image: Image.Image) -> Counts:
    """(665,): a thing's outline, the lines on it, its colours, and all of the picture as it is `seen`.

    Of ninety photographs of clothes in ten classes, on all kinds of floors, the five nearest are of the same class 4.5 times
    as often as by chance; by `seen` alone 2.4 times. Its parts and weights were chosen on those same photographs, so of others
    expect less: of 98 of skin, which it was not chosen on, it is 1.4 times for both.
    """
    likely, around = thing(image)
    mask = Image.fromarray(likely.astype(np.uint8)).resize(image.size, Image.Resampling.BILINEAR)
    there, pixels = _cut(mask, around), _cut(image.convert("YCbCr"), around)
    outline, lines = _lines(there, None, EIGHT), _lines(pixels[..., 0], there, EIGHT[:4])
    colours = ((pixels - 128) * there[..., None]).reshape(4, SIDE // 4, 4, SIDE // 4, 3).sum(axis=(1, 3))
    parts = (
        (OUTLINE, _evened(outline)),
        (LINES, _evened(lines)),
        (COLOURS, (colours + colours[:, ::-1])[:, :2].ravel() // (255 * 512)),
        (COARSE, seen(image)),
    )
    weighed = [weight * ONE * part // (_length(part) + faint) for (weight, faint), part in parts]
    return np.concatenate([*weighed, [ONE]])  # So that a picture of nothing has a direction too.


def thing(image: Image.Image) -> tuple[Counts, Box]:
    """(64, 64), 0 to 255: how likely each place is of the thing; and a square around the thing, in the picture's pixels.

    What is in the middle of a picture and not at its border is most likely what it is of. The more a colour is found there
    rather than at the border, the more each place of that colour is held to be of the thing.
    """
    pixels = np.asarray(image.convert("YCbCr").resize((SIDE, SIDE), Image.Resampling.BOX), np.int64)
    lightness, tints = (
        pixels[..., 0] * LIGHT // 256,
        np.clip((pixels[..., 1:] - 128) * TINT // 128 + TINT // 2, 0, TINT - 1),
    )
    colours = (lightness * TINT + tints[..., 0]) * TINT + tints[..., 1]
    at_border, middle = np.ones((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    at_border[BORDER:-BORDER, BORDER:-BORDER] = False
    middle[MIDDLE, MIDDLE] = True
    # Shares of the middle and of the border, brought to one denominator.
    there = _spread(colours[middle])[colours] * int(at_border.sum())
    here = _spread(colours[at_border])[colours] * int(middle.sum())
    likely = 255 * there // (there + here + 1)
    return likely, _around(likely, image.width, image.height)


def seen(image: Image.Image) -> Counts:
    """(256,): mean colours of 8 × 8 places, and how much goes in which of 4 directions in each of 4 × 4 places."""
    side = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = 255 - np.asarray(side, dtype=np.int64)  # White is nothing.
    eight = SIDE // GRID
    colours = pixels.reshape(GRID, eight, GRID, eight, 3).sum(axis=(1, 3)).ravel() // (eight * eight)
    grey = pixels.sum(axis=2)
    across, down = grey[1:-1, 2:] - grey[1:-1, :-2], grey[2:, 1:-1] - grey[:-2, 1:-1]
    strength = np.abs(across) + np.abs(down)
    # Level, upright or one of the diagonals, found by comparing whole numbers: arctan differs between processors.
    flat, steep = 5 * np.abs(down) < 2 * np.abs(across), 2 * np.abs(down) > 5 * np.abs(across)
    direction = np.where(flat, 0, np.where(steep, 1, np.where((across > 0) == (down > 0), 2, 3)))
    lines: Counts = np.zeros((CELLS, CELLS, DIRECTIONS), dtype=np.int64)
    at = np.arange(SIDE - 2) * CELLS // (SIDE - 2)
    np.add.at(lines, (at[:, None], at[None, :], direction), strength)
    lines = lines.ravel() // 64
    # Each of the two weighs the same.
    return np.concatenate(
        [colours * (1 + math.isqrt(int((lines**2).sum()))), lines * (1 + math.isqrt(int((colours**2).sum())))]
    )


def _length(part: Counts) -> int:
    return math.isqrt(sum(one**2 for one in part.tolist())) or 1  # The squares may need more than 64 bits.


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


def _cut(image: Image.Image, around: Box) -> Counts:
    return np.asarray(image.crop(around).resize((SIDE, SIDE), Image.Resampling.BOX), np.int64)


def _lines(grey: Counts, weights: Counts | None, directions: Sequence[tuple[int, int]]) -> Counts:
    """(8, 4, D): how strong lines of each direction are in each of 8 × 8 places, with those of the mirror image.

    Args:
        grey: (64, 64).
        weights: (64, 64), 0 to 255, of its places.
        directions: in which it grows lighter; of the first four of eight, and in which it grows darker.
    """
    across, down = np.zeros((2, SIDE, SIDE), np.int64)
    across[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    down[1:-1] = grey[2:] - grey[:-2]
    strength = np.sqrt(across**2 + down**2).astype(np.int64)  # Every processor rounds this root alike.
    weighed = strength if weights is None else strength * weights // 255
    found = np.empty((16, 16, len(directions)), np.int64)
    for number, (right, below) in enumerate(directions):
        along = across * right + down * below
        along = np.maximum(along, 0) if len(directions) == len(EIGHT) else np.abs(along)
        cosine = np.minimum(256 * along // (10 * np.maximum(strength, 1)), 256)
        found[..., number] = (weighed * SHARP[cosine]).reshape(16, SIDE // 16, 16, SIDE // 16).sum(axis=(1, 3))
    for axis in (0, 1):  # A line near the edge of a place counts in the next one too.
        wide = np.pad(found, [(int(axis == one),) * 2 for one in range(3)])
        before, first, second, after = (np.take(wide, range(n, n + 16, 2), axis) for n in range(4))
        found = before + 3 * first + 3 * second + after
    half = len(EIGHT) // 2
    turned = [(half - number) % len(directions) for number in range(len(directions))]
    return (found + found[:, ::-1, turned])[:, :4]


def _evened(counts: Counts) -> Counts:
    """Roots, so that one strong line is not all there is, less their mean: what all pictures have tells none apart."""
    roots: Counts = np.sqrt(counts).astype(np.int64).ravel()
    return np.asarray(roots - roots.sum() // len(roots))

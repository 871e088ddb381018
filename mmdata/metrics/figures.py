"""Pictures of figures, drawn with Pillow."""

import colorsys
import io
from collections import Counter
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .intervals import Floats
from .measures import Figure

SIDE, MARGIN, LEGEND, LINE = 640, 24, 260, 22
"""Pixels: of the map, around it, of the legend's width and of a line in it."""
FEWEST = 5
"""Points of which t-SNE makes a map."""


def map_of(unit: Floats, labels: Sequence[str], *, points: int = 500, seed: int = 0, title: str = "map") -> Figure:
    """Vectors laid out in the plane, a colour and a number for each class: near vectors lie near, far ones anywhere.

    Args:
        unit: (N, D), each of length 1.
        labels: N classes.
        points: the most rows that are shown, drawn by the seed.
    """
    if len(unit) > points:
        kept = np.sort(np.random.default_rng(seed).choice(len(unit), points, replace=False))
        unit, labels = unit[kept], [labels[at] for at in kept]
    classes = sorted(set(labels))
    colours = dict(zip(classes, _colours(len(classes)), strict=True))
    counts = Counter(labels)
    height = max(SIDE, 2 * MARGIN + LINE * len(classes))
    image = Image.new("RGB", (SIDE + LEGEND, height), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    how, plane = _plane(unit, seed)
    places = MARGIN + _in_square(plane) * (SIDE - 2 * MARGIN)
    for (x, y), label in zip(places, labels, strict=True):
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=colours[label], outline="white")
    for number, cls in enumerate(classes, 1):
        y = MARGIN + LINE * (number - 1)
        draw.ellipse((SIDE, y + 2, SIDE + 12, y + 14), fill=colours[cls])
        # Pillow's own font has Latin letters only; the number is the class's, in the order of the table.
        name = cls if cls.isascii() else ""
        draw.text((SIDE + 20, y), f"{number}  {name} ({counts[cls]})", fill="black", font=font)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    names = ", ".join(f"{number} {cls}" for number, cls in enumerate(classes, 1))
    return Figure(title=f"{title} ({how} of {len(unit):,} rows): {names}", png=out.getvalue())


def _plane(unit: Floats, seed: int) -> tuple[str, Floats]:
    """How, and (N, 2)."""
    centred = unit - unit.mean(axis=0)
    if len(unit) < FEWEST or np.allclose(centred, 0):
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        flat = centred @ axes[:2].T
        return "PCA", np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    from sklearn.manifold import TSNE  # type: ignore[import-untyped]

    perplexity = min(30.0, (len(unit) - 1) / 3)
    init = "pca" if unit.shape[1] > 1 else "random"
    made = TSNE(2, perplexity=perplexity, metric="cosine", init=init, random_state=seed).fit_transform(unit)
    return "t-SNE", np.asarray(made, dtype=np.float64)


def _in_square(places: Floats) -> Floats:
    """From 0 to 1, both axes alike."""
    low = places.min(axis=0)
    return np.asarray((places - low) / max(float((places - low).max()), 1e-12))


def _colours(count: int) -> list[tuple[int, int, int]]:
    """Far apart in hue; every second one is darker."""
    shades = (colorsys.hsv_to_rgb(n / max(count, 1), 0.75, 0.85 if n % 2 == 0 else 0.6) for n in range(count))
    return [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in shades]

"""The checks of pictures: each is decoded once, and measured."""

import hashlib
import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image

from ..progress import Progress
from .check import Check, Hit, Hits
from .rows import Whole

SIDE = 256
"""Pixels of the longer side at which brightness and sharpness are measured, so that sizes can be compared."""
TINY = 64
"""Pixels of the shorter side: below two patches of 28 a side, a Qwen2-VL or Qwen2.5-VL sees one patch or none."""
ODD = 3.0
"""Longer by shorter side: a model that squares its input leaves less than a third of one side's detail."""
DARK = 40.0
"""Mean of Pillow's L (ITU-R 601 luma, 0 to 255). Of 194 clinical photographs (HAM10000) the darkest has 119; half
of them are below 40 at a quarter of their light."""
BLURRED = 5.0
"""Variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) of L at SIDE. The same photographs have 7.5 and more, and
at most 3.1 after a Gaussian blur with a radius of 1 % of their side."""

In = TypeVar("In")
Out = TypeVar("Out")


class Look(NamedTuple):
    """What one picture measures."""

    number: int
    """Row of the release."""
    field: str
    sha256: str
    wanted_sha256: str
    """As index.parquet has it."""
    fault: str = ""
    """Why it cannot be decoded; then the rest is 0."""
    width: int = 0
    height: int = 0
    light: float = 0.0
    sharpness: float = 0.0


def measure(number: int, field: str, wanted: str, data: bytes) -> Look:
    """Decode and measure one picture."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            image.draft("L", (SIDE, SIDE))  # A JPEG is decoded at a fraction of its size, which is enough here.
            grey = image.convert("L")
        factor = min(1.0, SIDE / max(grey.size))
        small = grey.resize(
            (max(3, round(grey.width * factor)), max(3, round(grey.height * factor))), Image.Resampling.BOX
        )
    except Exception as error:  # On damaged files Pillow's forty decoders raise nearly everything.
        return Look(number, field, digest, wanted, str(error) or type(error).__name__)
    light = np.asarray(small, np.float32)
    edges = light[:-2, 1:-1] + light[2:, 1:-1] + light[1:-1, :-2] + light[1:-1, 2:] - 4 * light[1:-1, 1:-1]
    return Look(number, field, digest, wanted, "", width, height, float(light.mean()), float(edges.var()))


def pictures_against_index(looks: Sequence[Look]) -> Iterator[Hit]:
    """Each picture is the one that the build saw (sha256 in index.parquet), and can be decoded."""
    for look in looks:
        if look.sha256 != look.wanted_sha256:
            yield Hit(look.number, f"{look.field} is not the picture that was built: build again", look.sha256[:16])
        elif look.fault:
            yield Hit(look.number, f"{look.field} cannot be decoded: {look.fault}. Copy it again and build", look.fault)


def dark(looks: Sequence[Look]) -> Iterator[Hit]:
    """Pictures with a mean brightness under 40 of 255."""
    for look in _decoded(looks):
        if look.light < DARK:
            yield Hit(look.number, f"{look.field}: mean brightness {look.light:.0f} of 255; under {DARK:.0f} is dark")


def blurred(looks: Sequence[Look]) -> Iterator[Hit]:
    """Pictures without sharp edges: the Laplacian's variance at 256 pixels is under 5."""
    for look in _decoded(looks):
        if look.sharpness < BLURRED and look.light >= DARK:  # In the dark nothing is sharp; that is said already.
            yield Hit(
                look.number, f"{look.field}: sharpness {look.sharpness:.1f}; under {BLURRED:.0f} is blurred, or empty"
            )


def tiny(looks: Sequence[Look]) -> Iterator[Hit]:
    """Pictures whose shorter side is under 64 pixels."""
    for look in _decoded(looks):
        if min(look.width, look.height) < TINY:
            yield Hit(
                look.number, f"{look.field}: {look.width} × {look.height} pixels; under {TINY} little can be seen"
            )


def oddly_shaped(looks: Sequence[Look]) -> Iterator[Hit]:
    """Pictures more than three times as long as wide, or as wide as long."""
    for look in _decoded(looks):
        if max(look.width, look.height) > ODD * min(look.width, look.height):
            yield Hit(look.number, f"{look.field}: {look.width} × {look.height} pixels is an odd shape: crop it")


PICTURE_CHECKS = (
    Check("error", pictures_against_index),
    Check("warning", dark),
    Check("warning", blurred),
    Check("warning", tiny),
    Check("warning", oddly_shaped),
)
"""All checks of pictures, in the order of the report."""


def check_pictures(whole: Whole, progress: Progress) -> list[tuple[Check, Hits]]:
    """Run them on every picture, as many at once as there are cores."""
    release = whole.release
    fields = [name for name, kind in release.kinds.items() if kind == "image"]
    found = {check.name: Hits() for check in PICTURE_CHECKS}
    total = sum(release.manifest.splits.values()) * len(fields)
    for done, look in enumerate(in_order(_measure, _pictures(whole, fields)), 1):
        progress.rows(done, total, "")
        for check in PICTURE_CHECKS:
            hits = found[check.name]
            hits.judged += 1
            for hit in check.look([look]):
                hits.found += 1
                if len(hits.first) < whole.limit:
                    hits.first.append(hit)
    for hits in found.values():
        if not fields:
            hits.could_not.append("the release has no picture field (pictures inside a struct are not looked at)")
    return [(check, found[check.name]) for check in PICTURE_CHECKS]


def in_order(function: Callable[[In], Out], tasks: Iterable[In], workers: int | None = None) -> Iterator[Out]:
    """Results in the order of the tasks, by threads; few tasks are taken ahead, so memory stays bounded."""
    workers = workers or os.cpu_count() or 1
    waiting: deque[Future[Out]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for task in tasks:
            waiting.append(pool.submit(function, task))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _pictures(whole: Whole, fields: list[str]) -> Iterator[tuple[int, str, str, bytes]]:
    for field in fields:
        first: dict[str, int] = {}
        rows = 0
        for split, count in whole.release.manifest.splits.items():
            first[split] = rows
            rows += count
        having = (row for row in whole.release.rows() if field in row.pictures)
        for row, pictures in whole.release.pictures(field, having):
            for n, (data, digest) in enumerate(zip(pictures, row.pictures[field], strict=True)):
                name = f"{field}[{n}]" if len(pictures) > 1 else field
                yield first[row.split] + row.number, name, digest, data


def _measure(task: tuple[int, str, str, bytes]) -> Look:
    return measure(*task)


def _decoded(looks: Sequence[Look]) -> Iterator[Look]:
    return (look for look in looks if not look.fault)

"""`mmdata check --html`: the report as one file that needs no network, with the pictures it speaks of.

The texts in it are a model's and a stranger's. They travel as JSON that cannot close its element,
reach the page as text nodes only, and a content security policy refuses every script but ours.
"""

import base64
import contextlib
import hashlib
import io
import itertools
import json
import os
import uuid
import warnings
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import pyarrow as pa
from PIL import Image, ImageOps

from ..errors import ReleaseError
from ..progress import Progress, Silent
from ..reading import Release, Row
from .report import Fault, Report

LISTED = 20_000
"""Findings in the file; the page filters this many in a tenth of a second."""
CHARACTERS = 1_000
"""Of one message or excerpt."""
PICTURED = 4_000
"""Rows with a picture. On 2 cores as many take 10 s if they are photographs of 224 pixels, 90 s if PNGs of 1,200."""
SIDE = 128
"""Longest side of a thumbnail, shown at 96 CSS pixels: sharp on a phone."""
CHUNK = 64
"""Pictures in memory at once."""
THUMBNAIL_BYTES = 4_096
"""Of one thumbnail; a photograph takes about 1,000. With PICTURED it bounds the file."""


class Thumbnails(NamedTuple):
    """Small pictures, each once however many rows and findings show it."""

    rows: dict[str, int]
    """Row id → place in `uris`."""
    uris: list[str]
    wanted: int = 0
    """Rows that have findings."""


def write_html(
    report: Report, release: Release, path: Path, *, licence: str = "", progress: Progress | None = None
) -> None:
    """Write a report as one self-contained HTML file; a reader sees the old file or the new one.

    Args:
        report: what the checks found.
        release: where the pictures of the rows are.
        path: the file to write; its folder must exist.
        licence: of the pictures, as the corpus's card says; the footer repeats it.
        progress: told of the pictures read.

    Raises:
        ReleaseError: the file cannot be written.
    """
    listed = fairly(report.faults, LISTED)
    text = page(
        report.model_copy(update={"faults": listed}), _thumbnails(release, listed, progress or Silent()), licence
    )
    new = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with new.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except OSError as error:
        raise ReleaseError(
            f"{path}: the HTML report cannot be written ({error.strerror}). Name a file in a folder that exists, "
            "may be written to and has room"
        ) from None
    finally:
        new.unlink(missing_ok=True)


def page(report: Report, thumbnails: Thumbnails, licence: str = "") -> str:
    """The whole file as text."""
    data = report.model_dump(exclude={"faults": {"__all__": {"message", "excerpt"}}})
    for written, fault in zip(data["faults"], report.faults, strict=True):
        written["message"], written["excerpt"] = _clipped(fault.message), _clipped(fault.excerpt)
    parts = {"report": _embedded(data), "thumbnails": _embedded({**thumbnails._asdict(), "licence": licence})}
    code = {name: Path(__file__).with_name(f"report.{name}").read_text(encoding="utf-8") for name in ("css", "js")}
    template = Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(template).render(
        title=f"{report.corpus} {report.version}",
        bytes=sum(len(part.encode()) for part in (*parts.values(), *code.values())),
        hashes={name: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for name, text in code.items()},
        **parts,
        **code,
    )


def fairly(faults: Sequence[Fault], limit: int) -> list[Fault]:
    """At most so many, as many of each check as of any other, errors before warnings; the order stays."""
    if len(faults) <= limit:
        return list(faults)
    return [faults[at] for at in sorted(itertools.islice(_turns(faults), limit))]


def thumbnail(pictures: Sequence[bytes]) -> str | None:
    """A row's pictures of any format that Pillow reads, small and side by side, as a data URI; None if one cannot be drawn."""
    try:
        side = max(SIDE // max(1, len(pictures)), SIDE // 4)
        drawn = [_small(picture, side) for picture in pictures]
        flat = Image.new("RGB", (sum(one.width for one in drawn), max(one.height for one in drawn)), "white")
        at = 0
        for one in drawn:
            flat.paste(one, (at, 0), mask=one if one.mode == "RGBA" else None)
            at += one.width
        for quality in (60, 30, 5):
            out = io.BytesIO()
            flat.save(out, "WEBP", quality=quality)
            if out.tell() <= THUMBNAIL_BYTES:
                return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError):
        pass  # A finding without its picture says as much.
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


def _turns(faults: Sequence[Fault]) -> Iterator[int]:
    """Places of faults in the order of their claim: the first of each check, the second of each, and so on."""
    seen: dict[str, int] = {}
    claims = []
    for at, fault in enumerate(faults):
        turn = seen[fault.check] = seen.get(fault.check, 0) + 1
        claims.append((turn, fault.level != "error", at))
    return (at for _, _, at in sorted(claims))


def _thumbnails(release: Release, faults: Sequence[Fault], progress: Progress) -> Thumbnails:
    """Pictures of the rows that have findings, the first PICTURED of them by claim."""
    ids = list(
        dict.fromkeys(
            faults[at].row_id
            for at in _turns(faults)
            if faults[at].row_id and faults[at].split in release.manifest.splits
        )
    )
    made = Thumbnails({}, [], len(ids))
    progress.stage("pictures of the report")
    # A damaged release is when a report is needed most: it then has the pictures that could be read.
    with contextlib.suppress(OSError, ValueError, pa.ArrowException):
        _draw(release, set(ids[:PICTURED]), made, progress)
    return made


def _draw(release: Release, ids: Collection[str], made: Thumbnails, progress: Progress) -> None:
    """Add these rows' pictures to `made`, one of each picture."""
    alike: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
    for row in _rows_of(release, ids):
        field = next((name for name in release.kinds if name in row.pictures and release.kinds[name] == "image"), None)
        if field:
            alike.setdefault((field, tuple(row.pictures[field])), []).append(row)
    done = 0
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        for field in dict.fromkeys(field for field, _ in alike):
            found = release.pictures(field, (rows[0] for (of, _), rows in alike.items() if of == field))
            while some := list(itertools.islice(found, CHUNK)):
                for (row, _), uri in zip(some, pool.map(thumbnail, (data for _, data in some)), strict=True):
                    if uri:
                        together = alike[field, tuple(row.pictures[field])]
                        made.rows.update({same.id: len(made.uris) for same in together})
                        made.uris.append(uri)
                done += len(some)
                progress.rows(done, len(alike), "")


def _rows_of(release: Release, ids: Collection[str]) -> Iterator[Row]:
    left = len(ids)
    for row in release.rows() if left else ():
        if row.id in ids:
            yield row
            left -= 1
            if not left:
                return  # The rest of a large release need not be read.


def _clipped(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"


def _embedded(data: Any) -> str:
    """JSON that is safe inside a script element and, with U+2028 and U+2029 escaped, in JavaScript too."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.translate({ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})

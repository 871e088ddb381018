"""`mmdata check --html`: the report as one file that needs no network, with the pictures it speaks of."""

import contextlib
import itertools
import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from ..pages.page import clipped, rendered, write
from ..pages.thumbnails import CHUNK, PICTURED, Thumbnails, thumbnail
from ..progress import Progress, Silent
from ..reading import Release, Row
from .report import Fault, Report

LISTED = 20_000
"""Findings in the file; the page filters this many in a tenth of a second."""


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
    thumbnails = _thumbnails(release, listed, progress or Silent())
    write(path, page(report.model_copy(update={"faults": listed}), thumbnails, licence), "the HTML report")


def page(report: Report, thumbnails: Thumbnails, licence: str = "") -> str:
    """The whole file as text."""
    data = report.model_dump(exclude={"faults": {"__all__": {"message", "excerpt"}}})
    for written, fault in zip(data["faults"], report.faults, strict=True):
        written["message"], written["excerpt"] = clipped(fault.message), clipped(fault.excerpt)
    template = Path(__file__).with_name("report.html.j2")
    title = f"{report.corpus} {report.version}"
    return rendered(template, title=title, data=data, thumbnails=thumbnails, licence=licence)


def fairly(faults: Sequence[Fault], limit: int) -> list[Fault]:
    """At most so many, as many of each check as of any other, errors before warnings; the order stays."""
    if len(faults) <= limit:
        return list(faults)
    return [faults[at] for at in sorted(itertools.islice(_turns(faults), limit))]


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

"""Embedding: each picture that has no vector gets one, then the entries of a release are written down."""

import itertools
import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from PIL import Image

from ..corpus import Corpus
from ..errors import MmdataError
from ..progress import Progress
from ..releases import Releases, sync
from .columns import Columns
from .decoding import Unreadable, decoded
from .encoders import Encoder
from .entries import OWN, Entry, build_of, entries_of, made_of, view_of
from .facts import Facts, Vectors
from .local import FACTS, read
from .vectors import Appending, ModelNote, VectorFile, appending, written_to

DONE = b"mmdata done"
"""Key of what was made of what, among a Parquet file's metadata."""
AHEAD = 2
"""Batches that are decoded while one is embedded."""


class Done(NamedTuple):
    """What was done."""

    embedded: int
    """Pictures that had no vector."""
    skipped: int
    """Rows."""
    notes: list[str]


class _LeftOut:
    """Rows without a picture that can be read."""

    def __init__(self) -> None:
        self.reasons: dict[str, tuple[int, str]] = {}
        """Reason → how many rows, and the first's id."""

    def add(self, id: str, reason: str) -> None:
        count, first = self.reasons.get(reason, (0, id))
        self.reasons[reason] = count + 1, first

    @property
    def count(self) -> int:
        return sum(count for count, _ in self.reasons.values())

    @property
    def notes(self) -> list[str]:
        return [
            f"{count:,} {'row is' if count == 1 else 'rows are'} left out, with {reason}: {first}{', …' if count > 1 else ''}"
            for reason, (count, first) in self.reasons.items()
        ]


def embedded(corpus: Corpus, version: str, encoder: Encoder, batch: int, progress: Progress) -> Done:
    """Bring the vectors and the entries of a release up to date.

    Args:
        version: of a release, or "sample".
        batch: pictures that the model is given together.

    Raises: as `verbs.index.index`.
    """
    model = ModelNote(name=encoder.name, revision=encoder.revision, dimensions=encoder.dimensions)
    build, view = build_of(corpus, version), view_of(corpus)
    with appending(corpus, model) as (file, anew):
        _forget_what_is_gone(corpus, file.home)
        path = file.home / f"{version}.parquet"
        of = made_of(corpus, version)
        before, missing = _done(path, of)
        if before and not missing:
            return before
        lost = [f"{missing:,} of the index's entries had no vector any more: their pictures are embedded again"]
        noted, left, began = Columns(), _LeftOut(), file.count
        entries = _told(entries_of(corpus, version), _rows_of(corpus, version), progress)
        unreadable = _embed(_new(entries, file.known(), noted, left), encoder, batch, file)
        kinds, table = noted.table()
        rows: pl.DataFrame = pl.from_arrow(table)  # type: ignore[assignment]
        if unreadable:
            for id, picture in rows.filter(pl.col("picture").is_in([*unreadable]))["id", "picture"].iter_rows():
                left.add(id, unreadable[picture])
            rows = rows.filter(~pl.col("picture").is_in([*unreadable]))
        if not len(rows):
            raise MmdataError(
                "; ".join([f"{corpus.name} {version} has no row with a picture to be found by", *left.notes])
            )
        facts = Facts(
            corpus=corpus.name, version=version, build=build, view=view, model=model.name, revision=model.revision,
            dimensions=model.dimensions, pictures=rows["picture"].n_unique(), rows=len(rows),
            columns=[column for column in kinds if column.name not in OWN],
        )  # fmt: skip
        told = {"made_of": of, "skipped": left.count, "notes": left.notes}
        _write(path, rows.sort("id"), {FACTS: facts.model_dump_json(), DONE: json.dumps(told)})
        return Done(file.count - began, left.count, ([anew] if anew else []) + (lost if missing else []) + left.notes)


def _told(entries: Iterator[Entry], rows: int, progress: Progress) -> Iterator[Entry]:
    progress.stage("embedding")
    for number, entry in enumerate(entries):
        progress.rows(number, max(rows, number), "")
        yield entry


def _new(entries: Iterable[Entry], known: set[bytes], noted: Columns, left: _LeftOut) -> Iterator[tuple[bytes, bytes]]:
    """The pictures that have no vector, each once, as (hash, bytes), while all entries are noted."""
    for entry in entries:
        if entry.picture is None:
            left.add(entry.id, "no picture")
            continue
        hash = sha256(entry.picture).digest()
        noted.add({"id": entry.id, "picture": hash.hex(), **entry.values})
        if hash not in known:
            known.add(hash)
            yield hash, entry.picture


def _embed(new: Iterator[tuple[bytes, bytes]], encoder: Encoder, batch: int, file: Appending) -> dict[str, str]:
    """Append a vector for each picture. Returns those that cannot be read: hash in hex → why."""
    unreadable = {}
    waiting: deque[list[tuple[bytes, Future[Image.Image]]]] = deque()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # What is decoded, and what is waiting to be, is a few batches: never more.
        while True:
            while len(waiting) <= AHEAD and (some := list(itertools.islice(new, batch))):
                waiting.append([(hash, pool.submit(decoded, data, encoder.side)) for hash, data in some])
            if not waiting:
                break
            hashes, images = [], []
            for hash, image in waiting.popleft():
                try:
                    images.append(image.result())
                    hashes.append(hash)
                except Unreadable as error:
                    unreadable[hash.hex()] = str(error)
            if hashes:
                file.append(hashes, _sound(encoder.pictures(images), encoder))
    file.commit()
    return unreadable


def _sound(vectors: Vectors, encoder: Encoder) -> Vectors:
    """Raises MmdataError where a vector is none: a model in half precision may overflow."""
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.allclose(lengths, 1, atol=1e-3):  # NaN is close to nothing.
        raise MmdataError(
            f"{encoder.name} gives vectors of length {lengths.min():.3g} to {lengths.max():.3g}, where 1 is wanted: "
            "it cannot be searched by"
        )
    return vectors


def _rows_of(corpus: Corpus, version: str) -> int:
    return 0 if version == "sample" else sum(Releases(corpus).manifest(version).splits.values())


def _forget_what_is_gone(corpus: Corpus, home: Path) -> None:
    """Remove the entries of releases that are here no longer. Their vectors stay: the next release has most of them."""
    kept = {"sample", *Releases(corpus).versions()}
    for path in home.glob("*.parquet"):
        if path.stem not in kept:
            path.unlink()


def _done(path: Path, of: str) -> tuple[Done | None, int]:
    """What was done before, where it is still right, and how many of its entries have no vector any more."""
    try:
        table, _ = read(path)
        told = json.loads(table.schema.metadata[DONE])
    except (MmdataError, KeyError, ValueError):  # Not there, damaged, or none of ours.
        return None, 0
    if told["made_of"] != of:
        return None, 0
    entries: pl.DataFrame = pl.from_arrow(table.select(["picture"]))  # type: ignore[assignment]
    return Done(0, told["skipped"], told["notes"]), VectorFile(path.parent).numbers(entries["picture"]).null_count()


def _write(path: Path, rows: pl.DataFrame, told: Mapping[bytes, Any]) -> None:
    """Written aside, then put in the place of the old by one rename: that is the commit."""
    aside = path.with_suffix(".new")
    with written_to(path.parent):
        pq.write_table(rows.to_arrow().replace_schema_metadata(told), aside, compression="zstd")
        sync(aside)
        os.replace(aside, path)
        sync(path.parent)

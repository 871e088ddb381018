"""Indexes of made-up vectors, in files as `mmdata index` leaves them."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from mmdata.corpus import Corpus
from mmdata.searching.columns import Columns
from mmdata.searching.entries import build_of
from mmdata.searching.facts import Facts, Vectors
from mmdata.searching.local import FACTS, LocalIndex
from mmdata.searching.vectors import ModelNote, appending, home_of


def unit(vectors: Any) -> Vectors:
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def clustered(count: int, dimensions: int, seed: int = 0) -> Vectors:
    """Of one cluster for a hundred, as those of real pictures are."""
    r = np.random.default_rng(seed)
    middles = r.normal(size=(max(1, count // 100), dimensions))
    return unit(middles[r.integers(len(middles), size=count)] + r.normal(size=(count, dimensions)))


def picture(number: int) -> bytes:
    """The hash of a picture that is none."""
    return sha256(f"picture {number}".encode()).digest()


def an_index(
    home: Path,
    vectors: Vectors,
    rows: Sequence[Mapping[str, Any]] | None = None,
    name: str = "옷장",
    model: str = "tiny",
) -> LocalIndex:
    """An index of such vectors, of a corpus in `home`.

    Args:
        rows: their `picture` is the number of a vector; by default one a vector, with nothing to filter by.
    """
    folder = home / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "builder.py").touch()
    corpus = Corpus(folder)
    rows = rows if rows is not None else [{"id": f"{n:06}", "picture": n} for n in range(len(vectors))]
    with appending(corpus, ModelNote(name=model, revision="1", dimensions=vectors.shape[1])) as (file, _):
        there = file.count
        file.append([picture(n) for n in range(there, len(vectors))], vectors[there:])
    noted = Columns()
    for row in sorted(rows, key=lambda row: row["id"]):
        noted.add({**row, "picture": picture(row["picture"]).hex()})
    columns, table = noted.table()
    facts = Facts(
        corpus=corpus.name, version="sample", build=build_of(corpus, "sample"), view="", model=model, revision="1",
        dimensions=vectors.shape[1], pictures=len({row["picture"] for row in rows}), rows=len(rows),
        columns=[column for column in columns if column.name not in ("id", "picture")],
    )  # fmt: skip
    told = {FACTS: facts.model_dump_json()}
    pq.write_table(table.replace_schema_metadata(told), home_of(corpus, model) / "sample.parquet")
    return LocalIndex(corpus, model, "sample")

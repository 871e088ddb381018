"""index.parquet of a release: of each row, in order, its id, its place in the source, its pictures' sha256.

What the rows themselves need not carry, and what joining, comparing and checking them needs
without reading a picture.
"""

import itertools
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .sink import HashedFile

INDEX = "index.parquet"
SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("id", pa.string()),
        ("place", pa.string()),
        ("pictures", pa.list_(pa.struct([("field", pa.string()), ("sha256", pa.string())]))),
    ]
)


def write_index(path: Path, rows: Iterable[tuple[str, str, str, list[tuple[str, str]]]]) -> str:
    """Write (split, id, place, [(field, sha256)]) rows, synced; returns the file's sha256."""
    file = HashedFile(path)
    try:
        with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
            rows = iter(rows)
            while batch := list(itertools.islice(rows, 50_000)):
                columns = [list(column) for column in zip(*batch, strict=True)]
                columns[3] = [[{"field": f, "sha256": s} for f, s in pictures] for pictures in columns[3]]
                writer.write_table(pa.table(columns, schema=SCHEMA))
                file.raise_failure()
        return file.finish()
    finally:
        file.close()

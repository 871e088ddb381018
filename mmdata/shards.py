"""A worker's work: one run of items into one Parquet file."""

import gc
import itertools
import os
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from datasets.arrow_writer import get_parquet_column_options

from .cache import recall_from
from .corpus import Corpus
from .errors import BuildError, Reject
from .images import Decode, ImageCheck
from .options import Config
from .plan import Rejected, Shard, items_of, values_digest
from .rows import Accepted, Fact, RowMaker
from .sharing import SHARED, Shared
from .sink import HashedFile
from .sources import Source, open_source, read_ahead

if TYPE_CHECKING:
    from ctypes import Array

ROW_GROUP_BYTES = 32 << 20
"""Of pictures, uncompressed. The Hub's viewer wants at most 100 MB; smaller keeps a worker small."""
ROW_GROUP_ROWS = 10_000
ROW_GROUP_CELLS = 4_000_000
"""Elements of lists in all the rows: about 60 MB of short texts."""
CELLS_AT_ONCE = 20_000
"""Of wide rows, made Arrow while they are in the processor's cache: a fourth of the time."""
DICTIONARY_BYTES = 16 << 20
"""Lists of texts repeat them (the answers to choose from): with Parquet's 1 MiB the file is four times as large."""
PAGES: dict[str, int] = {"min_chunk_size": 16 << 10, "max_chunk_size": 64 << 10, "norm_level": 0}
"""Bytes. A page ends where its content says so: after a change the next pages are as they were, and a server that
stores by pieces is sent only the changed ones. In the usual pages (256 kB to 1 MB) 1 % changed pictures cost five
times as much (tests/benchmarks)."""


@dataclass(frozen=True, slots=True)
class Work:
    """What every shard of a build has in common; sent to each worker once."""

    corpus: Path
    source: str
    plan: Path
    cache: Path
    out: Path
    decode: Decode
    config: Config


@dataclass(slots=True)
class Written:
    """One shard, on disk and synced, under a name of its own."""

    shard: Shard
    path: Path
    rows: int = 0
    bytes: int = 0
    sha256: str = ""
    accepted: list[tuple[int, str, str, str]] = field(default_factory=list)
    facts: list[tuple[int, Fact]] = field(default_factory=list)
    rejected: list[tuple[int, Rejected]] = field(default_factory=list)
    checked: dict[tuple[str, str | None], ImageCheck] = field(default_factory=dict)


@dataclass(slots=True)
class _Worker:
    work: Work
    corpus: Corpus
    builder: Any
    source: Source
    plan: sqlite3.Connection
    progress: "Array[Any]"


_worker: _Worker


def start(work: Work, progress: "Array[Any]") -> None:
    """Once in each worker process. `progress` holds (rows done, rejected) of each shard."""
    global _worker
    pa.set_cpu_count(1)  # The processes are the parallelism.
    gc.freeze()  # What the imports made is never garbage: not to be walked again for every few rows.
    corpus = Corpus(work.corpus)
    builder = work.config.builder(corpus, work.out)
    builder.sharing = Shared(work.plan.parent / SHARED)
    plan = sqlite3.connect(f"file:{quote(str(work.plan))}?mode=ro", uri=True)
    _worker = _Worker(work, corpus, builder, open_source(work.source), plan, progress)


def write_shard(shard: Shard) -> Written:
    """Read, check and write one shard. Raises BuildError when the disk is full."""
    me, out = _worker, Written(shard, _worker.work.out / f"{uuid.uuid4().hex}.parquet")
    try:
        with recall_from(me.work.cache, me.work.decode) as recall:
            maker = RowMaker(me.builder, me.corpus, me.work.decode, recall)
            file = HashedFile(out.path)
            try:
                features = me.corpus.features
                out.rows = write_tables(file, tables_of(_rows(out, maker, me), features.arrow_schema), features)
                out.sha256, out.bytes = file.finish(), file.size
            finally:
                file.close()
            out.checked = maker.checked
    except OSError as error:
        raise BuildError(
            f"cannot write {shard.split} shard {shard.index} in {me.work.out}: {os.strerror(error.errno) if error.errno else error}. "
            "Free some disk space (a release needs about as much as its pictures) and run the same command again"
        ) from None
    return out


def _rows(out: Written, maker: RowMaker, me: _Worker) -> Iterator[Accepted]:
    done = 2 * out.shard.index
    me.progress[done] = me.progress[done + 1] = 0

    pairs, ahead = itertools.tee(items_of(me.plan, out.shard))
    files = (tuple(item.files.values()) for _, item in ahead)
    for (seq, item), data in zip(pairs, read_ahead(me.source, files), strict=True):
        made = maker.make(item, data)
        if isinstance(made, Reject):
            out.rejected.append((seq, Rejected.of(item, made)))
            me.progress[done + 1] += 1
        else:
            out.accepted.append((seq, item.split, item.place, values_digest(item.data)))
            out.facts += [(seq, fact) for fact in made.facts]
            yield made
        me.progress[done] += 1


def write_tables(file: HashedFile, tables: Iterator[pa.Table], features: datasets.Features) -> int:
    """Write tables of `features.arrow_schema`, each as one row group; returns how many rows there were."""
    schema = features.arrow_schema
    options = get_parquet_column_options(features, schema)
    if any(_holds_texts(field.type) for field in schema):
        options["dictionary_pagesize_limit"] = DICTIONARY_BYTES
    written = 0
    with pq.ParquetWriter(
        file,
        schema,
        write_page_index=True,
        use_content_defined_chunking=PAGES,
        **options,
    ) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=table.num_rows)
            file.raise_failure()
            written += table.num_rows
            del table  # Before the next is made.
    return written


def _holds_texts(kind: pa.DataType, inside: bool = False) -> bool:
    """Whether there is a list of texts in it."""
    if pa.types.is_struct(kind):
        return any(_holds_texts(field.type, inside) for field in kind)
    if pa.types.is_list(kind):
        return _holds_texts(kind.value_type, True)
    return inside and pa.types.is_string(kind)


def tables_of(rows: Iterator[Accepted], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows, a bounded number of bytes at a time."""
    size = cells = count = held = 0
    group: list[dict[str, Any]] = []
    made: list[pa.Table] = []

    def make() -> None:
        made.append(pa.Table.from_pylist(group, schema=schema))
        group.clear()  # Before it is written: the table holds its own copy.

    def table() -> pa.Table:
        if group:
            make()
        whole = pa.concat_tables(made)
        made.clear()
        return whole

    for row in rows:
        group.append(row.row)
        size, cells, count = size + row.size, cells + row.cells, count + 1
        if cells - held >= CELLS_AT_ONCE:
            make()
            held = cells
        if size >= ROW_GROUP_BYTES or cells >= ROW_GROUP_CELLS or count >= ROW_GROUP_ROWS:
            yield table()
            size = cells = count = held = 0
    if group or made:
        yield table()

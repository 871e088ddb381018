"""A worker's work: one run of items into one Parquet file."""

import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import file_digest
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import config as datasets_config
from datasets.arrow_writer import get_parquet_column_options

from .builder import Item
from .cache import recall_from
from .corpus import Corpus
from .errors import BuildError, Reject
from .images import Decode, ImageCheck
from .plan import Rejected, Shard, items_of
from .rows import Accepted, Fact, RowMaker
from .sources import Source, open_source, read_ahead

if TYPE_CHECKING:
    from ctypes import Array

ROW_GROUP_BYTES = 32 << 20
"""Of pictures, uncompressed. The Hub's viewer wants at most 100 MB; smaller keeps a worker small."""
ROW_GROUP_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Work:
    """What every shard of a build has in common; sent to each worker once."""

    corpus: Path
    source: str
    plan: Path
    cache: Path
    out: Path
    decode: Decode


@dataclass(slots=True)
class Written:
    """One shard, on disk and synced, under a name of its own."""

    shard: Shard
    path: Path
    rows: int = 0
    bytes: int = 0
    sha256: str = ""
    accepted: list[tuple[int, str, str]] = field(default_factory=list)
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
    parent = parent_process()
    if parent:  # If the build is killed, stop at once rather than write on.
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    pa.set_cpu_count(1)  # The processes are the parallelism.
    corpus = Corpus(work.corpus)
    builder = corpus.builder(cache_dir=str(work.out / "datasets"))
    plan = sqlite3.connect(f"file:{_quoted(work.plan)}?mode=ro", uri=True)
    _worker = _Worker(work, corpus, builder, open_source(work.source), plan, progress)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def write_shard(shard: Shard) -> Written:
    """Read, check and write one shard. Raises BuildError when the disk is full."""
    me, out = _worker, Written(shard, _worker.work.out / f"{uuid.uuid4().hex}.parquet")
    try:
        with recall_from(me.work.cache, me.work.decode) as recall:
            maker = RowMaker(me.builder, me.corpus, me.work.decode, recall)
            _write(out, _rows(out, maker, me))
            out.checked = maker.checked
        with open(out.path, "rb") as written:
            os.fsync(written.fileno())
            out.sha256 = file_digest(written, "sha256").hexdigest()
        out.bytes = out.path.stat().st_size
    except OSError as error:
        raise BuildError(
            f"cannot write {shard.split} shard {shard.index} in {me.work.out}: {os.strerror(error.errno) if error.errno else error}. "
            "Free some disk space (a release needs about as much as its pictures) and run the same command again"
        ) from None
    return out


def _rows(out: Written, maker: RowMaker, me: _Worker) -> Iterator[Accepted]:
    done = 2 * out.shard.index
    me.progress[done] = me.progress[done + 1] = 0

    def files() -> Iterator[tuple[Any, ...]]:
        for _, item in items_of(me.plan, out.shard):
            yield tuple(item.files.values())

    pairs: Iterator[tuple[int, Item]] = items_of(me.plan, out.shard)
    for (seq, item), data in zip(pairs, read_ahead(me.source, files()), strict=True):
        made = maker.make(item, data)
        if isinstance(made, Reject):
            out.rejected.append((seq, Rejected.of(item, made)))
            me.progress[done + 1] += 1
        else:
            out.accepted.append((seq, item.split, item.place))
            out.facts += [(seq, fact) for fact in made.facts]
            yield made
        me.progress[done] += 1


def _write(out: Written, rows: Iterator[Accepted]) -> None:
    features = _worker.corpus.features
    schema = features.arrow_schema
    with pq.ParquetWriter(
        out.path,
        schema,
        write_page_index=True,
        use_content_defined_chunking=datasets_config.DEFAULT_CDC_OPTIONS,
        **get_parquet_column_options(features, schema),
    ) as writer:
        group: list[dict[str, Any]] = []
        size = 0
        for row in rows:
            group.append(row.row)
            size += row.size
            if size >= ROW_GROUP_BYTES or len(group) >= ROW_GROUP_ROWS:
                out.rows += _flush(writer, group, schema)
                size = 0
        if group:
            out.rows += _flush(writer, group, schema)


def _flush(writer: pq.ParquetWriter, group: list[dict[str, Any]], schema: pa.Schema) -> int:
    count = len(group)
    table = pa.Table.from_pylist(group, schema=schema)
    group.clear()  # Before writing: the table holds its own copy.
    writer.write_table(table, row_group_size=count)
    return count


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))

"""`mmdata release`: the newest release, with the answers that hold now as columns."""

import datetime
import json
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Group, RenderableType
from rich.text import Text

from ..annotation.columns import Column, column_of
from ..annotation.prompt import Prompt, answered_now, find_prompt, prompts_in, require_columns
from ..annotation.store import Store, reading
from ..corpus import Corpus
from ..engine import name_shards, require_room
from ..errors import CorpusError, ReleaseError
from ..names import bytes_text
from ..plan import Shard
from ..progress import Progress, Silent
from ..reading import Release
from ..releases import REJECTED, Bump, Releases, blaming_damage, explained, require_whole, sync
from ..row_index import INDEX
from ..shards import Written, write_tables
from ..sink import HashedFile
from .build import Build


def release(
    folder: str | Path,
    *,
    bump: Bump = "minor",
    prompts: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Build:
    """Make the next release: the rows of the newest, each prompt's answers as a column named by the prompt.

    Answers to a prompt that asks about another's answers are joined by a release of their own, right behind.
    A row without a good answer has null there. Columns of answers that the newest release has are
    replaced by those of `prompts`; pictures, order and everything else stay as they are.

    Args:
        folder: the corpus folder.
        bump: which part of the version goes up, if anything has changed.
        prompts: ids; by default every prompt file of the corpus that has answers.
        progress: where to show how far it is.

    Returns:
        As `mmdata.build`: `created` is False where the newest release has these very answers.

    Raises:
        ReleaseError: no release or no answer yet, a damaged release, another process writes.
        CorpusError: a prompt that is not there, or named as a field of the rows.
        BuildError: the disk is full.
    """
    began = time.monotonic()
    corpus, progress = Corpus(folder), progress or Silent()
    done = _release(corpus, bump, prompts, progress, began)
    # Answers to a prompt that asks about the answers just released can only be joined now.
    while prompts is None and done.created and _more(corpus, done):
        try:
            done = _release(corpus, "patch", None, progress, began)
        except ReleaseError:  # No row has an answer to it any more.
            break
    return done


def _more(corpus: Corpus, done: Build) -> bool:
    kinds = Release(corpus.folder, done.manifest).kinds
    with reading(corpus.folder) as store:
        answered = answered_now(corpus.folder, store.prompts() if store else [], kinds)
    left = [find_prompt(corpus.folder, name) for name in answered if name not in kinds]
    return any(prompt.over is None for prompt in left)


def _release(corpus: Corpus, bump: Bump, prompts: Sequence[str] | None, progress: Progress, began: float) -> Build:
    releases = Releases(corpus)
    with explained(corpus.folder), releases.writing() as work, reading(corpus.folder) as store:
        newest = releases.newest()
        if newest is None:
            raise ReleaseError(f"{corpus.name} has no release to add answers to yet: run `mmdata build` first")
        old = Release(corpus.folder, newest)
        progress.stage("joining answers")
        with blaming_damage(old.folder, newest):
            columns = [
                column_of(old, prompt, store, corpus.labels, work / f"{prompt.id}.arrow")
                for store, prompt in _chosen(corpus, old, store, prompts)
            ]
            features = _features(old, columns)
        notes = [column.annotated for column in columns]
        said = {"features": features._to_yaml_list(), "annotations": notes}
        if [(n.column, n.sha256) for n in notes] == [(n.column, n.sha256) for n in newest.annotations] and (
            said["features"] == newest.features
        ):
            return Build(newest, corpus.folder, False, 0, time.monotonic() - began)
        require_room(corpus.folder, work, sum(file.bytes for file in newest.files))
        made = work / "release"
        made.mkdir()
        files = list(name_shards(made, list(_rewritten(old, columns, features, work, progress))))
        progress.stage("publishing")
        for name, digest in ((INDEX, newest.index_sha256), (REJECTED, newest.rejected_sha256)):
            require_whole(old.folder / name, digest)
            shutil.copyfile(old.folder / name, made / name)
            sync(made / name)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        manifest = newest.model_copy(
            update=said | {"version": releases.next_version(bump), "created": now, "files": files}
        )
        releases.publish(work, manifest)
        return Build(manifest, corpus.folder, True, 0, time.monotonic() - began)


def as_json(done: Build) -> str:
    """What a release holds of answers, for a program."""
    m = done.manifest
    return json.dumps(
        {
            "corpus": m.corpus,
            "version": m.version,
            "created": done.created,
            "splits": m.splits,
            "annotations": [note.model_dump() for note in m.annotations],
            "bytes": sum(f.bytes for f in m.files),
            "seconds": round(done.seconds, 2),
        },
        ensure_ascii=False,
    )


def as_screen(done: Build) -> RenderableType:
    """What a release holds of answers."""
    m = done.manifest
    if not done.created:
        return Text(f"No answer has changed since {m.corpus} {m.version}; no release was made ({done.seconds:.1f} s).")
    rows, size = sum(m.splits.values()), sum(f.bytes for f in m.files)
    lines = [Text(f"{m.corpus} {m.version}: {rows:,} rows, {bytes_text(size)}, {done.seconds:.1f} s", "bold")]
    for note in m.annotations:
        makers = ", ".join(f"{n:,} by {by}" for by, n in note.made_by.items())
        lines.append(
            Text(
                f"{note.column}: {note.rows:,} of {rows:,} rows have an answer of {note.model} ({makers}){_paid(note.cost)}"
            )
        )
    return Group(*lines)


def _paid(cost: float) -> str:
    """Of answers whose price was not known nothing is said: their cost is noted as none."""
    return "" if not cost else f", ${cost:,.2f}" if cost >= 0.01 else f", ${cost:.4f}"


def _chosen(
    corpus: Corpus, old: Release, store: Store | None, wanted: Sequence[str] | None
) -> Iterator[tuple[Store, Prompt]]:
    """The prompts whose answers become columns, by name."""
    there = prompts_in(corpus.folder)
    answered = store.prompts() if store else []
    names = sorted(set(wanted)) if wanted is not None else answered_now(corpus.folder, answered, old.kinds)
    found = {name: find_prompt(corpus.folder, name) for name in names}
    if wanted is None:
        names = [name for name in names if found[name].over is None]
    if store is None or not names:
        raise ReleaseError(
            f"{corpus.name}: no answers to release. Prompts: {', '.join(there) or 'none'}; with answers: "
            f"{', '.join(answered) or 'none'}. Run `mmdata annotate` first"
        )
    of_answers = {note.column for note in old.manifest.annotations}
    fields = [name for name in old.kinds if name not in of_answers]
    for name in names:
        prompt = found[name]
        if prompt.over is not None:
            raise CorpusError(
                f"{there[name]}: it is asked over the step {prompt.over}, so its answers are no column: the next "
                "`mmdata build` takes them"
            )
        require_columns(corpus.folder, prompt, old.kinds)
        if name in fields:
            raise CorpusError(
                f"{there[name]}: a column cannot be named {name!r}: rows have a field of that name. "
                f"Fields: {', '.join(fields)}. Give the prompt another id, and its file that name"
            )
        yield store, prompt


def _features(old: Release, columns: list[Column]) -> datasets.Features:
    """Those of the old release, the columns of answers taken off its end and the new ones put there."""
    schema = pq.read_schema(old.folder / old.manifest.files[0].path)
    before = datasets.Features.from_arrow_schema(schema)
    for note in old.manifest.annotations:
        del before[note.column]
    return datasets.Features(dict(before) | {column.prompt.id: column.feature for column in columns})


def _rewritten(
    old: Release, columns: list[Column], features: datasets.Features, work: Path, progress: Progress
) -> Iterator[Written]:
    """Each shard of the old release with the new columns, in staging."""
    total = sum(file.rows for file in old.manifest.files)
    done = 0
    progress.stage("writing")
    for number, shard in enumerate(old.manifest.files):
        path = old.folder / shard.path
        require_whole(path, shard.sha256)  # Damage must not be carried on, under a new hash.
        out = Written(Shard(number, shard.split, done, done + shard.rows - 1), work / f"{uuid.uuid4().hex}.parquet")
        file = HashedFile(out.path)
        try:
            out.rows = write_tables(file, _tables(path, done, columns, features), features)
            out.sha256, out.bytes = file.finish(), file.size
        finally:
            file.close()
        done += shard.rows
        progress.rows(done, total, "")
        yield out


def _tables(path: Path, first: int, columns: list[Column], features: datasets.Features) -> Iterator[pa.Table]:
    """A shard's row groups, as they were, with the new columns."""
    schema = features.arrow_schema
    kept = schema.names[: len(schema.names) - len(columns)]
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=kept).select(kept)
            added = [column.part(first, table.num_rows) for column in columns]
            first += table.num_rows
            # In one piece: where the reader cut it must not show in the bytes written.
            yield pa.Table.from_arrays([*table.columns, *added], schema=schema).combine_chunks()

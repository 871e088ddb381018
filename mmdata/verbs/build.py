"""`mmdata build`: a source becomes a validated, versioned release."""

import datetime
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version as version_of
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import pool
from ..cache import Cache
from ..checks import check_rows
from ..corpus import Corpus
from ..errors import BuildError, MmdataError
from ..findings import Finding
from ..images import Decode
from ..listing import Listing
from ..progress import Progress, Silent
from ..releases import Bump, Manifest, Origin, Releases, ShardFile, sync
from ..sources import Source, open_source

if TYPE_CHECKING:
    from ..builder import CorpusBuilder
    from ..plan import Plan
    from ..shards import Written


@dataclass(frozen=True, slots=True)
class Build:
    """What a build did."""

    manifest: Manifest
    """Of the release that now is the newest."""
    folder: Path
    """The corpus folder."""
    created: bool
    """False: nothing has changed since that release, so none was made."""
    decoded: int
    """Pictures that were checked anew; the others were known by their bytes."""
    seconds: float

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def findings(self) -> list[Finding]:
        return self.manifest.findings


def build(
    folder: str | Path,
    source: str | Path | None = None,
    *,
    bump: Bump = "minor",
    decode: Decode = "full",
    workers: int | None = None,
    sample: bool = False,
    progress: Progress | None = None,
) -> Build:
    """Build the next release of a corpus.

    Args:
        folder: the corpus folder, such as "dataset_builders/skin".
        source: a folder, a .zip, or a URL such as "s3://bucket/prefix".
        bump: which part of the version goes up, if anything has changed.
        decode: "full" decodes every picture; "header" reads only its header, which is
            faster and misses damage behind it.
        workers: processes; by default one a core.
        sample: write sample/ (what a fresh clone loads) out of the corpus's own tiny/ instead.
        progress: where to show how far it is.

    Raises:
        MmdataError: with a message that says what to do.
    """
    began = time.monotonic()
    corpus, progress = Corpus(folder), progress or Silent()
    if source is None:
        if not sample:
            raise BuildError(f"{corpus.name}: which source? Give a folder, a .zip or a URL with --source")
        source = corpus.folder / "tiny"
    opened, releases = open_source(source), Releases(corpus.folder)
    with (
        _explained(corpus.folder),
        releases.writing() as work,
        closing(Cache(corpus.folder / ".cache.sqlite")) as cache,
    ):
        with closing(sqlite3.connect(work / "listing.sqlite")) as database:
            database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
            progress.stage("listing")
            listing = Listing.of(opened, database)
            key = sha256(f"{opened.url} {listing.digest()} {corpus.code_digest()} {decode}".encode()).hexdigest()
            newest = releases.newest()
            if newest and not sample and cache.last_build() == f"{newest.version} {key}":
                return Build(newest, corpus.folder, False, 0, time.monotonic() - began)
            pool.warm_up()
            one = _Build(corpus, opened, work, cache, decode, workers or cores(), progress)
            manifest = one.run(listing, releases.next_version(bump))
        if sample:
            _replace_sample(corpus, work, manifest)
            return Build(manifest, corpus.folder, True, one.decoded, time.monotonic() - began)
        created = newest is None or newest.content() != manifest.content()
        if created:
            releases.publish(work, manifest, corpus.sample_config)
        else:
            assert newest
            manifest = newest.model_copy(update={"findings": manifest.findings})
        cache.set_last_build(f"{manifest.version} {key}")
        return Build(manifest, corpus.folder, created, one.decoded, time.monotonic() - began)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Build:
    """The steps of one build, in the staging folder."""

    def __init__(
        self, corpus: Corpus, source: Source, work: Path, cache: Cache, decode: Decode, workers: int, progress: Progress
    ):
        self.corpus, self.source, self.work, self.cache = corpus, source, work, cache
        self.decode, self.workers, self.progress = decode, workers, progress
        self.decoded = 0

    def run(self, listing: Listing, version: str) -> Manifest:
        """Everything but the commit: `work/release` is then ready to be published."""
        from ..plan import Plan

        plan = Plan(self.work / "plan.sqlite")
        findings = list(listing.findings)
        builder: CorpusBuilder = self.corpus.builder(cache_dir=str(self.work / "datasets"))
        plan.add(self._items(builder, listing, findings))
        if not plan.count():
            raise BuildError(
                f"{self.source.url}: {listing.totals()[0]} files, none of which the corpus {self.corpus.name} knows. "
                f"It looks for {builder.layout}. Is this the right folder?"
            )
        self._room_for(plan.bytes())
        written = sorted(self._write(plan), key=lambda w: w.shard.index)
        self.progress.stage("checking")
        plan.index_facts()
        if not any(w.rows for w in written):
            lines = "\n  ".join(f"{count} × {kind}" for kind, count in plan.rejected_by_kind().items())
            raise BuildError(
                f"{self.source.url}: all {plan.count()} rows were rejected, so there is no release:\n  {lines}\n{_example(plan)}"
            )
        classes = {name: self.corpus.labels[m.map or name].names for name, m in self._label_fields().items()}
        findings += check_rows(plan.db, self.corpus.schema, classes)
        self.progress.stage("publishing")
        return self._manifest(version, plan, listing, written, findings, classes)

    def _items(self, builder: "CorpusBuilder", listing: Listing, findings: list[Finding]) -> Iterator[Any]:
        try:
            for item in builder.items(listing):
                if isinstance(item, Finding):
                    findings.append(item)
                else:
                    yield item
        except MmdataError:
            raise
        except Exception as error:
            raise self.corpus.blame(error, "running items()") from error

    def _write(self, plan: "Plan") -> Iterator["Written"]:
        from ..shards import Work, start, write_shard

        shards = plan.shards()
        work = Work(self.corpus.folder, self.source.url, plan.path, self.cache.path, self.work, self.decode)
        counters = get_context("forkserver").RawArray("Q", 2 * len(shards))
        total = plan.count()

        def tick() -> None:
            self.progress.rows(sum(counters[::2]), total, sum(counters[1::2]))

        (self.work / "release").mkdir()
        for written in pool.run(
            write_shard,
            shards,
            workers=min(self.workers, len(shards)),
            setup=start,
            setup_args=(work, counters),
            tick=tick,
        ):
            plan.accept(written.accepted, written.facts)
            plan.reject(written.rejected)
            plan.db.commit()
            self.cache.remember(written.checked, self.decode)
            self.decoded += len(written.checked)
            written.accepted, written.facts, written.rejected, written.checked = [], [], [], {}
            yield written

    def _manifest(
        self,
        version: str,
        plan: "Plan",
        listing: Listing,
        written: list["Written"],
        findings: list[Finding],
        classes: dict[str, list[str]],
    ) -> Manifest:
        from ..features import features_of

        release = self.work / "release"
        counts: dict[str, dict[str, dict[str, int]]] = {f: {c: {} for c in names} for f, names in classes.items()}
        for (name, cls, split), rows in plan.label_counts().items():
            if name in counts:
                counts[name][cls][split] = rows
        rejected = release / "rejected.jsonl"
        with rejected.open("w", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in plan.rejected_lines())
        sync(rejected)
        files = list(_name_shards(release, [w for w in written if w.rows]))
        count, size = listing.totals()
        features = features_of(self.corpus.schema, self.corpus.labels)
        labels = self.corpus.folder / "labels.yaml"
        return Manifest(
            version=version,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            corpus=self.corpus.name,
            origin=Origin(source=Path(self.source.url).name, files=count, bytes=size, sha256=_origin_digest(plan)),
            schema_sha256=sha256(str(features).encode()).hexdigest(),
            labels_sha256=sha256(labels.read_bytes() if labels.exists() else b"").hexdigest(),
            code={"sha256": self.corpus.code_digest()}
            | {name: version_of(name) for name in ("mmdata-corpus", "datasets", "pyarrow", "pillow")},
            decode=self.decode,
            features=features._to_yaml_list(),
            files=files,
            counts=counts,
            rejected=plan.rejected_by_kind(),
            rejected_sha256=sha256(rejected.read_bytes()).hexdigest(),
            findings=findings,
        )

    def _label_fields(self) -> dict[str, Any]:
        from mmdata.schemas import Label

        return self.corpus.schema.marked(Label)

    def _room_for(self, size: int) -> None:
        free = shutil.disk_usage(self.work).free
        if size > free:
            raise BuildError(
                f"{self.corpus.folder}: the release needs about {size / 1e9:.1f} GB, the disk has {free / 1e9:.1f} GB free. "
                "Free some (`mmdata prune` drops old releases), or move the corpus folder to a larger disk"
            )


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """A full or failing disk as a message."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise BuildError(
            f"{folder}: cannot be written: {why}. The releases there are as they were. "
            "Free some disk space and run the same command again"
        ) from None


def _name_shards(release: Path, written: list["Written"]) -> Iterator[ShardFile]:
    """Move shards into the release under their final names: place in the split, hash of the content."""
    number: dict[str, int] = {}
    for one in written:
        split = one.shard.split
        of = sum(w.shard.split == split for w in written)
        name = f"{split}-{number.get(split, 0):05d}-of-{of:05d}-{one.sha256[:16]}.parquet"
        number[split] = number.get(split, 0) + 1
        os.rename(one.path, release / name)
        yield ShardFile(path=name, split=split, rows=one.rows, bytes=one.bytes, sha256=one.sha256)


def _origin_digest(plan: "Plan") -> str:
    total = sha256()
    for row in plan.db.execute(
        """SELECT r.split, r.place, f.field, f.value FROM accepted r LEFT JOIN facts f
           ON f.seq = r.seq AND f.kind = 'bytes' ORDER BY r.seq, f.field, f.value"""
    ):
        total.update(repr(row).encode())
    for line in plan.rejected_lines():
        total.update(line.encode())
    return total.hexdigest()


def _example(plan: "Plan") -> str:
    import json

    first = json.loads(next(plan.rejected_lines()))
    return f"The first: {first['place']}: {first['reason']}"


def _replace_sample(corpus: Corpus, work: Path, manifest: Manifest) -> None:
    """sample/ anew. Not a release: tracked by git, under names that stay."""
    folder = corpus.folder / "sample"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.parquet"):
        old.unlink()
    for file in manifest.files:
        os.rename(work / "release" / file.path, folder / file.path)

"""The steps of one build: items, records, shards, checks, manifest; all in a staging folder."""

import datetime
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from importlib.metadata import version as version_of
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import pool
from .cache import Cache
from .checks import check_rows
from .corpus import Corpus
from .errors import BuildError, MmdataError
from .findings import Finding
from .images import Decode
from .listing import Listing
from .manifest import Manifest, Origin, ShardFile
from .names import bytes_text, printable
from .options import Config
from .progress import Progress
from .releases import REJECTED, sync
from .row_index import INDEX, write_index
from .sharing import SHARED, Shared
from .sources import Source, shown
from .steps.current import FOLDER

if TYPE_CHECKING:
    from .builder import CorpusBuilder
    from .plan import Plan
    from .shards import Written
    from .steps.running import Done


class Engine:
    """The steps of one build, in the staging folder."""

    def __init__(
        self, corpus: Corpus, source: Source, work: Path, cache: Cache, decode: Decode, config: Config, workers: int,
        progress: Progress,
    ):  # fmt: skip
        self.corpus, self.source, self.work, self.cache = corpus, source, work, cache
        self.decode, self.config, self.workers, self.progress = decode, config, workers, progress
        self.decoded = 0
        self.steps: list[Done] = []
        self.builder: CorpusBuilder = config.builder(corpus, work)

    def prepare(self, listing: Listing) -> list["Done"]:
        """Run the builder's steps, if it has any."""
        from .steps.running import Steps

        if self.builder.steps:
            tables = self.corpus.folder / FOLDER
            steps = Steps(
                self.builder, listing, tables, self.work, self.cache, self.workers, self.config, self.progress
            )
            self.steps = steps.run()
        return self.steps

    def run(self, listing: Listing, version: str) -> Manifest:
        """Everything but the commit: `work/release` is then ready to be published. After `prepare`."""
        from .plan import Plan

        with closing(Plan(self.work / "plan.sqlite")) as plan:
            return self._run(plan, listing, version)

    def _run(self, plan: "Plan", listing: Listing, version: str) -> Manifest:
        findings = [*listing.findings, *(finding for one in self.steps for finding in one.findings)]
        builder = self.builder
        builder.tables = {one.step.name: one.table for one in self.steps}
        builder.sharing = Shared(self.work / SHARED)
        plan.add(self._items(builder, listing, findings))
        if not plan.count():
            zips = sum(1 for _ in listing.files("*.zip"))
            raise BuildError(
                f"{shown(self.source.url)}: {listing.totals()[0]} files, none of which the corpus {self.corpus.name} knows. "
                f"It looks for {builder.layout}. "
                + (f"There are {zips} .zip files in it: unpack them first" if zips else "Is this the right folder?")
            )
        require_room(self.corpus.folder, self.work, plan.bytes())
        written = sorted(self._write(plan), key=lambda w: w.shard.index)
        self.progress.stage("checking")
        plan.index_facts()
        if not any(w.rows for w in written):
            kinds = plan.rejected_by_kind()
            lines = "\n  ".join(f"{count} × {kind}" for kind, count in kinds.items())
            raise BuildError(
                f"{shown(self.source.url)}: all {sum(kinds.values())} rows were rejected, so there is no release:\n  {lines}\n{_example(plan)}"
            )
        classes = {name: labels.names for name, labels in self.corpus.label_maps().items()}
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
        from .shards import Work, start, write_shard

        shards = plan.shards()
        work = Work(
            self.corpus.folder, self.source.url, plan.path, self.cache.path, self.work, self.decode, self.config
        )
        counters = get_context("forkserver").RawArray("Q", 2 * len(shards))
        total = plan.count()

        def tick() -> None:
            self.progress.rows(sum(counters[::2]), total, f"{sum(counters[1::2]):,} rejected")

        (self.work / "release").mkdir()
        self.progress.stage("building")
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
        from .features import features_of

        release = self.work / "release"
        counts: dict[str, dict[str, dict[str, int]]] = {f: {c: {} for c in names} for f, names in classes.items()}
        for (name, cls, split), rows in plan.label_counts().items():
            if name in counts:
                counts[name][cls][split] = rows
        rejected = release / REJECTED
        with rejected.open("w", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in plan.rejected_lines())
        sync(rejected)
        index = write_index(release / INDEX, plan.index())
        shared = Shared(self.work / SHARED).digest()
        files = list(name_shards(release, [w for w in written if w.rows]))
        count, size = listing.totals()
        features = features_of(self.corpus.schema, self.corpus.labels)
        labels = self.corpus.folder / "labels.yaml"
        made = Manifest(
            version=version,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            corpus=self.corpus.name,
            origin=Origin(
                source=Path(shown(self.source.url)).name, files=count, bytes=size, sha256=plan.digest(shared)
            ),
            schema_sha256=sha256(str(features).encode()).hexdigest(),
            labels_sha256=sha256(labels.read_bytes() if labels.exists() else b"").hexdigest(),
            code={"sha256": self.corpus.code_digest(of_rows=True)} | libraries(),
            decode=self.decode,
            config=self.config.name or "",
            options=self.config.options,
            steps=[one.note for one in self.steps],
            features=features._to_yaml_list(),
            files=files,
            counts=counts,
            rejected=plan.rejected_by_kind(),
            rejected_sha256=sha256(rejected.read_bytes()).hexdigest(),
            index_sha256=index,
            findings=findings,
        )
        return made.model_copy(update={"build": sha256(made.content().encode()).hexdigest()})


def require_room(folder: Path, work: Path, size: int) -> None:
    """Raises BuildError where the disk has no `size` bytes left for a release of the corpus folder."""
    free = shutil.disk_usage(work).free
    if size > free:
        raise BuildError(
            f"{folder}: the release needs about {bytes_text(size)}, the disk has {bytes_text(free)} free. "
            "Free some disk space (`mmdata prune` drops old releases), or move the corpus folder to a larger disk"
        )


def name_shards(release: Path, written: list["Written"]) -> Iterator[ShardFile]:
    """Move shards into the release under their final names: place in the split, hash of the content."""
    number: dict[str, int] = {}
    for one in written:
        split = one.shard.split
        of = sum(w.shard.split == split for w in written)
        name = f"{split}-{number.get(split, 0):05d}-of-{of:05d}-{one.sha256[:16]}.parquet"
        number[split] = number.get(split, 0) + 1
        os.rename(one.path, release / name)
        yield ShardFile(path=name, split=split, rows=one.rows, bytes=one.bytes, sha256=one.sha256)


def _example(plan: "Plan") -> str:
    import json

    first = json.loads(next(plan.rejected_lines()))
    return f"The first: {printable(first['place'])}: {first['reason']}"


def libraries() -> dict[str, str]:
    """Versions of what decides the bytes of a release beside our own code."""
    return {name: version_of(name) for name in ("mmdata-corpus", "datasets", "pyarrow", "pillow", "imagehash")}

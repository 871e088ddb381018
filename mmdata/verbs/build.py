"""`mmdata build`: a source becomes a validated, versioned release."""

import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

from .. import pool
from ..cache import Cache
from ..corpus import Corpus
from ..engine import Engine, libraries
from ..errors import BuildError
from ..findings import Finding
from ..images import Decode
from ..listing import Listing
from ..manifest import Manifest
from ..options import config_of
from ..progress import Progress, Silent
from ..releases import Bump, Releases, explained
from ..sources import Source, open_source


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
    config: str | None = None,
    options: Mapping[str, Any] | None = None,
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
        config: one of the configs that the corpus's builder has; the first of them without it.
        options: of the config, set to something else than it has.
        workers: processes; by default one a core.
        sample: write sample/ (what a fresh clone loads) out of the corpus's own tiny/ instead.
        progress: where to show how far it is.

    Raises:
        MmdataError: with a message that says what to do.
    """
    began = time.monotonic()
    for name, value, choices in (("bump", bump, get_args(Bump)), ("decode", decode, get_args(Decode))):
        if value not in choices:
            raise BuildError(f"{name}={value!r}: choose one of {', '.join(choices)}")
    if workers is not None and workers < 1:
        raise BuildError(f"workers={workers}: give 1 or more, or leave it out for one a core")
    corpus, progress = Corpus(folder), progress or Silent()
    if sample and source is not None:
        raise BuildError(
            f"{corpus.name}: --sample builds {corpus.folder / 'tiny'}, which is free to share, into sample/, which git "
            "tracks; it takes no --source"
        )
    if source is None:
        if not sample:
            raise BuildError(f"{corpus.name}: which source? Give a folder, a .zip or a URL with --source")
        source = corpus.folder / "tiny"
    chosen = config_of(corpus, config, options or {})
    opened, releases = open_raw(corpus, source), Releases(corpus)
    with (
        explained(corpus.folder),
        releases.writing() as work,
        closing(Cache(corpus.folder / ".cache.sqlite")) as cache,
    ):
        with closing(sqlite3.connect(work / "listing.sqlite")) as database:
            database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
            progress.stage("listing")
            listing = Listing.of(opened, database)
            one = Engine(corpus, opened, work, cache, decode, chosen, workers or pool.cores(), progress)
            made = one.prepare(listing)
            known = [
                opened.url,
                listing.digest(),
                corpus.code_digest(of_rows=True),
                decode,
                repr(chosen),
                *(said for step in made for said in (step.note.sha256, *(f.message for f in step.findings))),
                *(f.message for f in listing.findings),
            ]
            key = sha256("\0".join([*known, *(f"{k} {v}" for k, v in libraries().items())]).encode()).hexdigest()
            newest = releases.newest()
            last = cache.last_build()
            if newest and not sample and last and last.key == f"{newest.build} {key}":
                unchanged = newest.model_copy(update={"findings": last.findings})
                return Build(unchanged, corpus.folder, False, 0, time.monotonic() - began)
            pool.warm_up()
            manifest = one.run(listing, releases.next_version(bump))
        if sample:
            _replace_sample(corpus, work, manifest)
            return Build(manifest, corpus.folder, True, one.decoded, time.monotonic() - began)
        created = newest is None or newest.build != manifest.build
        if created:
            releases.publish(work, manifest)
        else:
            assert newest
            manifest = newest.model_copy(update={"findings": manifest.findings})
        cache.set_last_build(f"{manifest.build} {key}", manifest.findings)
        return Build(manifest, corpus.folder, created, one.decoded, time.monotonic() - began)


def open_raw(corpus: Corpus, source: str | Path) -> Source:
    """The source of a corpus. Raises MmdataError where it cannot be opened, or cannot be one."""
    if not str(source).strip():
        raise BuildError(f"{corpus.name}: the source is empty text; give a folder, a .zip or a URL with --source")
    opened = open_source(source)
    if "://" not in opened.url and corpus.folder.resolve().is_relative_to(Path(opened.url).resolve()):
        raise BuildError(
            f"{corpus.name}: the source {opened.url} holds the corpus folder itself, releases and all; give the folder of raw "
            "files"
        )
    return opened


def _replace_sample(corpus: Corpus, work: Path, manifest: Manifest) -> None:
    """sample/ anew. Not a release: tracked by git, under names that stay."""
    folder = corpus.folder / "sample"
    folder.mkdir(exist_ok=True)
    for file in manifest.files:
        os.replace(work / "release" / file.path, folder / file.path)
    for old in folder.glob("*.parquet"):
        if old.name not in {file.path for file in manifest.files}:
            old.unlink()

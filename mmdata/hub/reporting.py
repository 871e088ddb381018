"""What the checks say of a release by itself: of the answers that are its columns, whatever the store holds now."""

import sqlite3
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel

from ..annotation.adopting import adopt
from ..annotation.prompt import Prompt
from ..annotation.store import Store, path_of
from ..cache import Cache
from ..checking.report import Report
from ..checking.run import report_of
from ..corpus import Corpus
from ..progress import Progress, Silent
from ..reading import Release
from ..releases import blaming_damage, explained

LIMIT = 1
"""Faults of each check that are listed: a card shows counts only."""


class KeptReport(BaseModel):
    """A report that need not be made again."""

    key: str
    """Of the release, what judges it, and the code."""
    report: Report


def report_for(corpus: Corpus, release: Release, progress: Progress | None = None) -> Report:
    """Run all checks on a release, pictures included, its answers judged by the prompts that it keeps.

    The same release and corpus folder give the same report, but for `created`: the one made before, where the cache
    has it. Columns of releases that were made before mmdata kept prompts are not judged, which the report says of
    each check of answers.

    Raises:
        ReleaseError: the release is damaged.
        AnnotationError: a prompt of the release cannot be asked here, or an answer does not fit its response class.
    """
    name, key = f"report {release.manifest.version}", _key(corpus, release)
    cache = corpus.folder / ".cache.sqlite"
    with suppress(sqlite3.Error), closing(Cache(cache)) as memory:  # A folder that may only be read.
        kept = memory.kept(name, KeptReport)
        if kept is not None and kept.key == key:
            return kept.report
    report = _made(corpus, release, progress or Silent())
    with suppress(sqlite3.Error), closing(Cache(cache)) as memory:
        memory.keep(name, KeptReport(key=key, report=report))
    return report


def _key(corpus: Corpus, release: Release) -> str:
    """Changes with anything that may change the report."""
    code = Path(__file__).parent.parent
    total = sha256(release.manifest.model_dump_json().encode() + corpus.code_digest().encode())
    for path in [*sorted(code.rglob("*.py")), *sorted(corpus.folder.glob("*.yaml"))]:
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _made(corpus: Corpus, release: Release, progress: Progress) -> Report:
    manifest = release.manifest
    known = [note for note in manifest.annotations if note.prompt]
    could_not = [
        f"column {note.column}: the release does not keep its prompt"
        for note in manifest.annotations
        if not note.prompt
    ]
    if not manifest.annotations:
        could_not = ["the release has no answers"]
    with (
        TemporaryDirectory(prefix="mmdata-") as scratch,
        explained(Path(scratch)),
        Store(path_of(Path(scratch))) as store,
        blaming_damage(release.folder, manifest),
    ):
        adopt(store, release, known, f"{manifest.corpus} {manifest.version}", progress)
        prompts = [Prompt.model_validate(note.prompt) for note in known]
        return report_of(corpus, release, store, prompts, True, LIMIT, progress, could_not)

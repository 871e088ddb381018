"""What the checks say of a release by itself: of the answers that are its columns, whatever the store holds now."""

from pathlib import Path
from tempfile import TemporaryDirectory

from ..annotation.adopting import adopt
from ..annotation.prompt import Prompt
from ..annotation.store import Store, path_of
from ..checking.report import Report
from ..checking.run import report_of
from ..corpus import Corpus
from ..progress import Progress, Silent
from ..reading import Release
from ..releases import blaming_damage

LIMIT = 2000
"""Faults of each check that are listed."""


def report_for(corpus: Corpus, release: Release, progress: Progress | None = None) -> Report:
    """Run all checks on a release, pictures included, its answers judged by the prompts that it keeps.

    The same release and corpus folder give the same report, but for `created`. Columns of releases that were made
    before mmdata kept prompts are not judged, which the report says of each check of answers.

    Raises:
        ReleaseError: the release is damaged.
        AnnotationError: a prompt of the release cannot be asked here, or an answer does not fit its response class.
    """
    manifest, progress = release.manifest, progress or Silent()
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
        Store(path_of(Path(scratch))) as store,
        blaming_damage(release.folder, manifest),
    ):
        adopt(store, release, known, f"{manifest.corpus} {manifest.version}", progress)
        prompts = [Prompt.model_validate(note.prompt) for note in known]
        return report_of(corpus, release, store, prompts, True, LIMIT, progress, could_not)

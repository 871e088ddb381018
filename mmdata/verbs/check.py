"""`mmdata check`: everything that may be wrong with a release and its answers."""

from collections.abc import Sequence
from pathlib import Path

from ..annotation.store import reading
from ..checking.html import write_html
from ..checking.report import Report
from ..checking.run import report_of
from ..corpus import Corpus
from ..errors import ReleaseError
from ..progress import Progress, Silent
from ..reading import Release
from ..releases import Releases, blaming_damage, require_pictures


def check(
    folder: str | Path,
    *,
    version: str | None = None,
    prompts: Sequence[str] | None = None,
    pictures: bool = True,
    limit: int = 2000,
    html: str | Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check a release: its rows, files and pictures, and the answers that hold now. Nothing is changed.

    Args:
        folder: the corpus folder.
        version: of the release; the newest without it.
        prompts: ids; by default every prompt of the corpus that has answers.
        pictures: whether each picture is decoded and looked at.
        limit: faults of each check that the report lists; it counts all.
        html: where to write the report as one self-contained HTML file, with thumbnails of the pictures.
        progress: where to show how far it is.

    Raises:
        ReleaseError: there is no release, or one so damaged that it cannot be read.
        CorpusError: a prompt, labels.yaml or terms.yaml is wrong.
        AnnotationError: the store of answers cannot be opened.
    """
    corpus = Corpus(folder)
    releases = Releases(corpus)
    manifest = releases.manifest(version) if version is not None else releases.newest()
    if manifest is None:
        raise ReleaseError(f"{corpus.name} has no release to check yet: run `mmdata build` first")
    require_pictures(manifest)
    release = Release(corpus.folder, manifest)
    with reading(corpus.folder) as store, blaming_damage(release.folder, manifest):
        report = report_of(corpus, release, store, prompts, pictures, limit, progress or Silent())
        if html is not None:
            licence = str(corpus.card.get("license_name") or corpus.card.get("license") or "")
            write_html(report, release, Path(html), licence=licence, progress=progress)
    return report

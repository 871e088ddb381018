"""`mmdata card`: the card of a corpus as a push would write it."""

from pathlib import Path

from ..corpus import Corpus
from ..errors import ReleaseError
from ..hub.card import card_of
from ..hub.changes import Version
from ..hub.reporting import report_for
from ..progress import Progress, Silent
from ..reading import Release
from ..releases import Releases, blaming_damage
from ..row_index import INDEX


def card(
    folder: str | Path, *, version: str | None = None, repo: str | None = None, progress: Progress | None = None
) -> str:
    """The card over all local releases up to one; nothing is written or sent.

    Args:
        folder: the corpus folder.
        version: of the release that it is the card of; the newest without it.
        repo: "namespace/name" that it shall speak of; without it, of the folder.
        progress: where to show how far it is.

    Raises:
        ReleaseError: there is no such release, or a damaged one.
        CorpusError: README.md is not as it should be.
    """
    corpus = Corpus(folder)
    releases = Releases(corpus)
    manifest = releases.manifest(version) if version is not None else releases.newest()
    if manifest is None:
        raise ReleaseError(f"{corpus.name} has no release to write a card of yet: run `mmdata build` first")
    known = releases.versions()
    versions = [
        Version(releases.manifest(one), releases.data / one / INDEX)
        for one in known[: known.index(manifest.version) + 1]
    ]
    release = Release(corpus.folder, manifest)
    with blaming_damage(release.folder, manifest):
        return card_of(corpus, versions, report_for(corpus, release, progress or Silent()), repo)

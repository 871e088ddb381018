"""`mmdata prune`: drop old local releases."""

from pathlib import Path

from ..corpus import Corpus
from ..errors import ReleaseError
from ..releases import Releases


def prune(folder: str | Path, *, keep: int = 1, dry_run: bool = False) -> list[str]:
    """Drop all but the newest `keep` releases; returns the versions dropped, oldest first.

    Args:
        dry_run: only say which.

    Raises:
        ReleaseError: a build is running, or `keep` is not a number of releases.
    """
    if keep < 1:
        raise ReleaseError(f"keep={keep}: at least the newest release stays; remove the folder data/ to be rid of all")
    releases = Releases(Corpus(folder))
    return releases.versions()[:-keep] if dry_run else releases.prune(keep)

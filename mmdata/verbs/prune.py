"""`mmdata prune`: drop old local releases."""

from pathlib import Path

from ..corpus import Corpus
from ..releases import Releases


def to_prune(folder: str | Path, keep: int = 1) -> list[str]:
    """The releases that `prune` would drop, oldest first."""
    versions = Releases(Corpus(folder)).versions()
    return versions[: max(0, len(versions) - keep)]


def prune(folder: str | Path, *, keep: int = 1) -> list[str]:
    """Drop all but the newest `keep` releases; returns the versions dropped.

    Raises:
        ReleaseError: a build is running.
    """
    return Releases(Corpus(folder)).prune(max(1, keep))

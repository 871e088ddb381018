"""What is to be got: one file, by its URL, under a name of ours."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "archive", "json", "jsonl", "file"]
CHUNK = 1 << 20
"""Bytes that are looked at together."""
PICTURES = "pictures"
"""The folder that a column's pictures go to."""
FETCHED = "fetched.csv"
"""Says beside them which URL each came from."""
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2")
KINDS: dict[Kind, tuple[str, ...]] = {
    "archive": ARCHIVES,
    "json": (".json",),
    "jsonl": (".jsonl", ".ndjson"),
    "image": (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
}
LARGEST: dict[Kind, int] = {"image": 100_000_000}
LARGEST_FILE = 50_000_000_000
"""Bytes that a file may have where `sources.yaml` does not say how many it has: 100 MB a picture, 50 GB another."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file to get."""

    url: str
    name: str
    """Path below the folder; with `by_content`, still without its ending."""
    kind: Kind
    place: str
    """Where the URL was read."""
    key: str
    """What it is known by from run to run: the URL without what is secret in it, or passes."""
    bytes: int | None = None
    """As declared; then it has so many, neither more nor fewer."""
    sha256: str | None = None
    unpack: bool = False
    by_content: bool = False
    """The ending is chosen by what comes."""

    def largest(self, given: int | None) -> int:
        """Bytes it may have."""
        if self.bytes is not None:
            return self.bytes
        return given if given is not None else LARGEST.get(self.kind, LARGEST_FILE)


def kind_of(name: str) -> Kind:
    """By the name's ending."""
    return next((kind for kind, endings in KINDS.items() if name.lower().endswith(endings)), "file")

"""What lies in a source and is read by nothing: said, so that nobody takes it for used."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from mmdata import Finding, Listing, SourceFile

from . import arasaac
from .symbols import fits

OTHERS = tuple(f"*.{one}" for name in ("webp", "gif", "bmp", "tif", "tiff") for one in (name, name.upper()))
"""Pictures that are read only where a board names them."""
TABLES = ("*.json", "*.jsonl", "*.csv")


def pictures(listing: Listing, claimed: Collection[str]) -> Iterator[Finding]:
    """The pictures that become no cards; those that are claimed belong to boards."""
    files = listing.files(*arasaac.PHOTOS, *OTHERS)
    spare = [one for one in files if one.path not in claimed and (fits(one, OTHERS) or not arasaac.is_read(one))]
    yield from _said(spare, "PNG is read, JPEG that is named {id}_{keyword}, and any picture that a board names")


def tables(listing: Listing, known: Sequence[str]) -> Iterator[Finding]:
    """The tables that fit none of the patterns of those that are read."""
    spare = [one for one in listing.files(*TABLES) if not fits(one, known)]
    yield from _said(spare, f"Of such files, these are read: {', '.join(known)}; boards, saved as .obf or .obz")


def _said(files: Sequence[SourceFile], known: str) -> Iterator[Finding]:
    if files:
        kinds = Counter(file.name.rpartition(".")[2].lower() for file in files)
        counts = ", ".join(f"{count} .{kind}" for kind, count in sorted(kinds.items()))
        text = f"{len(files)} files are of no form that is read ({counts}): {files[0].path}. {known}"
        yield Finding.warning("files not read", text, [file.path for file in files], len(files))

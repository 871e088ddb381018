"""`mmdata list`: the corpora, their releases, rows and licences."""

from pathlib import Path
from typing import Any

from rich.table import Table

from ..corpus import HOME, Corpus, corpora_in
from ..errors import MmdataError
from ..releases import Releases


def overview(under: str | Path = "dataset_builders") -> list[dict[str, Any]]:
    """One entry a corpus, of those under a folder and those that ship with mmdata."""
    return [_one(folder) for folder in corpora_in(Path(under), HOME)]


def _one(folder: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"corpus": folder.name, "folder": str(folder), "releases": [], "rows": {}}
    try:
        corpus = Corpus(folder)
        card, releases = corpus.card, Releases(corpus)
        newest = releases.newest()
        entry |= {
            "title": card.get("pretty_name", ""),
            "license": card.get("license_name") or card.get("license", ""),
            "releases": releases.versions(),
            "rows": newest.splits if newest else {},
        }
    except MmdataError as error:
        entry["problem"] = str(error)
    return entry


def as_table(found: list[dict[str, Any]]) -> Table:
    table = Table("corpus", "newest", "rows", "licence", "folder", box=None, pad_edge=False, header_style="dim")
    for entry in found:
        rows = ", ".join(f"{split} {count:,}" for split, count in entry["rows"].items())
        table.add_row(
            entry["corpus"],
            entry["releases"][-1] if entry["releases"] else "–",
            entry.get("problem") or rows or "not built; the sample loads",
            str(entry.get("license", "")),
            entry["folder"],
        )
    return table

"""`mmdata list`: the corpora, their releases, rows and licences."""

from pathlib import Path
from typing import Any

from ..corpus import HOME, Corpus, corpora_in
from ..errors import CorpusError, MmdataError
from ..releases import Releases


def overview(under: str | Path = "dataset_builders") -> list[dict[str, Any]]:
    """One entry a corpus, of those under a folder and those that ship with mmdata.

    Raises:
        CorpusError: there is no such folder.
    """
    if not Path(under).is_dir() and str(under) != "dataset_builders":
        raise CorpusError(f"{under}: no such folder. Give the one that holds corpora, such as dataset_builders")
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

"""Which table of each step is the newest: `.steps/current.json`, replaced as a whole when a step has run."""

import os
from pathlib import Path

from pydantic import BaseModel

from ..manifest import Manifest
from ..reading import Release

FOLDER = ".steps"
CURRENT = "current.json"


class Current(BaseModel):
    """What is in the file."""

    tables: dict[str, str] = {}
    """Step → folder below `.steps`."""


def read_current(folder: Path) -> Current:
    """Of a folder of tables; empty where nothing has run, or the file is damaged: steps then run again."""
    try:
        return Current.model_validate_json((folder / CURRENT).read_bytes())
    except (OSError, ValueError):
        return Current()


def write_current(folder: Path, current: Current, work: Path) -> None:
    """Replace it in one step."""
    new = work / CURRENT
    new.write_text(current.model_dump_json(indent=1), encoding="utf-8")
    os.replace(new, folder / CURRENT)


def current(corpus: Path, step: str, sha256: str | None = None) -> Release | None:
    """A table of a step of a corpus folder, to be read as a release; None where it is not there.

    Args:
        sha256: of the table; by default the one that was made last.
    """
    home = corpus / FOLDER
    if sha256 is None:
        found = [home / named] if (named := read_current(home).tables.get(step)) else []
    else:
        found = [folder for folder in home.glob(f"{step}-*") if sha256_of(folder) == sha256]
    if not found or (manifest := _manifest(found[0])) is None:
        return None
    return Release(corpus, manifest, found[0])


def sha256_of(table: Path) -> str | None:
    """Of the rows in a table's folder; None where it is damaged."""
    manifest = _manifest(table)
    return manifest.files[0].sha256 if manifest else None


def _manifest(table: Path) -> Manifest | None:
    try:
        return Manifest.model_validate_json((table / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return None

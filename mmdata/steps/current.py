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


def current(corpus: Path, step: str) -> Release | None:
    """The newest table of a step of a corpus folder, to be read as a release; None before it ran."""
    folder = corpus / FOLDER / read_current(corpus / FOLDER).tables.get(step, "")
    manifest = folder / "manifest.json"
    return Release(corpus, Manifest.model_validate_json(manifest.read_bytes()), folder) if manifest.is_file() else None

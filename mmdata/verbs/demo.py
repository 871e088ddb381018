"""`mmdata demo`: from nothing to a loaded dataset, offline, with what ships in the package."""

import tempfile
from pathlib import Path

from ..corpus import HOME
from .build import Build, build
from .new import new


def demo(into: str | Path | None = None) -> Build:
    """Copy the skin corpus into a folder (by default a new temporary one) and build its tiny source."""
    into = Path(into) if into else Path(tempfile.mkdtemp(prefix="mmdata-demo-"))
    return build(new("skin", into, like="skin"), HOME / "skin" / "tiny")

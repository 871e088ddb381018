"""`mmdata demo`: from nothing to a loaded dataset, offline, with what ships in the package."""

import tempfile
from pathlib import Path

from ..corpus import HOME
from .build import Build, build
from .new import new


def demo(into: str | Path | None = None) -> tuple[Build, str]:
    """Copy the skin corpus into a folder and build its tiny source.

    Returns:
        The build, and the lines of Python to go on with.
    """
    into = Path(into) if into else Path(tempfile.mkdtemp(prefix="mmdata-demo-"))
    folder = new("skin", into, like="skin")
    done = build(folder, HOME / "skin" / "tiny")
    lines = [
        "  from datasets import load_dataset",
        f"  ds = load_dataset({str(folder)!r})",
        '  print(ds["train"].info.version, ds["train"][0])',
    ]
    return done, "\n".join(lines)

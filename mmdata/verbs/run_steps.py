"""`mmdata build --steps`: run the generation steps of a corpus, and make no release."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .. import pool
from ..cache import Cache
from ..corpus import Corpus
from ..errors import BuildError
from ..listing import Listing
from ..options import config_of
from ..progress import Progress, Silent
from ..releases import Releases, explained
from ..steps.current import FOLDER
from .build import open_raw

if TYPE_CHECKING:
    from ..steps.running import Done


def run_steps(
    folder: str | Path,
    source: str | Path,
    wanted: Sequence[str] = (),
    *,
    config: str | None = None,
    options: Mapping[str, Any] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> "list[Done]":
    """Run the steps that a corpus's builder makes its rows by: those wanted, and what they hang on. No release is made.

    Args:
        folder: the corpus folder.
        source: as of `mmdata.build`.
        wanted: names, or numbers from 1; all without any.
        config, options, workers, progress: as of `mmdata.build`.

    Raises:
        MmdataError: with a message that says what to do.
    """
    from ..steps.running import Steps

    corpus, progress = Corpus(folder), progress or Silent()
    chosen = config_of(corpus, config, options or {})
    opened, releases = open_raw(corpus, source), Releases(corpus)
    with (
        explained(corpus.folder),
        releases.writing() as work,
        closing(Cache(corpus.folder / ".cache.sqlite")) as cache,
        closing(sqlite3.connect(work / "listing.sqlite")) as database,
    ):
        builder = chosen.builder(corpus, work)
        if not builder.steps:
            raise BuildError(f"{corpus.name} makes its rows without steps; run `mmdata build` without --steps")
        progress.stage("listing")
        listing = Listing.of(opened, database)
        tables, cores = corpus.folder / FOLDER, workers or pool.cores()
        return Steps(builder, listing, tables, work, cache, cores, chosen, progress).run(list(wanted) or None)


def as_screen(done: "Sequence[Done]") -> RenderableType:
    """The steps, a line each, and what they noticed."""
    table = Table("", "step", "rows", "", box=None, pad_edge=False, header_style="dim")
    table.columns[2].justify = "right"
    for number, one in enumerate(done, 1):
        how = f"{one.seconds:.1f} s" if one.again else "unchanged"
        table.add_row(str(number), one.step.name, f"{len(one.table):,}", how)
    lines = [
        Text.assemble((f"{f.level}: {f.check}: ", "red" if f.level == "error" else "yellow"), f.message)
        for one in done
        for f in one.findings
    ]
    where = [Text(f"each table is a folder of {done[0].table.folder.parent}", "dim")] if done else []
    return Group(table, *where, *lines)


def as_json(done: "Sequence[Done]") -> str:
    """The same for a program."""
    return json.dumps(
        [
            {
                "step": one.step.name,
                "rows": len(one.table),
                "again": one.again,
                "seconds": round(one.seconds, 2),
                "table": str(one.table.folder),
                "findings": [f.model_dump() for f in one.findings],
            }
            for one in done
        ],
        ensure_ascii=False,
    )

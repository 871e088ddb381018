"""What a search found, on one screen and as JSON."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from ..names import printable
from .facts import Found

WIDEST = 32
"""Letters of a column, Korean ones as two."""
GAP = 2


def as_json(found: Found) -> str:
    """One line."""
    return found.model_dump_json()


def as_screen(found: Found) -> "_Screen":
    """For a person at a terminal."""
    return _Screen(found)


def called(model: str) -> str:
    """A model's name; of a folder its last part, as where it lies is nobody's business."""
    return Path(model).name if Path(model).is_absolute() else model


def main_columns(found: Found) -> list[str]:
    """The values worth showing: those that tell the hits apart, then those that do not, then addresses."""
    rows = [hit.row for hit in found.hits]
    kept = [
        column.name
        for column in found.facts.columns
        if column.kind != "other" and any(row.get(column.name) not in (None, "", []) for row in rows)
    ]
    told = {name: {shown(row.get(name)) for row in rows} for name in kept}
    return sorted(kept, key=lambda name: (any("://" in text for text in told[name]), len(told[name]) == 1))


def shown(value: Any) -> str:
    """A value as tables show it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(shown, value))
    return f"{value:,.6g}" if isinstance(value, float) else printable(str(value))


class _Screen:
    """As wide as the terminal is: as many columns as fit."""

    def __init__(self, found: Found):
        self.found = found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        found, facts = self.found, self.found.facts
        yield Text(f"{facts.corpus} {facts.version}, {printable(called(facts.model))}", "bold")
        if found.newer:
            yield Text(f"of {facts.version}; the newest is {found.newer}: `mmdata index`", "yellow")
        if found.hits:
            yield self._table(options.max_width)
        else:
            yield Text("Nothing passes the filter.", "yellow")
        many = f"{len(found.hits):,} of {facts.pictures:,} pictures"
        yield Text(f"{many}, {found.milliseconds:.1f} ms", "dim")

    def _table(self, width: int) -> Table:
        hits = self.found.hits
        columns: dict[str, list[str]] = {
            "score": [f"{hit.score:.3f}" for hit in hits],
            "id": [printable(hit.id) + (f" (+{hit.same})" if hit.same else "") for hit in hits],
        }
        room = width - sum(map(_width, columns.items()))
        for name in main_columns(self.found):
            values = [shown(hit.row.get(name)) for hit in hits]
            room -= GAP + _width((name, values))
            if room < 0:
                break
            columns[name] = values
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
        for name in columns:
            wide = None if name == "id" else WIDEST
            table.add_column(Text(printable(name)), no_wrap=True, overflow="ellipsis", max_width=wide)
        for line in zip(*columns.values(), strict=True):
            table.add_row(*map(Text, line))
        return table


def _width(column: tuple[str, Iterable[str]]) -> int:
    name, values = column
    widest = max(map(cell_len, (name, *values)))
    return widest if name == "id" else min(WIDEST, widest)

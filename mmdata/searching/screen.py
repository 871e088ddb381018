"""What `mmdata index` did and what `mmdata search` found, each on one screen and as JSON."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from ..names import printable
from .facts import BUILTIN, Found, Indexed, how_to_index

WIDEST = 32
"""Letters of a column, Korean ones as two."""
GAP = 2
NO_WORDS = (
    "builtin compares colours and shapes; it has no words. A model that has: --model google/siglip2-base-patch16-224 "
    "(Korean too), openai/clip-vit-base-patch32, Qwen/Qwen3-VL-Embedding-2B"
)


def as_json(told: Indexed | Found) -> str:
    """One line."""
    return told.model_dump_json()


def as_screen(told: Indexed | Found, folder: Path | None = None) -> RenderableType:
    """For a person at a terminal.

    Args:
        folder: of the corpus, for the command that is shown where there is a newer release.
    """
    return _Screen(told, folder) if isinstance(told, Found) else _done(told)


def main_columns(found: Found) -> list[str]:
    """The values worth showing, in the index's order whatever was found; addresses last, as they tell a person nothing."""
    rows = [hit.row for hit in found.hits]
    kept = [
        column.name
        for column in found.facts.columns
        if column.kind != "other" and any(row.get(column.name) not in (None, "", []) for row in rows)
    ]
    return sorted(kept, key=lambda name: any("://" in shown(row.get(name)) for row in rows))


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

    def __init__(self, found: Found, folder: Path | None):
        self.found, self.folder = found, folder

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        found, facts = self.found, self.found.facts
        yield Text(f"{facts.corpus} {facts.version}, {printable(facts.called)}", "bold")
        if found.newer:
            how = how_to_index(self.folder, facts.model)
            yield Text(f"of {facts.version}; the newest is {found.newer}: {how}", "yellow")
        if found.hits:
            yield self._table(options.max_width)
        else:
            yield Text("Nothing passes the filter." if found.where else "Nothing was found.", "yellow")
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


def _done(done: Indexed) -> RenderableType:
    facts = done.facts
    rows = f", {facts.rows:,} rows" if facts.rows != facts.pictures else ""
    lines: list[RenderableType] = [
        Text(f"{facts.corpus} {facts.version}: {facts.pictures:,} pictures{rows}, {done.embedded:,} new", "bold"),
        Text(printable(f"model {facts.model} ({facts.revision[:19]}), {facts.dimensions} dimensions")),
        Text(f"filters: {', '.join(column.name for column in facts.askable if column.kind != 'other') or 'none'}"),
    ]
    for one in done.latency:
        recall = "exact" if one.backend == "file" else f"recall@10 {one.recall:.3f}"
        lines.append(Text(f"search in {_place(one.backend)}: {one.p50:.1f} ms, {recall} ({one.queries} queries)"))
    lines += [Text(printable(note), "yellow") for note in done.notes]
    if facts.model == BUILTIN:
        lines.append(Text(NO_WORDS, "dim"))
    return Group(*lines)


def _place(backend: str) -> str:
    return "PostgreSQL" if backend == "postgresql" else "files"

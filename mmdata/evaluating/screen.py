"""An evaluation on one screen: scores, where they come from, and the first faults."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..checking.screen import COLOURS
from ..metrics.measures import Confusion, Score
from ..names import printable
from .evaluation import Evaluation

EXAMPLES = 3
"""Of each kind of fault."""
ROWS = 20
"""Of a table; JSON and HTML have all."""
CLASSES = 12
"""More are no table for a terminal."""


def as_screen(made: Evaluation) -> RenderableType:
    """The evaluation for a person at a terminal."""
    data, model, measures = made.data, made.model, made.measures
    revision = f" ({model.revision[:19]})" if model.revision else ""
    lines: list[RenderableType] = [
        Text(f"{data.corpus} {data.version}, {data.view}, {data.split}", "bold"),
        Text(printable(f"model {model.name}{revision}, {model.file}")),
        Text(_told(made)),
        Text(),
    ]
    if measures.scores:
        lines += [_scores(measures.scores, made.coverage), Text()]
    for confusion in measures.confusions:
        if len(confusion.said) <= CLASSES:
            lines += [
                Text(f"{confusion.title}: of each class, what was said in %", "bold"),
                _confusion(confusion),
                Text(),
            ]
    for table in measures.tables:
        rows = table.rows[:ROWS]
        lines += [Text(printable(table.title), "bold"), _table(table.columns, (map(number, row) for row in rows))]
        if len(rows) < len(table.rows):
            lines.append(Text(f"… of {len(table.rows):,} rows", "dim"))
        lines += [Text(table.note, "dim"), Text()] if table.note else [Text()]
    lines += [Text(printable(note), "dim") for note in measures.notes]
    lines += _faults(made)
    return Group(*lines)


def number(value: str | float | int | None) -> str:
    """As tables show it: three decimals, thousands apart."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return printable(value)
    return f"{value:,.3f}" if isinstance(value, float) else f"{value:,}"


def _told(made: Evaluation) -> str:
    counts = made.counts
    named = ((counts.errors, "errors"), (counts.missing, "rows missing"), (counts.unknown, "unknown ids"))
    told = [f"{counts.answered:,} of {counts.rows:,} rows answered", *(f"{n:,} {what}" for n, what in named if n)]
    return ", ".join(told)


def _scores(scores: Sequence[Score], coverage: str) -> Table:
    rows = []
    for score in scores:
        sure = "" if score.low is None or score.high is None else f"{score.low:.3f}–{score.high:.3f}"
        note = "; ".join(part for part in (coverage, score.note) if part)
        rows.append([printable(score.name), number(score.value), sure, f"{score.n:,}", printable(note)])
    return _table(["score", "value", "95 %", "n", ""], rows)


def _confusion(confusion: Confusion) -> Table:
    rows = []
    for name, counts in zip(confusion.truth, confusion.counts, strict=True):
        total = sum(counts)
        shares = ("–" if not total else f"{100 * n / total:.0f}" if n else "·" for n in counts)
        rows.append([printable(name), *shares, f"{total:,}"])
    return _table(["", *confusion.said, "n"], rows)


def _table(columns: Sequence[str], rows: Iterable[Iterable[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, title in enumerate(columns):
        table.add_column(Text(printable(title)), justify="right" if at and title else "left", no_wrap=bool(title))
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _faults(made: Evaluation) -> list[Text]:
    lines = []
    for check in dict.fromkeys(fault.check for fault in made.faults):
        mine = [fault for fault in made.faults if fault.check == check]
        shown = list({fault.message: fault for fault in reversed(mine)}.values())[::-1][:EXAMPLES]
        same = Counter(fault.message for fault in mine)
        for fault in shown:
            more = f" (and {same[fault.message] - 1:,} more)" if same[fault.message] > 1 else ""
            where = f" {printable(fault.row_id)}{more}: " if fault.row_id else ": "
            lines.append(Text.assemble((check, COLOURS[fault.level]), where, printable(fault.message)))
    errors, warnings = made.count("error"), made.count("warning")
    colour = "red" if errors else "yellow" if warnings else "green"
    return [*lines, Text(f"{errors:,} errors, {warnings:,} warnings", colour)]

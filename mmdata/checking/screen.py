"""A report on one screen: what was checked, what was found, and the first examples."""

from collections import Counter

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .report import Fault, Report

EXAMPLES = 3
"""Of each check."""
COLOURS = {"error": "red", "warning": "yellow"}


def as_screen(report: Report, brief: bool = False) -> RenderableType:
    """The report for a person at a terminal; `brief` leaves out the checks that found nothing."""
    lines: list[RenderableType] = [Text(f"{report.corpus} {report.version}", "bold")]
    for prompt, states in report.answers.items():
        told = ", ".join(f"{n:,} {state}" for state, n in Counter(states).most_common())
        lines.append(Text(f"prompt {prompt}: {told}"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("check", "level", "judged", "found"):
        table.add_column(title, justify="right" if title in {"judged", "found"} else "left", no_wrap=True)
    table.add_column("could not judge", style="dim")
    # What nearly all checks could not judge is said once.
    notes = Counter(note for check in report.checks for note in check.could_not.split("; ") if note)
    common = {note for note, times in notes.items() if times > len(report.checks) / 3}
    lines += [Text(f"not judged: {note}", "dim") for note in notes if note in common]
    for check in report.checks:
        if brief and not check.found:
            continue
        could_not = "; ".join(note for note in check.could_not.split("; ") if note not in common)
        colour = COLOURS[check.level] if check.found else ""
        judged = f"{check.judged:,}" if check.judged else "–"
        table.add_row(check.name, Text(check.level, colour), judged, Text(f"{check.found:,}", colour), Text(could_not))
    lines += [table, Text()]
    if brief:
        lines.insert(-1, Text(f"of {len(report.checks)} checks", "dim"))
    for check in report.checks:
        mine = [fault for fault in report.faults if fault.check == check.name]
        # A message that stands for many rows, such as that of a foreign word, is shown once.
        shown = list({fault.message: fault for fault in reversed(mine)}.values())[::-1][:EXAMPLES]
        lines += [part for fault in shown for part in _example(fault)]
    errors, warnings = report.count("error"), report.count("warning")
    lines.append(
        Text(f"{errors:,} errors, {warnings:,} warnings", "red" if errors else "yellow" if warnings else "green")
    )
    return Group(*lines)


def _example(fault: Fault) -> list[Text]:
    where = " ".join(part for part in (fault.row_id, fault.prompt) if part)
    made = [Text.assemble((fault.check, COLOURS[fault.level]), f" {where}: " if where else ": ", fault.message)]
    if fault.excerpt:
        made.append(Text(f"    {fault.excerpt}", "dim"))
    return made

"""A build on one screen."""

import json
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from .findings import Finding
from .names import bytes_text
from .verbs.build import Build

SHOWN_OF_A_CHECK = 24


def as_json(build: Build) -> str:
    """The same facts for a program."""
    m = build.manifest
    return json.dumps(
        {
            "corpus": m.corpus,
            "version": m.version,
            "created": build.created,
            "splits": m.splits,
            "classes": m.counts,
            "steps": [step.model_dump(exclude={"asked"}) for step in m.steps],
            "rejected": m.rejected,
            "findings": [f.model_dump() for f in build.findings],
            "bytes": sum(f.bytes for f in m.files),
            "decoded": build.decoded,
            "seconds": round(build.seconds, 2),
        },
        ensure_ascii=False,
    )


def as_screen(build: Build) -> RenderableType:
    """What was built, what was refused and what is doubtful."""
    m = build.manifest
    if not build.created:
        unchanged = f"Nothing has changed since {m.corpus} {m.version}; no release was made ({build.seconds:.1f} s)."
        return Group(Text(unchanged), *_findings(build.findings, m.version))
    splits = ", ".join(f"{split} {rows:,}" for split, rows in m.splits.items())
    size = sum(f.bytes for f in m.files)
    parts: list[RenderableType] = [
        Text(
            f"{m.corpus} {m.version}: {splits} rows, {bytes_text(size)} in {len(m.files)} files, {build.seconds:.1f} s",
            "bold",
        )
    ]
    if m.steps:
        parts.append(Text("steps: " + ", ".join(f"{step.name} {step.rows:,}" for step in m.steps)))
    parts += [_classes(name, counts, list(m.splits)) for name, counts in m.counts.items()]
    if m.rejected:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in m.rejected.items())
        parts.append(
            Text(
                f"rejected {sum(m.rejected.values()):,}: {kinds}; each with its reason in data/{m.version}/rejected.jsonl",
                "red",
            )
        )
    else:
        parts.append(Text("rejected 0"))
    if m.decode == "header":
        parts.append(
            Text(
                "only headers were read: damaged pixels and look-alikes were not looked for (--decode full does)",
                "yellow",
            )
        )
    return Group(*parts, *_findings(build.findings, m.version))


def _classes(name: str, counts: dict[str, dict[str, int]], splits: list[str]) -> Table:
    table = Table(name, *splits, box=None, pad_edge=False, header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for cls, by_split in counts.items():
        table.add_row(escape(cls), *(f"{by_split.get(s, 0):,}" for s in splits))
    return table


def _findings(findings: list[Finding], version: str) -> list[RenderableType]:
    together: dict[tuple[str, str], list[str]] = {}
    for f in sorted(findings, key=lambda f: f.level):
        together.setdefault((f.level, f.check), []).append(f.message)
    lines: list[RenderableType] = []
    for (level, check), messages in together.items():
        shown, left = messages[:SHOWN_OF_A_CHECK], len(messages) - SHOWN_OF_A_CHECK
        more = f"; … and {left} more in data/{version}/manifest.json" if left > 0 else ""
        colour = "red" if level == "error" else "yellow"
        lines.append(Text.assemble((f"{level}: {check}: ", colour), "; ".join(shown) + more))
    return lines


def overview_table(found: list[dict[str, Any]]) -> Table:
    """The corpora that `overview` found."""
    table = Table("corpus", "newest", "rows", "licence", "folder", box=None, pad_edge=False, header_style="dim")
    for entry in found:
        rows = ", ".join(f"{split} {count:,}" for split, count in entry["rows"].items())
        table.add_row(
            entry["corpus"],
            entry["releases"][-1] if entry["releases"] else "–",
            entry.get("problem") or rows or "not built; the sample loads",
            str(entry.get("license", "")),
            entry["folder"],
        )
    return table

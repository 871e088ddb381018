"""What `mmdata index` did, on one screen."""

from rich.console import Group, RenderableType
from rich.text import Text

from ..names import printable
from .facts import Indexed

BUILTIN = (
    "builtin compares colours and shapes; it has no words. A model that has: --model google/siglip2-base-patch16-224 "
    "(Korean too), openai/clip-vit-base-patch32, Qwen/Qwen3-VL-Embedding-2B"
)


def as_screen(done: Indexed) -> RenderableType:
    """For a person at a terminal."""
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
    if facts.model == "builtin":
        lines.append(Text(BUILTIN, "dim"))
    return Group(*lines)


def as_json(done: Indexed) -> str:
    return done.model_dump_json(indent=1)


def _place(backend: str) -> str:
    return "PostgreSQL" if backend == "postgresql" else "files"

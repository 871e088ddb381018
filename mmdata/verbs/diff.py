"""`mmdata diff`: what differs between two releases."""

import json
from collections.abc import Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..corpus import Corpus
from ..differing import EXAMPLES, Diff, Moves, TextChange, compare
from ..errors import ReleaseError
from ..names import printable
from ..reading import Release
from ..releases import Releases, blaming_damage

NONE = "—"
AROUND = 60
"""Characters shown on either side of a change."""
MARKS = {"same": ("", "", ""), "removed": ("[-", "-]", "red"), "added": ("{+", "+}", "green")}
"""Before, after and colour of a run of words: to be told apart without colours too, as `git diff --word-diff`."""


def diff(folder: str | Path, a: str | None = None, b: str | None = None) -> Diff:
    """What became of release `a` in release `b`.

    Args:
        folder: the corpus folder.
        a: a version; by default the one before `b`.
        b: a version; by default the newest.

    Raises:
        ReleaseError: no such release, there are no two yet, or one is damaged.
    """
    corpus = Corpus(folder)
    releases = Releases(corpus)
    versions = releases.versions()
    b = b or (versions[-1] if versions else None)
    if a is None:
        before = versions[: versions.index(b)] if b in versions else versions
        a = before[-1] if before else None
    if a is None or b is None:
        there = ", ".join(versions) or "none yet: run `mmdata build`"
        raise ReleaseError(f"{corpus.name}: two releases are needed to compare. It has: {there}")
    old, new = (Release(corpus.folder, releases.manifest(version)) for version in (a, b))
    with blaming_damage(old.folder, old.manifest), blaming_damage(new.folder, new.manifest):
        return compare(old, new)


def as_json(diff: Diff) -> str:
    """The whole of it for a program; (from, to) pairs as objects."""
    return json.dumps(
        {
            "format": 1,
            "corpus": diff.corpus,
            "a": diff.a,
            "b": diff.b,
            "rows": {
                name: getattr(diff, name) for name in ("unchanged", "changed", "renamed", "added", "removed")
            },
            "splits": diff.splits,
            "columns": {
                "added": diff.columns_added,
                "removed": diff.columns_removed,
                "retyped": diff.columns_retyped,
            },
            "fields": diff.fields,
            "labels": {name: _listed(moves) for name, moves in diff.labels.items()},
            "split_moves": _listed(diff.split_moves),
            "texts": {
                name: [change._asdict() | {"words": list(change.words())} for change in changes]
                for name, changes in diff.texts.items()
            },
            "classes": diff.classes,
            "examples": diff.ids | {"renamed": [{"from": old, "to": new} for old, new in diff.renames]},
        },
        ensure_ascii=False,
    )  # fmt: skip


def as_screen(diff: Diff) -> RenderableType:
    """It on a screen: counts, then what moved, then texts word by word."""
    head = f"{diff.corpus} {diff.a} → {diff.b}"
    if diff.same:
        return Text(f"{head}: no difference in {diff.unchanged:,} rows.")
    counts = ", ".join(
        f"{count:,} {name}"
        for name in ("added", "removed", "renamed", "changed", "unchanged")
        if (count := getattr(diff, name))
    )
    return Group(Text(f"{head}: {counts or 'no rows'}", "bold"), *_parts(diff))


def _parts(diff: Diff) -> Iterator[RenderableType]:
    for what, columns in (
        ("columns added", diff.columns_added),
        ("columns removed", diff.columns_removed),
        ("columns of another type, not compared", diff.columns_retyped),
    ):
        if columns:
            yield Text(f"{what}: {', '.join(columns)}")
    for name in ("added", "removed", "changed"):
        if found := diff.ids[name]:
            yield Text(f"{name}: {', '.join(found)}{_more(getattr(diff, name))}")
    if diff.renames:
        yield Text(f"renamed: {', '.join(f'{old} → {new}' for old, new in diff.renames)}{_more(diff.renamed)}")
    if diff.fields:
        yield Text("differs in: " + ", ".join(f"{name} {_rows(rows)}" for name, rows in diff.fields.items()))
    for name, moves in [("split", diff.split_moves), *diff.labels.items()]:
        if moves:
            yield Text(f"\n{name}, from (down) to (across)")
            yield _matrix(moves)
    for name, classes in diff.classes.items():
        moved = {cls: both for cls, both in classes.items() if any(old != new for old, new in both.values())}
        if moved:
            yield Text(f"\n{name}, rows in {diff.a} → {diff.b}")
            yield _counts(moved, list(diff.splits))
    for name, changes in diff.texts.items():
        first = ", the first" if diff.fields[name] > len(changes) else ""
        yield Text(f"\n{name}: another text in {_rows(diff.fields[name])}{first}:")
        yield from map(_shown, changes)


def _matrix(moves: Moves) -> Table:
    froms, tos = (list(dict.fromkeys(pair[side] for pair in moves)) for side in (0, 1))
    table = Table("", *(escape(to or NONE) for to in tos), box=None, pad_edge=False, header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for old in froms:
        table.add_row(escape(old or NONE), *(f"{moves[old, to]:,}" if (old, to) in moves else "" for to in tos))
    return table


def _counts(classes: dict[str, dict[str, tuple[int, int]]], splits: list[str]) -> Table:
    table = Table("", *map(escape, splits), box=None, pad_edge=False, header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for cls, both in classes.items():
        cells = [both.get(split, (0, 0)) for split in splits]
        table.add_row(escape(cls), *(f"{old:,}" if old == new else f"{old:,} → {new:,}" for old, new in cells))
    return table


def _shown(change: TextChange) -> Text:
    """The words that went and came, marked; what stayed, cut short."""
    line = Text(f"  {change.id}: ")
    words = list(change.words())
    for n, (kind, text) in enumerate(words):
        if kind == "same":
            head = text[:AROUND] if n else ""
            tail = text[-AROUND:] if n < len(words) - 1 else ""
            text = text if len(text) <= len(head) + len(tail) else f"{head}…{tail}"
        before, after, colour = MARKS[kind]
        space = text[len(text.rstrip()) :] if before else ""
        line.append(before + printable(text.removesuffix(space)) + after, colour).append(printable(space))
    if change.before is None or change.after is None:
        line.append(" (had no text)" if change.before is None else " (has no text)", "dim")
    return line


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"


def _more(count: int) -> str:
    return f" and {count - EXAMPLES:,} more" if count > EXAMPLES else ""


def _listed(moves: Moves) -> list[dict[str, object]]:
    return [{"from": old, "to": new, "rows": rows} for (old, new), rows in moves.items()]

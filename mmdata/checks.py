"""The checks that look over all rows at once: leaks, contradictions, confounders, gaps."""

import heapq
import sqlite3
from collections.abc import Iterable, Iterator

from mmdata.schemas import Group, Label, Record

from .findings import PLACES_KEPT, Finding
from .names import printable


def check_rows(db: sqlite3.Connection, schema: type[Record], classes: dict[str, list[str]]) -> Iterator[Finding]:
    """Leaks, contradictions and confounders over the accepted rows.

    Args:
        db: the build's plan; `accepted(seq, split, place)` and
            `facts(seq, kind, field, value)` with kinds as in `rows.Fact`.
        schema: whose Group markers say what may cross splits.
        classes: label field → class names, in order.
    """
    yield from _leaks(db, "bytes", "the same picture, byte for byte,")
    yield from _leaks(db, "look", "the same-looking picture (equal perceptual hash)")
    for field, group in schema.marked(Group).items():
        if group.one_split:
            yield from _leaks(db, "group", f"the same {field}", field)
        else:
            for label in classes:
                yield from _confounder(db, label, field)
    marks = schema.marked(Label)
    for label, names in classes.items():
        if not (label in marks and marks[label].several):
            yield from _contradictions(db, label)
        yield from _absent(db, label, names)
    yield from _notes(db)


def _leaks(db: sqlite3.Connection, kind: str, what: str, field: str | None = None) -> Iterator[Finding]:
    # Equal bytes look equal too, but are said once, by the check on bytes.
    joined, other = "", ""
    if kind == "look":
        joined = "JOIN facts b ON b.seq = f.seq AND b.field = f.field AND b.kind = 'bytes'"
        other = "AND COUNT(DISTINCT b.value) > 1"
    query = f"""
        SELECT f.value, COUNT(DISTINCT f.seq) FROM facts f JOIN accepted r USING (seq) {joined}
        WHERE f.kind = ? AND (? IS NULL OR f.field = ?)
        GROUP BY f.value HAVING COUNT(DISTINCT r.split) > 1 {other} ORDER BY MIN(f.seq)"""  # noqa: S608
    cases = rows = 0
    places: list[str] = []
    for value, count in db.execute(query, (kind, field, field)):
        cases, rows = cases + 1, rows + count
        if len(places) < PLACES_KEPT:
            name = f"{value}: " if kind == "group" else ""
            places.append(name + _one_of_each_split(db, kind, field, value))
    if cases:
        more = f"; {cases:,} such cases, {rows:,} rows" if cases > 1 else ""
        yield Finding.error(
            "leak",
            f"{what} is in more than one split: {places[0]}{more}. "
            "A score on these rows says nothing: move or remove one side",
            places,
            cases,
        )


def _one_of_each_split(db: sqlite3.Connection, kind: str, field: str | None, value: str) -> str:
    rows = db.execute(
        """SELECT r.split, MIN(r.place) FROM facts f JOIN accepted r USING (seq)
           WHERE f.kind = ? AND (? IS NULL OR f.field = ?) AND f.value = ? GROUP BY r.split ORDER BY MIN(seq)""",
        (kind, field, field, value),
    )
    return " and ".join(f"{split} {printable(place)}" for split, place in rows)


def _contradictions(db: sqlite3.Connection, label: str) -> Iterator[Finding]:
    query = """
        SELECT f.value FROM facts f JOIN facts l ON l.seq = f.seq AND l.kind = 'label' AND l.field = ?
        WHERE f.kind = 'bytes' GROUP BY f.value HAVING COUNT(DISTINCT l.value) > 1
        ORDER BY MIN(f.seq)"""
    found = db.execute(query, (label,)).fetchall()
    if found:
        places = [_both_labels(db, label, value) for (value,) in found[:PLACES_KEPT]]
        more = f"; {len(found)} such pictures" if len(found) > 1 else ""
        yield Finding.error(
            "two labels",
            f"the same picture has more than one {label}: {places[0]}{more}. Remove the wrong file",
            places,
            len(found),
        )


def _both_labels(db: sqlite3.Connection, label: str, value: str) -> str:
    rows = db.execute(
        """SELECT l.value, MIN(r.place) FROM facts f JOIN accepted r USING (seq)
           JOIN facts l ON l.seq = f.seq AND l.kind = 'label' AND l.field = ?
           WHERE f.kind = 'bytes' AND f.value = ? GROUP BY l.value ORDER BY MIN(f.seq)""",
        (label, value),
    )
    return " and ".join(f"{name} ({printable(place)})" for name, place in rows)


def _confounder(db: sqlite3.Connection, label: str, field: str) -> Iterator[Finding]:
    """Whether the group gives the class away: Goodman and Kruskal's lambda of label given group.

    lambda = (share right when guessing each group's commonest class - share of the commonest
    class) / (1 - share of the commonest class): 0 tells nothing, 1 tells all. Source:
    L. A. Goodman, W. H. Kruskal, JASA 49 (1954) 732-764.
    """
    cells = db.execute(
        """SELECT l.value, g.value, COUNT(*) FROM facts l JOIN facts g ON g.seq = l.seq
           WHERE l.kind = 'label' AND l.field = ? AND g.kind = 'group' AND g.field = ? GROUP BY 1, 2""",
        (label, field),
    ).fetchall()
    total = sum(n for _, _, n in cells)
    groups, by_class = {g for _, g, _ in cells}, _sums((c, n) for c, _, n in cells)
    if len(groups) < 2 or len(by_class) < 2 or total < 2 * len(groups):
        return
    best: dict[str, int] = {}
    for _, group, n in cells:
        best[group] = max(best.get(group, 0), n)
    guess, base = sum(best.values()) / total, max(by_class.values()) / total
    strength = (guess - base) / (1 - base)
    if strength < 0.2:
        return
    homes: dict[str, list[str]] = {}
    for cls, group, _ in cells:
        homes.setdefault(cls, []).append(group)
    only = {cls: found[0] for cls, found in homes.items() if len(found) == 1}
    alone = "; ".join(f"{c} only {g}" for c, g in sorted(only.items()))
    yield Finding.warning(
        "confounder",
        f"{field} gives {label} away: guessing from {field} alone is right for {guess:.0%} of the rows, "
        f"the commonest class for {base:.0%} (lambda {strength:.2f})" + (f"; {alone}" if alone else ""),
        [f"{c} × {g}: {n}" for c, g, n in heapq.nlargest(PLACES_KEPT, cells, key=lambda cell: cell[2])],
    )


def _absent(db: sqlite3.Connection, label: str, names: list[str]) -> Iterator[Finding]:
    """Classes that a split has no row of: nothing is learnt, or nothing measured."""
    present: dict[str, set[str]] = {}
    query = """SELECT DISTINCT r.split, f.value FROM facts f JOIN accepted r USING (seq)
               WHERE f.kind = 'label' AND f.field = ? ORDER BY 1"""
    for split, cls in db.execute(query, (label,)):
        present.setdefault(split, set()).add(cls)
    for split, found in present.items():
        if missing := [name for name in names if name not in found]:
            yield Finding.warning(
                "absent class", f"{split} has no row of {label} {', '.join(missing)}", count=len(missing)
            )


def _sums(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for key, n in pairs:
        sums[key] = sums.get(key, 0) + n
    return sums


def _notes(db: sqlite3.Connection) -> Iterator[Finding]:
    query = """SELECT f.field, f.value, COUNT(*), MIN(r.place) FROM facts f JOIN accepted r USING (seq)
               WHERE f.kind = 'note' GROUP BY 1, 2 ORDER BY MIN(seq)"""
    for field, value, count, place in db.execute(query):
        many = f" and {count - 1} more" if count > 1 else ""
        yield Finding.warning("picture", f"{field} of {printable(place)}{many}: {value}", [place], count)

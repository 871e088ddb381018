"""What differs between two releases of a corpus, counted exactly without reading a picture.

Rows are paired by id; of those left, by their pictures, where these are found once on either side: a
row renamed, or, where the id names the class, relabelled. A column at a time is read, and of text only
its 64-bit hash is kept: two texts are compared only within a pair, so that one pair in 2**64 is misjudged.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import polars as pl
import pyarrow.parquet as pq

from .reading import Release
from .row_index import INDEX

EXAMPLES = 5
"""Kept of each kind of change."""
ROWS = 10_000
"""Read at a time."""
Moves = dict[tuple[str | None, str | None], int]
"""(from, to) → rows; None: no value."""


class TextChange(NamedTuple):
    """One row's text in both releases."""

    id: str
    """In the newer one."""
    before: str | None
    after: str | None

    def words(self) -> Iterator[tuple[Literal["same", "removed", "added"], str]]:
        """Runs of words that stayed, went or came."""
        old, new = (re.findall(r"\S+\s*", text or "") for text in (self.before, self.after))
        for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if kind == "equal":
                yield "same", "".join(new[c:d])
                continue
            if a < b:
                yield "removed", "".join(old[a:b])
            if c < d:
                yield "added", "".join(new[c:d])


@dataclass
class Diff:
    """What became of release `a` in release `b`.

    Each row of `b` is unchanged, changed, renamed or added; each of `a` unchanged, changed, renamed or removed.
    """

    corpus: str
    a: str
    b: str
    splits: dict[str, tuple[int, int]]
    """Split → rows in a and in b."""
    unchanged: int = 0
    changed: int = 0
    """Rows of the same id with another value, picture or split."""
    renamed: int = 0
    """Rows whose id is gone, and whose pictures are now those of one row with a new id."""
    added: int = 0
    removed: int = 0
    ids: dict[str, list[str]] = field(default_factory=dict)
    """The first ids of the rows changed, added and removed."""
    renames: list[tuple[str, str]] = field(default_factory=list)
    """The first ids of the rows renamed, before and after."""
    columns_added: list[str] = field(default_factory=list)
    columns_removed: list[str] = field(default_factory=list)
    columns_retyped: list[str] = field(default_factory=list)
    """Of another type now: their values are not compared."""
    fields: dict[str, int] = field(default_factory=dict)
    """Field, picture field or "split" → rows, changed or renamed, in which it differs."""
    labels: dict[str, Moves] = field(default_factory=dict)
    texts: dict[str, list[TextChange]] = field(default_factory=dict)
    """Text field → first changes, in the order of `b`; `fields` counts all."""
    split_moves: Moves = field(default_factory=dict)
    classes: dict[str, dict[str, dict[str, tuple[int, int]]]] = field(default_factory=dict)
    """Label field → class → split → rows in a and in b."""

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        columns = self.columns_added or self.columns_removed or self.columns_retyped
        return not (self.changed or self.renamed or self.added or self.removed or columns)


def compare(a: Release, b: Release) -> Diff:
    """All that differs."""
    diff = Diff(a.manifest.corpus, a.manifest.version, b.manifest.version, _both(a.manifest.splits, b.manifest.splits))
    diff.classes = _classes(a, b)
    common = _columns(a, b, diff)
    pictures = [name for name in common if name in a.picture_fields]
    old, new = _rows(a, pictures), _rows(b, pictures)
    pairs = old.join(new, on="id", suffix="_b").with_columns(id_b="id")
    gone, come = old.join(new, on="id", how="anti"), new.join(old, on="id", how="anti")
    renamed = _same_pictures(gone, come, pictures)
    pairs = pl.concat([pairs, renamed.select(pairs.columns)]).sort("row_b")
    differs = pl.zeros(len(pairs), pl.Boolean, eager=True)
    for name in ["split", *pictures]:
        moved = pairs[name].ne_missing(pairs[f"{name}_b"])
        differs |= _note(diff, name, moved)
        if name == "split":
            diff.split_moves = _moves(pairs[name], pairs["split_b"], moved)
    for name in common:
        if name not in pictures:
            differs |= _compare_field(a, b, name, pairs, diff)
    new_name = pairs["id"] != pairs["id_b"]
    diff.renamed, diff.changed = int(new_name.sum()), int((differs & ~new_name).sum())
    diff.unchanged = len(pairs) - diff.renamed - diff.changed
    diff.added, diff.removed = len(come) - diff.renamed, len(gone) - diff.renamed
    diff.renames = list(pairs.filter(new_name).select("id", "id_b").head(EXAMPLES).iter_rows())
    diff.ids = {
        "changed": pairs.filter(differs & ~new_name)["id"].head(EXAMPLES).to_list(),
        "added": come.join(renamed, left_on="id", right_on="id_b", how="anti")
        .sort("row")["id"]
        .head(EXAMPLES)
        .to_list(),
        "removed": gone.join(renamed, on="id", how="anti").sort("row")["id"].head(EXAMPLES).to_list(),
    }
    return diff


def _compare_field(a: Release, b: Release, name: str, pairs: pl.DataFrame, diff: Diff) -> pl.Series:
    """Pair by pair whether the field differs; notes how many do, and how."""
    kind = a.kinds[name]
    if kind == "text" and _is_id(a, name) and _is_id(b, name):
        return pl.zeros(len(pairs), pl.Boolean, eager=True)
    old, new = _values(a, name)[pairs["row"]], _values(b, name)[pairs["row_b"]]
    moved = old.ne_missing(new)
    if _note(diff, name, moved).any():
        if kind == "label":
            diff.labels[name] = _moves(old, new, moved)
        if kind == "text":
            first = pairs.filter(moved).head(EXAMPLES)
            befores, afters = _texts(a, name, first["row"].to_list()), _texts(b, name, first["row_b"].to_list())
            diff.texts[name] = [TextChange(*line) for line in zip(first["id_b"], befores, afters, strict=True)]
    return moved


def _note(diff: Diff, name: str, moved: pl.Series) -> pl.Series:
    if count := int(moved.sum()):
        diff.fields[name] = count
    return moved


def _moves(old: pl.Series, new: pl.Series, moved: pl.Series) -> Moves:
    counted = pl.DataFrame({"from": old, "to": new}).filter(moved).group_by("from", "to").len()
    return {(f, t): n for f, t, n in counted.sort("len", "from", "to", descending=[True, False, False]).iter_rows()}


def _rows(release: Release, pictures: list[str]) -> pl.DataFrame:
    """row, id, split, and for each picture field the hashes of its pictures: null, without one."""
    one = pl.element().struct
    found = [
        pl.col("pictures")
        .list.eval(one.field("sha256").filter(one.field("field").str.extract(r"^([^.\[]+)") == name))
        .list.join(" ")
        .replace("", None)
        .alias(name)
        for name in pictures
    ]
    index = pl.read_parquet(release.folder / INDEX, columns=["id", "split", "pictures"])
    return index.with_row_index("row").select("row", "id", "split", *found)


def _same_pictures(gone: pl.DataFrame, come: pl.DataFrame, pictures: list[str]) -> pl.DataFrame:
    """Rows paired by their pictures, where no other row is left with these."""
    if not pictures:
        return gone.clear().join(come.clear(), on="id", suffix="_b").with_columns(id_b="id")
    some = pl.any_horizontal(pl.col(pictures).is_not_null())
    gone, come = (rows.filter(some & ~pl.struct(pictures).is_duplicated()) for rows in (gone, come))
    made = gone.join(come, on=pictures, suffix="_b", nulls_equal=True)
    return made.with_columns(pl.col(name).alias(f"{name}_b") for name in pictures)


def _values(release: Release, name: str) -> pl.Series:
    """A column in the order of the release: class names, numbers as they are, all else hashed."""
    names = release.classes.get(name)
    parts = []
    for part in _parts(release, name):
        if names is not None:
            parts.append(pl.Series(names, dtype=pl.String).gather(part))
        else:
            parts.append(part if release.kinds[name] == "number" else part.hash())
    return pl.concat(parts)


def _is_id(release: Release, name: str) -> bool:
    """Whether the column only says the row's id."""
    ids = pl.read_parquet(release.folder / INDEX, columns=["id"])["id"]
    first = 0
    for part in _parts(release, name):
        if part.ne_missing(ids[first : first + len(part)]).any():
            return False
        first += len(part)
    return True


def _parts(release: Release, name: str) -> Iterator[pl.Series]:
    for shard in release.manifest.files:
        with pq.ParquetFile(release.folder / shard.path, pre_buffer=False) as file:
            for batch in file.iter_batches(ROWS, columns=[name]):
                yield pl.Series(name, pl.from_arrow(batch.column(0)))


def _texts(release: Release, name: str, rows: list[int]) -> list[str | None]:
    """The texts at some row numbers."""
    found: dict[int, str | None] = {}
    first = 0
    for shard in release.manifest.files:
        wanted = [row for row in rows if first <= row < first + shard.rows]
        at = first
        if wanted:
            with pq.ParquetFile(release.folder / shard.path, pre_buffer=False) as file:
                for batch in file.iter_batches(ROWS, columns=[name]):
                    found |= {row: batch.column(0)[row - at].as_py() for row in wanted if at <= row < at + len(batch)}
                    at += len(batch)
        first += shard.rows
    return [found[row] for row in rows]


def _columns(a: Release, b: Release, diff: Diff) -> list[str]:
    """Fields that can be compared; the others are noted."""
    diff.columns_added = [name for name in b.kinds if name not in a.kinds]
    diff.columns_removed = [name for name in a.kinds if name not in b.kinds]
    common = [name for name in a.kinds if name in b.kinds]
    types = [{feature["name"]: feature for feature in release.manifest.features} for release in (a, b)]
    for name in common:
        # Labels are compared by their names, so another list of classes is the same type.
        if types[0][name] != types[1][name] and {a.kinds[name], b.kinds[name]} != {"label"}:
            diff.columns_retyped.append(name)
    return [name for name in common if name not in diff.columns_retyped]


def _classes(a: Release, b: Release) -> dict[str, dict[str, dict[str, tuple[int, int]]]]:
    old, new = a.manifest.counts, b.manifest.counts
    return {
        name: {
            cls: _both(old.get(name, {}).get(cls, {}), new.get(name, {}).get(cls, {}))
            for cls in dict.fromkeys([*old.get(name, {}), *new.get(name, {})])
        }
        for name in dict.fromkeys([*old, *new])
    }


def _both(a: dict[str, int], b: dict[str, int]) -> dict[str, tuple[int, int]]:
    return {key: (a.get(key, 0), b.get(key, 0)) for key in dict.fromkeys([*a, *b])}

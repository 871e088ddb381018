"""What changed from one version to the next, from their manifests and indexes alone: no shard is read.

Rows are told apart by id, so that a renamed row is one removed and one added. Of ids and picture hashes only
64-bit hashes are kept: two versions of a million rows take a second and 300 MB.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from ..manifest import Annotated, Manifest

CLASSES = 8
"""Classes whose counts moved that are named; those that moved most."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version, as far as is needed to say what changed."""

    manifest: Manifest
    index: Path | None
    """Its index.parquet; None: only what the manifests say is compared."""


@dataclass
class Changes:
    """What became of the version before it; of the first version, only what it is."""

    before: Manifest | None
    after: Manifest
    compared: bool = False
    """Whether the rows were."""
    added: dict[str, int] = field(default_factory=dict)
    """Split → rows with a new id."""
    removed: dict[str, int] = field(default_factory=dict)
    """Split → rows whose id is gone."""
    moved: dict[tuple[str, str], int] = field(default_factory=dict)
    """(from, to) → rows that are in another split now."""
    pictures: int = 0
    """Rows of the same id with other pictures."""

    def sentences(self) -> list[str]:
        """Each change in a few words, in a fixed order; text, not Markdown."""
        return list(self._said())

    def _said(self) -> Iterator[str]:
        if self.before is None:
            yield "the first version"
            yield from _answers([], self.after.annotations)
            return
        yield from self._rows(self.before)
        old, new = (list(_names(manifest)) for manifest in (self.before, self.after))
        answers = {note.column for manifest in (self.before, self.after) for note in manifest.annotations}
        for what, names, others in (("added", new, old), ("removed", old, new)):
            if found := [name for name in names if name not in others and name not in answers]:
                yield f"column{'s' * (len(found) > 1)} {what}: {', '.join(found)}"
        for name in self.after.counts:
            yield from _moved_classes(name, self.before, self.after)
        yield from _answers(self.before.annotations, self.after.annotations)
        rejected = [sum(manifest.rejected.values()) for manifest in (self.before, self.after)]
        if rejected[0] != rejected[1]:
            yield f"rows rejected by the build: {rejected[0]:,} → {rejected[1]:,}"
        if self.before.labels_sha256 != self.after.labels_sha256:
            yield "another label map"
        if self.before.schema_sha256 != self.after.schema_sha256:
            yield "another schema"
        if (self.before.taken_from is None) != (self.after.taken_from is None):
            yield "published without pictures" if self.after.taken_from else "published with pictures"

    def _rows(self, before: Manifest) -> Iterator[str]:
        if not self.compared:
            for split in dict.fromkeys([*before.splits, *self.after.splits]):
                old, new = before.splits.get(split, 0), self.after.splits.get(split, 0)
                if old != new:
                    yield f"{split}: {old:,} → {_rows(new)}"
            return
        for what, splits in (("added", self.added), ("removed", self.removed)):
            if splits:
                each = ", ".join(f"{split} {count:,}" for split, count in splits.items())
                yield f"{_rows(sum(splits.values()))} {what} ({each})"
        for (old_split, new_split), count in self.moved.items():
            yield f"{_rows(count)} moved from {old_split} to {new_split}"
        if self.pictures:
            yield f"{_rows(self.pictures)} with another picture"
        if not (self.added or self.removed or self.moved or self.pictures):
            same = self.before is not None and self.before.build == self.after.build
            yield "the same rows and pictures" + ("" if same else ", some with other values")


def changes_of(versions: Sequence[Version]) -> list[Changes]:
    """What changed in each version, oldest first, against the one before it."""
    return [_between(versions[n - 1] if n else None, version) for n, version in enumerate(versions)]


def _between(before: Version | None, after: Version) -> Changes:
    if before is None:
        return Changes(None, after.manifest)
    made = Changes(before.manifest, after.manifest)
    if before.index is None or after.index is None:
        return made
    made.compared = True
    if before.manifest.index_sha256 == after.manifest.index_sha256:
        return made
    old, new = _hashed(before.index), _hashed(after.index)
    made.added = _by_split(new.join(old, on="id", how="anti"))
    made.removed = _by_split(old.join(new, on="id", how="anti"))
    both = old.join(new, on="id", suffix="_new")
    elsewhere = both.filter(pl.col("split") != pl.col("split_new")).group_by("split", "split_new").len()
    made.moved = {(a, b): n for a, b, n in elsewhere.sort("split", "split_new").iter_rows()}
    made.pictures = both.filter(pl.col("pictures") != pl.col("pictures_new")).height
    return made


def _hashed(index: Path) -> pl.DataFrame:
    """split, and the hashes of id and of all pictures, one row a row."""
    one = pl.element().struct
    pictures = pl.col("pictures").list.eval(one.field("field") + ":" + one.field("sha256")).list.join(" ")
    columns = [pl.col("split"), pl.col("id").hash(), pictures.fill_null("").hash().alias("pictures")]
    return pl.scan_parquet(index).select(columns).collect(engine="streaming")


def _by_split(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.group_by("split").len().sort("split").iter_rows())


def _names(manifest: Manifest) -> Iterator[str]:
    """Columns of the version as a whole: one published without pictures has not lost them."""
    return (feature["name"] for feature in (manifest.taken_from or manifest).features)


def _moved_classes(name: str, before: Manifest, after: Manifest) -> Iterator[str]:
    old, new = (manifest.counts.get(name, {}) for manifest in (before, after))
    totals = {cls: (sum(old.get(cls, {}).values()), sum(new.get(cls, {}).values())) for cls in [*new, *old]}
    moved = {cls: pair for cls, pair in totals.items() if pair[0] != pair[1]}
    if old and moved:
        most = sorted(moved, key=lambda cls: (-abs(moved[cls][1] - moved[cls][0]), cls))[:CLASSES]
        each = ", ".join(f"{cls} {moved[cls][0]:,} → {moved[cls][1]:,}" for cls in moved if cls in most)
        yield f"{name}: {each}" + (f" and {len(moved) - CLASSES:,} more classes" if len(moved) > CLASSES else "")


def _answers(before: Sequence[Annotated], after: Sequence[Annotated]) -> Iterator[str]:
    old = {note.column: note for note in before}
    for note in after:
        was = old.pop(note.column, None)
        if was is None:
            yield f"answers to {note.column} added: {_rows(note.rows)}, by {note.model}"
        elif was.sha256 != note.sha256 or was.prompt_sha256 != note.prompt_sha256 or was.model != note.model:
            parts = [f"rows answered {was.rows:,} → {note.rows:,}"] if was.rows != note.rows else []
            parts += [f"model {was.model} → {note.model}"] if was.model != note.model else []
            parts += ["another wording of the prompt"] if was.prompt_sha256 != note.prompt_sha256 else []
            yield f"answers to {note.column} changed" + (f": {', '.join(parts)}" if parts else "")
    for gone in old:
        yield f"answers to {gone} removed"


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"

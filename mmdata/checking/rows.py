"""The checks of a release's rows and files, and what its build found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import datasets
import polars as pl
import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError, create_model

from mmdata.schemas import Image

from ..corpus import Corpus
from ..errors import ReleaseError
from ..reading import ROWS, Release
from ..releases import REJECTED, require_whole
from ..row_index import INDEX
from ..strict import explain
from .check import Check, Hit, Hits

RARE = 0.1
"""A class with less than this share of the rows of its split's commonest class is said to be rare. By our own
judgement: then accuracy hardly shows whether the class is learnt at all."""


@dataclass(frozen=True)
class Whole:
    """A release and its corpus."""

    corpus: Corpus
    release: Release
    limit: int

    @cached_property
    def rows(self) -> pl.DataFrame:
        """split, id, place, and cls: the class in the first label field."""
        first = next(iter(self.release.classes), None)
        table = pl.DataFrame(pl.from_arrow(self.release.table([first] if first else [])))
        cls = pl.col(first).fill_null("") if first else pl.lit("")
        return table.select("split", "id", "place", cls=cls.cast(pl.String))


def files_against_manifest(whole: Whole) -> Hits:
    """The release's files are as its manifest says, byte for byte (sha256)."""
    manifest, folder = whole.release.manifest, whole.release.folder
    files = [(f.path, f.sha256) for f in manifest.files]
    files += [(INDEX, manifest.index_sha256), (REJECTED, manifest.rejected_sha256)]
    hits = []
    for name, digest in files:
        try:
            require_whole(folder / name, digest)
        except ReleaseError as error:
            hits.append(Hit(None, str(error), name))
    return Hits.of(len(files), hits, whole.limit)


def rows_against_schema(whole: Whole) -> Hits:
    """Every row fits the corpus's schema as it is now: types, ranges, required fields, labels of labels.yaml."""
    schema, release = whole.corpus.schema, whole.release
    pictures = schema.marked(Image)
    fields = [name for name in schema.model_fields if name not in pictures]
    if absent := [name for name in fields if name not in release.kinds]:
        say = f"the release has no column {', '.join(absent)}, which the schema has: run `mmdata build` again"
        return Hits.of(0, [Hit(None, say)], whole.limit, "the rows: columns are absent")
    model = _without(schema, fields)
    features = _described(release)
    hits = Hits()
    for number, values in enumerate(_values(release, fields)):
        hits.judged += 1
        row = {name: _named(values[name], features[name]) for name in fields}
        try:
            model.model_validate(row)
        except ValidationError as error:
            hits.found += 1
            if len(hits.first) < whole.limit:
                hits.first.append(Hit(number, f"{explain(error)}. Correct the source, or the schema, and build again"))
    return hits


def class_balance(whole: Whole) -> Hits:
    """Classes with less than a tenth of the rows of their split's commonest class."""
    hits, judged = [], 0
    for field, classes in whole.release.manifest.counts.items():
        for split in whole.release.manifest.splits:
            rows = {cls: counts.get(split, 0) for cls, counts in classes.items()}
            judged += len(rows)
            most = max(rows, key=lambda cls: rows[cls])
            hits += [
                Hit(None, f"{split}: {field} {cls} has {n:,} rows, {most} {rows[most]:,}: report macro figures, or gather more")
                for cls, n in rows.items()
                if 0 < n < RARE * rows[most]  # A class without a row is said by the build.
            ]  # fmt: skip
    return Hits.of(judged, hits, whole.limit, "" if judged else "the release has no label field")


def leak(whole: Whole) -> Hits:
    """The same picture or person in more than one split, as the build found."""
    return _of_build(whole, "leak")


def two_labels(whole: Whole) -> Hits:
    """The same picture under more than one class, as the build found."""
    return _of_build(whole, "two labels")


def confounder(whole: Whole) -> Hits:
    """A group, such as the site, from which the class can be guessed, as the build found."""
    return _of_build(whole, "confounder")


def absent_class(whole: Whole) -> Hits:
    """Classes of which a split has no row, as the build found."""
    return _of_build(whole, "absent class")


def other_errors_of_the_build(whole: Whole) -> Hits:
    """What else the build found to be wrong, such as folders that cannot be read."""
    return _of_build(whole, *_others(whole), level="error")


def other_warnings_of_the_build(whole: Whole) -> Hits:
    """What else the build noticed: odd counts, garbled names, notes on pictures."""
    return _of_build(whole, *_others(whole), level="warning")


def _others(whole: Whole) -> list[str]:
    own = {check.name for check in BUILD_CHECKS[:-2]}
    return sorted({finding.check for finding in whole.release.manifest.findings} - own)


def _of_build(whole: Whole, *checks: str, level: str | None = None) -> Hits:
    all_found = whole.release.manifest.findings
    findings = [f for f in all_found if f.check in checks and level in {None, f.level}]
    number_of: dict[str, int] = {}
    if findings:
        places = [place for f in findings for place in f.places]
        there = whole.rows.with_row_index("number").filter(pl.col("place").is_in(places))
        number_of = dict(there.select("place", "number").iter_rows())
    hits = [
        Hit(next((number_of[p] for p in f.places if p in number_of), None), f.message, "; ".join(f.places))
        for f in findings
    ]
    return Hits.of(sum(whole.release.manifest.splits.values()), hits, whole.limit)


def _without(schema: type[BaseModel], fields: list[str]) -> type[BaseModel]:
    """The schema with these fields only: the pictures' bytes are not read for it."""
    if fields == list(schema.model_fields):
        return schema
    kept: dict[str, Any] = {name: (schema.model_fields[name].annotation, schema.model_fields[name]) for name in fields}
    return create_model(schema.__name__, __config__=schema.model_config, **kept)


def _values(release: Release, fields: list[str]) -> Iterator[dict[str, Any]]:
    for shard in release.manifest.files:
        with pq.ParquetFile(release.folder / shard.path, pre_buffer=False) as file:
            for batch in file.iter_batches(ROWS, columns=fields):
                yield from batch.select(fields).to_pylist()


def _described(release: Release) -> Mapping[str, Any]:
    """Field → its `datasets` feature, as the release's own files have it."""
    path = release.folder / release.manifest.files[0].path
    return dict(datasets.Features.from_arrow_schema(pq.read_schema(path)))


def _named(value: Any, feature: Any) -> Any:
    """The value with class names for class numbers, wherever they stand."""
    if value is None:
        return None
    if isinstance(feature, datasets.ClassLabel):
        return feature.names[value] if 0 <= value < len(feature.names) else value
    if isinstance(feature, dict):
        return {name: _named(part, feature[name]) for name, part in value.items()}
    if isinstance(feature, datasets.List | datasets.LargeList):
        return [_named(part, feature.feature) for part in value]
    return value


BUILD_CHECKS = (
    Check("error", leak),
    Check("error", two_labels),
    Check("warning", confounder),
    Check("warning", absent_class),
    Check("error", other_errors_of_the_build),
    Check("warning", other_warnings_of_the_build),
)
ROW_CHECKS = (
    Check("error", files_against_manifest),
    Check("error", rows_against_schema),
    Check("warning", class_balance),
    *BUILD_CHECKS,
)
"""All checks of rows and files, in the order of the report."""

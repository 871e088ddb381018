"""A release without its pictures: ids, picture hashes, labels and answers, for a corpus whose licence forbids more.

What goes in is named here; a field that is not named stays out. `mmdata attach` joins it with somebody's own copy
of the pictures, by their hashes.
"""

import itertools
import uuid
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from ..corpus import Corpus
from ..engine import name_shards
from ..errors import HubError
from ..findings import Finding
from ..manifest import Manifest, Original
from ..plan import Shard
from ..reading import Release
from ..releases import sync
from ..row_index import INDEX, write_index
from ..shards import ROW_GROUP_ROWS, Written, write_tables
from ..sink import HashedFile

NOTHING = sha256().hexdigest()


def write_partial(corpus: Corpus, release: Release, into: Path) -> Manifest:
    """Write a release without its pictures; the same release gives the same bytes.

    Beside the shards there is index.parquet without the rows' places in the source. There is no rejected.jsonl,
    which quotes the source: the manifest counts the rejected rows, and its `rejected_sha256` is that of no bytes.
    The build's findings keep what was found and how often, not where.

    Args:
        release: undamaged, with its pictures.
        into: an empty folder, `data/<version>` on the Hub.

    Returns:
        The manifest, which is written last.

    Raises:
        HubError: two columns would have one name.
    """
    old = release.manifest
    columns = _columns(release, corpus.schema.id_field())
    features = datasets.Features({name: feature for name, (_, feature) in columns.items()})
    index = _index(release)
    written = [
        _shard(release, number, columns, features, itertools.islice(index, file.rows), into)
        for number, file in enumerate(old.files)
    ]
    manifest = old.model_copy(
        update={
            "features": features._to_yaml_list(),
            "files": list(name_shards(into, written)),
            "rejected_sha256": NOTHING,
            "index_sha256": write_index(
                into / INDEX, ((entry["split"], entry["id"], "", _pairs(entry)) for entry in _index(release))
            ),
            "findings": [_without_places(finding) for finding in old.findings],
            "taken_from": Original(features=old.features, files=old.files),
        }
    )
    path = into / "manifest.json"
    path.write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    sync(path)
    return manifest


def _columns(release: Release, id_field: str) -> dict[str, tuple[str, Any]]:
    """Name → (the release's column, feature), in the release's order, the id first if it has it under another name."""
    schema = pq.read_schema(release.folder / release.manifest.files[0].path)
    answers = {note.column for note in release.manifest.annotations}
    text = datasets.Value("string")
    made: list[tuple[str, str, Any]] = []
    for name, feature in datasets.Features.from_arrow_schema(schema).items():
        one = feature.feature if isinstance(feature, datasets.List | datasets.LargeList) else feature
        if name == id_field:
            made.append((name, name, text))
        elif isinstance(one, datasets.Image):
            made.append((f"{name}_sha256", name, text if one is feature else datasets.List(text)))
        elif name in answers or isinstance(one, datasets.ClassLabel):
            made.append((name, name, feature))
    if id_field not in (name for name, *_ in made):
        made.insert(0, (id_field, id_field, text))
    names = [name for name, *_ in made]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise HubError(
            f"{release.manifest.corpus}: {', '.join(doubled)}: a column of picture hashes would be named as one that the "
            "release has. Rename that field in the schema, and build again"
        )
    return {name: (column, feature) for name, column, feature in made}


def _shard(
    release: Release, number: int, columns: dict[str, tuple[str, Any]], features: datasets.Features,
    index: Iterator[dict[str, Any]], into: Path,
) -> Written:  # fmt: skip
    old = release.manifest.files[number]
    out = Written(Shard(number, old.split, 0, old.rows - 1), into / f"{uuid.uuid4().hex}.parquet")
    file = HashedFile(out.path)
    try:
        out.rows = write_tables(file, _tables(release.folder / old.path, columns, features, index), features)
        out.sha256, out.bytes = file.finish(), file.size
    finally:
        file.close()
    return out


def _tables(
    path: Path, columns: dict[str, tuple[str, Any]], features: datasets.Features, index: Iterator[dict[str, Any]]
) -> Iterator[pa.Table]:
    """The rows of a shard, a bounded number at a time; without pictures its row groups are small, so some become one."""
    schema, there = features.arrow_schema, set(pq.read_schema(path).names)
    kept = [name for name, (column, _) in columns.items() if name == column and name in there]

    def made(groups: list[pa.Table], rows: int) -> pa.Table:
        table = pa.concat_tables(groups)
        entries = list(itertools.islice(index, rows))
        arrays = {name: table[name] for name in kept}
        for name, (column, feature) in columns.items():
            if name != column:
                hashes = [[sha for field, sha in _pairs(e) if field.split("[")[0] == column] for e in entries]
                single = not isinstance(feature, datasets.List)
                values: list[Any] = [next(iter(some), None) for some in hashes] if single else hashes
                arrays[name] = pa.array(values, schema.field(name).type)
            elif name not in arrays:
                arrays[name] = pa.array([e["id"] for e in entries], schema.field(name).type)
        return pa.Table.from_arrays([arrays[name] for name in schema.names], schema=schema).combine_chunks()

    with pq.ParquetFile(path, pre_buffer=False) as file:
        groups: list[pa.Table] = []
        rows = 0
        for number in range(file.num_row_groups):
            groups.append(file.read_row_group(number, columns=kept).select(kept))
            rows += file.metadata.row_group(number).num_rows
            if rows >= ROW_GROUP_ROWS or number == file.num_row_groups - 1:
                yield made(groups, rows)
                groups, rows = [], 0


def _index(release: Release) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(release.folder / INDEX) as file:
        for batch in file.iter_batches(ROW_GROUP_ROWS, columns=["split", "id", "pictures"]):
            yield from batch.to_pylist()


def _pairs(entry: dict[str, Any]) -> list[tuple[str, str]]:
    return [(picture["field"], picture["sha256"]) for picture in entry["pictures"]]


def _without_places(finding: Finding) -> Finding:
    """What the build found, without what its message and places quote of the source."""
    times = f"{finding.count:,} times" if finding.count > 1 else "once"
    return Finding(
        level=finding.level, check=finding.check, message=f"found {times}; where is not published", count=finding.count
    )

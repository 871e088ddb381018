"""The table that a step made: on disk as a release is, so that it can be asked about, checked and loaded as one."""

import datetime
from collections.abc import Collection, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pyarrow.parquet as pq

from mmdata.schemas import Record

from ..errors import CorpusError, Reject
from ..features import features_of
from ..findings import Finding
from ..manifest import Manifest, Origin, ShardFile
from ..reading import PICTURES, ROWS, Release
from ..releases import REJECTED, sync
from ..row_index import INDEX, write_index

if TYPE_CHECKING:
    from ..corpus import Corpus
    from ..rows import RowMaker

R = TypeVar("R", bound=Record)
FILE = "rows.parquet"


class Table(Generic[R]):
    """The rows that a step made, in order. They are read from the disk as they are asked for.

    `len(table)`, `for row in table`, `table.column("keyword")`, `table.pick(ids)`.
    """

    def __init__(self, folder: Path, makes: type[R]):
        self.folder, self.makes = folder, makes
        self.manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
        self.release = Release(folder, self.manifest, folder)

    def __len__(self) -> int:
        return self.manifest.files[0].rows

    def __iter__(self) -> Iterator[R]:
        return self._read(list(self.release.kinds))

    @property
    def sha256(self) -> str:
        """Of its content."""
        return self.manifest.files[0].sha256

    @property
    def findings(self) -> list[Finding]:
        return self.manifest.findings

    def column(self, name: str) -> list[Any]:
        """The values of one field, in order; the others, pictures too, are not read."""
        if name not in self.release.kinds:
            choices = ", ".join(self.release.kinds)
            raise CorpusError(f"the table {self.folder.name} has no field {name!r}. It has: {choices}")
        return self.release.column(name)

    def pick(self, ids: Collection[str]) -> list[R]:
        """The rows of these ids, in the order of the ids. Raises CorpusError where one is not there."""
        wanted = dict.fromkeys(ids)
        found = {id: row for row in self if (id := getattr(row, self.makes.id_field())) in wanted}
        if absent := [id for id in wanted if id not in found]:
            raise CorpusError(f"the table {self.folder.name} has no row {absent[0]!r} ({len(absent)} such ids)")
        return [found[id] for id in wanted]

    def _read(self, fields: list[str]) -> Iterator[R]:
        classes = self.release.classes
        with pq.ParquetFile(self.folder / FILE, pre_buffer=False) as file:
            for batch in file.iter_batches(PICTURES if self.release.picture_fields else ROWS, columns=fields):
                for row in batch.to_pylist():
                    for name, names in classes.items():
                        row[name] = None if row[name] is None else names[row[name]]
                    yield self.makes.model_validate(row)


def yields(step: str, one: Any, makes: type[Record]) -> str:
    """What is said of a step that yields something else."""
    return f"step {step}: it yields {type(one).__name__}; a step yields {makes.__name__} or Finding"


def write_table(
    folder: Path, corpus: "Corpus", name: str, makes: type[Record], made: Iterator[Any], maker: "RowMaker", used: str
) -> None:
    """Write a table's folder, synced. A row whose picture is broken is left out, and a Finding says so.

    Args:
        folder: not there yet.
        made: rows and Findings.
        used: digest of what they were made of.

    Raises:
        CorpusError: something else than these, an id twice, no row at all.
    """
    from ..shards import tables_of, write_tables
    from ..sink import HashedFile

    folder.mkdir()
    findings: list[Finding] = []
    refused: dict[str, list[str]] = {}
    index: list[tuple[str, str, str, list[tuple[str, str]]]] = []
    ids: set[str] = set()

    def rows() -> Iterator[Any]:
        for one in made:
            if isinstance(one, Finding):
                findings.append(one)
                continue
            if not isinstance(one, makes):
                raise CorpusError(yields(name, one, makes))
            id = getattr(one, makes.id_field())
            if id in ids:
                raise CorpusError(f"step {name}: two rows have the id {id!r}; each id must be there once")
            try:
                accepted = maker.of(one)
            except Reject as why:
                refused.setdefault(why.kind, []).append(f"{id}: {why.reason}")
                continue
            ids.add(id)
            pictures = [(field, value) for kind, field, value in accepted.facts if kind in {"bytes", "shared"}]
            index.append((name, id, id, pictures))
            yield accepted

    features = features_of(makes, corpus.labels)
    file = HashedFile(folder / FILE)
    try:
        count = write_tables(file, tables_of(rows(), features.arrow_schema), features)
        digest, size = file.finish(), file.size
    finally:
        file.close()
    for kind, lines in refused.items():
        findings.append(Finding.warning(kind, f"step {name} left out {len(lines):,}: {lines[0]}", lines, len(lines)))
    if not count:
        told = "".join(f"\n  {finding.message}" for finding in findings)
        raise CorpusError(f"step {name} made no row, so there is nothing to go on with.{told}")
    (folder / REJECTED).touch()
    manifest = Manifest(
        version=f"step {name}",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        corpus=corpus.name,
        origin=Origin(source=name, files=0, bytes=0, sha256=used),
        schema_sha256=sha256(str(features).encode()).hexdigest(),
        labels_sha256="",
        code={},
        decode=maker.decode,
        features=features._to_yaml_list(),
        files=[ShardFile(path=FILE, split=name, rows=count, bytes=size, sha256=digest)],
        counts={},
        rejected={},
        rejected_sha256=sha256(b"").hexdigest(),
        index_sha256=write_index(folder / INDEX, iter(index)),
        findings=findings,
    )
    (folder / "manifest.json").write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    with suppress(OSError):
        sync(folder / "manifest.json")

"""The bytes of a corpus's pictures, by their hash."""

import threading
from collections.abc import Collection, Iterator
from functools import cached_property
from hashlib import sha256
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ..corpus import Corpus
from ..errors import ReleaseError
from ..manifest import Manifest
from ..reading import ROWS, Release, Row
from ..releases import Releases, require_pictures
from ..row_index import INDEX


class Pictures:
    """The pictures of one release, or of the sample. Threads may share it.

    Args:
        corpus: whose they are.
        version: of the release, or "sample".

    Raises:
        ReleaseError: there is no such release, or no sample.
    """

    def __init__(self, corpus: Corpus, version: str):
        self.corpus, self.version = corpus, version
        self._lock = threading.Lock()
        self._manifest: Manifest | None = None
        if version != "sample":
            self._manifest = Releases(corpus).manifest(version)
            require_pictures(self._manifest)
        elif not any((corpus.folder / "sample").glob("*.parquet")):
            raise ReleaseError(f"{corpus.name} has no sample: `mmdata build FOLDER --sample` writes it")

    def bytes_of(self, sha256: str) -> bytes | None:
        """A picture as it is in the corpus; None where there is none with this hash (64 letters of hex)."""
        return self.several([sha256]).get(sha256)

    def several(self, wanted: Collection[str]) -> dict[str, bytes]:
        """Those of these pictures that there are, in one pass over the files; hash → bytes.

        Raises ReleaseError: a file of the release is missing or damaged.
        """
        if self._manifest is None:
            sample = self._once("_sample")
            return {digest: sample[digest] for digest in wanted if digest in sample}
        try:
            return dict(self._of_release(Release(self.corpus.folder, self._manifest), wanted))
        except (OSError, pa.ArrowException) as why:
            home = self.corpus.folder / "data" / self.version
            raise ReleaseError(
                f"{home}: a picture cannot be read ({why}). `mmdata check` says what is damaged"
            ) from None

    def _of_release(self, release: Release, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        found = self._once("_places").filter(pl.col("sha256").is_in(list(wanted))).sort("at")
        for (field,), mine in found.group_by("field", maintain_order=True):
            # Several pictures of a list are in one row: it is read once.
            rows: dict[tuple[str, int], list[tuple[str, int]]] = {}
            for digest, split, number, nth in mine.select("sha256", "split", "number", "nth").iter_rows():
                rows.setdefault((split, number), []).append((digest, nth))
            asked = (Row(split, number, "", "", {}, {}) for split, number in rows)
            for row, pictures in release.pictures(str(field), asked):
                yield from ((digest, pictures[nth]) for digest, nth in rows[row.split, row.number])

    def _once(self, name: str) -> Any:
        with self._lock:  # Two threads that ask first would read it twice.
            return getattr(self, name)

    @cached_property
    def _places(self) -> pl.DataFrame:
        """Where each picture is first: sha256, field, nth in the field's list, split, number (row of the split), at."""
        assert self._manifest
        release = Release(self.corpus.folder, self._manifest)
        rows = pl.read_parquet(release.folder / INDEX, columns=["split", "pictures"]).with_row_index("at")
        rows = rows.with_columns(
            pl.col("split").cast(pl.Categorical), number=(pl.col("at") - pl.col("at").min().over("split"))
        )
        each = rows.explode("pictures").drop_nulls("pictures").unnest("pictures")
        each = each.with_columns(pl.col("field").str.extract(r"^([^\[]*)", 1))
        each = each.with_columns(nth=pl.int_range(pl.len()).over("at", "field"))
        drawn = [name for name, kind in release.kinds.items() if kind == "image"]
        each = each.filter(pl.col("field").is_in(drawn)).unique("sha256", keep="first", maintain_order=True)
        return each.with_columns(pl.col("field", "split").cast(pl.Categorical))

    @cached_property
    def _sample(self) -> dict[str, bytes]:
        """Small: git holds it."""
        found = {}
        for path in sorted((self.corpus.folder / "sample").glob("*.parquet")):
            with pq.ParquetFile(path) as file:
                names = [field.name for field in file.schema_arrow if _holds_bytes(field.type)]
                for batch in file.iter_batches(ROWS, columns=names) if names else ():
                    found.update(
                        {sha256(data).hexdigest(): data for row in batch.to_pylist() for data in _bytes_in(row)}
                    )
        return found


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        parts = [kind.field(n) for n in range(kind.num_fields)]
        return {part.name for part in parts} == {"bytes", "path"} or any(_holds_bytes(part.type) for part in parts)
    return (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and _holds_bytes(kind.value_type)


def _bytes_in(value: Any) -> Iterator[bytes]:
    """All pictures in a row, at any depth."""
    if isinstance(value, list):
        for one in value:
            yield from _bytes_in(one)
    elif isinstance(value, dict):
        if value.keys() == {"bytes", "path"} and isinstance(value["bytes"], bytes):
            yield value["bytes"]
        else:
            yield from _bytes_in(list(value.values()))

"""An index in files: exact search over mapped vectors, filters first."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ..corpus import Corpus
from ..errors import MmdataError
from ..releases import Releases
from ..sources.base import first_line
from ..views import newest_or_sample
from .columns import unpacked
from .entries import build_of
from .facts import Facts, Hit, Vectors, how_to_index, scores, several
from .vectors import NOT_UNIT, VectorFile, damaged, home_of, homes

Numbers = npt.NDArray[np.int64]
Scores = TypeVar("Scores", npt.NDArray[np.float32], npt.NDArray[np.float64])

FACTS = b"mmdata index"
"""Key of the Facts among a Parquet file's metadata."""
CLOSE = 1e-5
"""Scores nearer than this to the last that is wanted are computed again: sums of 32 bits differ by the order of adding."""
FEW = 4
"""Where less than one in so many pictures passes, only these are read."""
AT_ONCE = 4096
"""Vectors or entries that are copied at once."""
KEPT = 32
"""Filters whose answers are kept."""


class LocalIndex:
    """The index of a release that lies in the corpus folder. Safe to be searched by several threads.

    Args:
        corpus: or its folder.
        model: whose vectors; needed where there are indexes of several.
        version: of a release, or "sample"; by default the newest release, and the sample where there is none.

    Raises:
        MmdataError: there is no such index, it is of another build of that version, or `model` is needed.
    """

    def __init__(self, corpus: Corpus, model: str | None = None, version: str | None = None):
        version = version or newest_or_sample(corpus)
        home = _found(corpus, model, version)
        table, self.facts = read(home / f"{version}.parquet")
        if self.facts.build != build_of(corpus, version):
            raise MmdataError(
                f"The index of {corpus.name} {version} by {self.facts.model} is of another build of it. Make it anew: "
                + _how(corpus, self.facts.model, version)
            )
        self._entries: pl.DataFrame = pl.from_arrow(table)  # type: ignore[assignment]
        file = VectorFile(home)
        if file.model.dimensions != self.facts.dimensions:
            numbers = f"model.json says {file.model.dimensions:,} numbers a vector, {version}.parquet {self.facts.dimensions:,}"
            raise damaged(home, numbers, self.facts.model)
        if fault := file.fault():
            raise damaged(home, fault, self.facts.model)
        self._home, self._vectors = home, file.vectors
        self._of_entry = _numbers(file, self._entries["picture"])
        """Entry → number of its vector. Entries are in order of their ids."""
        self._entries_by_vector = np.argsort(self._of_entry, kind="stable")
        self._used, self._first, self._times = np.unique(
            self._of_entry[self._entries_by_vector], return_index=True, return_counts=True
        )
        """The vectors of this release; of each, where its entries begin in _entries_by_vector, and how many they are."""
        self._passing = lru_cache(KEPT)(self._found_passing)

    @property
    def pictures(self) -> list[str]:
        """The sha256 of each picture, in hex; as many as `vectors` and in their order."""
        return self._hashes(self._used)

    @property
    def vectors(self) -> Vectors:
        """(N, D), one for each of `pictures`: mapped from the file; a copy, if that holds other releases' too."""
        return self._vectors if len(self._used) == len(self._vectors) else self._vectors[self._used]

    def batches(self, size: int = AT_ONCE) -> Iterator[tuple[list[str], Vectors]]:
        """`pictures` and `vectors`, some at a time."""
        for at in range(0, len(self._used), size):
            numbers = self._used[at : at + size]
            yield self._hashes(numbers), self._vectors[numbers]

    def some(self, count: int) -> Vectors:
        """(≤ count, D): vectors from all over the index."""
        return self._vectors[self._used[:: max(1, len(self._used) // count)][:count]]

    def nearest(self, vector: Vectors, k: int, where: str | None = None) -> list[Hit]:
        asked = self.facts.asked(vector)
        passing, among = (None, self._used) if where is None else self._passing(where)
        if k < 1 or not len(among):
            return []
        with np.errstate(all="ignore"):  # Damaged ones are told below.
            if len(among) * FEW < len(self._vectors):
                about = self._some_at_once(among, lambda vectors: vectors @ asked)
            else:
                about = self._vectors @ asked
                about = about if len(among) == len(about) else about[among]
        # When it was opened only some were looked at. NaN is no less than anything.
        if not np.abs(about).max() <= 2 * np.linalg.norm(asked):
            raise damaged(self._home, NOT_UNIT, self.facts.model)
        if k < len(about):
            last = about[np.argpartition(about, len(about) - k)[len(about) - k :]].min()
            among = among[about >= last - CLOSE]
        exact = self._some_at_once(among, lambda vectors: scores(vectors, asked))
        names = self._hashes(among)
        best = sorted(range(len(among)), key=lambda n: (-exact[n], names[n]))[:k]
        return self._hits(among[best], [float(exact[n]) for n in best], passing)

    def rows(
        self, where: str | None = None, limit: int | None = None, columns: Collection[str] | None = None
    ) -> Sequence[dict[str, Any]]:
        chosen = self.facts.chosen(columns)
        entries = self._entries.select("id", "picture", *(column.name for column in chosen))
        found = entries if where is None else entries[self._passing(where)[0]]
        return unpacked((found if limit is None else found.head(limit)).to_dicts(), chosen)

    def row_batches(self, size: int = AT_ONCE) -> Iterator[list[dict[str, Any]]]:
        """`rows`, some at a time."""
        for some in self._entries.iter_slices(size):
            yield unpacked(some.to_dicts(), self.facts.columns)

    def close(self) -> None:
        self._vectors = np.zeros((0, self.facts.dimensions), np.float32)  # The map ends with the last that looks at it.

    def _hits(self, numbers: Numbers, scores: list[float], passing: Numbers | None) -> list[Hit]:
        places = np.searchsorted(self._used, numbers)
        groups = [self._entries_by_vector[self._first[p] : self._first[p] + self._times[p]] for p in places]
        if passing is not None:
            groups = [group[_held(passing, group)] for group in groups]
        rows = unpacked(self._entries[[int(group[0]) for group in groups]].to_dicts(), self.facts.columns)
        return [
            Hit(id=row.pop("id"), score=score, picture=row.pop("picture"), row=row, same=len(group) - 1)
            for row, score, group in zip(rows, scores, groups, strict=True)
        ]

    def _some_at_once(self, numbers: Numbers, score: Callable[[Vectors], Scores]) -> Scores:
        """(len(numbers),): what these vectors score. Picked out of the map they are a copy: only a few are at a time."""
        parts = [score(self._vectors[numbers[at : at + AT_ONCE]]) for at in range(0, len(numbers), AT_ONCE)]
        return np.concatenate(parts)

    def _found_passing(self, where: str) -> tuple[Numbers, Numbers]:
        """Numbers of the entries that pass, and of their vectors, in order."""
        from .where import parse

        mask = self._entries.select(parse(where, self.facts.askable).polars.alias("passes"))["passes"]
        entries = mask.fill_null(False).arg_true().to_numpy().astype(np.int64)
        return entries, np.unique(self._of_entry[entries])

    def _hashes(self, numbers: Numbers) -> list[str]:
        """Of vectors, their pictures' hashes."""
        at = self._entries_by_vector[self._first[np.searchsorted(self._used, numbers)]]
        return self._entries["picture"][at].to_list()


def facts_in(metadata: dict[bytes, bytes] | None, place: str) -> Facts:
    """The Facts among a Parquet file's metadata. Raises MmdataError naming the place."""
    try:
        return Facts.model_validate_json((metadata or {})[FACTS])
    except (KeyError, ValueError):
        path = Path(place)
        raise damaged(path.parent, f"{path.name} does not say what it is of", version=path.stem) from None


def read(path: Path) -> tuple[pa.Table, Facts]:
    """Entries and what they are of. Raises MmdataError where they are damaged."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise damaged(path.parent, f"{path.name} cannot be read ({first_line(error)})", version=path.stem) from None
    return table, facts_in(table.schema.metadata, str(path))


def _held(among: Numbers, some: Numbers) -> npt.NDArray[np.bool_]:
    """Which of some are among others, which are in order."""
    at = np.searchsorted(among, some)
    return np.asarray((at < len(among)) & (among[np.minimum(at, len(among) - 1)] == some))


def _found(corpus: Corpus, model: str | None, version: str) -> Path:
    """The folder of the one index that is meant."""
    there = [home for home in homes(corpus) if (home / f"{version}.parquet").is_file()]
    if not there and version != "sample":
        Releases(corpus).manifest(version)  # Where there is no such release, that is what to say.
    if model is not None:
        home = home_of(corpus, model)
        if home in there:
            return home
        raise MmdataError(f"{corpus.name} {version} has no index by {model!r}. Make it: {_how(corpus, model, version)}")
    if len(there) == 1:
        return there[0]
    if there:
        raise several(f"{corpus.name} {version}", (VectorFile(home).model.name for home in there))
    others = sorted({path.stem for home in homes(corpus) for path in home.glob("*.parquet")})
    older = f" (there is one of {', '.join(others)})" if others else ""
    raise MmdataError(f"{corpus.name} {version} has no index{older}. Make one: {_how(corpus, None, version)}")


def _how(corpus: Corpus, model: str | None, version: str) -> str:
    return how_to_index(corpus.folder, model, None if version == newest_or_sample(corpus) else version)


def _numbers(file: VectorFile, pictures: pl.Series) -> Numbers:
    """The number of each picture's vector."""
    found = file.numbers(pictures)
    if missing := found.null_count():
        raise damaged(file.home, f"{missing:,} of its {len(pictures):,} entries have no vector", file.model.name)
    if len(found) != len(pictures):
        raise damaged(file.home, "hashes.bin names a picture twice", file.model.name)
    return found.to_numpy().astype(np.int64)

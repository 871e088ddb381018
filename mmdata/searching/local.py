"""An index in files: exact search over mapped vectors, filters first."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ..corpus import Corpus
from ..errors import MmdataError
from ..views import newest_or_sample
from .columns import unpacked
from .entries import build_of
from .facts import Facts, Hit, Vectors
from .vectors import HASH, VectorFile, home_of, homes

Numbers = npt.NDArray[np.int64]

FACTS = b"mmdata index"
"""Key of the Facts among a Parquet file's metadata."""
CLOSE = 1e-5
"""Scores nearer than this to the last that is wanted are computed again: sums of 32 bits differ by the order of adding."""
DIGITS = 6
"""Decimals of a score. What differs below them is as near."""
FEW = 4
"""Where less than one in so many pictures passes, only these are read."""
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
        table = pq.read_table(home / f"{version}.parquet")
        self.facts = facts_in(table.schema.metadata, str(home))
        if self.facts.build != build_of(corpus, version):
            raise MmdataError(
                f"The index of {corpus.name} {version} by {self.facts.model} is of another build of it. Make it anew: "
                + _how(corpus, self.facts.model)
            )
        self._entries: pl.DataFrame = pl.from_arrow(table)  # type: ignore[assignment]
        file = VectorFile(home)
        self._vectors = file.vectors
        self._of_entry = _numbers(self._entries["picture"], file.hashes, str(home))
        """Entry → number of its vector. Entries are in order of their ids."""
        self._entries_by_vector = np.argsort(self._of_entry, kind="stable")
        self._used, self._first, self._times = np.unique(
            self._of_entry[self._entries_by_vector], return_index=True, return_counts=True
        )
        """The vectors of this release; of each, where its entries begin in _entries_by_vector, and how many they are."""
        self._passed: OrderedDict[str, tuple[Numbers, Numbers]] = OrderedDict()

    @property
    def pictures(self) -> list[str]:
        """The sha256 of each picture, in hex; as many as `vectors` and in their order."""
        return self._hashes(self._used)

    @property
    def vectors(self) -> Vectors:
        """(N, D), one for each of `pictures`: mapped from the file, unless that holds other releases' too."""
        return self._vectors if len(self._used) == len(self._vectors) else self._vectors[self._used]

    def batches(self, size: int = 8192) -> Iterator[tuple[list[str], Vectors]]:
        """`pictures` and `vectors`, some at a time."""
        for at in range(0, len(self._used), size):
            numbers = self._used[at : at + size]
            yield self._hashes(numbers), self._vectors[numbers]

    def some(self, count: int) -> Vectors:
        """(≤ count, D): vectors from all over the index."""
        return self._vectors[self._used[:: max(1, len(self._used) // count)][:count]]

    def nearest(self, vector: Vectors, k: int, where: str | None = None) -> list[Hit]:
        asked = np.asarray(vector, np.float32)
        if asked.shape != (self.facts.dimensions,):
            raise MmdataError(
                f"the vector has shape {asked.shape}; the index of {self.facts.model} wants ({self.facts.dimensions},)"
            )
        passing, among = (None, self._used) if where is None else self._passing(where)
        if k < 1 or not len(among):
            return []
        if len(among) * FEW < len(self._vectors):
            scores = self._vectors[among] @ asked
        else:
            scores = self._vectors @ asked
            scores = scores if len(among) == len(scores) else scores[among]
        if k < len(scores):
            last = scores[np.argpartition(scores, len(scores) - k)[len(scores) - k :]].min()
            among = among[scores >= last - CLOSE]
        # Once more, in an order of adding that is the same for each vector: else equal pictures differ, and the same one
        # by what else was searched.
        exact = (self._vectors[among].astype(np.float64) * asked.astype(np.float64)).sum(axis=1).round(DIGITS)
        names = self._hashes(among)
        best = sorted(range(len(among)), key=lambda n: (-exact[n], names[n]))[:k]
        return self._hits(among[best], [float(exact[n]) for n in best], passing)

    def rows(self, where: str | None = None, limit: int | None = None) -> Sequence[dict[str, Any]]:
        found = self._entries if where is None else self._entries[self._passing(where)[0]]
        return unpacked(found.head(limit).to_dicts() if limit is not None else found.to_dicts(), self.facts.columns)

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

    def _passing(self, where: str) -> tuple[Numbers, Numbers]:
        """Numbers of the entries that pass, and of their vectors, in order."""
        found = self._passed.get(where)
        if found is None:
            from .where import parse

            mask = self._entries.select(parse(where, self.facts.askable).polars.alias("passes"))["passes"]
            entries = mask.fill_null(False).arg_true().to_numpy().astype(np.int64)
            found = self._passed[where] = entries, np.unique(self._of_entry[entries])
            while len(self._passed) > KEPT:
                self._passed.popitem(last=False)
        return found

    def _hashes(self, numbers: Numbers) -> list[str]:
        """Of vectors, their pictures' hashes."""
        at = self._entries_by_vector[self._first[np.searchsorted(self._used, numbers)]]
        return self._entries["picture"][at].to_list()


def facts_in(metadata: dict[bytes, bytes] | None, place: str) -> Facts:
    """The Facts among a Parquet file's metadata. Raises MmdataError naming the place."""
    try:
        return Facts.model_validate_json((metadata or {})[FACTS])
    except (KeyError, ValueError):
        raise MmdataError(f"{place} is no index. Remove it and make one with `mmdata index`") from None


def _held(among: Numbers, some: Numbers) -> npt.NDArray[np.bool_]:
    """Which of some are among others, which are in order."""
    at = np.searchsorted(among, some)
    return np.asarray((at < len(among)) & (among[np.minimum(at, len(among) - 1)] == some))


def _found(corpus: Corpus, model: str | None, version: str) -> Any:
    """The folder of the one index that is meant."""
    there = [home for home in homes(corpus) if (home / f"{version}.parquet").is_file()]
    if model is not None:
        home = home_of(corpus, model)
        if home in there:
            return home
        raise MmdataError(f"{corpus.name} {version} has no index by {model!r}. Make it: {_how(corpus, model)}")
    if len(there) == 1:
        return there[0]
    if there:
        names = ", ".join(VectorFile(home).model.name for home in there)
        raise MmdataError(
            f"{corpus.name} {version} has indexes by several models: {names}. Choose one (`--model NAME`)"
        )
    others = sorted({path.stem for home in homes(corpus) for path in home.glob("*.parquet")})
    older = f" (there is one of {', '.join(others)})" if others else ""
    raise MmdataError(f"{corpus.name} {version} has no index{older}. Make one: {_how(corpus, None)}")


def _how(corpus: Corpus, model: str | None) -> str:
    return (
        f"`mmdata index {corpus.folder}`"
        if model in {None, "builtin"}
        else f"`mmdata index {corpus.folder} --model {model}`"
    )


def _numbers(pictures: pl.Series, hashes: npt.NDArray[np.uint8], place: str) -> Numbers:
    """The number of each picture's vector."""
    binary = pa.Array.from_buffers(pa.binary(HASH), len(hashes), [None, pa.py_buffer(hashes.tobytes())])
    known = pl.DataFrame({"picture": pl.Series(binary.cast(pa.binary())).bin.encode("hex")}).with_row_index("number")
    found = pictures.to_frame().join(known, on="picture", how="left", maintain_order="left")["number"]
    if found.null_count() or len(found) != len(pictures):
        raise MmdataError(
            f"{place}: {found.null_count():,} pictures of the index have no vector: it is damaged. Remove that folder and "
            "make the index anew with `mmdata index`"
        )
    return found.to_numpy().astype(np.int64)

"""What is known of an index, what a search finds, and what every index can do, wherever it is kept."""

import shlex
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from ..errors import MmdataError

BUILTIN = "builtin"
"""The model that is always there."""
DIGITS = 6
"""Decimals of a score. What differs below them is as near."""
Vectors = npt.NDArray[np.float32]
"""(N, D), or (D,) of one; of length 1."""
Kind = Literal["text", "whole", "real", "flag", "texts", "other"]
"""Of a column: text, whole number, number with a fraction, true or false, list of texts, or what cannot be filtered by."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Strict):
    """A value that entries have."""

    name: str
    kind: Kind


class Facts(_Strict):
    """What an index is of."""

    corpus: str
    version: str
    """A release, or "sample"."""
    build: str
    """Of the release, as its manifest says; of the sample, the digest of its files."""
    view: str
    """That gives the entries; "" where they are the release's rows."""
    model: str
    revision: str
    """Hub commit, or sha256 of a local model's weights; of "builtin", its own version."""
    dimensions: int
    pictures: int
    rows: int
    columns: list[Column]

    @property
    def called(self) -> str:
        """The model's name; of a folder its last part, as where it lies is nobody's business."""
        return called(self.model)

    @property
    def askable(self) -> list[Column]:
        """What a filter may name: the id, and the values."""
        return [Column(name="id", kind="text"), *self.columns]

    def chosen(self, names: Collection[str] | None) -> list[Column]:
        """The columns of these names, in the index's order; all by default. Raises MmdataError: there is no such column."""
        known = [column.name for column in self.columns]
        for name in names or ():
            if name not in known:
                raise MmdataError(
                    f"{self.corpus} {self.version} has no column {name!r}; it has {', '.join(known) or 'none'}"
                )
        return [column for column in self.columns if names is None or column.name in names]

    def asked(self, vector: Vectors) -> Vectors:
        """A vector (D,) that is to be searched for. Raises MmdataError: it is none for this index."""
        asked = np.asarray(vector, np.float32)
        if asked.shape != (self.dimensions,):
            raise MmdataError(
                f"the vector has shape {asked.shape}; the index of {self.called} wants ({self.dimensions},)"
            )
        if not np.isfinite(asked).all():
            raise MmdataError(f"the vector that {self.called} gives has parts that are no numbers: nothing is near it")
        return asked


class Hit(_Strict):
    """A picture that was found."""

    id: str
    """Of its entry; of several with this picture, the first by id of those that pass the filter."""
    score: float
    """Cosine, -1 to 1; of what is recommended, how well it suits, 0 to 1."""
    picture: str
    """sha256 of its bytes, in hex."""
    row: dict[str, Any]
    """The entry's values."""
    same: int = 0
    """Other entries with this picture that pass the filter."""


class Found(_Strict):
    """A search's answer."""

    facts: Facts
    hits: list[Hit]
    """The nearest first; those as near in order of their picture's hash."""
    milliseconds: float
    """The search took, without embedding what was asked."""
    newer: str = ""
    """The newest release, where the index is of an older one that was not asked for by its version."""
    where: str = ""
    """The filter, where there was one."""


class Latency(_Strict):
    """Measured on vectors of the index itself."""

    backend: Literal["file", "postgresql"]
    queries: int
    p50: float
    """Milliseconds."""
    recall: float
    """Share of the exact ten nearest that it finds."""


class Indexed(_Strict):
    """What `mmdata index` did."""

    facts: Facts
    embedded: int
    """Pictures that had no vector yet."""
    skipped: int
    """Rows without a picture that can be read."""
    notes: list[str] = []
    """What a person should know: which rows were left out and why, that all vectors were made anew."""
    latency: list[Latency]
    seconds: float


class Index(Protocol):
    """Vectors that can be searched."""

    facts: Facts

    def nearest(self, vector: Vectors, k: int, where: str | None = None) -> list[Hit]:
        """The pictures nearest to a vector (D,) of length 1, each once. At most k, k ≥ 1; fewer where fewer pass.

        Raises MmdataError: `where` is no filter, or the vector has another length.
        """
        ...

    def rows(
        self, where: str | None = None, limit: int | None = None, columns: Collection[str] | None = None
    ) -> Sequence[dict[str, Any]]:
        """Entries in order of their ids: their values, with `id` and `picture` first.

        Args:
            columns: of which values; all by default.

        Raises MmdataError: `where` is no filter, or there is no such column.
        """
        ...

    def close(self) -> None:
        """Let go of files or connections; safe to call twice."""
        ...


def scores(vectors: Vectors, asked: Vectors) -> npt.NDArray[np.float64]:
    """(N,) cosines of vectors (N, D) with one (D,), rounded.

    Added in an order that is the same for each vector: else equal pictures differ, and the same one by what else was
    searched.
    """
    products = vectors.astype(np.float64) * asked.astype(np.float64)
    return np.asarray(products.sum(axis=1).round(DIGITS))


def several(what: str, models: Iterable[str]) -> MmdataError:
    """To raise where something has indexes by several models and none was chosen."""
    return MmdataError(f"{what} has indexes by several models: {', '.join(models)}. Choose one (`--model NAME`)")


def how_to_index(folder: Path | None, model: str | None = None, version: str | None = None) -> str:
    """The command that makes an index, for messages: it can be copied into a shell.

    Args:
        folder: of the corpus; where it is not known the command says FOLDER.
        model: by default builtin.
        version: where it is not the newest release.
    """
    of = f" --version {shlex.quote(version)}" if version else ""
    by = "" if model in {None, BUILTIN} else f" --model {shlex.quote(str(model))}"
    return f"`mmdata index {shlex.quote(str(folder)) if folder else 'FOLDER'}{by}{of}`"


def called(model: str) -> str:
    """What a model is called before others, as `Facts.called` has it."""
    return Path(model).name if Path(model).is_absolute() else model

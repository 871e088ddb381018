"""A release's pictures as an index saw them, each once, with what the rows say of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq

from mmdata.schemas import Group, Label

from ..corpus import Corpus
from ..errors import MmdataError
from ..row_index import INDEX
from ..searching.builtin import alike
from ..searching.facts import BUILTIN, Vectors, called
from ..searching.local import facts_in
from ..searching.vectors import VectorFile, homes
from .all_pairs import Compared, Numbers, Places, compared
from .rows import Whole

NEAREST = 10
"""Neighbours that are asked."""
COPY = 0.97
"""Cosine from which a learned model's vectors are of nearly the same picture. By our own judgement, for what CLIP and its
like make of recompressed and resized pictures; not measured."""
BUILTIN_COPY = 0.991
"""The same of builtin, by `alike`. Of 308 real pictures (clothes, skin, drawn people) it knows all again at half their size,
99.7 % as JPEGs of quality 30, 96 % mirrored, 96 % at a third of their size and of quality 60. Of 47,278 pairs of different
ones the most alike have 0.990 (two drawings of one style), of photographs 0.975."""


@dataclass(frozen=True)
class Seen:
    """N pictures in the order of the release, and their vectors."""

    model: str
    rows: pl.DataFrame
    """number (of the first row with the picture), id, split, place."""
    labels: Mapping[str, tuple[list[str], Numbers]]
    """Field that has one label → its classes, and of each picture its class; -1 where it has none, or several."""
    groups: list[Numbers]
    """Of each field of what must stay in one split (a person): who it is; -1 where that is not known."""
    vectors: Vectors
    """(M, D)."""
    places: Places
    """(N,) in `vectors`."""
    without: int = 0
    """Pictures that have no vector."""
    said: Sequence[frozenset[str]] = ()
    """What the build says to be the same in several splits: of each case its sides, as "train place"."""
    limit: int = 2000
    """Faults of each check that are told."""
    tell: Callable[[int, int], None] = lambda done, total: None

    @cached_property
    def splits(self) -> Numbers:
        """(N,), numbered."""
        return _codes(self.rows["split"])

    @cached_property
    def held(self) -> Compared:
        """Every picture against every other, once for all fields."""
        return compared(
            self.vectors,
            self.places,
            NEAREST,
            BUILTIN_COPY if self.model == BUILTIN else COPY,
            mates=self.groups,
            voters=[classes >= 0 for _, classes in self.labels.values()],
            grave=[self.splits, *(classes for _, classes in self.labels.values())],
            alike=alike if self.model == BUILTIN else None,
            tell=self.tell,
        )

    def nearest(self, field: str) -> Numbers:
        """(N, NEAREST) of those with a label in a field, -1 where there are fewer."""
        return self.held.nearest[list(self.labels).index(field)]


def index_of(corpus: Corpus, build: str) -> VectorFile | None:
    """The vectors of an index of this very build: of a learned model sooner than of builtin, then the newest."""
    found = []
    for home in homes(corpus):
        for path in home.glob("*.parquet"):
            try:
                facts = facts_in(pq.read_schema(path).metadata, str(path))
            except (OSError, ValueError, MmdataError):
                continue  # A damaged one is as good as none.
            if facts.build == build:
                found.append((facts.model != BUILTIN, path.stat().st_mtime_ns, str(home), home))
    return VectorFile(max(found)[-1]) if found else None


def seen(whole: Whole, file: VectorFile, tell: Callable[[int, int], None] = lambda done, total: None) -> Seen:
    """The pictures of a release that have a vector. Raises MmdataError where the index is damaged."""
    release, schema = whole.release, whole.corpus.schema
    marks, groups = schema.marked(Label), schema.marked(Group)
    labels = [name for name in release.classes if name in marks and not marks[name].several]
    persons = [
        name for name, mark in groups.items() if mark.one_split and release.kinds.get(name) in {"text", "number"}
    ]
    rows: pl.DataFrame = pl.from_arrow(release.table([*labels, *(name for name in persons if name not in labels)]))  # type: ignore[assignment]
    pictures = pl.read_parquet(release.folder / INDEX, columns=["pictures"])
    each = rows.with_row_index("number").with_columns(pictures).explode("pictures").drop_nulls("pictures")
    each = each.with_columns(sha256=pl.col("pictures").struct.field("sha256"))
    one = each.group_by("sha256", maintain_order=True).agg(
        pl.col("number", "id", "split", "place").first(),
        *(pl.col(name).first().alias(f"of {name}") for name in persons),
        *(pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(f"is {name}") for name in labels),
    )
    at = file.numbers(one["sha256"])
    if len(at) != len(one):
        raise MmdataError(
            f"the index by {called(file.model.name)} has two vectors of one picture: it is damaged. Remove "
            f".search/{file.home.name} and run `mmdata index FOLDER`"
        )
    one = one.with_columns(at=at)
    there, names = one.drop_nulls("at"), release.classes
    return Seen(
        file.model.name,
        there.select("number", "id", "split", "place"),
        {name: (names[name], _codes(there[f"is {name}"], names[name])) for name in labels},
        [_codes(there[f"of {name}"]) for name in persons],
        file.vectors,
        there["at"].to_numpy().astype(np.int64),
        len(one) - len(there),
        [frozenset(place.split(" and ")) for f in release.manifest.findings if f.check == "leak" for place in f.places],
        whole.limit,
        tell,
    )


def _codes(values: pl.Series, names: list[str] | None = None) -> Numbers:
    """Equal numbers for equal values, -1 for none."""
    texts = values.cast(pl.String)
    known = names or texts.drop_nulls().unique(maintain_order=True).to_list()
    codes: npt.NDArray[np.int32] = texts.replace_strict(
        known, range(len(known)), default=-1, return_dtype=pl.Int32
    ).to_numpy()
    return codes

"""Rows of a test view beside what a model said of them."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..corpus import Corpus
from ..errors import CorpusError
from ..predictions import Prediction
from ..views import rows_of


class Pair(NamedTuple):
    """One row and the answer to it."""

    row: dict[str, Any]
    """As the view gives it: labels are numbers, and no picture is read (None, or an empty list)."""
    prediction: Prediction
    """With an output, scores or a vector; never with an error."""


class Asked(NamedTuple):
    """All rows of a test view's split."""

    features: Mapping[str, Any]
    """Types of the release's columns."""
    rows: dict[str, dict[str, Any]]
    """id → row, in the view's order."""
    origins: dict[str, str]
    """id → the release's row that it was made of, which may be of several."""


class Joined(NamedTuple):
    """Predictions and rows, by id."""

    pairs: list[Pair]
    """In the order of the rows."""
    failed: list[Prediction]
    """Of known rows: there is an error and no answer."""
    missing: list[str]
    """Ids of rows that nothing is said of."""
    unknown: list[str]
    """Ids that no row has."""


def asked_of(corpus: Corpus, view: str, split: str, version: str) -> Asked:
    """What a view asks, read without pictures.

    Raises:
        CorpusError: there is no such view, it fails, or its rows have no id, or not each its own.
        ReleaseError: there is no such version or split.
    """
    features, made = rows_of(corpus, view, split=split, version=version)
    asked = Asked(features, {}, {})
    place = corpus.folder / "views.py"
    for origin, row in made:
        id = row.get("id")
        if not isinstance(id, str) or not id:
            raise CorpusError(
                f"{place}: rows of the view {view} have no id, so nothing can be joined to them. Give each an `id` of "
                'its own, such as row["id"]'
            )
        if id in asked.rows:
            raise CorpusError(f"{place}: two rows of the view {view} have the id {id!r}. Give each an `id` of its own")
        asked.rows[id], asked.origins[id] = row, origin
    return asked


def joined(rows: Mapping[str, dict[str, Any]], predictions: Iterable[Prediction]) -> Joined:
    """Each row with its prediction. Of each id there is one prediction at most (`predictions.held`)."""
    said = {one.id: one for one in predictions}
    of_rows = {id: said[id] for id in rows if id in said}
    return Joined(
        pairs=[Pair(rows[id], one) for id, one in of_rows.items() if one.error is None],
        failed=[one for one in of_rows.values() if one.error is not None],
        missing=[id for id in rows if id not in said],
        unknown=[id for id in said if id not in rows],
    )

"""Which predictions of a file are judged together: those of one model about one split of one view."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ..errors import MmdataError
from ..predictions import Prediction

FLAGS = {"view": "--metrics", "version": "--version", "split": "--split", "model": "--model"}
"""What a score is of one of → what chooses it."""


def chosen(predictions: Sequence[Prediction], place: str, wanted: Mapping[str, str | None]) -> list[Prediction]:
    """Those that are wanted, of a file that may hold others too.

    Args:
        predictions: of the file, one at least.
        place: the file's name, for messages.
        wanted: view, version, split and model (a name, or name@revision), or None for any.

    Raises:
        MmdataError: none is left, or those left are of several views, versions, splits or models.
    """
    left = list(predictions)
    for field in FLAGS:
        value = wanted.get(field)
        if value is not None:
            exact = [one for one in left if value == _names(one, field)[-1]]
            kept = exact or [one for one in left if value in _names(one, field)]
            if not kept:
                raise MmdataError(
                    f"{place}: no prediction is of the {field} {value!r}, only of {_counted(left, field)}"
                )
            left = kept
    for field, flag in FLAGS.items():
        if len({_names(one, field)[-1] for one in left}) > 1:
            raise MmdataError(
                f"{place}: these are predictions of more than one {field}: {_counted(left, field)}. Choose one with {flag}"
            )
    return left


def _names(one: Prediction, field: str) -> list[str]:
    """What a prediction's field may be called; last, what tells it from all others."""
    if field == "model" and one.revision:
        return [one.model, f"{one.model}@{one.revision}"]
    return [str(getattr(one, field))]


def _counted(predictions: Sequence[Prediction], field: str) -> str:
    counts = Counter(_names(one, field)[-1] for one in predictions)
    return ", ".join(f"{name!r} ({n:,})" for name, n in counts.most_common())

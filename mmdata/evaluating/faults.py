"""What is wrong with predictions, whatever they say."""

from collections.abc import Iterator, Sequence
from itertools import islice

from ..checking.report import Fault
from ..predictions import Prediction
from .pairs import Joined

LIMIT = 2_000
"""Of each check."""


def faults_of(found: Joined, repeated: Sequence[str], version: str, newest: str, split: str) -> Iterator[Fault]:
    """Errors first: failed predictions, ids that no row has, rows without an answer; then what else to know.

    Args:
        found: rows and predictions joined.
        repeated: ids that were answered more than once.
        version, newest: the release that was asked about, and the newest.
        split: of the view.
    """
    if not found.pairs:
        yield Fault(check="nothing to judge", level="error", message="no row of the view has an answer", split=split)
    yield from islice(_failed(found.failed, split), LIMIT)
    for id in found.unknown[:LIMIT]:
        yield Fault(
            check="unknown id", level="error", row_id=id,
            message=f"{version} has no such row in the split {split}. Were these predictions made from other data?",
        )  # fmt: skip
    for id in found.missing[:LIMIT]:
        yield Fault(
            check="missing row", level="error", row_id=id, split=split,
            message="nothing was predicted for this row, and no score counts it. Predict the rest with the same command",
        )  # fmt: skip
    if version != newest:
        yield Fault(
            check="other release", level="warning",
            message=f"these answers are to {version} and are judged by it; the newest release is {newest}. Predict anew for "
            f"figures of {newest}",
        )  # fmt: skip
    for id in repeated[:LIMIT]:
        yield Fault(
            check="repeated answer", level="warning", row_id=id, split=split,
            message="the file has more than one answer to this row; the last one counts",
        )  # fmt: skip


def _failed(predictions: Sequence[Prediction], split: str) -> Iterator[Fault]:
    for one in predictions:
        yield Fault(
            check="failed prediction", level="error", row_id=one.id, split=split,
            message=f"{one.error or 'an error without a word'}. Run the same command again: it asks what has failed once more",
        )  # fmt: skip

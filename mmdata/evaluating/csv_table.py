"""`mmdata evaluate --table`: each answer beside the truth, as a table for a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..metrics.measures import Outcome
from ..pages.page import write
from ..predictions import Prediction
from .pairs import Joined

COLUMNS = ("id", "file", "truth", "prediction", "O/X", "summary", "latency", "raw")
"""Those of the original's batch test; latency in seconds."""
MARKS = {True: "O", False: "X", None: ""}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would reckon with: such a text gets a ' before it, as one would type it."""


def write_table(
    outcomes: Iterable[Outcome], answers: Mapping[str, Prediction], files: Mapping[str, str], path: Path
) -> None:
    """Write one line an outcome, in UTF-8 with the mark by which Excel knows it.

    Args:
        outcomes: as judged.
        answers: id → prediction.
        files: id → the row's place in the source, where it is known.
        path: the file; its folder must exist.

    Raises:
        ReleaseError: it cannot be written.
    """
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(COLUMNS)
    for one in outcomes:
        answer = answers.get(one.id)
        texts = (one.id, files.get(one.id, ""), one.truth, one.said, MARKS[one.right], one.note)
        raw = (f"{answer.seconds:.3f}", _plain(answer.output or "")) if answer else ("", "")
        lines.writerow([*map(_plain, texts), *raw])
    write(path, "\ufeff" + out.getvalue(), "the table")


def unanswered(found: Joined) -> Iterator[Outcome]:
    """What the table says of rows that no evaluator sees: those that failed, then those that nothing is said of."""
    why = [(one.id, one.error or "an error without a word") for one in found.failed]
    for id, note in [*why, *((id, "no prediction") for id in found.missing)]:
        yield Outcome(id=id, truth="", said="", right=None, note=note)


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text

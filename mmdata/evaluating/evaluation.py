"""What an evaluation found: one stable shape for the terminal, for JSON and for the HTML page."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ..checking.report import Fault, Level
from ..metrics.measures import Measures


class _Strict(BaseModel):
    # As in `metrics.measures`: a figure's bytes are base64 wherever it is written from.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class Data(_Strict):
    """What was asked."""

    corpus: str
    version: str
    """Of the release, or "sample"."""
    build: str
    """Digest of what the release holds; empty for the sample."""
    view: str
    split: str


class Model(_Strict):
    """Who answered."""

    name: str
    revision: str
    """Empty: the server did not say."""
    file: str
    """Name of the file of predictions."""
    sha256: str
    """Of that file."""
    seconds: float | None
    """Median of the time that an answer took; None without answers."""


class Counts(_Strict):
    """Rows, by what became of them, and answers that no row can be found for."""

    rows: int
    """Of the view's split."""
    answered: int
    """The measures are over these."""
    errors: int
    """Asked, and an error came back."""
    missing: int
    """Never asked, or not yet."""
    unknown: int
    """Ids in the file that no row has."""
    repeated: int
    """Lines that a later or better line of the file replaced."""


class Evaluation(_Strict):
    """Predictions judged. Its JSON is this, and stays so for format 1."""

    format: Literal[1] = 1
    created: str
    """UTC, ISO 8601."""
    mmdata: str
    """Version of the engine."""
    data: Data
    model: Model
    metrics: list[str]
    """Evaluators of the corpus's metrics.py that judged."""
    settings: dict[str, Any]
    """What was set for them."""
    counts: Counts
    measures: Measures
    faults: list[Fault]
    """The first of each check up to a limit; `counts` has all."""

    @property
    def coverage(self) -> str:
        """What to say beside every score; empty where all rows are answered."""
        counts = self.counts
        return "" if counts.answered == counts.rows else f"over {counts.answered:,} of {counts.rows:,} rows"

    def count(self, level: Level) -> int:
        """Faults of a level, of those listed; 0 means that there is none."""
        return sum(fault.level == level for fault in self.faults)

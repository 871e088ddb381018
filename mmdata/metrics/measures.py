"""What metrics give: one stable shape for the terminal, for JSON and for the HTML page."""

from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

NONE = "None"
"""Said where nothing could be read from an output."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class Score(_Strict):
    """One number, with how sure it is."""

    name: str
    value: float
    low: float | None = None
    """Lower end of its 95 % interval; None: none was made."""
    high: float | None = None
    n: int
    """Rows that it is the score of."""
    note: str = ""
    """What one must know to compare it, such as the tokenizer."""


class Table(_Strict):
    """Rows of text and numbers under a title."""

    title: str
    columns: list[str]
    rows: list[list[str | float | int | None]]
    note: str = ""

    @model_validator(mode="after")
    def _is_even(self) -> Self:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.title}: {len(row)} values for {len(self.columns)} columns: {row}")
        return self


class Confusion(_Strict):
    """How often each class was said of each. A reader sees it normalised by row."""

    title: str
    truth: list[str]
    """The classes, a row each."""
    said: list[str]
    """The classes, a column each, and "None" last: nothing could be read."""
    counts: list[list[int]]

    @model_validator(mode="after")
    def _is_even(self) -> Self:
        if len(self.counts) != len(self.truth) or any(len(row) != len(self.said) for row in self.counts):
            raise ValueError(f"{self.title}: counts must be {len(self.truth)} rows of {len(self.said)}")
        return self


class Outcome(_Strict):
    """One row's answer beside the truth, as the O/X table shows it."""

    id: str
    truth: str
    said: str
    """What was read from the output; "None": nothing could be."""
    right: bool | None
    """None: cannot be judged as right or wrong."""
    note: str = ""


class Figure(_Strict):
    """A picture, such as a map of vectors; URL-safe base64 in JSON."""

    title: str
    png: bytes


class Measures(_Strict):
    """What one metric found over its rows."""

    scores: list[Score] = []
    tables: list[Table] = []
    confusions: list[Confusion] = []
    outcomes: list[Outcome] = []
    figures: list[Figure] = []
    notes: list[str] = []
    """What was left out, and other things a reader must know."""

    @classmethod
    def joined(cls, several: Iterable["Measures"]) -> "Measures":
        """All of them as one, in their order."""
        parts = list(several)
        return cls(**{name: [one for part in parts for one in getattr(part, name)] for name in cls.model_fields})

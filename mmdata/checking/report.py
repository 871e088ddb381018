"""What a check found: one stable shape for the terminal, for JSON and for the HTML report."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Level = Literal["error", "warning"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fault(_Strict):
    """One thing that is wrong, at one row or at the corpus as a whole."""

    check: str
    """Name of the check that found it."""
    level: Level
    message: str
    """What is wrong and what to do, in one sentence."""
    excerpt: str = ""
    """The text around it, or the file's place; the fault itself between « and »."""
    row_id: str = ""
    """Empty: not about one row."""
    split: str = ""
    cls: str = ""
    """The row's class in the first label field."""
    prompt: str = ""
    """The annotation it is about; empty: about the row or its picture."""


class CheckRun(_Strict):
    """One check that ran, and what it could not judge."""

    name: str
    level: Level
    doc: str
    """First paragraph of the check's docstring."""
    judged: int
    """Rows, or answers, that it looked at."""
    found: int
    """Faults, those not listed too."""
    could_not: str = ""
    """What it could not judge, and why; empty: it judged all."""


class Report(_Strict):
    """A validation report. Its JSON is this, and stays so for format 1."""

    format: Literal[1] = 1
    corpus: str
    version: str
    created: str
    """UTC, ISO 8601."""
    classes: dict[str, dict[str, dict[str, int]]]
    """label field → class → split → rows."""
    answers: dict[str, dict[str, int]]
    """prompt → status of the answer that holds now, "missing" without one → rows."""
    checks: list[CheckRun]
    faults: list[Fault]
    """The first of each check up to a limit; `CheckRun.found` counts all."""

    def count(self, level: Level) -> int:
        """Faults of a level, those not listed too."""
        return sum(check.found for check in self.checks if check.level == level)

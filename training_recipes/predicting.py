"""A run over some questions: what is still to be asked, and each answer in the file as soon as it is had."""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mmdata.training_recipes.questions import Question, Questions

from mmdata.predictions import Prediction, PredictionFile
from mmdata.progress import Terminal

CTRL_C = "stopped by Ctrl-C; the same command goes on from here"


@dataclass
class Run:
    """One model, asked some questions in one way."""

    asked: Questions
    file: PredictionFile
    model: str
    settings: dict[str, Any]
    """How an answer is made."""
    progress: Terminal
    revision: str = ""
    """Of the model; what another revision said counts for nothing."""
    counts: Counter[str] = field(default_factory=lambda: Counter({"answered": 0, "answered before": 0, "errors": 0}))
    stopped: str = ""
    """Why not all were asked."""
    began: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """Of a server, one thread reads questions while another keeps answers."""

    def pending(self) -> Iterator[Question]:
        """What this model has not answered. A question that cannot be asked becomes its error."""
        done = self.file.done(self.model, self.revision)
        self.progress.stage("asking")
        for question in self.asked.rows:
            if (question.id, question.sha256(**self.settings)) in done:
                self.counts["answered before"] += 1
            elif question.fault:
                self.keep(question, 0.0, error=question.fault)
            else:
                yield question

    def keep(self, question: Question, seconds: float, **said: Any) -> None:
        """Put down what came: `output`, `scores` or `error`."""
        asked = self.asked
        prediction = Prediction(
            id=question.id, view=asked.view, split=asked.split, version=asked.version, model=self.model,
            revision=self.revision, prompt=question.sha256(**self.settings), seconds=round(seconds, 4), **said,
        )  # fmt: skip
        with self._lock:
            self.file.add(prediction)
            self.counts["errors" if prediction.error else "answered"] += 1
            self.progress.rows(self.counts.total(), asked.total, f"{self.counts['errors']:,} errors")

    def end(self, as_json: bool, aloud: bool = False) -> int:
        """Say what was done. Returns the exit code.

        Args:
            aloud: the one answer, in place of the counts.
        """
        said = self.file.predictions[-1] if aloud and self.file.predictions else None
        if as_json:
            facts = {
                "rows": self.asked.total,
                **self.counts,
                "stopped": self.stopped,
                "predictions": str(self.file.path),
            }
            one = {"said": said.output, "error": said.error} if said else {}
            seconds = round(time.monotonic() - self.began, 1)
            print(json.dumps({**facts, **one, "seconds": seconds}, ensure_ascii=False))
        elif said:
            print(said.output if said.error is None else f"error: {said.error}")
        else:
            counts = ", ".join(f"{number:,} {what}" for what, number in self.counts.items())
            print(f"{self.asked.total:,} rows: {counts}; in {self.file.path}")
        if self.stopped:
            print(self.stopped, file=sys.stderr)
            return 130 if self.stopped == CTRL_C else 3
        return 1 if self.counts["errors"] else 0

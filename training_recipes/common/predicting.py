"""A run over some questions: what is still to be asked, and each answer in the file as soon as it is had."""

import itertools
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmdata.predictions import Prediction, PredictionFile
from mmdata.progress import Terminal
from mmdata.training_recipes.common.questions import Question, Questions
from mmdata.training_recipes.common.running import FAILED

Said = dict[str, Any]
"""`output`, `scores`, `vector` or `error`."""
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
    one: tuple[str, str] = ("", "")
    """Id and hash of the question that was looked at last."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """Of a server, one thread reads questions while another keeps answers."""

    def pending(self) -> Iterator[Question]:
        """What this model has not answered. A question that cannot be asked becomes its error."""
        asked = self.asked
        done = self.file.done(
            view=asked.view, split=asked.split, version=asked.version, model=self.model, revision=self.revision
        )
        self.progress.stage("asking")
        for question in asked.rows:
            self.one = question.id, question.sha256(**self.settings)
            if self.one in done:
                self.counts["answered before"] += 1
            elif question.fault:
                self.keep(question, 0.0, error=question.fault)
            else:
                yield question

    def ask(self, model: Any, size: int) -> None:
        """Ask a model on this machine, so many questions at once, until none is pending or Ctrl-C.

        Args:
            model: its `revision`; its `said(questions, **settings)` gives what `each` gives.
        """
        self.revision = model.revision
        pending = self.pending()
        try:
            while some := list(itertools.islice(pending, size)):  # Never all: pictures are large.
                for question, seconds, said in model.said(some, **self.settings):
                    self.keep(question, seconds, **said)
        except KeyboardInterrupt:
            self.stopped = CTRL_C

    def keep(self, question: Question, seconds: float, **said: Any) -> None:
        """Put down what came."""
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
        held = reversed(self.file.predictions) if aloud else ()
        said = next((one for one in held if (one.id, one.prompt) == self.one and one.model == self.model), None)
        if as_json:
            where = {"said": said.output, "error": said.error} if said else {"predictions": str(self.file.path)}
            seconds = round(time.monotonic() - self.began, 1)
            facts = {"rows": self.asked.total, **self.counts, "stopped": self.stopped, **where, "seconds": seconds}
            print(json.dumps(facts, ensure_ascii=False))
        elif said:
            print(said.output if said.error is None else f"error: {said.error}")
        else:
            counts = ", ".join(f"{number:,} {what}" for what, number in self.counts.items())
            print(f"{self.asked.total:,} rows: {counts}; in {self.file.path}")
        if self.stopped:
            print(self.stopped, file=sys.stderr)
            return 130 if self.stopped == CTRL_C else 3
        return FAILED if self.counts["errors"] else 0


def each(
    answers: Callable[[Sequence[Question]], list[Said]], questions: Sequence[Question]
) -> Iterator[tuple[Question, float, Said]]:
    """(question, seconds, what came) of each; a batch that fails is asked one by one. Its seconds are shared out."""
    began = time.monotonic()
    try:
        came = answers(questions)
    except Exception as error:  # Of one picture, or of memory: the run goes on.
        if len(questions) > 1:
            for question in questions:
                yield from each(answers, [question])
        else:
            why = " ".join(f"{type(error).__name__}: {error}".split())[:500]
            yield questions[0], time.monotonic() - began, {"error": why}
        return
    shared = (time.monotonic() - began) / len(questions)
    for question, said in zip(questions, came, strict=True):
        yield question, shared, said

"""The vectors of a split, as predictions that `mmdata evaluate` judges."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from mmdata.errors import MmdataError
from mmdata.predictions import PredictionFile
from mmdata.progress import Terminal
from mmdata.training_recipes.common.generating import filled, revision_of
from mmdata.training_recipes.common.predicting import Run, Said, each
from mmdata.training_recipes.common.questions import Question, of_view
from mmdata.training_recipes.models.embedder import kept, load


def write_vectors(
    folder: str | Path, corpus: str, view: str, split: str, version: str | None, path: Path, batch: int
) -> int:
    """Embed the rows of a view; those that an earlier run of this model did are not done again.

    Args:
        folder: in which the embedder is saved.
        version: a release; the newest, or the sample, by default.
        path: the file of predictions, which is added to.
        batch: pictures embedded together.

    Returns: the exit code, as `Run.end`.

    Raises:
        ValueError: there is no embedder in the folder.
        MmdataError: no such corpus, view, split, version or column of text, or the file cannot be written.
    """
    settings = kept(folder)
    with Terminal(Console(stderr=True)) as progress, PredictionFile(path) as file:
        asked = of_view(corpus, view, split, version, told=partial(told, text=settings.text))
        run = Run(asked, file, str(folder), settings.model_dump(), progress)
        run.ask(Embedded(folder), batch)
        return run.end(as_json=False)


def told(row: dict[str, Any], text: str | None) -> dict[str, Any]:
    """A row with its `prompt`: the picture, and the text of this column. Raises MmdataError: there is no such column."""
    if text and text not in row:
        raise MmdataError(f"no column {text}, which is read beside the picture. The view has: {', '.join(row)}")
    words = [{"type": "text", "text": row[text]}] if text else []
    return row | {"prompt": [{"role": "user", "content": [{"type": "image"}, *words]}]}


class Embedded:
    """A saved embedder, asked as a model of words is."""

    def __init__(self, folder: str | Path):
        self.model, self.collator = load(folder)
        self.model.to("cuda" if torch.cuda.is_available() else "cpu")
        self.revision = revision_of(str(folder), self.model.backbone, base=self.collator.settings.model)

    def said(self, questions: Sequence[Question], **_: Any) -> Iterator[tuple[Question, float, Said]]:
        """`each` of the questions with its vector, or its error."""
        return each(self.vectors, questions)

    @torch.inference_mode()
    def vectors(self, questions: Sequence[Question]) -> list[Said]:
        device = next(self.model.parameters()).device
        inputs = self.collator.batch([filled(question) for question in questions])
        made = self.model(**{name: value.to(device) for name, value in inputs.items()})
        return [{"vector": vector} for vector in made["vectors"].tolist()]

"""Answers that were put aside for better ones: what people and checks thought worse."""

from contextlib import suppress
from typing import NamedTuple

import polars as pl

from ..corpus import Corpus
from ..errors import AnnotationError
from .asked import asked_about
from .joined import annotations
from .prompt import prompts_in
from .store import reading


class Judged(NamedTuple):
    """Two answers to one question, as the store has them."""

    worse: str
    """Put aside last."""
    better: str
    """What holds now; a release made before says something else."""


def rejected(corpus: Corpus) -> dict[str, dict[str, Judged]]:
    """The answers to a corpus's prompts that a person wrote another text for, or that were discarded and asked anew.

    Only where a good answer holds now, and is another. A rule's correction (a term, an alias) is no judgement and is not
    among them. The store of answers stays where it was made: a corpus that was pulled has none.

    Returns:
        Row id of the newest release → prompt → the text that was put aside last, and the one that holds now.
    """
    found: dict[str, dict[str, Judged]] = {}
    with reading(corpus.folder) as store:
        for name in store.prompts() if store else []:
            if store is None or name not in prompts_in(corpus.folder):
                continue
            with suppress(AnnotationError):  # No release, or no table of a step, to ask about any more.
                asked, release = asked_about(corpus, name)
                if asked.over is not None:
                    continue
                held = annotations(release, asked, store).filter(pl.col("status") == "ok")
                last = {key: text for key, _, text in sorted(store.put_aside(held["key"]), key=lambda one: one[1])}
                for id, key, value in held.select("id", "key", "value").iter_rows():
                    if key in last and last[key] != value:
                        found.setdefault(id, {})[name] = Judged(last[key], value)
    return found

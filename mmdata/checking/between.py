"""The check between prompts: a model that is not told the diagnosis should find the same."""

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from ..annotation.prompt import Prompt
from .check import Hit, Hits
from .slices import Slice
from .tags import classes_said


class Said(NamedTuple):
    """What the label tags of all answers to a prompt say of one field."""

    prompt: str
    field: str
    names: list[str]
    """Classes in order."""
    classes: npt.NDArray[Any]
    """Of each row of the release: a class, or -1 where none is named."""

    @classmethod
    def joined(cls, prompt: Prompt, parts: "list[list[Said]]") -> "list[Said]":
        """Those of all slices of a prompt, one a tag."""
        return [one[0]._replace(classes=np.concatenate([s.classes for s in one])) for one in zip(*parts, strict=True)]


def said_of(some: Slice) -> list[Said]:
    """One a label tag of the prompt."""
    made = []
    for tag, rule in some.prompt.wanted.tags.items():
        if rule.field is None:
            continue
        names = some.labels[rule.field].names
        number_of = {word: names.index(cls) for word, cls in classes_said(some, tag).items()}
        classes = np.full(len(some.rows), -1, np.int16)
        numbers = some.said(tag).fill_null("").replace_strict(number_of, default=-1, return_dtype=pl.Int16)
        classes[some.texts["at"].to_numpy()] = numbers.to_numpy()
        made.append(Said(some.prompt.id, rule.field, names, classes))
    return made


def disagreement(said: list[Said], limit: int) -> Hits:
    """Rows for which the label tags of two prompts name different classes, such as describe and describe_blind."""
    pairs = [
        (a, b) for a, b in combinations(said, 2) if a.field == b.field and a.prompt != b.prompt and len(a.classes) == len(b.classes)
    ]  # fmt: skip
    if not pairs:
        return Hits(could_not=["there are no two prompts with answers whose label tags are of one field"])
    judged, found = 0, 0
    hits: list[Hit] = []
    for a, b in pairs:
        both = (a.classes >= 0) & (b.classes >= 0)
        differ = np.flatnonzero(both & (a.classes != b.classes))
        judged, found = judged + int(both.sum()), found + len(differ)
        for n in differ[: limit - len(hits)]:
            one, two = a.names[a.classes[n]], b.names[b.classes[n]]
            say = (
                f"{a.prompt} says {one}, {b.prompt} says {two}: look at the picture, one may describe what it was told"
            )
            hits.append(Hit(int(n), say, f"{a.prompt}: «{one}», {b.prompt}: «{two}»"))
    return Hits(judged, found, hits)

"""Classes read from generated text, and how often they are right."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labels import ClassEntry, LabelMap
from .intervals import Floats, of_cells
from .measures import NONE, Confusion, Measures, Outcome, Score, Table

Counts = NDArray[np.int64]

FIGURES = ("accuracy", "macro precision", "macro recall", "macro F1")
UNKNOWN = "not known"
"""A slice's value where a row has none."""


def read_tag(text: str, tag: str, labels: LabelMap | Iterable[str]) -> str | None:
    """The class in `<tag>…</tag>`, however it is cased and spaced.

    Args:
        labels: the label map, whose aliases count too, or the classes' names alone.

    Returns:
        None where there is no such tag, what is in it is no class, or tags say different things.
    """
    named = labels.named if isinstance(labels, LabelMap) else LabelMap(tag, dict.fromkeys(labels, ClassEntry())).named
    found = {named(one) for one in tags_in(text, tag)}
    return found.pop() if len(found) == 1 else None


def tags_in(text: str, tag: str) -> list[str]:
    """What stands in each `<tag>…</tag>`, however the tag is cased, in order and each once."""
    return list(dict.fromkeys(inside.strip() for inside in _tagged(tag).findall(text)))


def knowing(labels: LabelMap, classes: Iterable[str]) -> LabelMap:
    """labels.yaml, and a release's own classes beside it where it no longer has them.

    A class may have been renamed since, its old name now an alias: `.named` of the release's class and of what is said
    then lead to the same.
    """
    gone = {cls: ClassEntry() for cls in classes if labels.named(cls) is None}
    return LabelMap(labels.name, labels.classes | gone, labels.place)


def read_json(text: str) -> dict[str, Any] | None:
    """The JSON object in a text, which may stand in a fence or between words; None: there is none, or two differ."""
    found: list[dict[str, Any]] = []
    begin = _BEGINS.search(text)
    while begin:
        try:
            made, end = _DECODER.raw_decode(text, begin.start())
            found.append(made)
        except (ValueError, RecursionError):
            end = begin.start() + 1
        begin = _BEGINS.search(text, end)
    return found[0] if found and all(one == found[0] for one in found) else None


def classify(
    truth: Sequence[str],
    said: Sequence[str | None],
    classes: Sequence[str],
    *,
    name: str = "label",
    ids: Sequence[str] = (),
    slices: Mapping[str, Sequence[str | None]] | None = None,
    groups: Sequence[Any] | None = None,
    seed: int = 0,
    rounds: int = 1000,
) -> Measures:
    """How well classes are said: accuracy and macro figures beside those of the majority, by class and by slice.

    Precision, recall and F1 are 0 where they would divide by nothing. A macro figure is the mean over the classes that
    are true of some row; others have no recall.

    Args:
        truth: N classes.
        said: N classes; None, where nothing could be read, is wrong.
        classes: all there are, in their order.
        name: what is classified; the scores' and tables' first word.
        ids: of the rows, for the table of outcomes; none, no table.
        slices: name → N values, such as {"view": ["정면", …]}: figures are given for each value by itself.
        groups: N values; intervals are over groups, such as persons.
        seed, rounds: of the bootstrap.

    Raises:
        ValueError: the lengths differ, or a class is none of `classes`.
    """
    if not truth:
        return Measures(notes=[f"{name}: there is no row to judge"])
    cells = _cells(truth, said, classes)
    counts = _counted(cells, classes)
    figures = _figures(counts)
    lows, highs = of_cells(cells, counts.shape, _figures, groups=groups, seed=seed, rounds=rounds)
    present = counts.sum(axis=1)
    most = int(present.argmax())
    always = np.zeros_like(counts)
    always[:, most] = present
    baseline = dict(zip(FIGURES, _figures(always), strict=True))
    scores = [
        Score(
            name=f"{name} {figure}",
            value=float(figures[at]),
            low=None if lows is None else float(lows[at]),
            high=None if highs is None else float(highs[at]),
            n=len(truth),
        )
        for at, figure in enumerate(FIGURES)
    ]
    scores += [
        Score(
            name=f"{name} majority {figure}",
            value=float(baseline[figure]),
            n=len(truth),
            note=f"always {classes[most]}",
        )
        for figure in ("accuracy", "macro F1")
    ]
    outcomes = [
        Outcome(id=id, truth=true, said=NONE if one is None else one, right=one == true)
        for id, true, one in zip(ids or [""] * len(truth), truth, said, strict=True)
    ]
    return Measures(
        scores=scores,
        tables=[_by_class(name, classes, counts), *_by_slice(name, truth, said, classes, slices or {})],
        confusions=[
            Confusion(title=name, truth=list(classes), said=[*classes, NONE], counts=counts.tolist()),
        ],
        outcomes=outcomes if ids else [],
        notes=_notes(name, classes, counts),
    )


def _cells(truth: Sequence[str], said: Sequence[str | None], classes: Sequence[str]) -> Counts:
    """(N,): the place of each row in the table of `_counted`, laid flat."""
    number: dict[str | None, int] = {cls: at for at, cls in enumerate(classes)}
    for one in (*truth, *(one for one in said if one is not None)):
        if one not in number:
            raise ValueError(f"{one!r} is none of the classes {', '.join(classes)}")
    number[None] = len(classes)
    wide = len(classes) + 1
    return np.array([number[t] * wide + number[s] for t, s in zip(truth, said, strict=True)], dtype=np.int64)


def _counted(cells: Counts, classes: Sequence[str]) -> Counts:
    """(C, C + 1): how often each class was said of each; nothing, in the last column."""
    shape = len(classes), len(classes) + 1
    return np.bincount(cells, minlength=math.prod(shape)).reshape(shape)


def _figures(counts: Counts) -> Floats:
    """(…, C, C + 1) → (…, 4), as FIGURES names them."""
    precision, recall, f1 = _per_class(counts)
    present = counts.sum(axis=-1) > 0
    right = np.diagonal(counts, axis1=-2, axis2=-1).sum(axis=-1)
    macro = [(one * present).sum(axis=-1) / present.sum(axis=-1) for one in (precision, recall, f1)]
    return np.stack([right / counts.sum(axis=(-2, -1)), *macro], axis=-1)


def _per_class(counts: Counts) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1, each (…, C)."""
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    true, said = counts.sum(axis=-1), counts[..., :-1].sum(axis=-2)
    return right / np.maximum(said, 1), right / np.maximum(true, 1), 2 * right / np.maximum(true + said, 1)


def _by_class(name: str, classes: Sequence[str], counts: Counts) -> Table:
    columns = [name, "n", "precision", "recall", "F1"]
    figures = np.stack(_per_class(counts), axis=1)
    rows: list[list[str | float | int | None]] = [
        [cls, int(n), *map(float, of)] for cls, n, of in zip(classes, counts.sum(axis=1), figures, strict=True)
    ]
    return Table(title=f"{name} by class", columns=columns, rows=rows)


def _by_slice(
    name: str,
    truth: Sequence[str],
    said: Sequence[str | None],
    classes: Sequence[str],
    slices: Mapping[str, Sequence[str | None]],
) -> Iterable[Table]:
    for slice, values in slices.items():
        parts: dict[str | None, tuple[list[str], list[str | None]]] = {}
        for value, true, one in zip(values, truth, said, strict=True):
            of = parts.setdefault(value, ([], []))
            of[0].append(true)
            of[1].append(one)
        rows: list[list[str | float | int | None]] = []
        for value in sorted(parts, key=lambda value: (value is None, value or "")):
            figures = _figures(_counted(_cells(*parts[value], classes), classes))
            rows.append(
                [UNKNOWN if value is None else value, len(parts[value][0]), float(figures[0]), float(figures[3])]
            )
        yield Table(title=f"{name} by {slice}", columns=[slice, "n", "accuracy", "macro F1"], rows=rows)


def _notes(name: str, classes: Sequence[str], counts: Counts) -> list[str]:
    notes = []
    if unread := int(counts[:, -1].sum()):
        notes.append(f"{name}: of {unread:,} of {int(counts.sum()):,} rows no class could be read; they count as wrong")
    if absent := [cls for cls, n in zip(classes, counts.sum(axis=1), strict=True) if not n]:
        notes.append(f"{name}: no row is {', '.join(absent)}; macro figures leave them out")
    return notes


@lru_cache(16)
def _tagged(tag: str) -> re.Pattern[str]:
    return re.compile(rf"<{re.escape(tag)}>(.*?)</{re.escape(tag)}>", re.S | re.I)


_DECODER = json.JSONDecoder()
_BEGINS = re.compile(r'\{(?=\s*["}])')

"""How right answers about skin are. Plain functions: they may be copied."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdata import Corpus
from mmdata.evaluating.pairs import Pair
from mmdata.labels import LabelMap
from mmdata.metrics.classification import classify, knowing, read_tag, tags_in
from mmdata.metrics.measures import Measures

REFUSAL = "진단불가"
"""What the prompt lets a model say in the place of a diagnosis."""


def diagnosis(pairs: Sequence[Pair], features: Mapping[str, Any], *, rounds: int = 1000) -> Measures:
    """The class in an answer's label tag against the folder's: over all rows, and by view, age, gender and site.

    A name or alias of labels.yaml is read; no tag, another word in it or two different tags are no class, and wrong. Of a
    release of before a class was renamed, its old name leads to the new one. Intervals are over subjects.

    Args:
        pairs: rows of the view `diagnosis`, with text as output.
        features: types of the release's columns.
        rounds: of the bootstrap.
    """
    own, views = features["label"].names, features["view"].names
    labels = knowing(Corpus(Path(__file__).parent).labels["label"], own)
    named = [labels.named(cls) or cls for cls in own]
    classes = list(dict.fromkeys(named))
    outputs = [pair.prediction.output or "" for pair in pairs]
    # A release may be of before a class was added to labels.yaml.
    read = [one if (one := read_tag(output, "label", labels)) in classes else None for output in outputs]
    slices: dict[str, list[str | None]] = {"view": [views[pair.row["view"]] for pair in pairs]}
    slices |= {name: [pair.row[name] for pair in pairs] for name in ("age", "gender", "site")}
    found = classify(
        [named[pair.row["label"]] for pair in pairs],
        read,
        classes,
        ids=[pair.prediction.id for pair in pairs],
        slices={name: values for name, values in slices.items() if any(values)},
        groups=[pair.row["subject"] or pair.prediction.id for pair in pairs],
        rounds=rounds,
    )
    refused = sum(REFUSAL in output and one is None for output, one in zip(outputs, read, strict=True))
    notes = [f"label: {refused:,} answers say {REFUSAL}"] if refused else []
    outcomes = [
        outcome.model_copy(update={"note": summary_of(output) if one else why_unread(output, labels)})
        for outcome, output, one in zip(found.outcomes, outputs, read, strict=True)
    ]
    return found.model_copy(update={"outcomes": outcomes, "notes": [*found.notes, *notes]})


diagnosis.view = "diagnosis"
diagnosis.targets = ("chat",)


def summary_of(output: str) -> str:
    """What stands in the summary tag; empty without one."""
    return next(iter(tags_in(output, "summary")), "")


def why_unread(output: str, labels: LabelMap) -> str:
    """Why an answer has no class, or none of its release."""
    said = tags_in(output, "label")
    if not said:
        return "there is no <label>…</label>"
    if unknown := [one for one in said if labels.named(one) is None]:
        return f"label {' and '.join(map(repr, unknown))} {'are' if len(unknown) > 1 else 'is'} not in labels.yaml"
    named = list(dict.fromkeys(map(labels.named, said)))
    what = "are different classes" if len(named) > 1 else "is no class of this release"
    return f"label {' and '.join(map(repr, named))} {what}"

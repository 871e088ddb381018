"""How right answers about skin are. Plain functions: they may be copied."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdata import Corpus
from mmdata.evaluating.pairs import Pair
from mmdata.metrics.classification import classify, read_tag
from mmdata.metrics.measures import Measures

REFUSAL = "진단불가"
"""What the prompt lets a model say in the place of a diagnosis."""
LABEL = re.compile(r"<label>(.*?)</label>", re.S | re.I)
SUMMARY = re.compile(r"<summary>(.*?)</summary>", re.S | re.I)


def diagnosis(pairs: Sequence[Pair], features: Mapping[str, Any], *, rounds: int = 1000) -> Measures:
    """The class in an answer's label tag against the folder's: over all rows, and by view, age, gender and site.

    A name or alias of labels.yaml is read; no tag, another word in it or two different tags are no class, and wrong.

    Args:
        pairs: rows of the view `diagnosis`, with text as output.
        features: types of the release's columns.
        rounds: of the bootstrap.
    """
    classes, views = features["label"].names, features["view"].names
    labels = Corpus(Path(__file__).parent).labels["label"]
    outputs = [pair.prediction.output or "" for pair in pairs]
    read = [read_tag(output, "label", labels) for output in outputs]
    slices: dict[str, list[str | None]] = {"view": [views[pair.row["view"]] for pair in pairs]}
    slices |= {name: [pair.row[name] for pair in pairs] for name in ("age", "gender", "site")}
    found = classify(
        [classes[pair.row["label"]] for pair in pairs],
        # A release may be of before a class was added to labels.yaml.
        [one if one in classes else None for one in read],
        classes,
        ids=[pair.prediction.id for pair in pairs],
        slices={name: values for name, values in slices.items() if any(values)},
        rounds=rounds,
    )
    refused = sum(REFUSAL in output and one is None for output, one in zip(outputs, read, strict=True))
    notes = [f"label: {refused:,} answers say {REFUSAL}"] if refused else []
    outcomes = [
        outcome.model_copy(update={"note": summary_of(output) if one else why_unread(output)})
        for outcome, output, one in zip(found.outcomes, outputs, read, strict=True)
    ]
    return found.model_copy(update={"outcomes": outcomes, "notes": [*found.notes, *notes]})


diagnosis.view = "diagnosis"
diagnosis.targets = ("chat",)


def summary_of(output: str) -> str:
    """What stands in the summary tag; empty without one."""
    found = SUMMARY.search(output)
    return found[1].strip() if found else ""


def why_unread(output: str) -> str:
    """Why an answer has no class."""
    said = list(dict.fromkeys(one.strip() for one in LABEL.findall(output)))
    if not said:
        return "there is no <label>…</label>"
    named = " and ".join(map(repr, said))
    return f"label {named} {'are different classes' if len(said) > 1 else 'is not in labels.yaml'}"

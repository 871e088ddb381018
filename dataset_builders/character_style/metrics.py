"""How well vectors find pictures of one style, and how right named classes are. Plain functions: they may be copied."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdata import Corpus, MmdataError
from mmdata.evaluating.pairs import Pair
from mmdata.metrics.classification import classify, knowing, read_json
from mmdata.metrics.measures import Measures, Outcome
from mmdata.metrics.retrieval import retrieve

from .views import KEYS

LABELS = Corpus(Path(__file__).parent).labels
BESIDE = ("R@1", "R-precision", "MAP@R", "macro R@1", "macro R-precision", "macro MAP@R")
"""What is said of the text alone too."""
PARTS = 2048
"""Of words, by which texts are compared."""


def labels(pairs: Sequence[Pair], features: Mapping[str, Any], *, points: int = 500, rounds: int = 1000) -> Measures:
    """R@1/5/10, R-precision, MAP@R and silhouette of pictures' vectors by style, per class and macro; and a map.

    Beside them the largest class's share, and what traits and captions alone reach, compared by the parts of their words
    (TF-IDF of 2 to 4 letters), without any picture and without the classes' names.

    Args:
        pairs: rows of the view `labels`, with a vector each.
        features: types of the release's columns.
        points: rows on the map, at most; 0: no map.
        rounds: of the bootstrap.

    Raises:
        MmdataError: a prediction has no vector, or one of another length than the first.
    """
    sizes = [len(pair.prediction.vector or ()) for pair in pairs]
    for pair, size in zip(pairs, sizes, strict=True):
        if size != sizes[0] or not any(pair.prediction.vector or ()):
            raise MmdataError(
                f"{pair.prediction.id}: a vector of {sizes[0] or 'some'} numbers is wanted, not all of them 0, and the "
                f"prediction has {size}. Make all vectors with one model"
            )
    if not pairs:
        return Measures(notes=["there is no vector to judge"])
    styles = [features["style"].int2str(row["style"]) for row, _ in pairs]
    groups = [row["identity"] or prediction.id for row, prediction in pairs]
    made = retrieve([pair.prediction.vector for pair in pairs], styles, groups=groups, points=points, rounds=rounds)
    words = retrieve(
        _vectors_of([row["text_input"] for row, _ in pairs]), styles, groups=groups, points=0, rounds=rounds
    )
    beside = [
        one.model_copy(update={"name": f"text alone {one.name}", "note": "TF-IDF of traits and caption"})
        for one in words.scores
        if one.name in BESIDE
    ]
    return made.model_copy(update={"scores": [*made.scores, *beside]})


def styling(pairs: Sequence[Pair], features: Mapping[str, Any], *, rounds: int = 1000) -> Measures:
    """Style, vibe, shot and quality as an answer's JSON names them: accuracy and macro figures of each.

    A name or alias of labels.yaml is read; another word, or an answer without such a JSON object, is no class, and wrong. Of
    a release of before a class was renamed, its old name leads to the new one. Intervals are over persons.

    Args:
        pairs: rows of the view `styling`, with text as output.
        features: types of the release's columns.
        rounds: of the bootstrap.
    """
    said = [read_json(pair.prediction.output or "") for pair in pairs]
    parts, notes = [], []
    if unread := said.count(None):
        notes.append(f"{unread:,} of {len(pairs):,} answers cannot be read as the JSON that is asked for")
    wrong: list[list[str]] = [[] for _ in pairs]
    truths: list[dict[str, str]] = [{} for _ in pairs]
    for field, key in KEYS.items():
        table = knowing(LABELS[field], features[field].names)
        named = [table.named(cls) or cls for cls in features[field].names]
        classes = list(dict.fromkeys(named))
        known = [number for number, (row, _) in enumerate(pairs) if row[field] is not None]
        truth = [named[pairs[number].row[field]] for number in known]
        read = [_class(said[number], key, table, classes) for number in known]
        groups = [pairs[number].row["identity"] or pairs[number].prediction.id for number in known]
        parts.append(classify(truth, read, classes, name=field, groups=groups, rounds=rounds))
        for number, true, one in zip(known, truth, read, strict=True):
            truths[number][field] = true
            if one != true:
                wrong[number].append(f"{field}: {one}, not {true}")
    outcomes = [
        Outcome(
            id=pair.prediction.id,
            truth=" / ".join(str(truth.get(field)) for field in KEYS),
            said=" / ".join(str((found or {}).get(key)) for key in KEYS.values()),
            right=not faults,
            note="; ".join(faults),
        )
        for pair, truth, found, faults in zip(pairs, truths, said, wrong, strict=True)
    ]
    return Measures.joined([*parts, Measures(outcomes=outcomes, notes=notes)])


labels.view, styling.view = "labels", "styling"
styling.targets = ("chat",)


def _class(said: Mapping[str, Any] | None, key: str, table: Any, classes: Sequence[str]) -> str | None:
    """A release may be of before a class was added to labels.yaml."""
    word = (said or {}).get(key)
    found = table.named(word) if isinstance(word, str) else None
    return found if found in classes else None


def _vectors_of(texts: Sequence[str]) -> Any:
    """(N, PARTS), of any texts that hold a letter."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), max_features=PARTS).fit_transform(texts).toarray()

"""Evaluators: functions of a corpus's metrics.py that say how right answers are."""

import inspect
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..corpus import Corpus
from ..errors import CorpusError, MmdataError
from ..functions import Function, description, functions_in, named
from ..metrics.measures import Measures
from ..options import value_of
from ..predictions import Prediction
from ..views import newest_or_sample
from .pairs import Asked, Pair, asked_of, joined

GIVEN = ("features", "rows")
"""What an evaluator is given where it asks for it, and what nobody sets."""


def evaluators_of(corpus: Corpus, view: str, names: Sequence[str] | None = None) -> dict[str, Function]:
    """Name → function, of those that judge a view: all of them, or some by name.

    An evaluator is a function of the corpus's metrics.py, `def diagnosis(pairs, features, *, rounds=1000)`: it is
    given `Pair`s and returns `Measures`. As `features` it is given the types of the release's columns, and as `rows` all
    rows of the split, answered or not, where its arguments are so called: what is right must not hang on which rows
    were answered. It says which
    view's rows it judges as `diagnosis.view = "diagnosis"`, and may say which training views have targets that
    it can read as `diagnosis.targets = ("chat",)`. What stands behind the * can be set.

    Raises:
        CorpusError: there is none, no such one, one without a view, or one of another view.
    """
    found = functions_in(corpus, "metrics", "pairs")
    place = corpus.folder / "metrics.py"
    if silent := [name for name, function in found.items() if not _view(function)]:
        raise CorpusError(
            f'{place}: {silent[0]} does not say which view it judges; add {silent[0]}.view = "VIEW" below it'
        )
    if names:
        chosen = {name: named(corpus, "metrics", "pairs", name) for name in names}
        for name, function in chosen.items():
            if _view(function) != view:
                raise CorpusError(
                    f"{corpus.name}: {name} judges answers to the view {_view(function)}, these are to {view}"
                )
        return chosen
    chosen = {name: function for name, function in found.items() if _view(function) == view}
    if not chosen:
        there = "".join(f"\n  {name} (view {_view(one)}): {description(one)}" for name, one in found.items())
        raise CorpusError(
            f"{corpus.name} cannot judge answers to the view {view!r}. It can judge:{there or f' none: write one in {place}'}"
        )
    return chosen


def settings_of(corpus: Corpus, evaluators: Mapping[str, Function], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is set, each of the type that its argument has. Raises MmdataError: no such argument, or no such value."""
    kinds = {name: kind for function in evaluators.values() for name, kind in _settable(function).items()}
    return {key: value_of(corpus, key, given[key], kinds) for key in sorted(given)}


def measured(
    corpus: Corpus,
    evaluators: Mapping[str, Function],
    pairs: Sequence[Pair],
    asked: Asked,
    settings: Mapping[str, Any],
) -> Measures:
    """What the evaluators find, together.

    Args:
        pairs: the rows that were answered, of those that were asked.
        settings: as `settings_of` gives them.

    Raises:
        MmdataError: an evaluator says so, such as for a library that is not installed.
        CorpusError: one fails, or returns something else.
    """
    found = []
    for name, function in evaluators.items():
        wants = {key: settings[key] for key in _settable(function) if key in settings}
        given = {"features": asked.features, "rows": list(asked.rows.values())}
        wants |= {key: given[key] for key in GIVEN if key in inspect.signature(function).parameters}
        doing = f"judging {len(pairs):,} answers by {name}"
        try:
            made = function(pairs, **wants)
        except MmdataError:
            raise
        except Exception as error:
            raise corpus.blame(error, doing, "metrics") from error
        if not isinstance(made, Measures):
            raise CorpusError(
                f"{corpus.folder / 'metrics.py'}: {name} returns {type(made).__name__}, it should return Measures"
            )
        found.append(made)
    return Measures.joined(found)


def judge(
    corpus: Corpus | str | Path, view: str, split: str, outputs: Mapping[str, str], *, version: str | None = None
) -> Measures:
    """What evaluators say of texts, by the ids of their rows; of a training view, to see whether its targets can be read.

    Args:
        corpus: the corpus or its folder.
        view: a test view; or a training view that an evaluator names among its `targets`. Where none does,
            the measures are empty.
        split: such as "train".
        outputs: id → text. Ids that the test view does not have are left out.
        version: of a release, or "sample"; by default the newest, and the sample where there is none.

    Raises: as `asked_of` and `measured`.
    """
    corpus = corpus if isinstance(corpus, Corpus) else Corpus(corpus)
    version = version or newest_or_sample(corpus)
    found = functions_in(corpus, "metrics", "pairs")
    by_view: dict[str, dict[str, Function]] = {}
    for name, function in found.items():
        judged = _view(function)
        if judged and (judged == view or view in getattr(function, "targets", ())):
            by_view.setdefault(judged, {})[name] = function
    measures = []
    for judged, evaluators in by_view.items():
        asked = asked_of(corpus, judged, split, version)
        said = (
            Prediction(
                id=id, view=judged, split=split, version=version, model="targets", prompt="", output=text, seconds=0
            )
            for id, text in outputs.items()
        )
        if pairs := joined(asked.rows, said).pairs:
            measures.append(measured(corpus, evaluators, pairs, asked, {}))
    return Measures.joined(measures)


def _view(function: Function) -> str:
    return str(getattr(function, "view", ""))


def _settable(function: Function) -> dict[str, Any]:
    """Keyword-only arguments that have a value already → their types."""
    hints = typing.get_type_hints(function)
    return {
        name: hints.get(name, Any)
        for name, one in inspect.signature(function).parameters.items()
        if one.kind is one.KEYWORD_ONLY and one.default is not one.empty and name not in GIVEN
    }

"""How right recommended outfits are: judged by what is recommended, not by the words of the answer."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdata import Corpus
from mmdata.errors import MmdataError
from mmdata.evaluating.pairs import Pair
from mmdata.metrics.classification import read_json
from mmdata.metrics.intervals import means
from mmdata.metrics.measures import NONE, Measures, Outcome, Table

from .facts import CATEGORIES, OUTER, SUMMER
from .filters import merged, parse
from .mentions import tells
from .spellings import key, spellings_of, tidy, unified

Outfit = dict[str, set[str]]
"""Category → names, in one spelling."""
Worn = Mapping[str, Mapping[str, Collection[str]]]
"""Season → category → names."""
LABELS = Corpus(Path(__file__).parent).labels
_FIGURES = ("season right", "item right", "both right", "sentence agrees", "precision", "recall", "F1", "exact")
_UNREAD = ("both", "no JSON object with `recommend`")
_GIVE = "give the filter of the source with --set filter=PATH"


def outfits(
    pairs: Sequence[Pair],
    features: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    *,
    filter: str = "",
    most_recommended: int = 3,
    rounds: int = 1000,
) -> Measures:
    """Whether what an answer recommends is right for the season, for the item, and for both; and how near the target it is.

    - season right: something is recommended, all of it is worn in the season, and in summer no outerwear.
    - item right: something is recommended, nothing of the item's own category, under each category only names of that
      category, and no more than `most_recommended` of them.
    - sentence agrees: the `answer` names just what is recommended.
    - precision, recall, F1, exact: of (category, name) against the row's target. Targets are drawn from what would be
      as right, so these say how well the draw was learned, season and item how good the advice is.

    An answer is the JSON object `{"answer": …, "recommend": {category: [name, …]}}`; what cannot be read so is wrong
    throughout. Names are compared as labels.yaml spells them; a name that is in no list is wrong for both.

    Args:
        pairs: rows of the view `outfits`, with text as output.
        features: types of the release's columns.
        rows: of the whole split, whether answered or not: what is right hangs on no answer.
        filter: path of the filter's JSON, which says what is worn when. Without it, that is what the targets of the
            split recommend, which of few rows is not all.
        most_recommended: names of a category, at most; as the build's option.
        rounds: of the bootstrap.
    """
    names = spellings_of(LABELS["sub_category"]) if "sub_category" in LABELS else {}
    for row in rows:
        for name in (name for said in row["recommend"].values() for name in said or ()):
            names.setdefault(key(name), tidy(name))
    seasons = [features["season"].int2str(row["season"]) for row, _ in pairs]
    targets = [_unified(row["recommend"], names) for row, _ in pairs]
    worn = _filter(filter, names) if filter else _worn(rows, features, names)
    columns: dict[str, list[float]] = {name: [] for name in _FIGURES}
    outcomes, unread = [], 0
    for (row, prediction), season, target in zip(pairs, seasons, targets, strict=True):
        said = read_json(prediction.output or "") or {}
        outfit = _recommended(said, names)
        unread += outfit is None
        own = features["category"].int2str(row["category"])
        wrong = list(_faults(outfit, season, own, worn, most_recommended)) if outfit is not None else [_UNREAD]
        figures = {
            "season right": not any(kind != "item" for kind, _ in wrong),
            "item right": not any(kind != "season" for kind, _ in wrong),
            "both right": not wrong,
            "sentence agrees": outfit is not None and _agrees(said.get("answer"), row, outfit),
            **_overlap(outfit or {}, target),
        }
        for name, value in figures.items():
            columns[name].append(float(value))
        told = NONE if outfit is None else _told(outfit)
        why = "; ".join(why for _, why in wrong)
        outcomes.append(Outcome(id=prediction.id, truth=_told(target), said=told, right=not wrong, note=why))
    notes = [] if filter else [f"what is worn when is read from the targets of the split's {len(rows):,} rows; {_GIVE}"]
    if unread:
        notes.append(f"{unread:,} of {len(pairs):,} answers cannot be read as the JSON that is asked for")
    return Measures(
        scores=means(columns, groups=[row["item_id"] for row, _ in pairs], rounds=rounds),
        tables=[_by("season", seasons, features["season"].names, columns)],
        outcomes=outcomes,
        notes=notes,
    )


outfits.view = "outfits"
outfits.targets = ("sft",)


def _recommended(said: Mapping[str, Any], names: Mapping[str, str]) -> Outfit | None:
    """What the answer's `recommend` lists; None where it is not as asked for."""
    listed = said.get("recommend")
    if not isinstance(listed, dict):
        return None
    by_category: dict[str, list[str]] = {}
    for category, found in listed.items():
        known = LABELS["category"].named(category) or category
        if not isinstance(found, list | None) or not all(isinstance(name, str) for name in found or ()):
            return None
        by_category.setdefault(known, []).extend(found or ())
    return _unified(by_category, names)


def _faults(outfit: Outfit, season: str, own: str, worn: Worn, most: int) -> Iterator[tuple[str, str]]:
    """("season", "item" or "both", what is wrong) of a recommendation."""
    if not any(outfit.values()):
        yield "both", "nothing is recommended"
    in_season = {name for of in worn.get(season, {}).values() for name in of}
    for category, names in outfit.items():
        of_category = {name for by_category in worn.values() for name in by_category.get(category, ())}
        if names and category == own:
            yield "item", f"{own} is the item's own category"
        if names and season == SUMMER and category == OUTER:
            yield "season", f"{OUTER} in {SUMMER}"
        if len(names) > most:
            yield "item", f"{len(names)} of {category}, where {most} are the most"
        for name in sorted(names - of_category):
            yield "item", f"{name} is no {category}"
        for name in sorted(names - in_season):
            yield "season", f"{name} is not worn in {season}"


def _overlap(said: Outfit, target: Outfit) -> dict[str, float]:
    ours, theirs = ({(category, name) for category, of in one.items() for name in of} for one in (said, target))
    both = len(ours & theirs)
    return {
        "precision": both / len(ours) if ours else float(not theirs),
        "recall": both / len(theirs) if theirs else float(not ours),
        "F1": 2 * both / (len(ours) + len(theirs)) if ours or theirs else 1.0,
        "exact": float(ours == theirs),
    }


def _agrees(answer: object, row: Mapping[str, Any], outfit: Outfit) -> bool:
    return isinstance(answer, str) and tells(answer, {**row, "recommend": outfit})


def _worn(rows: Sequence[Mapping[str, Any]], features: Mapping[str, Any], names: Mapping[str, str]) -> Worn:
    worn: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        in_season = worn.setdefault(features["season"].int2str(row["season"]), {})
        for category, found in _unified(row["recommend"], names).items():
            in_season.setdefault(category, set()).update(found)
    return worn


def _filter(path: str, names: dict[str, str]) -> Worn:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise MmdataError(f"{path}: no filter can be read there ({error.strerror}). {_GIVE}") from None
    found, _ = merged([(path, parse(content, path))], LABELS["season"], LABELS["category"], names)
    names |= found.spellings
    return found.entries


def _unified(listed: Mapping[str, Sequence[str] | None], names: Mapping[str, str]) -> Outfit:
    return {category: {unified(name, names) for name in of or ()} for category, of in listed.items()}


def _told(outfit: Outfit) -> str:
    order = {category: at for at, category in enumerate(CATEGORIES)}
    parts = sorted((category for category in outfit if outfit[category]), key=lambda one: order.get(one, len(order)))
    return "; ".join(f"{category} {', '.join(sorted(outfit[category]))}" for category in parts)


def _by(name: str, values: Sequence[str], order: Sequence[str], columns: Mapping[str, Sequence[float]]) -> Table:
    shown = list(_FIGURES)[:3]
    places = {value: [number for number, one in enumerate(values) if one == value] for value in order}
    rows = [
        [value, len(at), *(math.fsum(columns[one][n] for n in at) / len(at) for one in shown)]
        for value, at in places.items()
        if at
    ]
    return Table(title=f"by {name}", columns=[name, "n", *shown], rows=rows)

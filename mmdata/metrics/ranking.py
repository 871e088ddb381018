"""Ranked options: MRR, R@k, mean rank and NDCG, as the VisDial challenge defines them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .intervals import Floats, means
from .measures import Measures

Ranks = NDArray[np.int64]


def ranks_of(scores: ArrayLike) -> Ranks:
    """The place of each option by its score: 1 is the highest, and no two share a place.

    Of options with one score, that which stands first has the better place. Nothing but scores is looked at, so the right
    option is neither preferred nor put last.

    Args:
        scores: (N, K), K options for each of N questions.

    Returns:
        (N, K), each row the numbers from 1 to K.

    Raises:
        ValueError: a score is not a number.
    """
    found = np.asarray(scores, dtype=np.float64)
    if found.ndim != 2 or np.isnan(found).any():
        raise ValueError(f"scores must be numbers, as many for each question, and have the shape {found.shape}")
    order = np.argsort(-found, axis=1, kind="stable")
    ranks = np.empty(found.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.arange(1, found.shape[1] + 1)[None], axis=1)
    return ranks


def ndcg(scores: ArrayLike, relevance: ArrayLike) -> Floats:
    """Normalised discounted cumulative gain of each question, NaN where no option is relevant.

    k is the number of options whose relevance is not 0. DCG = Σ relevance of the option at place i / log2(i + 1), for i
    from 1 to k; divided by the DCG of the k highest relevances in falling order (Visual Dialog Challenge 2018,
    https://visualdialog.org/challenge/2018#evaluation).

    Args:
        scores: (N, K), ranked as by `ranks_of`.
        relevance: (N, K), from 0.

    Returns:
        (N,), from 0 to 1.
    """
    ranks, gains = ranks_of(scores), np.asarray(relevance, dtype=np.float64)
    if gains.shape != ranks.shape:
        raise ValueError(f"there are scores of shape {ranks.shape}, and relevance of shape {gains.shape}")
    k = (gains != 0).sum(axis=1, keepdims=True)
    places = np.arange(1, gains.shape[1] + 1)
    got = np.where(ranks <= k, gains / np.log2(ranks + 1), 0.0).sum(axis=1)
    best = np.where(places <= k, -np.sort(-gains, axis=1) / np.log2(places + 1), 0.0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(got / best)


def ranking(
    scores: ArrayLike,
    truth: Sequence[int | None],
    *,
    relevance: Sequence[Sequence[float] | None] | None = None,
    ks: Sequence[int] = (1, 5, 10),
    groups: Sequence[Any] | None = None,
    seed: int = 0,
    rounds: int = 1000,
) -> Measures:
    """MRR, R@k and mean rank over all questions, and NDCG over those whose options' relevance is known.

    NDCG is the mean over groups (pictures, each of one question that was annotated; of several, their mean). Where no
    option is relevant there is none: the question is left out, and counted.

    Args:
        scores: (N, K).
        truth: N places of the right option, from 0; None: not known.
        relevance: N lists of K numbers; None: not annotated.
        groups: N values, such as the picture's id; intervals are over groups. Without them each question is one.
        seed, rounds: of the bootstrap.
    """
    if not len(truth):
        return Measures(notes=["there is no ranking to judge"])
    values, groups = np.asarray(scores, dtype=np.float64), list(range(len(truth))) if groups is None else list(groups)
    ranks = ranks_of(values)
    known = np.array([one is not None for one in truth])
    at = np.array([one or 0 for one in truth])[:, None]
    place = np.where(known, np.take_along_axis(ranks, at, axis=1)[:, 0], np.nan)
    columns = {"MRR": 1 / place} | {f"R@{k}": np.where(known, place <= k, np.nan) for k in ks} | {"mean rank": place}
    made = means(columns, groups=groups, seed=seed, rounds=rounds)
    notes = [_TIES] if made else ["no question's right option is known: no MRR, R@k or mean rank"]
    tied = ((values == np.take_along_axis(values, at, axis=1)).sum(axis=1) > 1) & known
    if tied.any():
        notes.append(f"in {int(tied.sum()):,} of {len(truth):,} questions the right option's score is another's too")
    judged = {number: one for number, one in enumerate(relevance or ()) if one is not None}
    if judged:
        found = ndcg(values[[*judged]], list(judged.values()))
        if missing := int(np.isnan(found).sum()):
            notes.append(f"NDCG leaves out {missing:,} of {len(judged):,} questions: none of their options is relevant")
        by_group: dict[Any, list[float]] = {}
        for number, one in zip(judged, found, strict=True):
            if not np.isnan(one):
                by_group.setdefault(groups[number], []).append(float(one))
        made += means({"NDCG": [float(np.mean(of)) for of in by_group.values()]}, seed=seed, rounds=rounds)
    return Measures(scores=made, notes=notes)


_TIES = "of options with one score, that which stands first has the better rank"

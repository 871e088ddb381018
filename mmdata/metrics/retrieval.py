"""Retrieval: whether the vectors that lie nearest to a row's are of its class."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .figures import map_of
from .intervals import Floats, means
from .measures import Measures, Score, Table

Classes = NDArray[np.intp]

AT_ONCE = 1 << 20
"""Similarities that are in memory together."""
STEPS = 2**40
"""Into which a similarity of 1 is cut: what differs by less is equal, as it may be the order of a sum that differs."""


def retrieve(
    vectors: ArrayLike,
    labels: Sequence[str],
    *,
    ks: Sequence[int] = (1, 5, 10),
    groups: Sequence[Hashable] | None = None,
    points: int = 500,
    seed: int = 0,
    rounds: int = 1000,
) -> Measures:
    """R@k, R-precision, MAP@R and silhouette by cosine similarity, over all rows, per class and macro; and a map.

    Each row asks all others. R@k: the share of rows that have one of their own class among the k nearest. With R, the
    number of other rows of the class: R-precision is the share of the class among the R nearest, and MAP@R the mean
    over i from 1 to R of the precision at i where the i-th is of the class, else 0 (Musgrave, Belongie and Lim, A Metric
    Learning Reality Check, ECCV 2020). A row that is alone in its class asks nothing. Of equally near rows those of
    another class count as nearer. Silhouette: Rousseeuw 1987, by cosine distance.

    Args:
        vectors: (N, D), of any length but 0.
        labels: N classes.
        groups: N values; intervals are over groups, such as persons.
        points: the most rows that the map shows, drawn by the seed; 0: no map.
        seed, rounds: of the bootstrap.

    Raises:
        ValueError: there are not as many labels as vectors, or a vector is of length 0 or no number.
    """
    found = np.asarray(vectors, dtype=np.float64)
    if found.ndim != 2 or len(found) != len(labels):
        raise ValueError(f"vectors must be of one length, one for each of {len(labels)} labels: {found.shape}")
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        raise ValueError("a vector is of length 0, or holds what is no number: it lies in no direction")
    unit = found / lengths
    classes, at = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    sizes = np.bincount(at)
    alone = int((sizes == 1).sum())
    if not (sizes > 1).any():
        return Measures(notes=["no two rows are of one class: there is nothing to retrieve"])
    columns = neighbours(unit, at, ks) | {"silhouette": silhouettes(unit, at)}
    scores = means(columns, groups=groups, seed=seed, rounds=rounds)
    by_class = {
        name: np.array([_mean(column[at == c]) for c in range(len(classes))]) for name, column in columns.items()
    }
    scores += [
        Score(name=f"macro {name}", value=_mean(of), n=len(labels), note="the mean over classes")
        for name, of in by_class.items()
        if np.isfinite(of).any()
    ]
    most = int(sizes.argmax())
    share = Score(
        name="majority share",
        value=float(sizes[most] / len(labels)),
        n=len(labels),
        note=f"what R@1 would be if the nearest were always {classes[most]}",
    )
    names = list(by_class)
    rows: list[list[str | float | int | None]] = [
        [
            str(cls),
            int(sizes[c]),
            *(None if np.isnan(by_class[name][c]) else float(by_class[name][c]) for name in names),
        ]
        for c, cls in enumerate(classes)
    ]
    notes = [f"{alone} classes have one row, which asks nothing"] if alone else []
    return Measures(
        scores=[*scores, share],
        tables=[Table(title="retrieval by class", columns=["class", "n", *names], rows=rows)],
        figures=[map_of(unit, list(labels), points=points, seed=seed)] if points else [],
        notes=notes,
    )


def neighbours(unit: Floats, at: Classes, ks: Sequence[int]) -> dict[str, Floats]:
    """R@k for each k, R-precision and MAP@R of each row, NaN for one that is alone in its class; each (N,).

    Args:
        unit: (N, D), each of length 1.
        at: (N,) numbers of classes.
    """
    n = len(unit)
    wanted = (np.bincount(at)[at] - 1)[:, None]
    found = {name: np.full(n, np.nan) for name in (*(f"R@{k}" for k in ks), "R-precision", "MAP@R")}
    places = np.arange(1, n)
    for start in range(0, n, max(1, AT_ONCE // n)):
        some = slice(start, start + max(1, AT_ONCE // n))
        # One whole number says both how near a row is and whether it is of the class: to sort numbers is quick.
        keys = np.rint(unit[some] @ unit.T * -STEPS).astype(np.int64) * 2 + (at[some, None] == at)
        itself = np.arange(len(keys))
        keys[itself, itself + start] = np.iinfo(np.int64).max
        keys.sort(axis=1)
        same = (keys[:, :-1] & 1).astype(bool)
        r = wanted[some]
        within = same & (places <= r)
        precision = np.cumsum(same, axis=1) / places
        for k in ks:
            found[f"R@{k}"][some] = same[:, :k].any(axis=1)
        found["R-precision"][some] = within.sum(axis=1) / np.maximum(r[:, 0], 1)
        found["MAP@R"][some] = (precision * within).sum(axis=1) / np.maximum(r[:, 0], 1)
    return {name: np.where(wanted[:, 0] > 0, column, np.nan) for name, column in found.items()}


def silhouettes(unit: Floats, at: Classes) -> Floats:
    """The silhouette of each row by cosine distance, 0 for one that is alone in its class; NaN where all are of one.

    The mean distance to a class is 1 - the product with the mean of its vectors, so no pair is looked at.

    Args:
        unit: (N, D), each of length 1.
        at: (N,) numbers of classes.
    """
    sizes = np.bincount(at)
    if len(sizes) < 2:
        return np.full(len(unit), np.nan)
    sums = np.zeros((len(sizes), unit.shape[1]))
    np.add.at(sums, at, unit)
    far = 1 - unit @ (sums / sizes[:, None]).T
    rows, own = np.arange(len(unit)), sizes[at]
    inside = far[rows, at] * own / np.maximum(own - 1, 1)  # Its distance to itself is 0, and does not count.
    far[rows, at] = np.inf
    outside = far.min(axis=1)
    longest = np.maximum(inside, outside)
    return np.where((own > 1) & (longest > 0), (outside - inside) / np.where(longest > 0, longest, 1), 0.0)


def _mean(values: Floats) -> float:
    """Of those that count; NaN of none."""
    counted = values[np.isfinite(values)]
    return float(counted.mean()) if len(counted) else float("nan")

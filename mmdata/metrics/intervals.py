"""Bootstrap intervals: how far a figure would move, had other rows of the same kind been drawn.

Percentile intervals of 95 % (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). Of one seed they
are always the same, in whatever order the rows come.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .measures import Score

Floats = NDArray[np.float64]

ENDS = (2.5, 97.5)
"""Percentiles."""
AT_ONCE = 1 << 21
"""Draws that are in memory together."""


def means(
    columns: Mapping[str, Any],
    *,
    groups: Sequence[Any] | None = None,
    notes: Mapping[str, str] | None = None,
    seed: int = 0,
    rounds: int = 1000,
) -> list[Score]:
    """The mean of each column as a score with its interval; a column without a value gives none.

    Args:
        columns: name → N numbers, a row each. NaN: the row does not count in this column.
        groups: N values; rows of one group hang together, such as the rounds of a dialogue, and are drawn together.
        notes: name → note.
    """
    values = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
    values = {name: column for name, column in values.items() if np.isfinite(column).any()}
    if not values:
        return []
    stacked = np.stack(list(values.values()), axis=1)
    lows, highs = interval(stacked, groups=groups, seed=seed, rounds=rounds)
    counted = np.isfinite(stacked)
    return [
        Score(
            name=name,
            value=float(np.nanmean(stacked[:, at])),
            low=None if lows is None else float(lows[at]),
            high=None if highs is None else float(highs[at]),
            n=int(counted[:, at].sum()),
            note=(notes or {}).get(name, ""),
        )
        for at, name in enumerate(values)
    ]


def interval(
    values: Floats, *, groups: Sequence[Any] | None = None, seed: int = 0, rounds: int = 1000
) -> tuple[Floats, Floats] | tuple[None, None]:
    """Lower and upper ends for the means of M columns.

    Args:
        values: (N, M); NaN does not count.
        groups: as in `means`.

    Returns:
        Two arrays of (M,), or None twice where there are less than two rows or groups to draw from.
    """
    counted = np.isfinite(values)
    parts = np.concatenate([np.where(counted, values, 0.0), counted], axis=1)
    drawn = resampled(parts, groups=groups, seed=seed, rounds=rounds)
    if drawn is None:
        return None, None
    sums, counts = np.split(drawn, 2, axis=1)
    with np.errstate(invalid="ignore"):  # A draw may hold no row that counts.
        return ends(sums / counts)


def resampled(
    parts: Floats, *, groups: Sequence[Any] | None = None, seed: int = 0, rounds: int = 1000
) -> Floats | None:
    """(rounds, P) column sums of N rows drawn from N with replacement; None of less than two rows or groups.

    What is a function of sums, as a mean or a corpus's BLEU is, has its interval by these.

    Args:
        parts: (N, P).
        groups: as in `means`.
    """
    if groups is not None:
        place: dict[Any, int] = {}
        at = [place.setdefault(group, len(place)) for group in groups]
        if len(at) != len(parts):
            raise ValueError(f"{len(at)} groups are given for {len(parts)} rows")
        summed = np.zeros((len(place), parts.shape[1]))
        np.add.at(summed, at, parts)
        parts = summed
    n = len(parts)
    if n < 2:
        return None
    parts = parts[np.lexsort(parts.T)]
    return np.concatenate([counts @ parts for counts in _draws(n, seed, rounds)])


def of_cells(
    cells: NDArray[np.int64],
    shape: tuple[int, ...],
    figures: Callable[[NDArray[np.int64]], Floats],
    *,
    groups: Sequence[Any] | None = None,
    seed: int = 0,
    rounds: int = 1000,
) -> tuple[Floats, Floats] | tuple[None, None]:
    """Ends for figures of a table of counts, such as a confusion.

    Args:
        cells: (N,), the place of each row in the table, laid flat.
        shape: of the table.
        figures: (rounds, *shape) → (rounds, M).
        groups: as in `means`. Without them, drawing rows anew is drawing the table from a multinomial.
    """
    size, total = math.prod(shape), len(cells)
    if groups is None:
        if total < 2:
            return None, None
        shares = np.bincount(cells, minlength=size) / total
        tables = np.random.default_rng(seed).multinomial(total, shares, size=rounds)
    else:
        used = np.unique(cells)
        drawn = resampled((cells[:, None] == used).astype(np.float64), groups=groups, seed=seed, rounds=rounds)
        if drawn is None:
            return None, None
        tables = np.zeros((rounds, size), dtype=np.int64)
        tables[:, used] = np.rint(drawn)
    return ends(figures(tables.reshape(rounds, *shape)))


def ends(drawn: Floats) -> tuple[Floats, Floats]:
    """Lower and upper end of each of M figures. drawn: (rounds, M)."""
    low, high = np.nanpercentile(drawn, ENDS, axis=0)
    return low, high


def _draws(n: int, seed: int, rounds: int) -> Iterator[Floats]:
    """(some rounds, N): how often each row was drawn."""
    random = np.random.default_rng(seed)
    some = max(1, AT_ONCE // n)
    for start in range(0, rounds, some):
        size = min(some, rounds - start)
        at = random.integers(0, n, (size, n)) + n * np.arange(size)[:, None]
        yield np.bincount(at.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)

"""Every picture against every other: its nearest, and those that are nearly the same."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..searching.facts import Vectors

Numbers = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ROWS, COLUMNS = 1024, 8192
"""Of one block of cosines: 32 MiB. All of a corpus of 30,000 would be 3.4 GiB."""
NEVER = np.float32(-2)
"""Below every cosine."""


class Compared(NamedTuple):
    """What became of N pictures."""

    nearest: list[Numbers]
    """Of each of the `voters`, (N, k): those of them that are nearest, the nearest first, -1 where there are fewer."""
    twin: Numbers
    """(N,): one before it that is nearly the same, the gravest; -1 without any."""
    cosine: npt.NDArray[np.float32]
    """(N,): how nearly."""
    twins: Numbers
    """(N,): how many before it are nearly the same."""


def compared(
    vectors: Vectors,
    places: Places,
    k: int,
    near: float,
    *,
    mates: Sequence[Numbers] = (),
    voters: Sequence[Flags] = (),
    grave: Sequence[Numbers] = (),
    alike: Callable[[Vectors, Vectors], Vectors] | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Compared:
    """Hold all pictures against each other, in blocks: memory stays the same however many there are.

    Args:
        vectors: (M, D) of length 1, such as a mapped file.
        places: (N,) of the pictures in it, in the order in which "before" is meant.
        k: nearest wanted of each.
        near: from which cosine on two are nearly the same.
        mates: numberings (N,) of groups; two of one number do not vote on each other. -1 is no group.
        voters: (N,) who is among the nearest at all, for each question that is put to them.
        grave: numberings (N,) in which two that are nearly the same should agree; -1 is not known. A pair that differs in
            one is graver than one that does not; of equally grave ones the nearest is taken, then the first.
        alike: of vectors (n, D) and (m, D), how nearly the same the pictures are (n, m), in place of their cosines.
        tell: told of (pictures done, N).
    """
    many = len(places)
    asked = {one.tobytes(): one for one in voters}  # Fields in which every picture has a label ask the same.
    found = {key: np.full((many, k), -1, np.int32) for key in asked}
    made = Compared(
        [found[one.tobytes()] for one in voters],
        np.full(many, -1, np.int32),
        np.zeros(many, np.float32),
        np.zeros(many, np.int32),
    )
    groups = [_Group(numbers) for numbers in mates]
    for top in range(0, many, ROWS):
        rows = np.arange(top, min(top + ROWS, many))
        block = np.asarray(vectors[places[rows]], np.float32)
        one, two = _silenced(rows, groups)
        best, gravest = {key: _Best(len(rows), k) for key in asked}, np.full(len(rows), -np.inf)
        for left in range(0, many, COLUMNS):
            columns = np.arange(left, min(left + COLUMNS, many))
            pictures = np.asarray(vectors[places[columns]], np.float32)
            cosines = block @ pictures.T
            if left <= rows[-1]:
                seen = cosines if alike is None else alike(block, pictures)
                _keep_twins(seen, rows, columns, near, grave, gravest, made)
            here = (two >= columns[0]) & (two <= columns[-1])
            cosines[one[here] - top, two[here] - left] = NEVER
            for key, they in asked.items():
                best[key].take(cosines if they.all() else np.where(they[columns], cosines, NEVER), left)
        for key, nearest in best.items():
            found[key][rows] = nearest.at
        tell(int(rows[-1]) + 1, many)
    return made


class _Best:
    """The nearest so far of some rows."""

    def __init__(self, rows: int, k: int):
        self.at = np.full((rows, k), -1, np.int32)
        self.cosine = np.full((rows, k), NEVER, np.float32)

    def take(self, cosines: Vectors, left: int) -> None:
        """Look at a block, whose columns come after all before it."""
        rows, k = self.at.shape
        last = self.cosine[:, -1]
        if left == 0 and cosines.shape[1] > k:  # Nothing is known yet: else each of the first columns would be better.
            last = np.nextafter(np.partition(cosines, -k, axis=1)[:, -k], NEVER)
        # Only what is better than the worst so far, which soon is little; of equals, those before stay.
        row, column = np.nonzero(cosines > np.maximum(last, NEVER)[:, None])
        known = np.nonzero(self.at >= 0)
        row_of = np.concatenate([known[0], row])
        at = np.concatenate([self.at[known], (column + left).astype(np.int32)])
        cosine = np.concatenate([self.cosine[known], cosines[row, column]])
        order = np.lexsort((at, -cosine, row_of))
        row_of, at, cosine = row_of[order], at[order], cosine[order]
        place = np.arange(len(row_of)) - np.searchsorted(row_of, np.arange(rows))[row_of]
        kept = place < k
        self.at[row_of[kept], place[kept]] = at[kept]
        self.cosine[row_of[kept], place[kept]] = cosine[kept]


class _Group:
    """Who is in a group with whom."""

    def __init__(self, numbers: Numbers):
        self.numbers, self.order = numbers, np.argsort(numbers, kind="stable")
        ordered = numbers[self.order]
        self.start, self.end = np.searchsorted(ordered, numbers), np.searchsorted(ordered, numbers, side="right")

    def mates(self, rows: Places) -> tuple[Places, Places]:
        """Pairs of (one of the rows, a picture of its group), itself among them."""
        rows = rows[self.numbers[rows] >= 0]
        sizes = (self.end - self.start)[rows]
        nth = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.repeat(rows, sizes), self.order[np.repeat(self.start[rows], sizes) + nth]


def _silenced(rows: Places, groups: Sequence[_Group]) -> tuple[Places, Places]:
    """Pairs that do not vote on each other: a picture and itself, and its mates."""
    pairs = [(rows, rows), *(group.mates(rows) for group in groups)]
    one, two = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return one, two


def _keep_twins(
    cosines: Vectors, rows: Places, columns: Places, near: float, grave: Sequence[Numbers],
    gravest: npt.NDArray[np.float64], made: Compared,
) -> None:  # fmt: skip
    alike = cosines >= near
    if columns[-1] >= rows[0]:
        alike &= columns < rows[:, None]
    having = np.flatnonzero(alike.any(axis=1))
    if not len(having):
        return
    alike, mine = alike[having], rows[having]
    weight = np.where(alike, cosines[having].astype(np.float64), -np.inf)
    differs = np.zeros_like(alike)
    for kind in grave:
        one, two = kind[mine][:, None], kind[columns]
        differs |= (one != two) & (one >= 0) & (two >= 0)
    weight += 4.0 * differs  # More than any two cosines differ by.
    first = weight.argmax(axis=1)
    heaviest = weight[np.arange(len(having)), first]
    made.twins[mine] += alike.sum(axis=1, dtype=np.int32)
    better = heaviest > gravest[having]
    having, mine, first = having[better], mine[better], first[better]
    gravest[having] = heaviest[better]
    made.twin[mine], made.cosine[mine] = columns[first], cosines[having, first]

"""The checks of pictures by their nearest: those that are nearly the same, and those whose label none of them has."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import MmdataError
from ..names import printable
from ..progress import Progress
from ..searching.facts import called
from .all_pairs import Flags, Numbers
from .check import Check, Hit, Hits
from .rows import Whole
from .seen import NEAREST, Seen, index_of, seen

AGREEING = 7
"""Of the nearest: so many with one other label throw doubt on a label ..."""
OWN = 1
"""... that at most so many have: a second picture with the same mistake does not make it right. With six labels of 120 drawn
people of 10 styles changed by lot, twenty times, builtin finds 55 of 120 mistakes, and doubts 12 of 2,280 right ones; of
photographs, whose classes it hardly tells apart, it says nothing."""
TRUSTED, ENOUGH = 0.75, 20
"""Where so many agree on a class, at least this share of the pictures must be of it. With less, vectors and labels do not
fit each other, and none can be doubted for itself; with fewer than twenty pictures that cannot be told. By our own judgement."""
MOST = 100_000
"""Pictures that are held against each other: of twice as many it takes four times as long."""
NO_INDEX = "no index of this release: run `mmdata index FOLDER`"


class Doubts(NamedTuple):
    """What the nearest of N pictures think of one label field."""

    other: Numbers
    """(N,): the class that they agree on, where the picture's own is doubted; -1 elsewhere."""
    judged: Flags
    few: int
    """Pictures that are not judged, for there are not enough others of their class, or with any."""
    unsure: dict[int, tuple[int, float]]
    """Class → pictures whose nearest agree on it, and the share of them that are of it. They are not judged."""


def near_duplicate(some: Seen) -> Hits:
    """Pictures that are nearly the same as one before them, by an index's vectors: in another split and with another label first."""
    found = np.array([at for at in np.flatnonzero(some.held.twin >= 0).tolist() if not _said(some, at)], np.int64)
    graver = found[np.argsort(~_grave(some, found), kind="stable")]
    hits = [_twin(some, int(at)) for at in graver[: some.limit]]
    note = f"{some.without:,} pictures are not in the index, which has the first of each row" if some.without else ""
    return Hits(len(some.rows), len(found), hits, [note] if note else [])


def label_outlier(some: Seen) -> Hits:
    """Pictures with a label that at most one of the ten nearest has, while seven or more of these agree on another."""
    if not some.labels:
        return Hits(could_not=["the release has no field with one label a picture"])
    hits, judged, could_not = [], 0, []
    for field, (names, classes) in some.labels.items():
        nearest = some.nearest(field)
        found = doubts(nearest, classes, some.groups)
        judged += int(found.judged.sum())
        hits += [
            _outlier(some, field, nearest, at, int(found.other[at])) for at in np.flatnonzero(found.other >= 0).tolist()
        ]
        could_not += [
            f"{field}: {count:,} pictures whose nearest are {names[cls]}, as only {share:.0%} of them are: {called(some.model)} "
            "does not tell them apart (another model, `mmdata index FOLDER --model NAME`, may)"
            for cls, (count, share) in found.unsure.items()
        ]
        if found.few:
            could_not.append(f"{field}: {found.few:,} pictures of classes with too few others")
    hits.sort(key=lambda hit: hit.number or 0)
    return Hits(judged, len(hits), hits[: some.limit], could_not)


NEIGHBOUR_CHECKS = (Check("warning", near_duplicate), Check("warning", label_outlier))
"""All checks by neighbours, in the order of the report."""


def check_neighbours(whole: Whole, progress: Progress) -> list[tuple[Check, Hits]]:
    """Run them, where there is an index of the release's very build."""
    file = index_of(whole.corpus, whole.release.manifest.build)
    if file is None:
        return [(check, Hits(could_not=[NO_INDEX])) for check in NEIGHBOUR_CHECKS]
    try:
        some = seen(whole, file, lambda done, total: progress.rows(done, total, ""))
    except MmdataError as why:
        return [(check, Hits(could_not=[str(why)])) for check in NEIGHBOUR_CHECKS]
    if len(some.places) > MOST:
        too_many = (
            f"{len(some.places):,} pictures: at most {MOST:,} are held against each other. `mmdata search FOLDER --image "
            "FILE` shows the nearest of one"
        )
        return [(check, Hits(could_not=[too_many])) for check in NEIGHBOUR_CHECKS]
    return [(check, check.look(some)) for check in NEIGHBOUR_CHECKS]


def doubts(nearest: Numbers, classes: Numbers, groups: Sequence[Numbers]) -> Doubts:
    """Whose label its nearest deny.

    Args:
        nearest: (N, NEAREST) of those with a label, -1 where there are fewer.
        classes: (N,), -1 where there is no label.
        groups: numberings (N,) of those who do not vote on each other.
    """
    labelled = classes >= 0
    judged = labelled & (nearest[:, -1] >= 0) & (_others(classes, groups) >= NEAREST)
    few = int(labelled.sum() - judged.sum())
    said = classes[nearest]
    alike = (said[:, :, None] == said[:, None, :]).sum(axis=2)
    agreed = said[np.arange(len(said)), alike.argmax(axis=1)]
    sure = labelled & (nearest[:, -1] >= 0) & (alike.max(axis=1, initial=0) >= AGREEING)
    unsure = {}
    for cls in np.unique(agreed[sure]):
        mine = sure & (agreed == cls)
        share = float((classes[mine] == cls).mean())
        if share < TRUSTED and mine.sum() >= ENOUGH:
            unsure[int(cls)] = int(mine.sum()), share
            judged &= ~mine
    own = (said == classes[:, None]).sum(axis=1)
    doubted = judged & sure & (agreed != classes) & (own <= OWN)
    return Doubts(np.where(doubted, agreed, -1).astype(np.int32), judged, few, unsure)


def _others(classes: Numbers, groups: Sequence[Numbers]) -> Numbers:
    """How many of each picture's class could vote on it: the picture and its group do not."""
    made = np.bincount(classes[classes >= 0], minlength=1)[np.maximum(classes, 0)]
    mine = np.ones(len(classes), np.int64)
    for group in groups:
        pairs = np.stack([group, classes], axis=1)
        _, which, counts = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
        mine = np.maximum(mine, np.where(group >= 0, counts[which.ravel()], 1))
    return np.asarray(made - mine, np.int32)


def _grave(some: Seen, found: npt.NDArray[np.int64]) -> Flags:
    first, splits = some.held.twin[found], some.splits
    grave: Flags = splits[found] != splits[first]
    for _, classes in some.labels.values():
        grave |= _differ(classes[found], classes[first])
    return grave


def _differ(one: Numbers, two: Numbers) -> Flags:
    return np.asarray((one != two) & (one >= 0) & (two >= 0))


def _said(some: Seen, at: int) -> bool:
    """Whether the build has named this very pair: its perceptual hash finds some of those in two splits."""
    sides = {_side(some, at), _side(some, int(some.held.twin[at]))}
    return any(sides <= said for said in some.said)


def _side(some: Seen, at: int) -> str:
    row = some.rows.row(at, named=True)
    return f"{row['split']} {printable(row['place'])}"


def _twin(some: Seen, at: int) -> Hit:
    held, first = some.held, int(some.held.twin[at])
    mine, other = some.rows.row(at, named=True), some.rows.row(first, named=True)
    why = [
        f"its {field} is {names[classes[first]]}, not {names[classes[at]]}: one is wrong"
        for field, (names, classes) in some.labels.items()
        if _differ(classes[at], classes[first])
    ]
    if mine["split"] != other["split"]:
        why.append(f"it is in {other['split']}: a score on either says nothing")
    more = f", and of {held.twins[at] - 1:,} more before it" if held.twins[at] > 1 else ""
    told = "; ".join(why)
    say = (
        f"nearly the picture of {printable(other['id'])}{more} (cosine {held.cosine[at]:.3f}, {called(some.model)})"
        f"{'; ' + told if told else ''}. Look at both, and keep one in the source unless both are meant"
    )
    return Hit(int(mine["number"]), say, f"{_side(some, at)} and {_side(some, first)}")


def _outlier(some: Seen, field: str, nearest: Numbers, at: int, other: int) -> Hit:
    names, classes = some.labels[field]
    said = classes[nearest[at]]
    own, agreeing = int((said == classes[at]).sum()), nearest[at][said == other]
    ids = ", ".join(printable(str(id)) for id in some.rows["id"][agreeing[:3].tolist()])
    row = some.rows.row(at, named=True)
    say = (
        f"{field} is {names[classes[at]]}, which {own or 'none'} of the {NEAREST} nearest pictures {'has' if own < 2 else 'have'}; "
        f"{len(agreeing)} have {names[other]}, such as {ids} ({called(some.model)}). "
        "Look at it (`mmdata search FOLDER --image FILE` shows its nearest); if the label is wrong, correct it in the source and build anew"
    )
    return Hit(int(row["number"]), say, printable(row["place"]))

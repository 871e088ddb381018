"""Which split a persona, or a set of cards, belongs to: nothing but its name decides, and how many there are."""

from collections.abc import Iterable
from hashlib import sha256

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def by_rank(personas: Iterable[str]) -> dict[str, str]:
    """80, 10 and 10 of a hundred personas, by the rank of their hashes, for there are few.

    Of three or more, one at least is in each split; of two, one is in test. Another persona may move one over the edge.
    """
    order = sorted(set(personas), key=_hash)
    test = max(1, round(len(order) * SHARES["test"])) if len(order) > 1 else 0
    validation = max(1, round(len(order) * SHARES["validation"])) if len(order) > 2 else 0
    ends = len(order) - validation - test, len(order) - test
    return {
        name: "train" if rank < ends[0] else "validation" if rank < ends[1] else "test"
        for rank, name in enumerate(order)
    }


def by_hash(name: str) -> str:
    """80, 10 and 10 of a hundred; no other name moves it."""
    share = int(_hash(name)[:16], 16) / 2**64
    return "train" if share < SHARES["train"] else "validation" if share < 1 - SHARES["test"] else "test"


def key_of(pictures: Iterable[str]) -> str:
    """A set of cards by their pictures' hashes, in whatever order they are laid, and under whatever names."""
    return sha256(" ".join(sorted(set(pictures))).encode()).hexdigest()[:16]


def _hash(name: str) -> str:
    return sha256(f"aac {name}".encode()).hexdigest()

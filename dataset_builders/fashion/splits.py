"""Draws that hang on a text alone: the same on any machine, whatever else there is."""

from hashlib import sha256


def split_of(item: str) -> str:
    """80, 10 and 10 of a hundred items. An item's side hangs on nothing else, so added ones move none."""
    of_one = share(f"fashion {item}")
    return "train" if of_one < 0.8 else "validation" if of_one < 0.9 else "test"


def share(text: str) -> float:
    """A number from 0 up to 1, always the same for a text."""
    return int.from_bytes(sha256(text.encode()).digest()[:8]) / 2**64

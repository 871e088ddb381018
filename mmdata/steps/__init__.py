"""Named steps between a source and its rows: tables that are made, remembered, and made again only where something changed.

    @step(Card, reads=("*.png",))
    def cards(listing): ...

    @step(Vector, each="cards")
    def vectors(card, *, embedding): ...

A builder lists its steps in order, `steps = (cards, vectors)`, and reads the last tables in `items()`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answers import Answers
    from .declared import Step, step
    from .table import Table

# `annotate` asks only for `.current`, and should not wait for the rest.
_HOME = {"Answers": "answers", "Step": "declared", "Table": "table", "step": "declared"}

__all__ = ["Answers", "Step", "Table", "step"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mmdata.steps' has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)

"""Named steps between a source and its rows: tables that are made, remembered, and made again only where something changed.

    @step(Card, reads=("*.png",))
    def cards(listing): ...

    @step(Vector, each="cards")
    def vectors(card, *, embedding): ...

A builder lists its steps in order, `steps = (cards, vectors)`, and reads the last tables in `items()`.
"""

from .answers import Answers
from .declared import Step, step
from .table import Table

__all__ = ["Answers", "Step", "Table", "step"]

"""What a build may choose, and what it may not."""

from dataclasses import dataclass, field
from typing import Literal

import datasets

from mmdata import MmdataError

from .embedding import BUILTIN, state_of

RANGES: dict[str, tuple[float, float | None]] = {
    "seed": (0, 2**32 - 1),
    "symbol_size": (16, 1024),
    "clusters_wanted": (1, None),
    "similarity_wanted": (0, 1),
    "preferred_at_most": (1, None),
    "preferred_share": (0, 1),
    "items_per_persona": (1, None),
}
"""The least and the most of each; None: any."""
EXCLUDED = [
    "alphabet", "letter", "crime", "drug", "erotic", "pornography", "sexuality", "violence", "weapon",
]  # fmt: skip


@dataclass
class Options(datasets.BuilderConfig):
    """What a build chooses."""

    topics: Literal["keyword", "model"] = "keyword"
    """Of clusters: the keywords of their medoids, or what a model says (`mmdata annotate --prompt topics`)."""
    completed: bool = False
    """Rows are the items of dataset_completed.json, and nothing is made."""
    split_by: Literal["persona", "combination"] = "persona"
    """What is in one split only."""
    seed: int = 42

    filter_cards: bool = True
    exclude_flags: list[str] = field(default_factory=lambda: ["sex", "violence", "rated"])
    """ARASAAC's `sex` and `violence`, Mulberry's `rated`."""
    exclude_categories: list[str] = field(default_factory=lambda: list(EXCLUDED))
    """Categories, with those under them (Food: Food Fruit too), and tags."""
    symbol_size: int = 256
    """Pixels of a side that SVG symbols are drawn in."""
    language: str = "ko"
    """Of the keywords, where a table has several; else English."""

    embedding: str = BUILTIN
    """`builtin`, or a CLIP or SigLIP model of transformers: its name on the Hub, or its folder."""
    clusters_wanted: int = 64
    similarity_wanted: float = 0.75
    """(cosine + 1) / 2 of a persona's topic and a cluster's, from which a cluster is preferred."""
    preferred_at_most: int = 8
    preferred_share: float = 0.9
    """Of combinations, those of preferred clusters."""
    items_per_persona: int = 200

    @property
    def embedding_state(self) -> str:
        """What else decides vectors. Steps are given it, so that they notice when it changes."""
        return state_of(self.embedding)


def checked(options: Options) -> Options:
    """The same. Raises MmdataError where a figure is out of its range."""
    for name, (least, most) in RANGES.items():
        value = getattr(options, name)
        if not (least <= value and (most is None or value <= most)):  # So written, it catches NaN.
            allowed = f"{least} or more" if most is None else f"{least} to {most}"
            raise MmdataError(f"{name}={value!r} is out of range: give {allowed}")
    return options

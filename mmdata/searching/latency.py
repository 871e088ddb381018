"""How long a search takes, and how much of what is near it finds: asked with vectors of the index itself."""

import time
from statistics import median
from typing import Literal

import numpy as np

from .facts import Index, Latency
from .local import LocalIndex

QUERIES, NEAREST = 100, 10


def measured(index: Index, exact: LocalIndex, backend: Literal["file", "postgresql"]) -> Latency:
    """The median of a search for the ten nearest, and the share of the exact ten that it finds.

    Args:
        index: is measured.
        exact: of the same pictures, which has what is true; may be `index` itself.
    """
    asked = exact.some(QUERIES)
    seconds, shares = [], []
    for vector in asked:
        began = time.perf_counter()
        found = index.nearest(vector, NEAREST)
        seconds.append(time.perf_counter() - began)
        if index is not exact:
            true = exact.nearest(vector, NEAREST)
            # As near as the last of the ten is as good: which of equals is found is chance.
            shares.append(sum(hit.score >= true[-1].score - 1e-4 for hit in found) / len(true))
    recall = float(np.mean(shares)) if shares else 1.0
    return Latency(backend=backend, queries=len(asked), p50=1000 * median(seconds), recall=min(1.0, recall))

"""For learning by triplets: batches of P classes × K pictures, and a word when nothing is learned."""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from pytorch_metric_learning.samplers import MPerClassSampler
from pytorch_metric_learning.utils import common_functions
from transformers import TrainerCallback


class PerClass(MPerClassSampler):
    """`MPerClassSampler` whose order hangs on the seed and the epoch alone.

    A run that resumes in the middle of an epoch skips what it had: this must be what it had.

    Args:
        labels: the class of each row.
        per_class: K. A class of fewer rows gives some of them twice.
        batch: P × K.
        epoch: which one is being trained, in parts.
    """

    def __init__(self, labels: Sequence[int], per_class: int, batch: int, seed: int, epoch: Callable[[], float]):
        # Small sets are gone through once more, for a batch must be full.
        super().__init__(labels, per_class, batch, max(len(labels), batch))
        self.seed, self.epoch = seed, epoch

    def __iter__(self) -> Iterator[int]:
        self.labels.sort()
        theirs = common_functions.NUMPY_RANDOM
        common_functions.NUMPY_RANDOM = np.random.RandomState([self.seed, int(self.epoch())])
        try:
            return super().__iter__()
        finally:
            common_functions.NUMPY_RANDOM = theirs


class Collapse(TrainerCallback):
    """Says so when every picture becomes the same vector: each triplet then costs exactly the margin."""

    def __init__(self, margin: float):
        self.margin, self.logged = margin, 0

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        near = "loss" in (logs or {}) and abs(float(logs["loss"]) - self.margin) < 0.005 * self.margin
        self.logged = self.logged + 1 if near else 0
        if self.logged == 3:
            sys.stderr.write(
                f"the loss stays at the margin ({self.margin}): all pictures become one vector. Choose the miner "
                "semihard or all, or a lower learning_rate\n"
            )

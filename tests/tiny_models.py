"""Tiny models of training_recipes/models/tiny.py, written once a process, and opened once."""

import functools
import tempfile

from mmdata.training_recipes.common.generating import Model
from mmdata.training_recipes.models.tiny import write

_HOME = tempfile.TemporaryDirectory(prefix="mmdata-tiny-", ignore_cleanup_errors=True)


@functools.cache
def tiny(family: str) -> str:
    return str(write(family, f"{_HOME.name}/{family}"))


@functools.cache
def opened(family: str) -> Model:
    return Model(tiny(family))

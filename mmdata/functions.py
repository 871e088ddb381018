"""The plain functions that a corpus's files hold: views, exports, metrics."""

import inspect
from collections.abc import Callable
from typing import Any

from .corpus import Corpus
from .errors import CorpusError

Function = Callable[..., Any]


def functions_in(corpus: Corpus, file: str, first: str) -> dict[str, Function]:
    """The public functions of a corpus's `<file>.py` whose first argument has this name."""
    if not (corpus.folder / f"{file}.py").is_file():
        return {}
    module = corpus.module(file)
    found = inspect.getmembers(module, inspect.isfunction)
    return {
        name: function
        for name, function in found
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and next(iter(inspect.signature(function).parameters), None) == first
    }


def named(corpus: Corpus, file: str, first: str, name: str) -> Function:
    """One function of `functions_in`. Raises CorpusError naming those there are."""
    found = functions_in(corpus, file, first)
    if name in found:
        return found[name]
    lines = [f"\n  {one}: {description(function)}" for one, function in found.items()]
    path, what = corpus.folder / f"{file}.py", file.removesuffix("s")
    there = "".join(lines) or f" none: write one in {path}, as `def {name or 'name'}({first}, …)`"
    asked = f"{corpus.name} has no {what} {name!r}." if name else f"{corpus.name}: which {what}?"
    raise CorpusError(f"{asked} There are:{there}")


def description(function: Function) -> str:
    """The first line of its docstring."""
    return (inspect.getdoc(function) or "").partition("\n")[0]

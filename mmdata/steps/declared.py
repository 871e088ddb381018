"""What a step says of itself: a plain function and what it is given, by the names of its parameters."""

import ast
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mmdata.schemas import Record

from ..errors import CorpusError

LISTING = "listing"
"""The parameter that is given the source's files."""


@dataclass(frozen=True)
class Step:
    """One step. Called, it is its function."""

    function: Callable[..., Any]
    name: str
    makes: type[Record]
    """What a row of its table is."""
    each: str | None
    """The earlier step for each of whose rows it runs by itself; None: once, for all."""
    reads: tuple[str, ...]
    """Which files of the source it is given, as glob patterns."""
    uses: tuple[str, ...]
    """Distributions whose version decides what it makes."""
    given: tuple[str, ...]
    """Parameters: `listing`, earlier steps, prompts that are asked over one of these."""
    options: tuple[str, ...]
    """Keyword-only parameters: options of the builder's config."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.function(*args, **options)

    @property
    def module(self) -> str:
        """Of the corpus folder, in which it is."""
        return self.function.__module__.rpartition(".")[2]

    @cached_property
    def code(self) -> str:
        """Digest of what decides its rows besides what it is given: its module and the siblings that this imports, the
        module of its schema, the libraries it uses.

        Raises:
            CorpusError: one of these is not installed.
        """
        total = sha256(repr([self.name, self.makes.__name__, self.each, self.reads]).encode())
        found = _with_siblings(Path(inspect.getfile(self.function))) | {Path(inspect.getfile(self.makes))}
        for one in sorted(found):
            total.update(one.name.encode() + b"\0" + one.read_bytes() + b"\0")
        for name in self.uses:
            try:
                total.update(f"{name} {version(name)}".encode())
            except PackageNotFoundError:
                raise CorpusError(
                    f"step {self.name}: it uses {name}, which is not installed: pip install {name}"
                ) from None
        return total.hexdigest()


def step(
    makes: type[Record],
    *,
    name: str | None = None,
    each: str | None = None,
    reads: Sequence[str] = (),
    uses: Sequence[str] = (),
) -> Callable[[Callable[..., Any]], Step]:
    """Make a function a step. It yields rows, objects of `makes`, and Findings.

    What it is given stands in its signature. A parameter is `listing`, or named as an earlier step, whose `Table` it
    is then given, or as a prompt that is asked over one, whose `Answers` it is then given. A keyword-only parameter is
    an option of the builder's config. It must give the same rows for the same: no clock, every random generator seeded
    by what it is given.

    Args:
        makes: a Record; the field marked Id() must be unique in the table.
        name: of the step; by default the function's.
        each: an earlier step. The function then runs once for each of its rows, its first parameter, in worker
            processes, and each run is remembered by itself.
        reads: glob patterns of the source's files that `listing` shows.
        uses: distributions, such as "scikit-learn", of which another version may make something else.
    """

    def declare(function: Callable[..., Any]) -> Step:
        parameters = list(inspect.signature(function).parameters.values())
        given = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
        options = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        at = f"step {name or function.__name__}"
        if each is not None:
            if not given:
                raise CorpusError(f"{at}: each={each!r}, so its first parameter must be one of these rows; it has none")
            del given[0]
        if each is not None and LISTING in given:
            raise CorpusError(
                f"{at}: it runs for each row, in other processes, so it cannot have `listing`; read in a step before"
            )
        if (LISTING in given) != bool(reads):
            raise CorpusError(
                f"{at}: a step with the parameter `listing` says which files it reads, as reads=('*.png',)"
            )
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name or function.__name__):
            raise CorpusError(f"{at}: a name is lower case letters, digits and _")
        return Step(
            function, name or function.__name__, makes, each, tuple(reads), tuple(uses), tuple(given), tuple(options)
        )

    return declare


def _with_siblings(path: Path) -> set[Path]:
    """A module of a folder and all those beside it that it imports, and these import."""
    found, left = {path}, [path]
    while left:
        for node in ast.walk(ast.parse(left.pop().read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                names = [node.module] if node.module else [alias.name for alias in node.names]
                new = {one for name in names if (one := path.with_name(f"{name}.py")).is_file()} - found
                found |= new
                left += new
    return found

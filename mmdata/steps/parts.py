"""A step that runs for each row of a table by itself: in worker processes, each run remembered."""

import itertools
import pickle
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdata.schemas import Record

from .. import pool
from ..corpus import Corpus
from ..errors import CorpusError, MmdataError
from ..findings import Finding
from ..options import Config
from ..progress import Progress
from .declared import Step
from .table import Table, yields

if TYPE_CHECKING:
    from ..cache import Cache

AT_ONCE = 16
"""Rows that a worker is given together; a kill loses at most these for each worker."""
WORTH_WORKERS = 3 * AT_ONCE
"""Fewer rows than this are done here: workers take a second to start."""


@dataclass
class Parts:
    """The runs of one step."""

    cache: "Cache"
    corpus: Corpus
    step: Step
    rest: bytes
    """Digest of all that a run is given besides its row."""
    given: dict[str, Any]
    options: dict[str, Any]
    config: Config
    scratch: Path
    """A folder for what need not stay."""
    workers: int

    def run(self, over: Table[Any], progress: Progress) -> Iterator[Any]:
        """What the step makes of each row, in their order."""
        began = time.time()
        keys = {getattr(row, over.makes.id_field()): self._key(row) for row in over}
        self._make(over, keys, progress)
        for id, key in keys.items():
            made = self._read(key)
            if made is None:  # The memory was damaged meanwhile.
                [row] = over.pick([id])
                made = pickle.loads(made_of(self.corpus, self.step, {**self.given, **self.options}, id, row))  # noqa: S301
            for one in made:
                yield one if isinstance(one, Finding) else self.step.makes.model_validate(one)
        self.cache.used_parts(self.step.name, keys.values(), began)

    def _read(self, key: bytes) -> list[Any] | None:
        part = self.cache.part(key)
        try:
            # Our own file, beside the code that it runs.
            return None if part is None else list(pickle.loads(part))  # noqa: S301
        except (pickle.UnpicklingError, EOFError, AttributeError, ImportError):
            return None

    def _make(self, over: Table[Any], keys: dict[str, bytes], progress: Progress) -> None:
        """Run what is not remembered yet."""
        todo = {id for id, key in keys.items() if not self.cache.has_part(key)}
        if not todo:
            return
        done = len(keys) - len(todo)

        def tick() -> None:
            progress.rows(done, len(keys), "")

        tick()
        for made in self._results(over, todo, tick):
            self.cache.keep_parts(self.step.name, {keys[id]: part for id, part in made})
            done += len(made)
            tick()

    def _results(self, over: Table[Any], ids: set[str], tick: Any) -> Iterator[list[tuple[str, bytes]]]:
        name = over.makes.id_field()
        rows = ((id, row) for row in over if (id := getattr(row, name)) in ids)
        chunks = iter(lambda: list(itertools.islice(rows, AT_ONCE)), [])
        if len(ids) < WORTH_WORKERS or self.workers == 1:
            given = {**self.given, **self.options}
            for some in chunks:
                yield [(id, made_of(self.corpus, self.step, given, id, row)) for id, row in some]
            return
        tables = {name: one.folder for name, one in self.given.items() if isinstance(one, Table)}
        others = {name: one for name, one in self.given.items() if name not in tables}
        work = Work(self.corpus.folder, self.config, self.scratch, self.step.name, tables, others | self.options)
        yield from pool.run(
            run_some,
            (Some.of(self.step, some) for some in chunks),
            workers=min(self.workers, len(ids) // AT_ONCE),
            setup=start,
            setup_args=(work,),
            tick=tick,
        )

    def _key(self, row: Any) -> bytes:
        total = sha256(self.rest)
        _add(total, row.model_dump())
        return total.digest()


def _add(total: Any, value: Any) -> None:
    """A value into a digest, the same on every machine; pictures are not copied into a text for it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            total.update(f"{name}:".encode())
            _add(total, inner)
        total.update(b"}")
    elif isinstance(value, list):
        for inner in value:
            _add(total, inner)
        total.update(b"]")
    elif isinstance(value, bytes):
        total.update(f"{len(value)}b".encode() + value)
    else:
        text = repr(value).encode()
        total.update(f"{len(text)}r".encode() + text)


@dataclass(frozen=True)
class Some:
    """Rows for a worker."""

    name: str
    rows: bytes
    """Pickled: (id, values) of each. Its class may be the corpus folder's own, which goes by another name tomorrow."""

    @classmethod
    def of(cls, step: Step, rows: list[tuple[str, Any]]) -> "Some":
        return cls(f"{step.name} of {rows[0][0]}", pickle.dumps([(id, row.model_dump()) for id, row in rows]))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Work:
    """What all runs of a step have in common; sent to each worker once."""

    corpus: Path
    config: Config
    scratch: Path
    step: str
    tables: dict[str, Path]
    """Parameter, the name of a step → its table."""
    others: dict[str, Any]
    """Answers and options."""


@dataclass
class _Worker:
    corpus: Corpus
    step: Step
    row: type[Record]
    """What it runs for."""
    given: dict[str, Any]


_worker: _Worker


def start(work: Work) -> None:
    """Once in each worker process."""
    global _worker
    corpus = Corpus(work.corpus)
    steps = {one.name: one for one in work.config.builder(corpus, work.scratch).steps}
    step = steps[work.step]
    assert step.each
    tables = {name: Table(folder, steps[name].makes) for name, folder in work.tables.items()}
    _worker = _Worker(corpus, step, steps[step.each].makes, {**tables, **work.others})


def run_some(task: Some) -> list[tuple[str, bytes]]:
    """(id of the row, what the step makes of it, pickled) of some rows."""
    me = _worker
    rows = pickle.loads(task.rows)  # noqa: S301 - made by this very run
    return [(id, made_of(me.corpus, me.step, me.given, id, me.row.model_validate(values))) for id, values in rows]


def made_of(corpus: Corpus, step: Step, given: dict[str, Any], id: str, row: Any) -> bytes:
    """What a step makes of one row, pickled."""
    try:
        found = list(step.function(row, **given))
    except MmdataError:
        raise
    except Exception as error:
        raise corpus.blame(error, f"running step {step.name} of {id}", step.module) from error
    if wrong := [one for one in found if not isinstance(one, step.makes | Finding)]:
        raise CorpusError(yields(step.name, wrong[0], step.makes))
    return pickle.dumps([one if isinstance(one, Finding) else one.model_dump() for one in found])

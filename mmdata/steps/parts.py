"""A step that runs for each row of a table by itself: in worker processes, each run remembered."""

import itertools
import pickle
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
    from ..builder import CorpusBuilder
    from ..cache import Cache

AT_ONCE = 16
"""Rows that a worker is given together; a kill loses at most these for each worker."""
WORTH_WORKERS = 3 * AT_ONCE
"""Fewer rows than this are done here: workers take a second to start."""


@dataclass
class Parts:
    """The runs of one step."""

    cache: "Cache"
    step: Step
    rest: bytes
    """Digest of all that a run is given besides its row."""
    given: dict[str, Any]
    options: dict[str, Any]
    config: Config
    builder: "CorpusBuilder"
    folder: Path
    """For what need not stay."""
    workers: int

    def run(self, over: "Table[Any]", progress: Progress) -> Iterator[Any]:
        """What the step makes of each row, in their order."""
        self._make(over, progress)
        for row in over:
            part = self.cache.part(self._key(row))
            assert part is not None
            for one in pickle.loads(part):  # noqa: S301 - our own file, beside the code that it runs
                yield one if isinstance(one, Finding) else self.step.makes.model_validate(one)

    def _make(self, over: "Table[Any]", progress: Progress) -> None:
        """Run what is not remembered yet."""
        known, todo = 0, []
        for row in over:
            key = self._key(row)
            if not self.cache.has_part(key):
                todo.append((key, getattr(row, over.makes.id_field())))
            else:
                known += 1
        if not todo:
            return
        done = known

        def tick() -> None:
            progress.rows(done, len(over), "")

        tick()
        tables = {name: one.folder for name, one in self.given.items() if isinstance(one, Table)}
        others = {name: one for name, one in self.given.items() if name not in tables}
        work = Work(self.builder.corpus.folder, self.config, self.folder, self.step.name, tables, others, self.options)
        tasks = self._tasks(over, {id for _, id in todo})
        if len(todo) < WORTH_WORKERS or self.workers == 1:
            start(work)
            results: Iterator[list[tuple[str, bytes]]] = map(run_some, tasks)
        else:
            workers = min(self.workers, len(todo) // AT_ONCE)
            results = pool.run(run_some, tasks, workers=workers, setup=start, setup_args=(work,), tick=tick)
        keys = {id: key for key, id in todo}
        for made in results:
            self.cache.keep_parts({keys[id]: part for id, part in made})
            done += len(made)
            tick()

    def _tasks(self, over: "Table[Any]", ids: set[str]) -> Iterator["Some"]:
        name = over.makes.id_field()
        rows = ((id, row) for row in over if (id := getattr(row, name)) in ids)
        while some := list(itertools.islice(rows, AT_ONCE)):
            yield Some(f"{self.step.name} of {some[0][0]}", pickle.dumps([(id, row.model_dump()) for id, row in some]))

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

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Work:
    """What all runs of a step have in common; sent to each worker once."""

    corpus: Path
    config: Config
    folder: Path
    step: str
    tables: dict[str, Path]
    """Parameter, the name of a step → its table."""
    others: dict[str, Any]
    """What else it is given."""
    options: dict[str, Any]


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
    steps = {one.name: one for one in work.config.builder(corpus, work.folder).steps}
    step = steps[work.step]
    assert step.each
    tables = {name: Table(folder, steps[name].makes) for name, folder in work.tables.items()}
    _worker = _Worker(corpus, step, steps[step.each].makes, {**tables, **work.others, **work.options})


def run_some(task: Some) -> list[tuple[str, bytes]]:
    """(id of the row, what the step makes of it, pickled) of some rows."""
    me, made = _worker, []
    for id, values in pickle.loads(task.rows):  # noqa: S301 - made by this very run
        try:
            found = list(me.step.function(me.row.model_validate(values), **me.given))
        except MmdataError:
            raise
        except Exception as error:
            module = me.step.function.__module__.rpartition(".")[2]
            raise me.corpus.blame(error, f"running step {me.step.name} of {id}", module) from error
        if wrong := [one for one in found if not isinstance(one, me.step.makes | Finding)]:
            raise CorpusError(yields(me.step.name, wrong[0], me.step.makes))
        made.append((id, pickle.dumps([one if isinstance(one, Finding) else one.model_dump() for one in found])))
    return made

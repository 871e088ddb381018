"""A builder's steps one after another: what has not changed is taken as it is, the rest is made anew."""

import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CorpusError, MmdataError
from ..findings import Finding
from ..manifest import Annotated, StepNote
from ..options import Config
from ..plan import USUAL_ORDER
from ..progress import Progress
from ..releases import Releases
from ..rows import RowMaker
from .answers import answers_of, asked_over
from .current import read_current, sha256_of, write_current
from .declared import LISTING, Step
from .parts import Parts
from .table import Table, write_table

if TYPE_CHECKING:
    from ..builder import CorpusBuilder
    from ..cache import Cache
    from ..listing import Listing

KEPT = 2
"""Tables of each step: somebody may still be reading, or asking about, the one before."""


@dataclass(frozen=True)
class Done:
    """A step after its run."""

    step: Step
    table: Table[Any]
    note: StepNote
    findings: list[Finding]
    """Its own, and of the answers that it was given."""
    again: bool
    """False: nothing that it is given has changed, so its table is the earlier one."""
    seconds: float


@dataclass
class _Given:
    """What a step is given, by its parameters' names."""

    used: list[str]
    """Digests of all of it, and of the step's code."""
    values: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    asked: list[Annotated] = field(default_factory=list)


@dataclass
class Steps:
    """One run of a builder's steps.

    Args:
        work: an empty folder on the same disk as `folder`.
        folder: where tables are kept.
    """

    builder: "CorpusBuilder"
    listing: "Listing"
    folder: Path
    work: Path
    cache: "Cache"
    workers: int
    config: Config
    """That made the builder."""
    progress: Progress

    def run(self, wanted: Collection[str] | None = None) -> list[Done]:
        """Run them all, or those that the wanted ones hang on.

        Raises:
            CorpusError: a step's signature or code is wrong.
            BuildError: answers are wanting.
        """
        steps = steps_of(self.builder)
        if wanted is not None:
            steps = self._leading_to(steps, wanted)
        self.folder.mkdir(exist_ok=True)
        done: dict[str, Done] = {}
        current = read_current(self.folder)
        for one in steps:
            done[one.name] = self._run(one, done)
            current.tables[one.name] = done[one.name].table.folder.name
            write_current(self.folder, current, self.work)
        self._drop_old({one.name for one in steps})
        return list(done.values())

    def _run(self, one: Step, done: dict[str, Done]) -> Done:
        began = time.monotonic()
        self.progress.stage(f"step {one.name}")
        given = self._given(one, done)
        options = self._options(one)
        rest = sha256("\0".join([*given.used, *(f"{k}={v!r}" for k, v in options.items())]).encode())
        over = self._over(one, done)
        key = sha256(f"{rest.hexdigest()} {over.sha256 if over else ''} {self._engine}".encode()).hexdigest()
        kept = self.folder / f"{one.name}-{key[:16]}"
        again = sha256_of(kept) is None
        corpus = self.builder.corpus
        if again:
            if over is None:
                made = self._guarded(one, lambda: one.function(**given.values, **options))
            else:
                parts = Parts(
                    self.cache, corpus, one, rest.digest(), given.values, options, self.config, self.work, self.workers
                )
                made = parts.run(over, self.progress)
            maker = RowMaker(self.builder, corpus, "full")
            fresh = self.work / f"{one.name}.table"
            write_table(fresh, corpus, one.name, one.makes, made, maker, key)
            self.cache.remember(maker.checked, maker.decode)  # The rows that have them need not decode them again.
            shutil.rmtree(kept, ignore_errors=True)  # What a full disk, or a person, left of it.
            os.rename(fresh, kept)
        else:
            os.utime(kept)  # The newest ones are kept.
        table: Table[Any] = Table(kept, one.makes)
        note = StepNote(name=one.name, rows=len(table), sha256=table.sha256, asked=given.asked)
        return Done(one, table, note, [*table.findings, *given.findings], again, time.monotonic() - began)

    def _given(self, one: Step, done: dict[str, Done]) -> "_Given":
        """What the parameters of a step are."""
        given = _Given([one.code])
        for name in one.given:
            if name == LISTING:
                given.values[name] = self.listing.limited(one.reads)
                given.used.append(given.values[name].digest())
            elif name in done:
                given.values[name] = done[name].table
                given.used.append(done[name].table.sha256)
            else:
                prompt = asked_over(self.builder.corpus, name)
                if prompt.over not in done:
                    raise CorpusError(
                        f"step {one.name}: its parameter {name} is a prompt over {prompt.over!r}, which is no earlier step. "
                        f"Those before it: {', '.join(done) or 'none'}"
                    )
                told = answers_of(self.builder.corpus, prompt, done[prompt.over].table, one.name)
                given.values[name] = told.answers
                given.used.append(told.sha256)
                given.findings += told.findings
                given.asked += told.note
        return given

    def _over(self, one: Step, done: dict[str, Done]) -> Table[Any] | None:
        if one.each is not None and one.each not in done:
            raise CorpusError(
                f"step {one.name}: each={one.each!r} is no earlier step. Those before it: {', '.join(done) or 'none'}"
            )
        return done[one.each].table if one.each is not None else None

    def _options(self, one: Step) -> dict[str, Any]:
        config = self.builder.config
        if absent := [name for name in one.options if not hasattr(config, name)]:
            raise CorpusError(
                f"step {one.name}: the config has no option {absent[0]!r}. Add it to {type(config).__name__}, "
                "the class of BUILDER_CONFIGS"
            )
        return {name: getattr(config, name) for name in one.options}

    def _guarded(self, one: Step, function: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        try:
            yield from function()
        except MmdataError:
            raise
        except Exception as error:
            raise self.builder.corpus.blame(error, f"running step {one.name}", one.module) from error

    @cached_property
    def _engine(self) -> str:
        """Digest of what turns a step's rows into its table: this package, and the classes of labels.yaml."""
        package = Path(__file__).parent
        names = ("features", "images", "rows", "shards")
        found = [*package.glob("*.py"), *(package.parent / f"{name}.py" for name in names)]
        labels = self.builder.corpus.folder / "labels.yaml"
        total = sha256(labels.read_bytes() if labels.exists() else b"")
        for one in sorted(found):
            total.update(one.read_bytes())
        return total.hexdigest()

    def _drop_old(self, names: set[str]) -> None:
        """Keep the newest tables of each step, and those that the newest release was made of."""
        newest = Releases(self.builder.corpus).newest()
        released = {step.sha256 for step in newest.steps} if newest else set()
        for name in names:
            found = sorted(self.folder.glob(f"{name}-{'?' * 16}"), key=lambda path: path.stat().st_mtime, reverse=True)
            for old in found[KEPT:]:
                if sha256_of(old) not in released:
                    shutil.rmtree(old, ignore_errors=True)

    def _leading_to(self, steps: list[Step], wanted: Collection[str]) -> list[Step]:
        """The wanted steps, by name or number from 1, and all that they hang on."""
        by_name = {one.name: one for one in steps}
        left = [_named(name, list(by_name)) for name in wanted]
        needed: set[str] = set()
        while left:
            name = left.pop()
            if name in by_name and name not in needed:
                needed.add(name)
                one = by_name[name]
                left += [one.each or "", *one.given]
                left += [
                    asked_over(self.builder.corpus, prompt).over or ""
                    for prompt in one.given
                    if prompt not in by_name and prompt != LISTING
                ]
        return [one for one in steps if one.name in needed]


def steps_of(builder: "CorpusBuilder") -> list[Step]:
    """The steps of a builder in order. Raises CorpusError where it lists something else, or one name twice."""
    steps = list(builder.steps)
    for one in steps:
        if not isinstance(one, Step):
            raise CorpusError(f"{type(builder).__name__}.steps: {one!r} is no step; declare it with @step(...)")
    names = [one.name for one in steps]
    if wrong := [one for one in names if one in USUAL_ORDER]:
        raise CorpusError(f"{type(builder).__name__}.steps: a step cannot be named {wrong[0]}, as a split")
    if twice := {name for name in names if names.count(name) > 1}:
        raise CorpusError(f"{type(builder).__name__}.steps: two steps are named {', '.join(sorted(twice))}")
    return steps


def _named(name: str, names: list[str]) -> str:
    if name.isdecimal() and 1 <= int(name) <= len(names):
        return names[int(name) - 1]
    if name not in names:
        there = ", ".join(f"{n} {one}" for n, one in enumerate(names, 1))
        raise CorpusError(f"there is no step {name!r}. There are: {there}")
    return name

"""How far a long command is. Silent unless a person watches and it takes over two seconds."""

import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

PATIENCE_SECONDS = 2.0


class Progress(Protocol):
    """What a command tells of itself."""

    def stage(self, name: str) -> None: ...
    def rows(self, done: int, total: int, rejected: int) -> None: ...


class Silent:
    """Tells nothing."""

    def stage(self, name: str) -> None:
        pass

    def rows(self, done: int, total: int, rejected: int) -> None:
        pass


class Terminal:
    """A bar with rows/s, time left and rejected rows so far, on stderr if that is a terminal."""

    def __init__(self, console: Console):
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} rows  {task.fields[note]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._watched = console.is_terminal
        self._began = time.monotonic()
        self._rows_began: float | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._bar.stop()

    def stage(self, name: str) -> None:
        if self._task is not None:
            self._bar.update(self._task, description=name)

    def rows(self, done: int, total: int, rejected: int) -> None:
        now = time.monotonic()
        self._rows_began = self._rows_began or now
        if not self._watched or now - self._began < PATIENCE_SECONDS:
            return
        if self._task is None:
            self._task = self._bar.add_task("building", total=total, note="")
            self._bar.start()
        rate = done / max(now - self._rows_began, 0.001)
        self._bar.update(self._task, completed=done, note=f"{rate:,.0f} rows/s  {rejected:,} rejected")

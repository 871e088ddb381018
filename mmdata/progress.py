"""How far a long command is. Silent unless a person watches and it takes over two seconds."""

import threading
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from .names import bytes_text

PATIENCE_SECONDS = 2.0


class Progress(Protocol):
    """What a command tells of itself."""

    def stage(self, name: str) -> None: ...
    def rows(self, done: int, total: int, note: str) -> None: ...
    def bytes(self, done: int, total: int | None, note: str) -> None: ...
    def pause(self) -> None:
        """Leave the screen to another's bars; the next stage takes it back."""


class Silent:
    """Tells nothing."""

    def stage(self, name: str) -> None:
        pass

    def rows(self, done: int, total: int, note: str) -> None:
        pass

    def bytes(self, done: int, total: int | None, note: str) -> None:
        pass

    def pause(self) -> None:
        pass


class Terminal:
    """A bar with rows/s, time left and a note, on stderr if that is a terminal, once two seconds have passed."""

    def __init__(self, console: Console):
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("starting", total=None, note="")
        self._began_rows: float | None = None
        self._began = time.monotonic()
        self._watched, self._paused = console.is_terminal, False
        self._patience = threading.Timer(PATIENCE_SECONDS, self._show)
        self._patience.daemon = True
        if self._watched:
            self._patience.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._patience.cancel()
        if self._bar.live.is_started:
            self._bar.stop()

    def _show(self) -> None:
        if self._watched and not self._paused and time.monotonic() - self._began >= PATIENCE_SECONDS:
            self._bar.start()

    def pause(self) -> None:
        self._paused = True
        if self._bar.live.is_started:
            self._bar.stop()

    def stage(self, name: str) -> None:
        self._began_rows = None
        if self._paused:
            self._paused = False
            self._show()
        self._bar.update(self._task, description=name, total=None, completed=0, note="")

    def rows(self, done: int, total: int, note: str) -> None:
        now = time.monotonic()
        self._began_rows = self._began_rows or now
        rate = done / max(now - self._began_rows, 0.001)
        self._bar.update(
            self._task, completed=done, total=total, note=f"{done:,}/{total:,} rows  {rate:,.0f} rows/s  {note}"
        )

    def bytes(self, done: int, total: int | None, note: str) -> None:
        now = time.monotonic()
        self._began_rows = self._began_rows or now
        rate = max(done, 0) / max(now - self._began_rows, 0.001)
        whole = f"/{bytes_text(total)}" if total else ""
        self._bar.update(
            self._task,
            completed=done,
            total=total,
            note=f"{bytes_text(done)}{whole}  {bytes_text(int(rate))}/s  {note}",
        )

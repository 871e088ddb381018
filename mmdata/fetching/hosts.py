"""What is known of a server: when it may be asked again, and whether it is up."""

import asyncio
import time
from dataclasses import dataclass

DOWN_AFTER = 8
"""Files in a row that a server failed at, no other got between them: the rest of its files are not asked for."""
LONGEST_WAIT = 120.0
"""Seconds that are waited for a server that asks for it."""
PAUSE_SECONDS = 0.5
"""After the first failure; doubled with each."""
LONGEST_PAUSE = 30.0


@dataclass
class Host:
    """One server, shared by the files that it has."""

    name: str
    slots: asyncio.Semaphore
    """Requests at once."""
    down: str | None = None
    """Why it is asked no more."""
    _resume_at: float = 0.0
    _pauses: int = 0
    _failing: int = 0

    async def ready(self) -> None:
        """Wait until it may be asked."""
        while (pause := self._resume_at - time.monotonic()) > 0:
            await asyncio.sleep(pause)

    def slow_down(self, wait: float | None) -> None:
        """It says that it is asked too much."""
        self._pauses += 1
        pause = min(LONGEST_PAUSE, PAUSE_SECONDS * 2.0 ** min(self._pauses, 10)) if wait is None else wait
        self._resume_at = max(self._resume_at, time.monotonic() + pause)

    def gave(self) -> None:
        """A file, or an answer that is about one file only."""
        self._failing = self._pauses = 0

    def failed(self, reason: str) -> None:
        """A file was given up because of the server or the way to it."""
        self._failing += 1
        if self._failing >= DOWN_AFTER:
            self.down = f"{self.name} failed at {self._failing} files in a row (the last: {reason})"

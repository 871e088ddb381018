"""What goes wrong with one file: worth another try, or for good."""

import threading
from dataclasses import dataclass

from ..errors import SourceError


@dataclass(frozen=True, slots=True)
class Failure:
    """One file that was not got, for good."""

    name: str
    """The local name it would have had."""
    url: str
    """Without user, password and query, which may be secret."""
    kind: str
    """Short, such as "http 404", "web page", "wrong hash"."""
    reason: str
    """One sentence, with the next step."""
    place: str
    """Where the URL was read: "sources.yaml: train.zip", "catalogue.csv: row 17, image"."""


class Fault(Exception):
    """One file's trouble: what kind, and one sentence."""

    def __init__(self, kind: str, reason: str):
        super().__init__(reason)
        self.kind, self.reason = kind, reason


class Refused(Fault):
    """No further try would help."""


class Again(Fault):
    """The way there failed: another try may help.

    Args:
        wait: seconds that the server asks to wait.
        busy: it is the server that wants less, not this file.
    """

    def __init__(self, kind: str, reason: str, *, wait: float | None = None, busy: bool = False):
        super().__init__(kind, reason)
        self.wait, self.busy = wait, busy


class Wrong(Fault):
    """Something came, and it is not the file: what came is of no use."""


class Stopped(Exception):
    """The run is ending; a thread gives up what it does."""


class Stop(threading.Event):
    """Set when the run is ending: threads look at it between two pieces of work."""

    def look(self) -> None:
        if self.is_set():
            raise Stopped


def disk_fault(error: OSError, path: object) -> SourceError:
    """No file can be written any more: the run ends."""
    return SourceError(
        f"{path}: cannot be written: {error.strerror or error}. Make room or put it right, then run the same command "
        "again: it goes on where it stopped"
    )

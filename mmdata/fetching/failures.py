"""failures.jsonl: the files that could not be had, and still are not."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from .faults import Failure, disk_fault

FAILURES = ".fetch/failures.jsonl"


class Failures:
    """A line for each file that could not be had, written as it happens, and kept until it is had.

    Args:
        folder: where the files go.
        wanted: whether a file of an earlier run's failure is wanted still.
    """

    def __init__(self, folder: Path, wanted: Callable[[Failure], bool]):
        self._path, self._wanted = folder / FAILURES, wanted
        self._earlier: dict[str, Failure] = {}
        self._out: TextIO | None = None
        self.new: list[Failure] = []
        """Those of this run."""

    @property
    def earlier(self) -> int:
        """How many of earlier runs still hold."""
        return len(self._earlier)

    def __enter__(self) -> Self:
        try:
            text = self._path.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            text = ""
        except OSError as error:
            raise disk_fault(error, self._path) from None
        for line in text.split("\n"):
            try:
                failure = Failure(**json.loads(line))
                if self._wanted(failure):
                    self._earlier[_key(failure)] = failure
            except (ValueError, TypeError):  # Cut by a crash, or not ours.
                continue
        self._rewrite()
        try:
            self._out = self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise disk_fault(error, self._path) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._out
        self._out.close()
        self._rewrite()

    def note(self, failure: Failure) -> None:
        """List one, now. Raises SourceError where the disk will not have it."""
        self.new.append(failure)
        self._earlier.pop(_key(failure), None)
        assert self._out
        try:
            self._out.write(_line(failure))
            self._out.flush()
        except OSError as error:
            raise disk_fault(error, self._path) from None

    def settled(self, name: str) -> None:
        """The file is here now."""
        self._earlier.pop(name, None)

    def _rewrite(self) -> None:
        """One line for each; no file where there is none."""
        lines = [_line(one) for one in (*self._earlier.values(), *self.new)]
        aside = self._path.with_suffix(".jsonl.new")
        try:
            if not lines:
                self._path.unlink(missing_ok=True)
                return
            aside.write_text("".join(lines), encoding="utf-8")
            os.replace(aside, self._path)
        except OSError as error:
            raise disk_fault(error, self._path) from None


def _line(failure: Failure) -> str:
    return json.dumps(asdict(failure), ensure_ascii=False) + "\n"


def _key(failure: Failure) -> str:
    return failure.name or failure.place

"""What was fetched: .fetch/ledger.csv for the next run, and fetched.csv for whoever looks for a URL's picture."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from ..errors import SourceError
from .content import Whole
from .faults import disk_fault
from .wanted import FETCHED, PICTURES

LEDGER = ".fetch/ledger.csv"
COLUMNS = ["url", "file", "bytes", "sha256", "mtime"]


class Ledger:
    """A line for each whole file, written once it has its name. A line that was cut by a crash is dropped.

    The URLs in it are `Wanted.key`: nothing in them is secret.
    """

    def __init__(self, folder: Path):
        self._folder, self._path = folder, folder / LEDGER
        self._by_file: dict[str, tuple[str, Whole]] = {}
        self._by_url: dict[str, Whole] = {}
        self._out: TextIO | None = None

    def __enter__(self) -> Self:
        text = self._read(self._path)
        for row in csv.reader(io.StringIO(text[: text.rfind("\n") + 1], newline="")):
            if len(row) == len(COLUMNS) and row[2].isdigit() and row[4].isdigit():
                self._note(row[0], Whole(row[1], int(row[2]), row[3], int(row[4])))
        self._rewrite()
        try:
            self._out = open(self._path, "a", encoding="utf-8", newline="")
        except OSError as error:
            raise disk_fault(error, self._path) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._out
        self._out.close()
        if not isinstance(error, SourceError):  # The disk takes no more.
            self._rewrite()

    def file_of(self, url: str) -> Whole | None:
        """What the URL became."""
        return self._by_url.get(url)

    def source_of(self, file: str) -> tuple[str, Whole] | None:
        """The URL that a file came from, and the file as it was then."""
        return self._by_file.get(file)

    def add(self, url: str, whole: Whole) -> None:
        """Note a whole file, before the next is."""
        self._note(url, whole)
        assert self._out
        try:
            csv.writer(self._out, lineterminator="\n").writerow(_row(url, whole))
            self._out.flush()
        except OSError as error:
            raise disk_fault(error, self._path) from None

    def forget(self, file: str) -> None:
        """It is not what it seemed to be. Should a crash keep its line, the file is looked at again."""
        url, _ = self._by_file.pop(file)
        self._by_url.pop(url, None)

    def _note(self, url: str, whole: Whole) -> None:
        earlier = self._by_file.get(whole.file)
        if earlier and earlier[0] != url:
            self._by_url.pop(earlier[0], None)
        self._by_file[whole.file] = (url, whole)
        self._by_url[url] = whole

    def _rewrite(self) -> None:
        """Sorted by file, one line each: the same files give the same bytes."""
        rows = [_row(url, whole) for _, (url, whole) in sorted(self._by_file.items())]
        self._replace(self._path, [COLUMNS, *rows])
        if pictures := [row[:4] for row in rows if str(row[1]).startswith(f"{PICTURES}/")]:
            self._replace(self._folder / FETCHED, [COLUMNS[:4], *pictures])

    def _replace(self, path: Path, rows: Sequence[Sequence[object]]) -> None:
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\n").writerows(rows)
        if out.getvalue() == self._read(path):
            return
        aside = self._folder / ".fetch" / f"{path.name}.new"
        try:
            aside.write_text(out.getvalue(), encoding="utf-8", newline="")
            os.replace(aside, path)
        except OSError as error:
            raise disk_fault(error, path) from None

    def _read(self, path: Path) -> str:
        try:
            return path.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise disk_fault(error, path) from None


def _row(url: str, whole: Whole) -> list[object]:
    return [url, whole.file, whole.bytes, whole.sha256, whole.mtime]

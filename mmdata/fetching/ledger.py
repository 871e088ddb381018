"""fetched.csv: which file each URL became."""

import csv
import io
import os
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from .content import Whole
from .faults import disk_fault

COLUMNS = ["url", "file", "bytes", "sha256"]


class Ledger:
    """A line for each whole file, written once it has its name. A line that was cut by a crash is dropped."""

    def __init__(self, folder: Path):
        self._path = folder / "fetched.csv"
        self._by_file: dict[str, tuple[str, Whole]] = {}
        self._by_url: dict[str, Whole] = {}
        self._out: TextIO | None = None

    def __enter__(self) -> Self:
        try:
            text = self._path.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            text = ""
        except OSError as error:
            raise disk_fault(error, self._path) from None
        whole_lines = text[: text.rfind("\n") + 1]
        for row in csv.reader(io.StringIO(whole_lines, newline="")):
            if len(row) == 4 and row[2].isdigit() and row != COLUMNS:
                self._note(row[0], Whole(row[1], int(row[2]), row[3]))
        self._rewrite(text)
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
        if kind is None:
            self._rewrite(None)

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
            csv.writer(self._out, lineterminator="\n").writerow([url, whole.file, whole.bytes, whole.sha256])
            self._out.flush()
        except OSError as error:
            raise disk_fault(error, self._path) from None

    def _note(self, url: str, whole: Whole) -> None:
        earlier = self._by_file.get(whole.file)
        if earlier and earlier[0] != url:
            self._by_url.pop(earlier[0], None)
        self._by_file[whole.file] = (url, whole)
        self._by_url[url] = whole

    def _rewrite(self, before: str | None) -> None:
        """Sorted by file, one line each: the same files give the same bytes."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for file, (url, whole) in sorted(self._by_file.items()):
            writer.writerow([url, file, whole.bytes, whole.sha256])
        if out.getvalue() == before:
            return
        aside = self._path.parent / ".fetch" / "fetched.csv.new"
        try:
            aside.write_text(out.getvalue(), encoding="utf-8", newline="")
            os.replace(aside, self._path)
        except OSError as error:
            raise disk_fault(error, self._path) from None

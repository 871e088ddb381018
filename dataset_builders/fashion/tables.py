"""CSV as shops and Excel write it: UTF-8 with a mark or without, CP949, with commas, semicolons or tabs.

A broken line costs itself alone.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

ENCODINGS = ("utf-8", "cp949")
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
"""The one that is in the header most often is taken; Excel writes what the country has."""
MARK = b"\xef\xbb\xbf"
LONGEST_LINE, LONGEST_RECORD = 1 << 17, 1 << 14
"""Bytes of a line, letters of a record over several lines: a longer one is a quote that was never closed."""

Opens = Callable[[], BinaryIO]
_Line = tuple[int, str, bool]
"""Number, text, and whether it could be read."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a line is no record."""

    value: str
    reason: str


def records(opens: Opens) -> Iterator[tuple[int, list[str] | Fault]]:
    """The records of a CSV with the number of the line each begins in, the header first; empty lines are passed over.

    Args:
        opens: opens the file; it is gone through twice, for its encoding and for its records.
    """
    with opens() as file:
        encoding = encoding_of(file)
    with opens() as file:
        lines = _Lines(file, encoding)
        width = 0
        while (first := lines.next()) is not None:
            number, text, _ = first
            if not text.strip():
                continue
            if not width:
                lines.separator = max(SEPARATORS, key=text.count)
            taken = lines.record(first, width)
            if isinstance(taken, list) and not width:
                width = len(taken)
            yield number, taken


def encoding_of(file: BinaryIO) -> str:
    """The encoding in which fewer of its lines are broken; UTF-8, if neither says more."""
    broken = dict.fromkeys(ENCODINGS, 0)
    for line in _split(file):
        if not line.isascii():
            for encoding in ENCODINGS:
                broken[encoding] += not _reads(line, encoding)
    return min(ENCODINGS, key=broken.__getitem__)


class _Lines:
    """Lines that may be given back."""

    def __init__(self, file: BinaryIO, encoding: str):
        self._encoding = encoding
        self.separator = ","
        self._lines = enumerate(_split(file), 1)
        self._back: deque[_Line] = deque()
        self._taken: list[_Line] = []

    def next(self) -> _Line | None:
        if self._back:
            return self._back.popleft()
        number, line = next(self._lines, (0, b""))
        if not number:
            return None
        try:
            return number, line.decode(self._encoding), True
        except UnicodeDecodeError:
            return number, line.decode(self._encoding, "replace"), False

    def record(self, first: _Line, width: int) -> list[str] | Fault:
        """The record that begins with this line. If it is none, the lines behind it are looked at for themselves."""
        self._taken = [first]
        try:
            fields, fault = next(csv.reader(self._more(), delimiter=self.separator, strict=True)), ""
        except csv.Error as error:
            fields, fault = [], str(error)
        if not all(good for _, _, good in self._taken):
            fault = f"it is not {self._encoding.upper()}, as the rest of the file is"
        elif not fault and width and len(fields) != width:
            mark = SEPARATORS[self.separator]
            fault = f"it has {len(fields)} values, the header names {width}; a {mark} in a value wants quotes around it"
        if not fault:
            return fields
        self._back.extendleft(reversed(self._taken[1:]))
        return Fault(first[1].strip(), f"{fault}. Correct the line, or remove it")

    def _more(self) -> Iterator[str]:
        text = self._taken[0][1]
        yield text
        size = len(text)
        while size <= LONGEST_RECORD and (line := self.next()) is not None:
            self._taken.append(line)
            size += len(line[1])
            yield line[1]


def _split(file: BinaryIO) -> Iterator[bytes]:
    """Lines, none longer than `LONGEST_LINE`; without the mark at the beginning."""
    first = True
    while line := file.readline(LONGEST_LINE):
        yield line.removeprefix(MARK) if first else line
        first = False


def _reads(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True

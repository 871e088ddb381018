"""The parts of a large JSON document, one at a time, each as the bytes it is written in."""

import json
import re
from collections.abc import Collection, Iterator
from typing import BinaryIO

READ_BYTES = 4 << 20
LARGEST = 256 << 20
"""Bytes of one part. What is larger is most often a bracket that was never closed."""
EXCERPT = 20
"""Bytes that a message quotes."""

_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_BARE = re.compile(rb"[-+.\w]++")
_TOKEN = re.compile(_STRING + rb'|[\[\]{}]|"', re.S)


def _box(depth: int) -> bytes:
    """A bracketed value whose nesting ends at this depth. Python's `re` has no recursion; it is five times a loop's speed."""
    plain = rb'[^\[\]{}"]*+'
    inside = _STRING + rb"|" + _box(depth - 1) if depth else _STRING
    return rb"[\[{]" + plain + rb"(?:(?:" + inside + rb")" + plain + rb")*+[\]}]"


_BOX = re.compile(_box(4), re.S)


class JsonFault(ValueError):
    """The document is no JSON, or ends too early."""


def parts(opened: BinaryIO, each: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Go through a JSON document without holding it: its values in the order in which they are written.

    Args:
        opened: the document, read from front to back.
        each: dotted paths of arrays, such as "data.dialogs", that are given one element at a time. The objects
            around them are gone through too; any other value comes whole.

    Returns:
        (path, the bytes of the value): a part is a whole JSON text, but not looked into: parse it.

    Raises:
        JsonFault: with the byte where it is wrong.
    """
    read = _Reader(opened)
    if read.next() != b"{":
        raise read.fault("no JSON object begins here")
    yield from _members(read, "", frozenset(each))
    if read.next():
        raise read.fault("the document ends here, but the file goes on")


def _members(read: "_Reader", above: str, each: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    for _ in read.listed(b"{", b"}"):
        path = above + read.key()
        first = read.next()
        if path in each and first == b"[":
            for _ in read.listed(b"[", b"]"):
                yield path, read.value()
        elif first == b"{" and any(wanted.startswith(f"{path}.") for wanted in each):
            yield from _members(read, f"{path}.", each)
        else:
            yield path, read.value()


class _Reader:
    """A window on the document that moves forward."""

    def __init__(self, opened: BinaryIO):
        self._opened = opened
        self._held, self._at, self._before = b"", 0, 0
        while len(self._held) < 3 and self._more():
            pass
        if self._held.startswith(b"\xef\xbb\xbf"):
            self._at = 3

    def fault(self, what: str) -> JsonFault:
        return JsonFault(f"byte {self._before + self._at:,}: {what}")

    def next(self) -> bytes:
        """The byte that the next token begins with; none at the end."""
        while True:
            match = _SPACE.match(self._held, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._held) or not self._more():
                return self._held[self._at : self._at + 1]

    def listed(self, opening: bytes, closing: bytes) -> Iterator[None]:
        """Go past the commas and brackets of an array or object; what lies between is for the caller to read."""
        self._take(opening)
        if self.next() == closing:
            self._at += 1
            return
        while True:
            yield
            if self.next() == closing:
                self._at += 1
                return
            self._take(b",")

    def key(self) -> str:
        if self.next() != b'"':
            raise self._unexpected("a name in double quotes")
        start, raw = self._before + self._at, self.value()
        self._take(b":")
        try:
            return str(json.loads(raw))
        except ValueError:
            raise JsonFault(f"byte {start:,}: {raw[:40]!r} is no name") from None

    def value(self) -> bytes:
        """The bytes of the next value."""
        first = self.next()
        if not first or first in b",:]}":
            raise self._unexpected("a value")
        end = self._bracketed() if first in b'{["' else self._bare()
        found, self._at = self._held[self._at : end], end
        return found

    def _bare(self) -> int:
        """Where a number, true, false or null ends."""
        while True:
            match = _BARE.match(self._held, self._at)
            if match is None:
                raise self._unexpected("a value")
            if match.end() < len(self._held):
                return match.end()
            self._lengthen()

    def _bracketed(self) -> int:
        """Where an object, an array or a text ends."""
        if self._held[self._at] != ord('"') and (match := _BOX.match(self._held, self._at)):
            return match.end()
        depth, seen = 0, 0
        while True:  # It is longer than the window, or deep: token by token, each once.
            for token in _TOKEN.finditer(self._held, self._at + seen):
                if token[0] == b'"':  # A text that goes on behind the window.
                    break
                depth += (token[0] in (b"[", b"{")) - (token[0] in (b"]", b"}"))
                seen = token.end() - self._at
                if depth == 0:
                    return token.end()
            else:
                seen = len(self._held) - self._at
            self._lengthen()

    def _lengthen(self) -> None:
        if len(self._held) - self._at > LARGEST:
            raise self.fault(f"this value is over {LARGEST >> 20} MiB: a bracket or a quote may never be closed")
        if not self._more():
            raise self.fault("the file ends within this value: it is cut short. Copy or download it again")

    def _take(self, wanted: bytes) -> None:
        if self.next() != wanted:
            raise self._unexpected(repr(wanted.decode()))
        self._at += 1

    def _unexpected(self, wanted: str) -> JsonFault:
        found = self.next()
        if not found:
            return self.fault(f"the file ends where {wanted} should be: it is cut short. Copy or download it again")
        while len(self._held) - self._at < EXCERPT and self._more():
            pass
        return self.fault(
            f"{self._held[self._at : self._at + EXCERPT].decode(errors='replace')!r} where {wanted} should be"
        )

    def _more(self) -> bool:
        """Read on, twice as much for a value that is longer than the window, so that none is gone over often."""
        kept = self._held[self._at :]
        new = self._opened.read(max(READ_BYTES, len(kept)))
        self._before += self._at
        self._held, self._at = kept + new, 0
        return bool(new)

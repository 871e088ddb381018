"""A file that is not whole yet: its bytes so far, and of which version of it they are."""

import json
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from .faults import disk_fault
from .wanted import Wanted

WORTH_RESUMING = 1 << 18
"""Bytes. Of a smaller file nothing is noted: it is asked for anew sooner than its note is written."""


class Part:
    """The part of one file, and beside it what says whether it can be gone on with.

    The note is written after the part was emptied and before its first byte, so it never describes the bytes of
    another version, wherever the process is killed.
    """

    def __init__(self, folder: Path, wanted: Wanted):
        name = f"{wanted.name.rpartition('/')[2][:60]}-{sha256(wanted.name.encode()).hexdigest()[:8]}"
        self.path, self._note = folder / f"{name}.part", folder / f"{name}.json"
        self._key = sha256(wanted.key.encode()).hexdigest()
        self._safe = wanted.sha256 is not None
        self.validator: str | None = None
        """ETag or Last-Modified."""
        self.size: int | None = None
        """Of the whole, as the server said."""
        self.packed = False
        """It came with Content-Encoding: gzip."""
        self._begun = False
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            if note["key"] == self._key:
                self.validator, self.size, self.packed = note["validator"], note["size"], note["packed"]
                self._begun = True
        except (OSError, ValueError, TypeError, KeyError):
            pass

    @property
    def have(self) -> int:
        """Bytes so far."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    @property
    def resumable(self) -> bool:
        """Whether the next bytes can be known to belong to these."""
        return self._begun and self.have > 0 and (self.validator is not None or self._safe)

    def begin(self, validator: str | None, size: int | None, packed: bool) -> BinaryIO:
        """Start anew, with what the server says of the file. Raises SourceError where the disk will not have it."""
        self.validator, self.size, self.packed, self._begun = validator, size, packed, True
        try:
            opened = open(self.path, "wb")  # noqa: SIM115
            if size is None or size > WORTH_RESUMING:
                note = {"key": self._key, "validator": validator, "size": size, "packed": packed}
                aside = self._note.with_suffix(".json.new")
                aside.write_text(json.dumps(note), encoding="utf-8")
                os.replace(aside, self._note)
            return opened
        except OSError as error:
            raise disk_fault(error, self.path) from None

    def go_on(self) -> BinaryIO:
        """Write behind what there is."""
        try:
            return open(self.path, "ab")
        except OSError as error:
            raise disk_fault(error, self.path) from None

    def forget(self) -> None:
        """What came is of no use, or is in its place now."""
        self._begun = False
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def validator_of(headers: Mapping[str, str]) -> str | None:
    """What tells one version of a file from another: a strong ETag, else Last-Modified (RFC 9110, 13.1.5)."""
    tag = headers.get("ETag", "")
    return tag if re.fullmatch(r'"[^"]*"', tag) else headers.get("Last-Modified")

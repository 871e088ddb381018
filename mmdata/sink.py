"""A file for pyarrow to write to: hashed on the way, and honest about a full disk."""

import io
import os
from hashlib import sha256
from pathlib import Path
from typing import Any


class HashedFile(io.RawIOBase):
    """Written once from front to back.

    pyarrow's Parquet writer ends the whole process when a write fails (a CHECK in C++), so a
    failed write is kept here and raised by `finish`, or by the `raise_failure` between writes.
    """

    def __init__(self, path: Path):
        self._file = path.open("wb")
        self._sha256 = sha256()
        self._failure: OSError | None = None
        self.size = 0
        """Bytes written."""

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        if self._failure is None:
            try:
                self._file.write(data)
                self._sha256.update(data)
            except OSError as error:
                self._failure = error
        self.size += len(data)
        return len(data)

    def raise_failure(self) -> None:
        """Raises the OSError of the first write that failed."""
        if self._failure is not None:
            raise self._failure

    def finish(self) -> str:
        """Put all on the disk and return the sha256. Raises OSError when any of it failed."""
        self.raise_failure()
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._sha256.hexdigest()

    def close(self) -> None:
        if not self.closed:
            try:
                self._file.close()
            except OSError as error:  # The last bytes of its buffer: told by `finish` already, or no longer wanted.
                self._failure = self._failure or error
        super().close()

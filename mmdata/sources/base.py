"""What a source is, and how its files are read ahead."""

import io
import posixpath
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit, urlunsplit

from ..errors import FileProblem, SourceError
from ..findings import Finding

LOOK_AHEAD_BYTES = 32 << 20
"""How much may be read ahead of the row at work, in bytes, a worker."""
STREAM_BYTES = 1 << 20
"""How much of an open file is in memory."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source, as its listing knows it."""

    path: str
    """Path in the source, `/` between parts, NFC, garbled Korean put right."""
    raw: str
    """The name the source itself uses."""
    size: int
    """Bytes."""
    stamp: str
    """Changes when the content may have: times and inode, checksum, or ETag."""

    @property
    def folder(self) -> str:
        return posixpath.dirname(self.path)

    @property
    def name(self) -> str:
        return posixpath.basename(self.path)

    @property
    def stem(self) -> str:
        return posixpath.splitext(self.name)[0]


class Source(Protocol):
    """Something that holds files. Opened anew in each worker from its url."""

    url: str
    readers: int
    """How many reads at once make it fastest."""

    def list(self) -> Iterator[SourceFile | Finding]:
        """Every file, in any order; a Finding for each place that cannot be listed."""

    def read(self, file: SourceFile) -> bytes:
        """The file's bytes. Raises FileProblem for this file, SourceError for the source."""

    def open(self, file: SourceFile) -> BinaryIO:
        """The file to be read from front to back, a bounded part of it in memory. Raises as `read` does."""


class Stream(io.RawIOBase):
    """A file of a source, read from front to back.

    Args:
        more: gives the next bytes, at most as many as asked for; none at the end.
        close: is called once, when no more is wanted.
        explain: what to raise in place of the library's own error.
    """

    def __init__(
        self,
        more: Callable[[int], bytes],
        close: Callable[[], Any],
        explain: Callable[[Exception], SourceError],
    ):
        self._more, self._close, self._explain = more, close, explain

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            found = self._more(len(buffer))
        except SourceError:
            raise
        except Exception as error:
            raise self._explain(error) from None
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()

    def buffered(self) -> BinaryIO:
        return io.BufferedReader(self, STREAM_BYTES)


def shown(url: str) -> str:
    """A source's URL without what may be secret in it: user, password, query."""
    parts = urlsplit(url)
    if "://" not in url:
        return url
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def read_ahead(source: Source, rows: Iterable[tuple[SourceFile, ...]]) -> Iterator[list[bytes | FileProblem]]:
    """The bytes of each row's files, in order, reading ahead where the source gains by it."""

    def read(file: SourceFile) -> bytes | FileProblem:
        try:
            return source.read(file)
        except FileProblem as problem:
            return problem

    if source.readers == 1:
        for files in rows:
            yield [read(file) for file in files]
        return
    with ThreadPoolExecutor(source.readers) as threads:
        waiting: deque[tuple[int, list[Future[bytes | FileProblem]]]] = deque()
        ahead = 0
        try:
            for files in rows:
                size = sum(file.size for file in files)
                waiting.append((size, [threads.submit(read, file) for file in files]))
                ahead += size
                while waiting and (ahead > LOOK_AHEAD_BYTES or len(waiting) > 8 * source.readers):
                    size, futures = waiting.popleft()
                    ahead -= size
                    yield [future.result() for future in futures]
            while waiting:
                yield [future.result() for future in waiting.popleft()[1]]
        finally:
            threads.shutdown(cancel_futures=True)


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]

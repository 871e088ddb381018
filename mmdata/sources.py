"""Where raw files are: a folder, a zip, a bucket. Listed without reading a byte, read by name."""

import errno
import lzma
import os
import posixpath
import re
import stat
import struct
import zipfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from .errors import FileProblem, SourceError
from .findings import Finding
from .names import printable, readable

LOOK_AHEAD_BYTES = 32 << 20
"""How much may be read ahead of the row at work, in bytes, a worker."""


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


def open_source(url: str | Path) -> Source:
    """A folder, a zip file, `s3://`, `gs://`, `az://`, or any URL that fsspec knows.

    Raises:
        SourceError: nothing is there, or it is of no known kind.
    """
    text = str(url)
    scheme = urlsplit(text).scheme if "://" in text else ""
    if scheme in {"s3", "gs", "az"}:
        return BucketSource(text)
    if scheme and scheme != "file":
        return FsspecSource(text)
    path = Path(text.removeprefix("file://")).expanduser()
    if path.is_dir():
        return FolderSource(str(path))
    if not path.exists():
        raise SourceError(f"source {text!r}: no such file or folder (looked in {Path.cwd()})")
    if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
        return ZipSource(str(path))
    raise SourceError(
        f"source {text!r} is a file, not a folder of raw files. "
        "Give the folder that holds it, a .zip, or a URL such as s3://bucket/prefix"
    )


class FolderSource:
    """A folder on disk. Symbolic links are followed; a link that leads back up is reported."""

    readers = 1

    def __init__(self, url: str):
        self.url = os.path.abspath(url)

    def list(self) -> Iterator[SourceFile | Finding]:
        yield from self._walk(self.url, "", frozenset())

    def _walk(self, folder: str, raw: str, above: frozenset[tuple[int, int]]) -> Iterator[SourceFile | Finding]:
        try:
            me = os.stat(folder)
            if (me.st_dev, me.st_ino) in above:
                yield Finding.error(
                    "unlistable", f"{printable(raw)}: a link that leads back to a folder above it; not followed", [raw]
                )
                return
            entries = sorted(os.scandir(folder), key=lambda e: e.name)
        except OSError as error:
            if not raw:
                raise SourceError(f"source {self.url!r} cannot be listed: {error.strerror}") from None
            yield Finding.error(
                "unlistable", f"{printable(raw)}/: the folder cannot be listed: {error.strerror}", [raw]
            )
            return
        for entry in entries:
            name = f"{raw}/{entry.name}" if raw else entry.name
            try:
                info = entry.stat()
            except OSError as error:
                why = "a link that leads to itself" if error.errno == errno.ELOOP else (error.strerror or "?")
                yield Finding.error("unlistable", f"{printable(name)}: {why}", [name])
                continue
            if stat.S_ISDIR(info.st_mode):
                yield from self._walk(entry.path, name, above | {(me.st_dev, me.st_ino)})
            elif stat.S_ISREG(info.st_mode):
                stamp = f"{info.st_mtime_ns}-{info.st_ctime_ns}-{info.st_ino}"
                yield SourceFile(readable(name), name, info.st_size, stamp)
            else:
                yield Finding.error("unlistable", f"{printable(name)}: not a regular file (a pipe or a device)", [name])

    def read(self, file: SourceFile) -> bytes:
        try:
            with open(os.path.join(self.url, file.raw), "rb", buffering=0) as opened:
                return opened.read()
        except OSError as error:
            raise FileProblem(f"cannot be read: {error.strerror}") from None


DAMAGE = (
    OSError,
    KeyError,
    ValueError,
    EOFError,
    RuntimeError,  # An encrypted file.
    NotImplementedError,  # An unknown way of packing.
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)
"""What zipfile raises on a zip that is cut, damaged or locked."""


class ZipSource:
    """A zip file. Names without the UTF-8 flag may be CP949; `readable` sees to it."""

    readers = 1

    def __init__(self, url: str):
        self.url = os.path.abspath(url)
        try:
            self._zip = zipfile.ZipFile(self.url)
        except DAMAGE as error:
            raise SourceError(
                f"source {url!r} is not a zip that can be opened: {_first_line(error)}. "
                "It may be cut short: copy or download it again, or unpack it and give the folder"
            ) from None

    def list(self) -> Iterator[SourceFile | Finding]:
        for info in self._zip.infolist():
            if not info.is_dir():
                stamp = f"{info.CRC:08x}-{info.header_offset}"
                yield SourceFile(readable(info.filename), info.filename, info.file_size, stamp)

    def read(self, file: SourceFile) -> bytes:
        try:
            return self._zip.read(file.raw)
        except DAMAGE as error:
            raise FileProblem(
                f"cannot be read from the zip: {_first_line(error)}; copy or download the zip again"
            ) from None


REFUSALS = {"PermissionDeniedError", "UnauthenticatedError"}


class BucketSource:
    """Object storage through obstore. Keys come from the environment (AWS_ACCESS_KEY_ID, …)."""

    readers = 16

    def __init__(self, url: str):
        import obstore.store

        self.url = url.rstrip("/")
        retry: Any = {"max_retries": 5, "retry_timeout": timedelta(seconds=20)}
        client: Any = {"allow_http": True, "timeout": timedelta(seconds=60), "connect_timeout": timedelta(seconds=5)}
        try:
            self._store = obstore.store.from_url(self.url, client_options=client, retry_config=retry)
        except Exception as error:  # obstore raises several bases for a bad URL or setting
            raise SourceError(f"source {url}: {_first_line(error)}") from None

    def list(self) -> Iterator[SourceFile | Finding]:
        import obstore

        try:
            for page in obstore.list(self._store, chunk_size=1000):
                for meta in page:
                    if meta["size"] or not meta["path"].endswith("/"):
                        stamp = f"{meta['e_tag']}-{meta['last_modified'].isoformat()}"
                        yield SourceFile(readable(meta["path"]), meta["path"], meta["size"], stamp)
        except Exception as error:
            raise self._explain(error) from None

    def read(self, file: SourceFile) -> bytes:
        import obstore

        try:
            return bytes(obstore.get(self._store, file.raw).bytes())
        except FileNotFoundError:
            raise FileProblem("cannot be read: it was deleted from the bucket after the listing") from None
        except Exception as error:
            raise self._explain(error, file.raw) from None

    def _explain(self, error: Exception, key: str = "") -> SourceError:
        text = str(error)
        bucket = urlsplit(self.url).netloc
        at = f"{self.url}/{key}" if key else self.url
        if "NoSuchBucket" in text or isinstance(error, FileNotFoundError):
            return SourceError(
                f"{at}: there is no bucket {bucket!r} at this endpoint. Check the name and AWS_ENDPOINT_URL"
            )
        if (
            isinstance(error, PermissionError)
            or re.search(r"status code: 40[13]", text)
            or type(error).__name__ in REFUSALS
        ):
            return SourceError(
                f"{at}: the server refused the key. Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY "
                "and AWS_REGION (for a public bucket set AWS_SKIP_SIGNATURE=true)"
            )
        return SourceError(
            f"{at}: the connection failed after retries: {_first_line(error)}. "
            "Run the same command again: pictures already checked are not checked again"
        )


class FsspecSource:
    """Any other URL (`hf://`, `memory://`, `sftp://`, …), through fsspec."""

    readers = 8

    def __init__(self, url: str):
        import fsspec

        self.url = url
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise SourceError(f"source {url}: {_first_line(error)}") from None

    def list(self) -> Iterator[SourceFile | Finding]:
        try:
            found = self._fs.find(self._root, detail=True)
        except Exception as error:
            raise SourceError(f"source {self.url} cannot be listed: {_first_line(error)}") from None
        root = self._root.rstrip("/") + "/"
        for full, info in found.items():
            raw = full.removeprefix(root)
            stamp = str(info.get("ETag") or info.get("mtime") or info.get("created") or info.get("sha256"))
            yield SourceFile(readable(raw), raw, info.get("size") or 0, stamp)

    def read(self, file: SourceFile) -> bytes:
        try:
            return bytes(self._fs.cat_file(self._root.rstrip("/") + "/" + file.raw))
        except FileNotFoundError:
            raise FileProblem("cannot be read: it is gone since the listing") from None
        except Exception as error:
            raise SourceError(f"{self.url}/{file.raw}: {_first_line(error)}") from None


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


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]

"""Files elsewhere: a bucket through obstore, any other URL through fsspec."""

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from ..errors import FileProblem, SourceError
from ..findings import Finding
from ..names import printable, readable
from .base import SourceFile, Stream, first_line, shown

SETTINGS = {
    "s3": (
        " and AWS_ENDPOINT_URL",
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION (for a public bucket set AWS_SKIP_SIGNATURE=true)",
    ),
    "gs": ("", "GOOGLE_APPLICATION_CREDENTIALS (for a public bucket set GOOGLE_SKIP_SIGNATURE=true)"),
    "az": (" and AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
}
"""What to look at when the place, or the key, is wrong."""
REFUSALS = {"PermissionDeniedError", "UnauthenticatedError"}
RANGE_BYTES = 8 << 20
"""Of an open file, asked for at once."""


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
            raise SourceError(f"source {shown(url)}: {first_line(error)}") from None

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

    def open(self, file: SourceFile) -> BinaryIO:
        """In ranges, each a request that is tried again: one long answer would run into the timeout."""
        import obstore

        at = 0
        unchanged: dict[str, str] = {}

        def more() -> bytes:
            nonlocal at, unchanged
            if at >= file.size:
                return b""
            options: Any = {"range": (at, min(at + RANGE_BYTES, file.size)), **unchanged}
            found = obstore.get(self._store, file.raw, options=options)
            unchanged = {"if_match": found.meta["e_tag"]} if found.meta["e_tag"] else {}
            held = bytes(found.bytes())
            at += len(held)
            return held

        def explain(error: Exception) -> SourceError:
            if isinstance(error, FileNotFoundError):
                return FileProblem(
                    f"{printable(file.path)}: cannot be read: it was deleted from the bucket after the listing"
                )
            if type(error).__name__ == "PreconditionError":
                return FileProblem(
                    f"{printable(file.path)}: cannot be read: it was replaced while it was read; try again"
                )
            return self._explain(error, file.raw)

        return Stream(_pieces(more), lambda: None, explain).buffered()

    def _explain(self, error: Exception, key: str = "") -> SourceError:
        text = str(error)
        bucket = urlsplit(self.url).netloc
        at = f"{self.url}/{key}" if key else self.url
        endpoint, keys = SETTINGS[urlsplit(self.url).scheme]
        if "NoSuchBucket" in text or isinstance(error, FileNotFoundError):
            return SourceError(f"{at}: there is no bucket {bucket!r} at this endpoint. Check the name{endpoint}")
        if (
            isinstance(error, PermissionError)
            or re.search(r"status code: 40[13]", text)
            or type(error).__name__ in REFUSALS
        ):
            return SourceError(f"{at}: the server refused the key. Check {keys}")
        return SourceError(
            f"{at}: the connection failed after retries: {first_line(error)}. "
            "Run the same command again: pictures already checked are not checked again"
        )


STAMPS = ("ETag", "etag", "sha256", "blob_id", "sha", "mtime", "modified", "last_modified", "created")
"""Keys by which fsspec's filesystems tell one content from another, the surest first."""


class FsspecSource:
    """Any other URL (`hf://`, `memory://`, `sftp://`, …), through fsspec."""

    readers = 8

    def __init__(self, url: str):
        import fsspec

        self.url = url
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise SourceError(f"source {shown(url)}: {first_line(error)}") from None

    def list(self) -> Iterator[SourceFile | Finding]:
        try:
            found = self._fs.find(self._root, detail=True)
            if not found:
                self._fs.ls(self._root)  # `find` takes a server that is not there for an empty folder.
        except Exception as error:
            raise SourceError(f"source {shown(self.url)} cannot be listed: {first_line(error)}") from None
        root = self._root.rstrip("/") + "/"
        for full, info in found.items():
            raw = full.removeprefix(root)
            known = (str(info[key]) for key in STAMPS if info.get(key) is not None)
            stamp = next(known, None) or uuid.uuid4().hex  # Of what says nothing, nothing is known to be unchanged.
            yield SourceFile(readable(raw), raw, info.get("size") or 0, stamp)

    def read(self, file: SourceFile) -> bytes:
        try:
            return bytes(self._fs.cat_file(self._root.rstrip("/") + "/" + file.raw))
        except FileNotFoundError:
            raise FileProblem("cannot be read: it is gone since the listing") from None
        except Exception as error:
            raise SourceError(f"{shown(self.url)}/{file.raw}: {first_line(error)}") from None

    def open(self, file: SourceFile) -> BinaryIO:
        def explain(error: Exception) -> SourceError:
            if isinstance(error, FileNotFoundError):
                return FileProblem(f"{printable(file.path)}: cannot be read: it is gone since the listing")
            return SourceError(f"{shown(self.url)}/{file.raw}: {first_line(error)}")

        try:
            opened = self._fs.open(self._root.rstrip("/") + "/" + file.raw, "rb")
        except Exception as error:
            raise explain(error) from None
        return Stream(opened.read, opened.close, explain).buffered()


def _pieces(more: Callable[[], bytes]) -> Callable[[int], bytes]:
    """What comes in pieces of any size, as many bytes at a time as are asked for."""
    held = memoryview(b"")

    def read(wanted: int) -> bytes:
        nonlocal held
        held = held or memoryview(more())
        found, held = held[:wanted], held[wanted:]
        return bytes(found)

    return read

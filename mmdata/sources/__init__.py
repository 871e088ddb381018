"""Where raw files are: a folder, a zip, a bucket. Listed without reading a byte, read by name."""

import zipfile
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import SourceError
from .base import Source, SourceFile, read_ahead, shown
from .local import FolderSource, ZipSource
from .remote import BucketSource, FsspecSource

__all__ = ["Source", "SourceFile", "open_source", "read_ahead", "shown"]


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

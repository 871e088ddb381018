"""`mmdata search`: the pictures nearest to a picture or to words."""

import stat
import time
from numbers import Integral
from pathlib import Path

import numpy as np

from ..corpus import Corpus
from ..errors import MmdataError
from ..progress import Progress, Silent
from ..searching.decoding import Unreadable, decoded
from ..searching.encoders import Encoder
from ..searching.facts import Found, Vectors
from ..searching.opening import encoder_of, newer, opened
from ..searching.screen import as_json as as_json
from ..searching.screen import as_screen as as_screen
from ..searching.sheet import write_sheet

MOST = 1000
"""Pictures of one search."""
BYTES = 100_000_000
"""Of a picture's file, at most."""


def search(
    folder: str | Path,
    *,
    image: str | Path | bytes | None = None,
    text: str | None = None,
    where: str | None = None,
    k: int = 5,
    model: str | None = None,
    version: str | None = None,
    dsn: str | None = None,
    html: str | Path | None = None,
    progress: Progress | None = None,
) -> Found:
    """Find the pictures nearest to a picture or to words, in an index that `mmdata index` made. Nothing is changed.

    Args:
        folder: the corpus folder.
        image: a picture, as its file or its bytes. Either this or `text`.
        text: words, for a model that has any.
        where: only entries for which this holds, such as "price < 50000 and seasons = '여름'".
        k: at most so many pictures, 1 to 1,000.
        model: whose vectors; needed where the corpus has indexes of several.
        version: of a release, or "sample"; by default the newest that has an index.
        dsn: of the PostgreSQL that the index is in; by default it is the one in the corpus folder.
        html: where to write what is found as one self-contained HTML file, with pictures.
        progress: where to show how far it is.

    Raises:
        MmdataError: there is no such index, its model cannot be had or has changed, it has no words, `image` is no
            picture, or `where` no filter.
        ReleaseError: `html` cannot be written.
    """
    corpus, progress = Corpus(folder), progress or Silent()
    if (image is None) == (text is None):
        raise MmdataError("Search by a picture or by words: give one of --image FILE and --text WORDS")
    if not isinstance(k, Integral) or not 1 <= k <= MOST:
        raise MmdataError(f"-k is {k!r}; it is how many pictures are wanted, 1 to {MOST:,}")
    if text is not None and not text.strip():
        raise MmdataError("--text is empty: say what is to be found")
    if text is not None and any(0xD800 <= ord(letter) < 0xE000 for letter in text):
        raise MmdataError(f"--text {text!r}: it holds bytes that are no text. Give it in UTF-8")
    if html is not None and image is not None and not isinstance(image, bytes) and _same(html, image):
        raise MmdataError(f"--html {html} is the picture that is asked with, and would be replaced. Name another file")
    asked = b"" if image is None else _bytes_of(image)
    index = opened(corpus, model, version, dsn)
    try:
        if where is not None:
            from ..searching.where import parse

            parse(where, index.facts.askable)  # Before a model is loaded for a minute.
        progress.stage(f"model {index.facts.model}")
        encoder = encoder_of(corpus, index.facts)
        vector = _seen(encoder, asked, image) if text is None else np.asarray(encoder.texts([text])[0], np.float32)
        progress.stage("searching")
        began = time.perf_counter()
        hits = index.nearest(vector, k, where)
        took = 1000 * (time.perf_counter() - began)
        found = Found(
            facts=index.facts, hits=hits, milliseconds=round(took, 3), where=where or "",
            newer="" if version else newer(corpus, index.facts),
        )  # fmt: skip
    finally:
        index.close()
    if html is not None:
        progress.stage("pictures of the sheet")
        write_sheet(found, corpus, Path(html), picture=asked, text=text or "", where=where or "")
    return found


def _bytes_of(image: str | Path | bytes) -> bytes:
    if isinstance(image, bytes):
        return image
    named = str(image)
    if not named.strip():
        raise MmdataError("--image is empty: name the file of a picture")
    path = Path(named).expanduser()
    try:
        told = path.stat()
        if not stat.S_ISREG(told.st_mode):
            what = "a folder" if stat.S_ISDIR(told.st_mode) else "no regular file"
            raise MmdataError(f"{image}: it is {what}. --image is the file of a picture")
        if told.st_size > BYTES:
            raise MmdataError(f"{image}: it has {told.st_size:,} bytes; a picture's file may have {BYTES:,}")
        return path.read_bytes()
    except OSError as error:
        if named.startswith(("http:/", "https:/")):
            raise MmdataError(f"{image}: --image is a file on this machine, not a URL. Download it first") from None
        raise MmdataError(f"{image}: cannot be read ({error.strerror}). --image is the file of a picture") from None


def _same(one: str | Path, other: str | Path) -> bool:
    try:
        return Path(one).samefile(Path(other).expanduser())
    except OSError:  # One of them is not there.
        return False


def _seen(encoder: Encoder, data: bytes, image: str | Path | bytes | None) -> Vectors:
    try:
        vectors = encoder.pictures([decoded(data, encoder.side)])
    except Unreadable as why:
        name = "the picture" if isinstance(image, bytes) else str(image)
        raise MmdataError(f"{name}: {why}. Give a JPEG, a PNG or another picture that Pillow reads") from None
    return np.asarray(vectors[0], np.float32)

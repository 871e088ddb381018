"""`mmdata search`: the pictures nearest to a picture or to words."""

import time
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
    if not 1 <= k <= MOST:
        raise MmdataError(f"-k is {k}; it is how many pictures are wanted, 1 to {MOST:,}")
    if text is not None and not text.strip():
        raise MmdataError("--text is empty: say what is to be found")
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
        found = Found(facts=index.facts, hits=hits, milliseconds=round(took, 3), newer=newer(corpus, index.facts))
    finally:
        index.close()
    if html is not None:
        progress.stage("pictures of the sheet")
        write_sheet(found, corpus, Path(html), picture=asked, text=text or "", where=where or "")
    return found


def _bytes_of(image: str | Path | bytes) -> bytes:
    if isinstance(image, bytes):
        return image
    try:
        return Path(image).expanduser().read_bytes()
    except OSError as error:
        raise MmdataError(f"{image}: cannot be read ({error.strerror}). --image is the file of a picture") from None


def _seen(encoder: Encoder, data: bytes, image: str | Path | bytes | None) -> Vectors:
    try:
        vectors = encoder.pictures([decoded(data, encoder.side)])
    except Unreadable as why:
        name = "the picture" if isinstance(image, bytes) else str(image)
        raise MmdataError(f"{name}: {why}. Give a JPEG, a PNG or another picture that Pillow reads") from None
    return np.asarray(vectors[0], np.float32)

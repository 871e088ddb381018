"""What takes its time, done in threads: the event loop goes on answering."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np
from fastapi import HTTPException

from ..errors import MmdataError
from ..searching.decoding import Unreadable, decoded
from ..searching.encoders import Encoder
from ..searching.facts import Found, Index, Vectors
from ..searching.pictures import Pictures
from ..searching.where import parse
from .forms import Asked
from .problems import needing
from .settings import Settings
from .uploads import checked, redrawn

SIDE, QUALITY = 320, 80
"""Of a thumbnail: its longest side in pixels, sharp on a phone in a grid of two; as a JPEG."""
KEPT = 2_000
"""Thumbnails in memory; a photograph takes about 15 kB."""
Result = TypeVar("Result")


class Work:
    """An index, its model and its pictures, asked by a few threads.

    A request that runs out of time leaves its thread to end by itself: there are never more than these.
    """

    def __init__(self, index: Index, encoder: Encoder, pictures: Pictures, settings: Settings):
        self.index, self.encoder, self.pictures, self.settings = index, encoder, pictures, settings
        self._index = f"the index of {index.facts.corpus}"
        self.no_words = _no_words(encoder)
        """Why the model cannot be asked in words; "" where it can."""
        self.open()
        self._thumbnail = lru_cache(KEPT)(lambda sha256: redrawn(self._known(sha256), SIDE, QUALITY))

    async def vector(self, asked: Asked) -> Vectors:
        """(D,) of length 1. Raises HTTPException or MmdataError: there is no such picture, or the model has no words."""
        text = getattr(asked, "text", None)
        if text is None:
            return await _in(self._encoders, lambda: self._embedded(self._picture(asked)))
        if self.no_words:
            raise MmdataError(self.no_words)
        return await _in(self._encoders, lambda: np.asarray(self.encoder.texts([text])[0]))

    async def shown(self, asked: Asked, side: int) -> bytes:
        """The picture that was asked about, as a JPEG for a model server. Raises as `vector`."""
        return await _in(self._encoders, lambda: redrawn(self._picture(asked), side, 90))

    async def nearest(self, vector: Vectors, k: int, where: str | None) -> Found:
        """Raises MmdataError: `where` is no filter. HTTPException: the index is away."""

        def found() -> Found:
            if where is not None:
                parse(where, self.index.facts.askable)  # A mistake of who asks; what goes wrong after it is none.
            began = time.perf_counter()
            with needing(self._index):
                hits = self.index.nearest(vector, k, where)
            took = 1000 * (time.perf_counter() - began)
            return Found(facts=self.index.facts, hits=hits, milliseconds=round(took, 3))

        return await _in(self._searches, found)

    async def ready(self) -> None:
        """Raises HTTPException: the index is away."""
        with needing(self._index):
            async with asyncio.timeout(self.settings.timeout):
                await _in(self._searches, lambda: self.index.rows(limit=1))

    async def thumbnail(self, sha256: str) -> bytes:
        """A picture of the corpus as a small JPEG. Raises HTTPException: there is none, or it cannot be read."""
        return await _in(self._searches, partial(self._thumbnail, sha256))

    def open(self) -> None:
        """Have threads, after `close` too."""
        self._encoders = ThreadPoolExecutor(self.settings.encoders, "encoder")
        self._searches = ThreadPoolExecutor(self.settings.searches, "search")

    def close(self) -> None:
        """Let the threads end."""
        for pool in (self._encoders, self._searches):
            pool.shutdown(wait=False, cancel_futures=True)

    def _picture(self, asked: Asked) -> bytes:
        """Read in a thread and only when its turn has come: what waits is on the disk."""
        if asked.image is None:
            return self._known(str(asked.picture))
        asked.image.file.seek(0)
        return checked(asked.image.file.read(), self.settings.max_pixels)

    def _known(self, sha256: str) -> bytes:
        with needing(f"the folder of {self.index.facts.corpus}"):
            data = self.pictures.bytes_of(sha256)
        if data is None:
            raise HTTPException(404, f"{self.index.facts.corpus} has no picture {sha256}")
        return data

    def _embedded(self, data: bytes) -> Vectors:
        try:
            image = decoded(data, self.encoder.side)
        except Unreadable as error:
            raise MmdataError(f"image: {error}. Send another") from None
        return np.asarray(self.encoder.pictures([image])[0])


async def _in(pool: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    """Done by a thread of the pool; what has not begun when the request ends never does."""
    return await asyncio.get_running_loop().run_in_executor(pool, work)


def _no_words(encoder: Encoder) -> str:
    try:
        encoder.texts(["coat"])
    except MmdataError as error:
        return str(error)
    return ""

"""What takes its time, done in threads: the event loop goes on answering."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np
from fastapi import HTTPException

from ..errors import MmdataError, ReleaseError
from ..searching.decoding import Unreadable, decoded
from ..searching.encoders import Encoder
from ..searching.facts import Facts, Found, Index, Vectors
from ..searching.pictures import Pictures
from .forms import Asked
from .problems import needing
from .settings import Settings
from .uploads import checked, redrawn

SIDE, QUALITY = 320, 80
"""Of a thumbnail: its longest side in pixels, sharp on a phone in a grid of two; as a JPEG."""
KEPT = 2_000
"""Thumbnails in memory; a photograph takes about 15 kB."""
ENCODERS = 1
"""Pictures and texts embedded, and uploads decoded, at once: a model uses all cores, or the GPU, for one."""
SEARCHES = 4
"""Searches, and pictures made small, at once."""
Result = TypeVar("Result")


class Work:
    """An index, its model and its pictures, asked by a few threads.

    A request that runs out of time leaves its thread to end by itself: there are never more than these.
    """

    def __init__(self, index: Index, encoder: Encoder, pictures: Pictures, settings: Settings):
        self.index, self.encoder, self.settings = index, encoder, settings
        self._pictures, self._pictures_of = pictures, _release(index.facts)
        self._index = f"the index of {index.facts.corpus}"
        self.no_words = _no_words(encoder)
        """Why the model cannot be asked in words; "" where it can."""
        self._encoders = ThreadPoolExecutor(ENCODERS, "encoder")
        self._searches = ThreadPoolExecutor(SEARCHES, "search")
        self._trying: asyncio.Future[object] | None = None
        self._thumbnail = lru_cache(KEPT)(lambda sha256: redrawn(self._known(sha256), SIDE, QUALITY))

    @property
    def facts(self) -> Facts:
        """Of the index as it is now, as clients are told them."""
        facts = self.index.facts
        return facts.model_copy(update={"model": facts.called})

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
        """Raises FilterError: `where` is none. HTTPException: the index is away."""

        def found() -> Found:
            began = time.perf_counter()
            with needing(self._index):
                hits = self.index.nearest(vector, k, where)
            took = 1000 * (time.perf_counter() - began)
            return Found(facts=self.facts, hits=hits, milliseconds=round(took, 3), where=where or "")

        return await _in(self._searches, found)

    async def ready(self) -> None:
        """Raises HTTPException: the index is away."""
        if self._trying is None or self._trying.done():  # Whoever asks meanwhile hears the same, and takes no thread.
            self._trying = asyncio.get_running_loop().run_in_executor(self._searches, lambda: self.index.rows(limit=1))
            self._trying.add_done_callback(lambda tried: tried.cancelled() or tried.exception())  # All may have left.
        with needing(self._index):
            done, _ = await asyncio.wait([self._trying], timeout=self.settings.timeout)
            if not done:
                raise TimeoutError
            self._trying.result()

    async def thumbnail(self, sha256: str) -> bytes:
        """A picture of the corpus as a small JPEG. Raises HTTPException: there is none, or it cannot be read."""
        return await _in(self._searches, partial(self._thumbnail, sha256))

    def close(self) -> None:
        """Let the threads end."""
        for pool in (self._encoders, self._searches):
            pool.shutdown(wait=False, cancel_futures=True)

    def _picture(self, asked: Asked) -> bytes:
        """Read in a thread and only when its turn has come: what waits is on the disk."""
        if asked.image is None:
            return self._known(str(asked.picture))
        asked.image.file.seek(0)
        return checked(asked.image.file.read())

    def _known(self, sha256: str) -> bytes:
        with needing(f"the folder of {self.index.facts.corpus}"):
            data = self._followed().bytes_of(sha256)
        if data is None:
            raise HTTPException(404, f"{self.index.facts.corpus} has no picture {sha256}")
        return data

    def _followed(self) -> Pictures:
        """The pictures of the release that the index is of now: PostgreSQL's follows what is published."""
        if (now := _release(self.index.facts)) != self._pictures_of:
            # Where that release is not in the folder yet, those of the one before are better than none.
            with suppress(ReleaseError):
                self._pictures = Pictures(self._pictures.corpus, now[0])
                self._pictures_of = now
        return self._pictures

    def _embedded(self, data: bytes) -> Vectors:
        try:
            image = decoded(data, self.encoder.side)
        except Unreadable as error:
            raise MmdataError(f"image: {error}. Send another") from None
        return np.asarray(self.encoder.pictures([image])[0])


async def _in(pool: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    """Done by a thread of the pool; what has not begun when the request ends never does."""
    return await asyncio.get_running_loop().run_in_executor(pool, work)


def _release(facts: Facts) -> tuple[str, str]:
    return facts.version, facts.build


def _no_words(encoder: Encoder) -> str:
    try:
        encoder.texts(["coat"])
    except MmdataError as error:
        return str(error)
    return ""

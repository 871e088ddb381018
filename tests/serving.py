"""A small service: the sample of fashion, its index by builtin, words of a kind, and an adviser that does as it is told."""

import asyncio
import shutil
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import uvicorn
from pydantic import BaseModel, ConfigDict, Field
from starlette.testclient import TestClient

import mmdata
from mmdata.searching.encoders import encoder
from mmdata.searching.local import LocalIndex
from mmdata.searching.pictures import Pictures
from mmdata.serving import advising
from mmdata.serving.app import create_app
from mmdata.serving.settings import Settings

HOME = Path(__file__).parent.parent / "dataset_builders" / "fashion"


def indexed_fashion(home: Path) -> Path:
    """A copy of the corpus with nothing but its sample, and the index of that."""
    folder = home / "fashion"
    shutil.copytree(HOME, folder, ignore=shutil.ignore_patterns("data", ".*", "__pycache__", "*.sqlite*"))
    mmdata.index(folder)
    return folder


class Speaking:
    """Builtin, with words: the vector of a text is drawn by its letters."""

    def __init__(self):
        self._sees = encoder("builtin")
        self.name, self.revision, self.dimensions, self.side = (
            self._sees.name, self._sees.revision, self._sees.dimensions, self._sees.side,
        )  # fmt: skip
        self.pictures = self._sees.pictures

    def texts(self, texts):
        drawn = [np.random.default_rng(list(text.encode())).normal(size=self.dimensions) for text in texts]
        return np.stack([one / np.linalg.norm(one) for one in drawn]).astype(np.float32)


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    season: Literal["봄", "여름", "가을", "겨울"] | None = Field(None, description="The outfits are for.")
    colors: list[Literal["블랙", "화이트", "블루"]] = []
    style: str | None = Field(None, max_length=40)
    in_stock: bool = True
    max_total: int | None = Field(
        None, ge=0, description="Won that an outfit may cost.", json_schema_extra={"x-ko": "총액"}
    )


class Advising:
    """Puts what is near into outfits; or fails, as `how` says."""

    wish, suggestion = Wish, advising.Suggestion

    def __init__(self, how=None):
        self.how, self.asked, self.closed = how, [], False

    async def recommend(self, picture, hits, wish):
        self.asked.append((picture, wish))
        if isinstance(self.how, Exception):
            raise self.how
        if self.how == "silent":
            await asyncio.sleep(60)
        groups = [
            advising.Group(title=f"코디 {at // 4 + 1}", hits=hits[at : at + 4], note="모두 78,400원")
            for at in range(0, min(len(hits), 8), 4)
        ]
        return advising.Suggestion(answer="가을에는 이 후드 티셔츠에 데님 팬츠를 추천해요.", groups=groups)

    async def close(self):
        self.closed = True


def app_of(folder: Path, *, speaking=True, advisor=None, index=None, **settings):
    """The service of the folder's index."""
    index = index or LocalIndex(mmdata.Corpus(folder))
    pictures = Pictures(mmdata.Corpus(folder), index.facts.version)
    return create_app(index, Speaking() if speaking else encoder("builtin"), pictures, Settings(**settings), advisor)


@contextmanager
def clients(folder):
    """Gives a function that gives a client of a service of its own."""
    with ExitStack() as all_of_them:
        yield lambda **settings: all_of_them.enter_context(TestClient(app_of(folder, **settings)))


@contextmanager
def running(app):
    """Gives the address of a real server."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)

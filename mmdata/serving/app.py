"""The service: what can be asked over HTTP, and how it is answered."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import APIRouter, Depends, FastAPI, Form, HTTPException, Response
from fastapi import Path as InPath
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field

from ..errors import CorpusError, MmdataError
from ..searching.encoders import Encoder
from ..searching.facts import Facts, Found, Index
from ..searching.pictures import Pictures
from .forms import SHA256, AskedAnyhow, Search, Wished, multipart, search_form, wish_form
from .limits import Keyed, Limited
from .logs import Logged
from .problems import AGAIN, ASKED, away, documented, tell
from .settings import Settings
from .static import FILES, answering
from .working import Work

if TYPE_CHECKING:
    from .advising import Advisor


class Status(BaseModel):
    status: str = Field(examples=["ready"])


class Service(BaseModel):
    """What is served."""

    index: Facts
    words: bool
    """Whether it can be asked in words."""
    wish: dict[str, Any] | None
    """JSON schema of what can be wished for of a recommendation; null where there is none to be had."""
    max_mb: float
    """Of an upload."""


class Embedding(BaseModel):
    """What an index's model makes of a picture or of words."""

    vector: list[float] = Field(description="Of length 1.")
    model: str
    revision: str
    dimensions: int


def create_app(
    index: Index, encoder: Encoder, pictures: Pictures, settings: Settings, advisor: "Advisor | None" = None
) -> FastAPI:
    """The service of one index.

    Args:
        index: what is searched. It is not closed at the end.
        encoder: the index's model.
        pictures: of the release that the index is of; where it follows what is published, they follow it.
        settings: limits, and the key.
        advisor: what makes recommendations of neighbours; without one there is no /recommend.
    """
    work = Work(index, encoder, pictures, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        work.close()
        if advisor:
            await advisor.close()

    app = FastAPI(
        title=f"{index.facts.corpus} {index.facts.version}",
        version=metadata.version("mmdata-corpus"),
        description="Finds pictures like a picture, or by words. 사진이나 말로 비슷한 사진을 찾습니다.",
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere.
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    tell(app)
    app.include_router(_everyone(work))
    keyed = APIRouter(dependencies=[Depends(HTTPBearer(auto_error=False))] if settings.key else [])
    _add_search(keyed, work, advisor.wish.model_json_schema() if advisor else None)
    if advisor:
        _add_recommend(keyed, work, advisor)
    app.include_router(keyed)
    for layer in (Limited, Keyed):  # The last is outermost: who has no key takes no one's place.
        app.add_middleware(layer, settings=settings)
    app.add_middleware(Logged)
    return app


def _everyone(work: Work) -> APIRouter:
    """What needs no key."""
    routes = APIRouter()

    @routes.get("/health", summary="Is it alive?", responses=documented(500))
    async def health() -> Status:
        return Status(status="alive")

    @routes.get("/ready", summary="Can it answer?", responses=documented(500, 503))
    async def ready() -> Status:
        await work.ready()
        return Status(status="ready")

    for path in FILES:
        routes.add_api_route(path, answering(path), include_in_schema=False)
    return routes


def _add_search(routes: APIRouter, work: Work, wish: dict[str, Any] | None) -> None:
    form = search_form(work.index)

    @routes.get("/facts", summary="What is served", responses=documented(401, 500, 503, 504))
    async def of_the_service() -> Service:
        return Service(index=work.facts, words=not work.no_words, wish=wish, max_mb=work.settings.max_mb)

    @routes.post(
        "/embed",
        summary="The vector of a picture, or of words",
        responses=documented(*ASKED),
        openapi_extra=multipart("image"),
    )
    async def embed(asked: Annotated[AskedAnyhow, Form(media_type="multipart/form-data")]) -> Embedding:
        vector, facts = await work.vector(asked), work.facts
        return Embedding(
            vector=vector.tolist(), model=facts.model, revision=facts.revision, dimensions=facts.dimensions
        )

    @routes.post(
        "/search",
        summary="The pictures nearest to a picture, or to words",
        responses=documented(*ASKED),
        openapi_extra=multipart("image"),
    )
    async def search(given: Annotated[form, Form(media_type="multipart/form-data")]) -> Found:  # type: ignore[valid-type]
        asked = cast(Search, given)
        return await work.nearest(await work.vector(asked), asked.k, asked.where)

    @routes.get(
        "/pictures/{sha256}",
        summary="A picture of the corpus, small",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}, **documented(401, 404, 422, 500, 503, 504)},
    )
    async def picture(sha256: Annotated[str, InPath(pattern=SHA256)]) -> Response:
        headers = {"Cache-Control": "private, max-age=86400, immutable"}
        return Response(await work.thumbnail(sha256), media_type="image/jpeg", headers=headers)


def _add_recommend(routes: APIRouter, work: Work, advisor: "Advisor") -> None:
    """`POST /recommend`, with the forms of this corpus's own: where a corpus and a model server can say what goes with it."""
    from . import advising  # With openai, which takes a second.

    form = wish_form(work.index, advisor.wish)
    suggestion: Any = advisor.suggestion

    @routes.post(
        "/recommend",
        summary="What goes with a picture",
        responses=documented(*ASKED, 502),
        response_model=suggestion,
        openapi_extra=multipart("image", "wish"),
    )
    async def recommend(given: Annotated[form, Form(media_type="multipart/form-data")]) -> Any:  # type: ignore[valid-type]
        asked = cast(Wished, given)
        vector = await work.vector(asked)
        found = await work.nearest(vector, asked.k, asked.where)
        picture = await work.shown(asked, advising.MAX_SIDE)
        try:
            return await advisor.recommend(picture, found.hits, asked.wish or advisor.wish())
        except advising.NoServer as error:
            wait = max(AGAIN, math.ceil(error.wait or 0))
            raise HTTPException(503, str(error), {"Retry-After": str(wait)}) from error
        except advising.TooSlow as error:
            raise HTTPException(504, str(error)) from error
        except advising.BadAnswer as error:
            raise HTTPException(502, str(error)) from error
        except CorpusError as error:  # A fault of its code: nothing that a client could put right.
            raise error.__cause__ or RuntimeError("recommend.py fails") from None
        except (OSError, MmdataError) as error:
            raise away(f"the index of {work.index.facts.corpus}") from error

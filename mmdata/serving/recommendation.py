"""`POST /recommend`: what goes with a picture, where a corpus and a model server can say."""

import math
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import APIRouter, Form, HTTPException

from ..errors import CorpusError, MmdataError
from .forms import Wished, multipart, wish_form
from .problems import AGAIN, ASKED, away, documented
from .working import Work

if TYPE_CHECKING:
    from .recommending import Advisor


def add_recommend(routes: APIRouter, work: Work, advisor: "Advisor") -> None:
    """The route, with the forms of this corpus's own."""
    from . import recommending

    form = wish_form(work.index.facts, advisor.wish)
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
        picture = await work.shown(asked, recommending.MAX_SIDE)
        try:
            return await advisor.recommend(picture, found.hits, asked.wish or advisor.wish())
        except recommending.NoServer as error:
            wait = max(AGAIN, math.ceil(error.wait or 0))
            raise HTTPException(503, str(error), {"Retry-After": str(wait)}) from error
        except recommending.TooSlow as error:
            raise HTTPException(504, str(error)) from error
        except recommending.BadAnswer as error:
            raise HTTPException(502, str(error)) from error
        except CorpusError as error:  # A fault of its code: nothing that a client could put right.
            raise error.__cause__ or RuntimeError("recommend.py fails") from None
        except (OSError, MmdataError) as error:
            raise away(f"the index of {work.index.facts.corpus}") from error

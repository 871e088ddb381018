"""What goes wrong, as JSON of one shape: a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as AnyHTTPException

from ..errors import MmdataError
from ..searching.where import FilterError

AGAIN = 2
"""Seconds after which a client may try again."""


FAULT = "mmdata.fault"
"""In a request's scope: the error behind what the client is told."""


class Problem(BaseModel):
    """Why there is no answer."""

    detail: str = Field(
        description="A sentence for a person: what is wrong, and what to do.",
        examples=["where: there is no column 'prize'. There are: goods_name, price"],
    )


MEANINGS = {
    400: "The body is no form",
    401: "The key is missing, or is not this service's",
    404: "There is no such picture",
    408: "The body took too long to arrive",
    413: "The body is too large",
    415: "The upload is no JPEG, PNG or WebP",
    422: "What is asked cannot be answered; the sentence says why",
    500: "A fault of the service",
    502: "The model server answered, and its answer is of no use",
    503: "The service is busy, or what it needs is away; it may be asked again",
    504: "No answer in time",
}


ASKED = (400, 401, 404, 408, 413, 415, 422, 500, 503, 504)
"""What may become of a form, besides an answer."""


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: these statuses of a route."""
    found: dict[int | str, dict[str, Any]] = {n: {"model": Problem, "description": MEANINGS[n]} for n in statuses}
    for status, name, meaning in ((503, "Retry-After", "Seconds to wait"), (401, "WWW-Authenticate", "Bearer")):
        if status in found:
            found[status]["headers"] = {name: {"description": meaning, "schema": {"type": "string"}}}
    return found


def problem(status: int, detail: str) -> JSONResponse:
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": str(AGAIN)}}.get(status)
    return JSONResponse({"detail": detail}, status, headers)


def tell(app: FastAPI) -> None:
    """Have every fault told in this shape."""

    @app.exception_handler(AnyHTTPException)
    async def refused(request: Request, error: AnyHTTPException) -> JSONResponse:
        request.scope[FAULT] = error.__cause__
        answer = problem(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> JSONResponse:
        return problem(422, "; ".join(map(_sentence, error.errors())))

    @app.exception_handler(MmdataError)
    async def mistaken(request: Request, error: MmdataError) -> JSONResponse:
        return problem(422, str(error))


@contextmanager
def needing(what: str) -> Iterator[None]:
    """What goes wrong in the block, but a filter that is none, is no one's mistake: what is needed does not answer, a 503."""
    try:
        yield
    except FilterError:
        raise
    except (OSError, MmdataError) as error:  # A timeout is an OSError.
        raise away(what) from error


def away(what: str) -> HTTPException:
    return HTTPException(503, f"{what} does not answer. Try again in a moment")


def _sentence(fault: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in fault["loc"] if part not in {"body", "query", "path"})
    said = str(fault["msg"]).removeprefix("Value error, ")
    return f"{place}: {said}" if place else said

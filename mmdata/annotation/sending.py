"""One request on its way, and what came back."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import httpx2
import openai
from pydantic import BaseModel

from .verdict import Reply, Trouble, judge


async def send(
    client: openai.AsyncOpenAI, body: bytes, seconds: float, schema: type[BaseModel] | None
) -> tuple[Reply | Trouble, Mapping[str, str], str | None]:
    """What a server's reply to a `POST /chat/completions` means, its headers, and its body where there is one.

    Args:
        seconds: the whole of it may take; beyond, it is trouble of the kind "timeout".
        schema: of the answer; text, without it.
    """
    try:
        async with asyncio.timeout(seconds):  # A trickle of bytes outlives any timeout between bytes.
            response: Any = await client.post(
                "/chat/completions",
                cast_to=httpx2.Response,
                content=body,
                options={"headers": {"Content-Type": "application/json"}},
            )
            said = response.content
    except openai.APIStatusError as error:
        response, said = error.response, error.response.content
    except TimeoutError:
        return Trouble("down", "timeout", f"no whole answer within {seconds:g} s"), {}, None
    except (openai.APIConnectionError, aiohttp.ClientError, OSError, ValueError) as error:
        return _unreached(error.__cause__ or error), {}, None
    verdict = judge(response.status_code, response.headers, said, schema)
    return verdict, response.headers, said.decode("utf-8", "replace")


def _unreached(cause: BaseException) -> Trouble:
    """What it means that no reply came."""
    said = f"{type(cause).__name__}: {cause}"[:200]
    if isinstance(cause, httpx2.UnsupportedProtocol):
        return Trouble("stop", "address", f"{said}: no server's address. Give --base-url like http://localhost:8000/v1")
    away = isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout)
    return Trouble("down", "unreachable" if away else type(cause).__name__, said)

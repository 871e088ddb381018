"""The OpenAI SDK's client, as this house wants it."""

import os
from typing import TYPE_CHECKING

from ..errors import AnnotationError

if TYPE_CHECKING:
    import openai


def client_for(base_url: str | None, connections: int) -> "openai.AsyncOpenAI":
    """On aiohttp (half the CPU time a call of the default), without retries or timeouts of its own.

    Raises:
        AnnotationError: there is no key, and OpenAI itself would be asked; or the address is none.
    """
    import httpx2
    import openai

    url = base_url or os.environ.get("OPENAI_BASE_URL")
    key = os.environ.get("OPENAI_API_KEY")
    if not key and url is None:
        raise AnnotationError(
            "no key: set OPENAI_API_KEY in the environment, or give --base-url of a server that wants none"
        )
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    try:
        return openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=url,
            max_retries=0,
            timeout=None,  # Asking has one for the whole of a request.
            http_client=openai.DefaultAioHttpClient(limits=limits, timeout=httpx2.Timeout(None, connect=10)),
        )
    except httpx2.InvalidURL as error:
        raise AnnotationError(f"{error}: no server's address. Give --base-url like http://localhost:8000/v1") from None

"""One request: asked, redirects followed, its answer put into words."""

import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime

import aiohttp

from ..sources import shown
from .addresses import address, redirected
from .faults import Again, Refused
from .hosts import LONGEST_WAIT

MOST_REDIRECTS = 10
REDIRECTS = {301, 302, 303, 307, 308}
REFUSALS = {
    400: "the server does not understand the request; is the URL right?",
    401: "the server wants a log-in",
    403: "the server refuses it; it may want a log-in, or the link may have expired",
    404: "the server has no such file",
    410: "the file is gone for good",
    451: "the server may not give it, by law",
}
BUSY = {408, 425, 429}
HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "mmdata"}


@asynccontextmanager
async def answered(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer of status 200, 206 or 416, after redirects.

    Raises:
        Refused: it answered that another try would not help, or leads where we do not follow.
        Again: another may.
    """
    at, seen = address(url), []
    while True:
        seen.append(at)
        async with session.get(at, headers={**HEADERS, **headers}, allow_redirects=False) as response:
            if response.status not in REDIRECTS:
                _require(response)
                yield response
                return
            target = redirected(at, response.headers.get("Location"))
        if target in seen:
            loop = " → ".join(shown(str(one)) for one in [*seen[seen.index(target) :], target])
            raise Refused("redirect", f"the server redirects in a loop: {loop}")
        if len(seen) > MOST_REDIRECTS:
            raise Refused(
                "redirect", f"the server redirects more than {MOST_REDIRECTS} times, last to {shown(str(target))}"
            )
        at = target


def _require(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status in {200, 206, 416}:
        return
    kind = f"http {status}"
    if status in BUSY or status >= 500:
        wait = wait_of(response.headers)
        if wait is not None and wait > LONGEST_WAIT:
            raise Again(kind, f"the server answered {status} and asks to wait for {wait / 60:,.0f} minutes", wait=wait)
        why = "asks for fewer requests" if status == 429 else "has a fault"
        raise Again(kind, f"the server answered {status}: it {why}", wait=wait, busy=status == 429 or wait is not None)
    raise Refused(kind, REFUSALS.get(status, f"the server answered {status}"))


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for, as a number or a date."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def fault_of(error: Exception) -> Again | Refused:
    """What the client raised, in words without address or header."""
    match error:
        case TimeoutError():
            return Again("timeout", "the server stopped answering")
        case aiohttp.ClientConnectorCertificateError():
            return Refused("certificate", "the server's certificate is not valid for it")
        case aiohttp.InvalidURL():
            return Refused("bad url", "the address is none")
        case aiohttp.ClientConnectorDNSError():
            return Again("connection", "its name is not known; is there a network?")
        case aiohttp.ClientPayloadError():
            return Again("connection", "the connection was cut before the file was whole")
        case aiohttp.ClientConnectorError():
            return Again("connection", f"the server cannot be reached: {error.strerror or 'no reason given'}")
        case aiohttp.ClientResponseError():
            return Again("connection", "the answer is not HTTP as it should be")
    return Again("connection", "the connection was cut")

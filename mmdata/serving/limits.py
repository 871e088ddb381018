"""What a request may cost, and who may ask: decided before anything of its body is read."""

import asyncio
import secrets
import time

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import problem
from .settings import Settings
from .static import FILES

OPEN = {*FILES, "/health", "/ready"}
"""Told to everyone, and at any time."""
WAITING = 512
"""Requests at once; one more is told to come again."""
DRAINED = 8
"""Times the limit that is read of too large a body, and thrown away: most clients hear no answer before they have
sent all."""


class Keyed:
    """Refuses whoever does not send the key."""

    def __init__(self, app: ASGIApp, settings: Settings):
        self.app = app
        self.wanted = settings.key and f"Bearer {settings.key.get_secret_value()}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.wanted and scope["path"] not in OPEN:
            sent = Headers(scope=scope).get("authorization", "").encode("latin-1")
            if not secrets.compare_digest(sent, self.wanted):
                said = "the key is missing, or is not this service's. Send it as `Authorization: Bearer KEY`"
                await problem(401, said)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class Limited:
    """Bounds how many requests there are at once, how large each is, and how long it takes."""

    def __init__(self, app: ASGIApp, settings: Settings):
        self.app, self.settings, self.running = app, settings, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self.app(scope, receive, send)
        elif self.running >= WAITING:
            said = f"{self.running} requests are being answered already. Try again in a moment"
            await problem(503, said)(scope, receive, send)
        else:
            self.running += 1
            try:
                await self._timed(scope, Body(scope, receive, self.settings), send)
            finally:
                self.running -= 1

    async def _timed(self, scope: Scope, body: "Body", send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(self.settings.timeout) as clock:
                if body.said_too_large:
                    await body.drain()
                    await problem(413, body.too_large)(scope, body.receive, sending)
                else:
                    await self.app(scope, body.receive, sending)
        except TimeoutError:
            if not clock.expired() or begun:
                raise
            what, status = ("no answer", 504) if body.whole else ("the body had not arrived", 408)
            said = f"{what} within {self.settings.timeout:g} seconds. Try again later"
            await problem(status, said)(scope, body.receive, send)


class Body:
    """What a client sends, counted as it comes: it may not say how much that will be."""

    def __init__(self, scope: Scope, receive: Receive, settings: Settings):
        headers = Headers(scope=scope)
        said = headers.get("content-length", "")
        self.limit, self.size, self.whole = settings.max_bytes, 0, False
        self.said_too_large = said.isdecimal() and int(said) > self.limit
        self.too_large = f"the body is larger than {settings.max_mb:g} MB. Send a smaller picture"
        self._receive = receive
        # A client that waits to be told to go on sends nothing if it is not.
        self._waits = headers.get("expect", "").lower() == "100-continue"

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.size += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
            if self.size > self.limit:
                await self.drain()
                raise HTTPException(413, self.too_large)
        return message

    async def drain(self) -> None:
        """Read on and keep nothing, for a few seconds at most."""
        until = time.monotonic() + 5
        while not self.whole and not self._waits and self.size <= DRAINED * self.limit and time.monotonic() < until:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return
            self.size += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)

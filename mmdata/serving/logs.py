"""One line of JSON a request, on stderr: never what was asked, by whom, or what a file is called."""

import json
import re
import sys
import time
import traceback
import uuid
from datetime import UTC, datetime
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import FAULT, problem

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
"""Of every answer."""
GONE = 499
"""Logged where the client left before its answer, as nginx does."""


class Logged:
    """Around all else: gives each request an id, tells how it went, and turns a fault of ours into a 500."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, left = time.perf_counter(), 0, False
        asked = Headers(scope=scope).get("x-request-id", "")
        # A client's own id is kept, so that one request is found in all logs it is in.
        id = asked if re.fullmatch(r"[\w.-]{1,64}", asked, re.ASCII) else uuid.uuid4().hex

        async def receiving() -> Message:
            nonlocal left
            message = await receive()
            left = left or (message["type"] == "http.disconnect" and not status)
            return message

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = id
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receiving, sending)
        except Exception as error:
            scope[FAULT] = error
            if not status:
                said = f"a fault of the service; its log has it under request {id}"
                await problem(500, said)(scope, receiving, sending)
        finally:
            line = {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "id": id,
                "method": scope["method"],
                "path": scope["path"][:200],
                "status": GONE if left else status or GONE,
                "ms": round(1000 * (time.perf_counter() - began), 1),
            } | ({"fault": _place(fault)} if (fault := scope.get(FAULT)) else {})
            print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)


def _place(error: BaseException) -> str:
    """What an error is and where, without its text: that may repeat what was asked."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-3:]]
    return f"{type(error).__name__} at {' < '.join(reversed(where))}"

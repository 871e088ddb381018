"""A small OpenAI-compatible server on loopback: counts the calls of each row, and fails as it is told.

In a thread, by `serving()`; or as a process of its own: `python tests/openai_server.py --log FILE`
prints its port, and writes one line when a row is asked (`ask ROW`) and one when an answer has been
sent whole (`sent ROW`).
"""

import argparse
import asyncio
import json
import random
import re
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

ROW = re.compile(r"⟦(.*?)⟧".encode())
"""What marks the row's id in the prompt."""


def completion(content: str | None = "붉은 반점이 보입니다.", finish: str = "stop", **message: Any) -> bytes:
    """The body of a chat completion of 100 tokens in and 20 out."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return json.dumps({"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def error(message: str, code: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": code, "code": code}}).encode()


@dataclass
class Act:
    """What the server does with one call. `cut` sends half of the body; `trickle` a byte now and then, for ever."""

    status: int = 200
    body: bytes = field(default_factory=completion)
    headers: dict[str, str] = field(default_factory=dict)
    how: Literal["whole", "cut", "reset", "silence", "trickle"] = "whole"


Behaviour = Callable[[str, int], Act]
"""(row id, number of the call, from 1) → what to do."""


@dataclass
class Server:
    behave: Behaviour = lambda row, call: Act()
    latency: tuple[float, float] = (0.002, 0.01)
    per_second: float | None = None
    """Answers a second; what is beyond is a 429."""
    log: IO[str] | None = None
    calls: Counter[str] = field(default_factory=Counter)
    """Row id → calls."""
    sent: Counter[str] = field(default_factory=Counter)
    """Row id → answers sent whole, with status 200."""
    statuses: Counter[int] = field(default_factory=Counter)
    bodies: deque[bytes] = field(default_factory=lambda: deque(maxlen=8))
    """What was asked last."""
    port: int = 0
    now: int = 0
    most: int = 0
    """Calls at once."""
    _tokens: float = 0.0
    _filled: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def forget(self) -> None:
        for counter in (self.calls, self.sent, self.statuses):
            counter.clear()

    async def start(self, port: int = 0) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=1024, limit=1 << 24)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: *(\d+)", head, re.I)
                body = await reader.readexactly(int(length[1])) if length else b""
                if not await self._answer(head, body, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> bool:
        found = ROW.search(body)
        row = found[1].decode() if found else "?"
        self.calls[row] += 1
        self.bodies.append(head + body)
        self._note("ask", row)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(random.uniform(*self.latency))
            act = self._limited() or self.behave(row, self.calls[row])
            self.statuses[act.status] += 1
            if act.how == "reset":
                return False
            if act.how == "silence":
                await asyncio.sleep(3600)
            length = 10**9 if act.how == "trickle" else len(act.body)
            headers = {"Content-Type": "application/json", "Content-Length": str(length), **act.headers}
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"HTTP/1.1 {act.status} Said\r\n{lines}\r\n".encode())
            while act.how == "trickle":
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)
            writer.write(act.body[: len(act.body) // 2] if act.how == "cut" else act.body)
            await writer.drain()
            if act.how == "cut":
                writer.close()
                await asyncio.sleep(0.05)
                return False
            if act.status == 200:
                self.sent[row] += 1
                self._note("sent", row)
            return True
        finally:
            self.now -= 1

    def _limited(self) -> Act | None:
        if self.per_second is None:
            return None
        now = asyncio.get_running_loop().time()
        filled = self._tokens + (now - (self._filled or now)) * self.per_second
        self._tokens, self._filled = min(self.per_second, filled), now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        return Act(429, error("Rate limit reached", "rate_limit_exceeded"), {"Retry-After": "1"})

    def _note(self, what: str, row: str) -> None:
        if self.log:
            self.log.write(f"{what} {row}\n")
            self.log.flush()


@contextmanager
def serving(server: Server | None = None, port: int = 0) -> Iterator[Server]:
    """The server in a thread of this process."""
    server = server or Server()
    loop = asyncio.new_event_loop()
    started = loop.run_until_complete(server.start(port))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def end() -> None:
        started.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _forever(log: Path, low: float, high: float) -> None:
    with open(log, "a", encoding="utf-8") as file:
        server = Server(latency=(low, high), log=file)
        started = await server.start()
        print(server.port, flush=True)
        async with started:
            await started.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--latency", type=float, nargs=2, default=(0.02, 0.05), metavar=("LOW", "HIGH"))
    asked = parser.parse_args()
    asyncio.run(_forever(asked.log, *asked.latency))

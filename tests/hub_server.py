"""A small Hub on loopback, in memory, for the real huggingface_hub and datasets to talk to.

It keeps the real one's promises, so that what is tested against it means something: a commit is whole or not there,
one on a stale parent is refused (412), large files are stored by their hash before a commit may name them, and nobody
reads or writes what his token may not (`hub_api`). It logs every request, and fails as `behave` tells it.
"""

import json
import socket
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from hub_api import Api, must_be_large
from hub_repos import Answer, Asked, Blob, Refused


@dataclass
class Request:
    """One that came in."""

    number: int
    """From 1."""
    method: str
    path: str
    """Without its query."""
    authorized: bool
    """Whether it brought a token, whichever."""
    bytes: int = 0
    """Of its body, received."""

    def __str__(self) -> str:
        return f"{self.number} {self.method} {self.path}"


@dataclass(frozen=True)
class Fault:
    """What the Hub does instead: answer with a status, cut the connection, or leave it hanging.

    With `after` it does its work first and fails to say so; else the request is not even read.
    """

    status: int = 0
    how: Literal["answer", "cut", "stall"] = "answer"
    after: bool = False


Behaviour = Callable[[Request], Fault | None]
"""Asked before a request is read, in a thread of its own: it may wait, or push something itself."""


def at(number: int, fault: Fault) -> Behaviour:
    """One request fails."""
    return lambda request: fault if request.number == number else None


def since(number: int, fault: Fault) -> Behaviour:
    """All fail, from one on."""
    return lambda request: fault if request.number >= number else None


class Hub(Api):
    """What it holds, what it was asked, how it fails."""

    def __init__(self, page: int = 1000):
        super().__init__(page)
        self.requests: list[Request] = []
        self.lock = threading.RLock()
        self.forget()

    def forget(self) -> None:
        """Count anew, and fail no more; what it holds it keeps."""
        with self.lock:
            self.requests.clear()
            self.uploaded = 0
            self.behave: Behaviour = lambda request: None
            self.stalled, self.freed = threading.Event(), threading.Event()
            """The one is set when a request hangs; set the other to let it go, its connection closed."""

    def snapshot(self, repo: str) -> tuple[str, dict[str, str], dict[str, bytes]]:
        """Head of main, tag → commit, path → content of main."""
        with self.lock:
            found = self.repos[repo]
            return found.branches["main"], dict(found.tags), self.files(repo)

    def files(self, repo: str, revision: str = "main") -> dict[str, bytes]:
        """Path → content."""
        return {path: blob.content for path, blob in self.repos[repo].at(revision).files.items()}

    def put(self, repo: str, files: Mapping[str, bytes], title: str = "by hand") -> str:
        """A commit on main, as somebody else would make it; returns its hash."""
        with self.lock:
            new = {path: Blob(content, must_be_large(path, len(content))) for path, content in files.items()}
            return self.repos[repo].add("main", {**self.repos[repo].at("main").files, **new}, title).oid


class Door(BaseHTTPRequestHandler):
    """HTTP: numbers and logs a request, has it done, answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def serve(self) -> None:
        hub, where = self.hub, urllib.parse.urlsplit(self.path)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        with hub.lock:
            request = Request(len(hub.requests) + 1, self.command, where.path, bool(token))
            hub.requests.append(request)
        fault = hub.behave(request)
        if fault and not fault.after:
            return self.fail(fault)
        body = self.body()
        request.bytes = len(body)
        role = hub.roles.get(token, "unknown") if token else "nobody"
        query = dict(urllib.parse.parse_qsl(where.query))
        try:
            with hub.lock:
                answer = hub.answer(Asked(self.command, where.path, query, self.headers, body, role))
        except Refused as refused:
            answer = Answer(refused.status, refused.body, refused.headers)
        if fault:
            return self.fail(fault)
        return self.say(answer)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = serve  # noqa: N815

    def body(self) -> bytes:
        """A file comes in chunks, the rest in one piece."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def fail(self, fault: Fault) -> None:
        self.close_connection = True
        if fault.how == "answer":  # As a proxy in between does: a page, no JSON.
            code = {"X-Error-Code": "RepoNotFound"} if fault.status == 404 else {}
            self.say(
                Answer(fault.status, b"<h1>Sorry</h1>", code | {"Content-Type": "text/html", "Connection": "close"})
            )
            return
        if fault.how == "stall":
            self.hub.stalled.set()
            self.hub.freed.wait(60)
        self.connection.shutdown(socket.SHUT_RDWR)

    def say(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))} | answer.headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error: it may have been killed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(hub: Hub | None = None) -> Iterator[Hub]:
    """A Hub in threads of this process."""
    hub = hub or Hub()
    server = Server(("127.0.0.1", 0), type("Here", (Door,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.freed.set()
        server.shutdown()
        thread.join(10)
        server.server_close()

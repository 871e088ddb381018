"""A web server on loopback that gives files, and gives them badly where it is told to.

Files have an ETag and know Range and If-Range (RFC 9110), as object stores do. Each request for a path takes one fault
from that path's list, if there is one.
"""

import gzip
import hashlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Literal

from hub_server import Server

PAGE = b"<!DOCTYPE html><html><title>Sign in</title>" + b"<p>virus scan warning</p>" * 40


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    `cut`, `stall`, `short` and `unlengthed` give the first `part` of what was asked for; `long` says a length that is
    a tenth too large and knows no Range; `swap` changes the file at this moment, for good.
    """

    how: Literal[
        "cut", "stall", "short", "long", "unlengthed", "chunked", "html", "status", "redirect", "deaf", "gzip", "br",
        "evil name", "swap", "wrong range", "garbage",
    ]  # fmt: skip
    part: float = 0.5
    status: int = 0
    to: str = ""
    wait: str | None = None
    """Retry-After."""
    content: bytes = b""
    """What the file becomes."""


@dataclass
class Site:
    """What it holds, how it fails, what it was asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    always: dict[str, Fault] = field(default_factory=dict)
    """For each request of a path."""
    types: dict[str, str] = field(default_factory=dict)
    validators: Literal["etag", "weak", "date", "none"] = "etag"
    heedless: bool = False
    """It honours Range whatever If-Range says."""
    delay: float = 0.0
    """Seconds before each 64 KB."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Path with its query, Range."""
    busy: int = 0
    busiest: int = 0
    """Requests at once."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    freed: threading.Event = field(default_factory=threading.Event)

    def ranges(self, path: str) -> list[str | None]:
        return [asked for at, asked in self.asked if at == path]


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    site: Site

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        site, path = self.site, self.path.partition("?")[0]
        with site.lock:
            site.asked.append((self.path, self.headers.get("Range")))
            site.busy += 1
            site.busiest = max(site.busiest, site.busy)
            waiting = site.faults.get(path)
            fault = waiting.pop(0) if waiting else site.always.get(path)
            if fault and fault.how == "swap":
                site.files[path] = fault.content
        try:
            self.give(path, fault)
        finally:
            with site.lock:
                site.busy -= 1

    def give(self, path: str, fault: Fault | None) -> None:
        site, how = self.site, fault.how if fault else ""
        content = site.files.get(path)
        if how == "garbage":
            self.close_connection = True
            self.wfile.write(b"what?\r\n\r\n")
            return
        if fault and how == "status":
            return self.say(fault.status, b"<h1>Sorry</h1>", {"Content-Type": "text/html"}, retry=fault.wait)
        if fault and how == "redirect":
            return self.say(302, b"", {"Location": fault.to})
        if how == "html":
            return self.say(200, PAGE, {"Content-Type": "text/html; charset=utf-8"})
        if content is None:
            return self.say(404, b"", {})
        headers = {"Content-Type": site.types.get(path, "application/octet-stream"), "Accept-Ranges": "bytes"}
        tag = hashlib.sha256(content).hexdigest()[:16]
        validator = {"etag": ("ETag", f'"{tag}"'), "weak": ("ETag", f'W/"{tag}"'), "date": ("Last-Modified", date(tag))}
        if site.validators in validator:
            headers |= [validator[site.validators]]
        if how == "evil name":
            headers["Content-Disposition"] = 'attachment; filename="../../evil.sh"'
        if how == "gzip":
            content = gzip.compress(content, mtime=0)
            headers |= {"Content-Encoding": "gzip"} | ({"ETag": f'"{tag}-gzip"'} if "ETag" in headers else {})
        if how == "br":
            headers["Content-Encoding"] = "br"
        start, status = self.wanted(content, headers, how), 200
        if start is not None:
            if start >= len(content):
                return self.say(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            status = 206
            shift = 1 if how == "wrong range" else 0
            headers["Content-Range"] = f"bytes {max(0, start - shift)}-{len(content) - 1}/{len(content)}"
            content = content[max(0, start - shift) :]
        self.send(status, content, headers, fault)

    def wanted(self, content: bytes, headers: dict[str, str], how: str) -> int | None:
        """First byte of a Range that is to be honoured."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not found or how in {"deaf", "long"}:
            return None
        condition = self.headers.get("If-Range")
        if (
            condition is not None
            and not self.site.heedless
            and condition not in {headers.get("ETag"), headers.get("Last-Modified")}
        ):
            return None
        return int(found[1])

    def send(self, status: int, content: bytes, headers: dict[str, str], fault: Fault | None) -> None:
        how, length = fault.how if fault else "", len(content)
        given = (
            content[: int(length * fault.part)] if fault and how in {"cut", "stall", "short", "unlengthed"} else content
        )
        if how == "short":
            length = len(given)
        if how == "long":
            length += length // 10 + 1
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if how == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif how == "unlengthed":
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        for at in range(0, len(given), 1 << 16):
            piece = given[at : at + (1 << 16)]
            if self.site.delay:
                time.sleep(self.site.delay)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if how == "chunked" else piece)
            self.wfile.flush()
        if how == "chunked":
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
        if how == "stall":
            self.site.freed.wait(20)
        if how in {"stall", "cut", "long"}:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def say(self, status: int, body: bytes, headers: dict[str, str], *, retry: str | None = None) -> None:
        body = b"" if status in {204, 304} else body
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if retry is not None:
            self.send_header("Retry-After", retry)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def date(tag: str) -> str:
    """A Last-Modified that is another for another content."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(int(tag[:7], 16)))


@contextmanager
def serving_files(site: Site | None = None) -> Iterator[Site]:
    """A site in threads of this process."""
    site = site or Site()
    server = Server(("127.0.0.1", 0), type("Here", (Door,), {"site": site}))
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.freed.set()
        server.shutdown()
        thread.join(10)
        server.server_close()

"""A small OpenAI-compatible server on loopback that replays recorded answers: for the demo, and for trying things out."""

import base64
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

RESPONSE = re.compile(rb'"json_schema": \{"name": "(\w+)"')
PICTURE = re.compile(rb'"data:image/\w+;base64,([A-Za-z0-9+/=]+)"')


@contextmanager
def replaying(recording: Path, faults: bool = True) -> Iterator[str]:
    """Serve a recording while the block runs; gives the server's base URL.

    Args:
        recording: JSONL, a line a question: {"picture": sha256 of the first, "response": class, "answers": [first,
            second, …]}, of which picture or response may be left out, to fit any. The last answer is given from
            then on. An answer is its text; null a refusal; {"cut": text} one that ran into max_tokens.
        faults: the first request meets a rate limit, the third a server error, as they do.
    """
    lines = (json.loads(line) for line in recording.read_text(encoding="utf-8").splitlines())
    answers: dict[tuple[str, str], list[Any]] = {
        (line.get("picture", ""), line.get("response", "")): line["answers"] for line in lines
    }
    asked: Counter[Any] = Counter()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            picture, response = PICTURE.search(body), RESPONSE.search(body)
            digest = sha256(base64.b64decode(picture[1])).hexdigest() if picture else ""
            wanted = response[1].decode() if response else ""
            fitting = [(digest, wanted), (digest, ""), ("", wanted)]
            name = next((one for one in fitting if one in answers), None)
            with lock:
                asked[""] += 1
                fault = {1: 429, 3: 503}.get(asked[""]) if faults else None
                if fault is None and name is not None:
                    asked[name] += 1
            if fault == 429:
                self._reply(429, _error("Rate limit reached", "rate_limit_exceeded"), {"retry-after-ms": "300"})
            elif fault:
                self._reply(fault, _error("The server had an error", "server_error"))
            elif name is None:
                self._reply(404, _error("no answer is recorded for this question", "not_recorded"))
            else:
                held = answers[name]
                self._reply(200, _completion(held[min(asked[name], len(held)) - 1], len(body)))

        def _reply(self, status: int, reply: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            data = json.dumps(reply, ensure_ascii=False).encode()
            self.send_response(status)
            for key, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
                **(headers or {}),
            }.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _completion(answer: Any, size: int) -> dict[str, Any]:
    finish = "length" if isinstance(answer, dict) else "stop"
    text = answer["cut"] if isinstance(answer, dict) else answer
    refusal = "I'm sorry, I can't help with that." if answer is None else None
    return {
        "object": "chat.completion",
        "choices": [{"message": {"role": "assistant", "content": text, "refusal": refusal}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 800 + size // 400, "completion_tokens": len(text or "") // 2},
    }


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "code": code}}

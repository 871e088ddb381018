"""The Batch API: away and back another day, whatever the server makes of it."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import mmdata
from mmdata.annotation.store import path_of, reading
from mmdata.errors import AnnotationError
from mmdata.verbs.annotate import annotate


class BatchServer:
    """Files and batches on loopback. A test says what becomes of each batch."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.batches: list[dict] = []
        self.asked: list[str] = []
        """custom_ids in the order they were sent."""
        self.finish = self.completed
        self.fail_create = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.get(self)

            def do_POST(self):
                server.post(self, self.rfile.read(int(self.headers.get("content-length", 0))))

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def close(self):
        self._http.shutdown()
        self._http.server_close()

    def reply(self, handler, body, status=200):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def get(self, handler):
        path = handler.path.split("?")[0]
        if path.endswith("/content"):
            self.reply(handler, self.files[path.split("/")[-2]])
        elif "/files/" in path:
            name = path.rsplit("/", 1)[-1]
            known = {
                "id": name,
                "object": "file",
                "purpose": "batch",
                "bytes": 1,
                "created_at": 0,
                "filename": "x",
                "status": "processed",
            }
            self.reply(
                handler,
                known if name in self.files else {"error": {"message": "No such File object"}},
                200 if name in self.files else 404,
            )
        else:
            self.reply(handler, {"object": "list", "data": self.batches, "has_more": False})

    def post(self, handler, body):
        if handler.path.endswith("/files"):
            lines = [line.strip() for line in body.split(b"\n") if line.startswith(b'{"custom_id"')]
            name = f"file-{len(self.files)}"
            self.files[name] = b"\n".join(lines)
            self.reply(handler, {"id": name, "object": "file", "purpose": "batch", "bytes": len(body), "created_at": 0,
                                 "filename": "x", "status": "processed"})  # fmt: skip
        elif self.fail_create:
            self.reply(handler, {"error": {"message": "no room"}}, 500)
        else:
            batch = self.batch(json.loads(body)["input_file_id"])
            self.batches.append(batch)
            self.reply(handler, batch)

    def batch(self, file):
        self.asked += [json.loads(line)["custom_id"] for line in self.files[file].splitlines()]
        return {"id": f"batch-{len(self.batches)}", "object": "batch", "endpoint": "/v1/chat/completions",
                "input_file_id": file, "completion_window": "24h", "status": "in_progress", "created_at": 0}  # fmt: skip

    def a_day_later(self):
        for batch in self.batches:
            if batch["status"] == "in_progress":
                ids = [json.loads(line)["custom_id"] for line in self.files[batch["input_file_id"]].splitlines()]
                out, errors, status = self.finish(ids)
                for field, lines in (("output_file_id", out), ("error_file_id", errors)):
                    if lines:
                        batch[field] = f"{batch['id']}-{field}"
                        self.files[batch[field]] = b"\n".join(lines)
                batch["status"] = status

    @staticmethod
    def completed(ids):
        return [ok(i) for i in ids], [], "completed"


def ok(custom_id: str, text="<label>건선</label>") -> bytes:
    body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10}}  # fmt: skip
    return json.dumps({"custom_id": custom_id, "response": {"status_code": 200, "body": body}, "error": None}).encode()


def failed(custom_id: str, status: int, message: str) -> bytes:
    body = {"error": {"message": message}}
    return json.dumps({"custom_id": custom_id, "response": {"status_code": status, "body": body}}).encode()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a key of no one")
    one = BatchServer()
    yield one
    one.close()


@pytest.fixture
def built(built_skin):
    return built_skin


def run(folder, server, **more):
    return annotate(folder, "describe", base_url=server.url, batch=True, **more)


def test_it_is_sent_away_and_taken_in_another_day(built, server):
    sent = run(built, server, batch_requests=20)
    assert (sent.states, len(sent.batches), sent.calls) == ({"sent": 36}, 2, 0)
    waiting = run(built, server)
    assert (waiting.states, waiting.batches[0]) == ({"sent": 36}, "batch-0: in_progress")
    server.a_day_later()
    done = run(built, server)
    assert (done.states, done.calls, done.batches) == ({"ok": 36}, 36, [])
    assert done.cost == pytest.approx(36 * (100 * 0.15 + 10 * 0.6) / 1e6 / 2), "half the price"
    assert len(server.asked) == 36


def test_files_keep_to_both_limits(built, server):
    run(built, server, batch_requests=1000, batch_mb=0.03)
    sizes = [len(content) for content in server.files.values()]
    assert len(sizes) > 2 and max(sizes) <= 30_000
    with pytest.raises(AnnotationError, match=r"row train/.*: its request has .* bytes, more than a whole batch file"):
        run(mmdata_copy(built), server, batch_mb=0.0001)


def mmdata_copy(built: Path) -> Path:
    folder = mmdata.new("skin", built.parent / "other", like="skin")
    mmdata.build(folder, folder / "tiny")
    return folder


def test_what_failed_or_expired_is_sent_again_and_nothing_else(built, server):
    def finish(ids):
        again = [failed(ids[0], 500, "sorry"), failed(ids[1], 429, "too many")]
        expired = [
            json.dumps({"custom_id": i, "response": None, "error": {"code": "batch_expired"}}).encode()
            for i in ids[2:5]
        ]
        never = [failed(ids[5], 400, "no picture")]
        return [ok(i) for i in ids[6:]], [*again, *expired, *never], "expired"

    server.finish = finish
    run(built, server)
    first = list(server.asked)
    server.a_day_later()
    server.finish = server.completed
    again = run(built, server)
    assert again.states == {"ok": 30, "failed": 1, "sent": 5}
    assert sorted(server.asked[36:]) == sorted(first[:5])
    server.a_day_later()
    assert run(built, server).states == {"ok": 35, "failed": 1}


def test_an_output_in_another_order_with_doubles_and_strangers_joins_by_id(built, server):
    def finish(ids):
        lines = [ok(i, f"<label>{i}</label>") for i in reversed(ids)]
        return [*lines, lines[3], ok("ff" * 32), b"not json", b'{"custom_id": 3}', b"", b"[]"], [], "completed"

    server.finish = finish
    run(built, server)
    server.a_day_later()
    done = run(built, server)
    assert (done.states, done.calls) == ({"ok": 36}, 36)
    with reading(built) as store:
        assert store is not None
        for custom_id in server.asked:
            held = store.held(bytes.fromhex(custom_id))
            assert held is not None and held.value == f"<label>{custom_id}</label>"


def test_a_stop_between_upload_and_start_pays_for_nothing_twice(built, server):
    server.fail_create = True
    with pytest.raises(AnnotationError, match=r"the Batch API at .*no room.* run the same command again"):
        run(built, server)
    server.fail_create = False
    # The start did reach the server, but we died before its answer.
    server.batches.append(server.batch("file-0"))
    assert run(built, server).states == {"sent": 36}
    server.a_day_later()
    assert run(built, server).states == {"ok": 36}
    assert len(server.asked) == 36


def test_a_start_that_never_reached_the_server_is_made_again(built, server):
    server.fail_create = True
    with contextlib.suppress(AnnotationError):
        run(built, server)
    server.fail_create = False
    assert run(built, server).states == {"sent": 36}
    assert len(server.asked) == 36 and len(server.batches) == 1


def test_a_budget_that_the_batch_would_break_sends_nothing(built, server):
    with pytest.raises(AnnotationError, match=r"would cost about \$0\.0[0-9].* over the budget of \$0\.001"):
        run(built, server, budget=0.001)
    assert server.asked == [] and path_of(built).exists()


def test_against_a_server_of_others(built, monkeypatch):
    """llmock: its own Files and Batches, with its own ideas of time."""
    monkeypatch.setenv("OPENAI_API_KEY", "a key of no one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).parent / "llmock", "serve", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None and time.monotonic() < deadline, "llmock did not start"
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/models", timeout=1).close()
                break
            time.sleep(0.2)
        while (done := annotate(built, "describe", base_url=url, batch=True, batch_requests=20)).states != {"ok": 36}:
            assert time.monotonic() < deadline, done
            time.sleep(0.5)
        assert not annotate(built, "describe", base_url=url).calls
    finally:
        process.terminate()
        process.wait()


def test_another_key_that_does_not_see_the_batch_sends_nothing_again(built, server):
    run(built, server)
    files, batches = dict(server.files), list(server.batches)
    server.files.clear()
    server.batches.clear()
    with pytest.raises(
        AnnotationError, match=r"file-0 was sent away, but is not known to this key at http://127.0.0.1"
    ):
        run(built, server)
    server.files.update(files)
    server.batches += batches
    server.a_day_later()
    assert run(built, server).states == {"ok": 36}
    assert len(server.asked) == 36


def test_answers_are_judged_by_the_prompt_as_it_was_sent(built, server):
    run(built, server)
    path = built / "prompts" / "describe.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("gpt-4o-mini", "gpt-4o"), encoding="utf-8")
    server.a_day_later()
    changed = run(built, server)
    assert (changed.calls, changed.before.stale, changed.states) == (36, 36, {"sent": 36})
    path.write_text(text, encoding="utf-8")
    done = run(built, server)
    assert (done.before.reused, done.states["ok"]) == (36, 36)
    with reading(built) as store:
        assert store is not None
        assert store._db.execute("SELECT DISTINCT model FROM answers").fetchall() == [("gpt-4o-mini",)]


def test_a_refused_key_is_one_message_without_the_key(built, server):
    refusal = {"error": {"message": "Incorrect API key provided: a key of no one"}}
    server.post = lambda handler, body: server.reply(handler, refusal, 401)
    with pytest.raises(AnnotationError, match=r"the Batch API at http://127.0.0.1.*Incorrect API key provided") as said:
        run(built, server)
    assert "a key of no one" not in str(said.value)

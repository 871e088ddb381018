"""One run against a server that is neither ours nor a mock: `transformers serve`, which decodes the pictures."""

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from tiny_models import tiny

import mmdata
from mmdata.annotation.store import reading


@pytest.mark.slow
def test_a_real_model_behind_transformers_serve_annotates(skin, tmp_path, monkeypatch):
    model = tiny("gemma3")
    mmdata.build(skin, skin / "tiny")
    text = (skin / "prompts" / "describe.yaml").read_text(encoding="utf-8")
    text = text.replace("gpt-4o-mini", model).replace("temperature: 0.2, max_tokens: 700", "max_tokens: 8")
    (skin / "prompts" / "describe.yaml").write_text(text, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        Path(sys.executable).parent / "transformers",
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--device",
        "cpu",
    ]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process)
            done = mmdata.annotate(
                skin, "describe", base_url=f"http://127.0.0.1:{port}/v1", where="label = '건선'", concurrency=2
            )
        finally:
            process.kill()
            process.wait()
    # Random weights may end their turn at once; most answers run into max_tokens.
    assert done.rows == done.calls == 6, (done, (tmp_path / "log").read_text()[-2000:])
    assert set(done.states) <= {"ok", "truncated", "empty"}, done
    with reading(skin) as store:
        assert store is not None
        raw = [json.loads(raw) for (raw,) in store._db.execute("SELECT raw FROM answers")]
    assert all(reply["usage"]["prompt_tokens"] > 100 for reply in raw), "Korean text and the picture's tokens"


def wait_for(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None and time.monotonic() < deadline, "the server did not start"
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=1).close()
            return
        time.sleep(0.5)

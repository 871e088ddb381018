"""A real server on loopback: two hundred clients at once, slow ones, and how the command ends."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from kit import encoded, photo
from PIL import Image
from serving import app_of, indexed_fashion, running
from typer.testing import CliRunner

import mmdata
from mmdata.cli import app
from mmdata.serving import limits

CLIENTS = 200
BEGUN = (
    b"POST /search HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    b"Content-Length: 1000\r\n\r\n--x\r\n"
)
"""A request of which the rest does not come."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return indexed_fashion(tmp_path_factory.mktemp("가게"))


class Service:
    """`mmdata serve`, as its own process."""

    def __init__(self, folder, *options, **environment):
        command = [sys.executable, "-m", "mmdata.cli", "serve", str(folder), "--port", "0", *options]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, encoding="utf-8", env={**os.environ, **environment}
        )
        self.lines = []
        while not (found := re.search(r"http://\S+/", self.lines[-1] if self.lines else "")):
            line = self.process.stderr.readline()
            assert line, self.lines
            self.lines.append(line)
        self.url = found[0]
        self._reader = threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True)
        self._reader.start()

    def ended(self, how):
        """Its exit code, after a signal."""
        self.process.send_signal(how)
        code = self.process.wait(20)
        self._reader.join(5)
        self.process.stderr.close()
        return code


@pytest.fixture
def start(folder):
    started = []

    def made(*options, **environment):
        started.append(Service(folder, *options, **environment))
        return started[-1]

    yield made
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


@pytest.mark.slow
def test_two_hundred_clients_at_once_meet_no_error_and_fill_no_memory(start):
    service = start()
    process = psutil.Process(service.process.pid)
    content = encoded(Image.effect_noise((2000, 1500), 90).convert("RGB"), "JPEG", quality=95)
    assert 2_000_000 < len(content) < 9_000_000
    httpx.post(f"{service.url}search", files={"image": content}).raise_for_status()
    before, most, done = process.memory_info().rss, [0], threading.Event()

    def watched():
        while not done.wait(0.02):
            most[0] = max(most[0], process.memory_info().rss)

    together = threading.Barrier(CLIENTS)

    def asked(number):
        with httpx.Client(timeout=60, verify=False) as client:
            together.wait()
            large = {"image": content if number % 8 == 0 else encoded(photo(number))}
            first = client.post(f"{service.url}search", files=large, data={"k": "3"})
            pictures = [client.get(f"{service.url}pictures/{hit['picture']}") for hit in first.json().get("hits", [])]
            return [first.status_code, *(one.status_code for one in pictures)]

    watcher = threading.Thread(target=watched)
    watcher.start()
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(asked, range(CLIENTS)))
    done.set()
    watcher.join()
    assert answers == [[200] * 4] * CLIENTS
    # Of 25 uploads each is 3 MB, and 9 when decoded: on the disk, and one after another.
    grown = (most[0] - before) / 1e6
    print(f"{len(content) / 1e6:.1f} MB each; {before / 1e6:.0f} MB before, {grown:.0f} MB more")
    assert grown < 150, f"{grown:.0f} MB more"
    assert service.ended(signal.SIGTERM) == 0


def test_it_ends_in_peace_and_ctrl_c_is_told_by_its_exit_code(start, folder):
    service = start(MMDATA_API_KEY="secret-7")
    assert httpx.get(f"{service.url}facts").status_code == 401
    port = re.search(r":(\d+)/", service.url)[1]
    with pytest.raises(
        mmdata.MmdataError, match=f"127.0.0.1 port {port} cannot be listened on: Address already in use"
    ):
        mmdata.serve(folder, port=int(port))
    assert service.ended(signal.SIGINT) == 130
    assert "secret-7" not in "".join(service.lines)
    assert not any("Traceback" in line for line in service.lines)


def test_a_client_that_sends_nothing_more_is_told_so_and_holds_nobody_up(folder):
    with running(app_of(folder, timeout=1)) as url:
        host, port = re.search(r"//(.*):(\d+)", url).groups()
        with socket.create_connection((host, int(port))) as slow:
            slow.sendall(BEGUN)
            assert httpx.post(f"{url}/search", data={"text": "a"}).status_code == 200
            slow.settimeout(10)
            assert slow.recv(1000).startswith(b"HTTP/1.1 408")


def test_who_comes_when_it_is_full_is_told_to_come_again(folder, monkeypatch):
    monkeypatch.setattr(limits, "WAITING", 2)
    with running(app_of(folder, timeout=5)) as url:
        host, port = re.search(r"//(.*):(\d+)", url).groups()
        held = [socket.create_connection((host, int(port))) for _ in range(2)]
        for one in held:
            one.sendall(BEGUN)
        time.sleep(0.3)
        answer = httpx.post(f"{url}/search", data={"text": "a"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert httpx.get(f"{url}/health").status_code == 200
        for one in held:
            one.close()
        until = time.monotonic() + 5
        while (
            status := httpx.post(f"{url}/search", data={"text": "a"}).status_code
        ) == 503 and time.monotonic() < until:
            time.sleep(0.05)
        assert status == 200


def test_too_large_an_upload_is_refused_before_it_is_sent_or_after(folder):
    with running(app_of(folder, max_mb=0.5)) as url:
        host, port = re.search(r"//(.*):(\d+)", url).groups()
        with socket.create_connection((host, int(port))) as asking:
            asking.sendall(
                b"POST /search HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\nExpect: 100-continue\r\n\r\n"
            )
            asking.settimeout(10)
            assert asking.recv(1000).startswith(b"HTTP/1.1 413")
        answer = httpx.post(f"{url}/search", files={"image": bytes(3_000_000)}, timeout=20)
        assert (answer.status_code, "0.5 MB" in answer.json()["detail"]) == (413, True)


@pytest.mark.parametrize(
    ("key", "options", "said"),
    [
        ("비밀", (), "MMDATA_API_KEY travels in a header"),
        ("", ("--model", "openai/clip-vit-base-patch32"), "has no index by 'openai/clip-vit-base-patch32'"),
        ("", ("--host", "203.0.113.7"), "cannot be listened on"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_message(folder, monkeypatch, key, options, said):
    monkeypatch.setenv("MMDATA_API_KEY", key)
    done = CliRunner().invoke(app, ["serve", str(folder), "--port", "0", *options])
    assert said in str(done.exception)


def test_without_its_libraries_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(
        mmdata.MmdataError, match=r"install fastapi to serve \(`pip install 'mmdata-corpus\[search\]'`\)"
    ):
        mmdata.serve(folder)


def test_a_corpus_without_a_recommend_cannot_have_an_adviser(folder, tmp_path):
    other = tmp_path / "fashion"
    shutil.copytree(folder, other)
    Path(other, "recommend.py").unlink()
    with pytest.raises(mmdata.MmdataError, match=r"has no recommend\.py"):
        mmdata.serve(other, port=0, base_url="http://127.0.0.1:1/v1", advisor="stylist")

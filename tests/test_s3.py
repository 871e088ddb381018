"""The same tree from a real S3 server on loopback, and what happens when it is not there."""

import contextlib
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import obstore
import pytest
from kit import put
from nest import shared
from weed import KEYS, Server, free_ports

import mmdata
from mmdata.corpus import HOME
from mmdata.errors import FileProblem, SourceError
from mmdata.listing import Listing
from mmdata.sources import open_source, remote


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("s3") / "weed")
    yield one
    one.stop()


@pytest.fixture
def skin(tmp_path):
    return mmdata.new("skin", tmp_path / "내 말뭉치", like="skin")


@pytest.fixture(scope="module")
def tiny(server):
    tree = HOME / "skin" / "tiny"
    server.put(tree, "원본/skin")
    return tree


def build(skin: Path, url: str, endpoint: str, **more: str) -> subprocess.CompletedProcess:
    environment = os.environ | KEYS | {"AWS_ENDPOINT_URL": endpoint} | more
    return shared().run("build", skin, "--source", url, env=environment)


def assert_one_message(done: subprocess.CompletedProcess, *words: str) -> None:
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_bucket_builds_to_the_shards_of_its_folder(skin, server, tiny, tmp_path, monkeypatch):
    for name, value in (KEYS | {"AWS_ENDPOINT_URL": server.url}).items():
        monkeypatch.setenv(name, value)
    folder = mmdata.build(mmdata.new("skin", tmp_path / "folder", like="skin"), tiny)
    bucket = mmdata.build(skin, "s3://bucket/원본/skin")
    assert bucket.manifest.files == folder.manifest.files
    assert bucket.manifest.origin.sha256 == folder.manifest.origin.sha256
    assert not mmdata.build(skin, "s3://bucket/원본/skin").created


def test_a_file_of_records_is_read_in_ranges(server, tmp_path, monkeypatch):
    for name, value in (KEYS | {"AWS_ENDPOINT_URL": server.url}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(remote, "RANGE_BYTES", 100_000)
    content = random.Random(0).randbytes(350_000)
    put(tmp_path / "원본", "기록/a.jsonl", content)
    server.put(tmp_path / "원본", "원본/records")
    listing = Listing.of(open_source("s3://bucket/원본/records"), sqlite3.connect(":memory:"))
    (file,) = listing.named("a.jsonl")
    with listing.open(file) as opened:
        assert opened.read(7) + opened.read(120_000) + opened.read() == content
    with listing.open(file) as opened:
        opened.read(1)
        put(tmp_path / "원본", "기록/a.jsonl", content[::-1])
        server.put(tmp_path / "원본", "원본/records")
        with pytest.raises(FileProblem, match=r"기록/a\.jsonl: cannot be read: it was replaced while it was read"):
            opened.read()


def test_another_url_goes_through_fsspec_to_the_same_shards(skin, tiny, tmp_path):
    folder = mmdata.build(mmdata.new("skin", tmp_path / "folder", like="skin"), tiny)
    assert mmdata.build(skin, f"local://{tiny}").manifest.files == folder.manifest.files


def test_a_wrong_key_is_said(skin, server, tiny):
    done = build(skin, "s3://bucket/원본/skin", server.url, AWS_SECRET_ACCESS_KEY="wrong")
    assert_one_message(done, "the server refused the key", "AWS_ACCESS_KEY_ID", "AWS_REGION")
    assert "wrong" not in done.stderr, "no secret in a message"


def test_a_missing_bucket_is_named(skin, server):
    done = build(skin, "s3://no-such-bucket/x", server.url)
    assert_one_message(done, "there is no bucket 'no-such-bucket'", "AWS_ENDPOINT_URL")


def test_an_empty_prefix_says_what_is_looked_for(skin, server, tiny):
    assert_one_message(build(skin, "s3://bucket/nothing", server.url), "0 files", "It looks for folders named")


def test_no_server_is_said_within_seconds(skin):
    (port,) = free_ports(1)
    began = time.monotonic()
    assert_one_message(build(skin, "s3://bucket/x", f"http://127.0.0.1:{port}"), "the connection failed", "again")
    assert time.monotonic() - began < 40


class Cutter:
    """Passes connections on to a server until so many bytes have come back, then cuts all."""

    def __init__(self, port: int, after: int):
        self._port, self._left = port, after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError), source, target:
            while data := source.recv(4096):
                if counted:
                    self._left -= len(data)
                if self._left <= 0:
                    for one in (source, target):  # A close alone would wait for the other thread's recv.
                        one.shutdown(socket.SHUT_RDWR)
                    return
                target.sendall(data)

    def close(self) -> None:
        self._listener.close()


@pytest.mark.parametrize("after", [2_000, 30_000])
def test_a_cut_connection_is_said_and_the_next_build_completes(skin, server, tiny, after):
    cutter = Cutter(server.port, after)
    try:
        done = build(skin, "s3://bucket/원본/skin", cutter.url)
    finally:
        cutter.close()
    assert_one_message(done, "the connection failed after retries", "Run the same command again")
    assert not (skin / "data").exists() and not (skin / ".staging").exists()
    assert build(skin, "s3://bucket/원본/skin", server.url).returncode == 0


def test_an_object_that_goes_after_the_listing_is_a_refused_row(skin, server, tiny, tmp_path, monkeypatch):
    for name, value in (KEYS | {"AWS_ENDPOINT_URL": server.url}).items():
        monkeypatch.setenv(name, value)
    tree = shutil.copytree(tiny, tmp_path / "copy")
    server.put(tree, "gone")
    source = open_source("s3://bucket/gone")
    first = next(iter(source.list()))
    obstore.delete(server.store, f"gone/{first.raw}")
    with pytest.raises(FileProblem, match="deleted from the bucket after the listing"):
        source.read(first)
    with pytest.raises(SourceError, match="no bucket 'missing'"):
        list(open_source("s3://missing/x").list())

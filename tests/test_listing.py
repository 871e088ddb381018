"""A source's files as a builder asks for them: found by their names, opened as streams."""

import gzip
import random
import sqlite3
import tracemalloc
import unicodedata
import zipfile
from contextlib import closing

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit import put

from mmdata.errors import SourceError
from mmdata.listing import Listing
from mmdata.sources import Source, SourceFile, open_source
from mmdata.sources import remote as remote_source

CONTENT = random.Random(0).randbytes(3_000_000)
NAME = "기록/metadata.jsonl"


def listed(source: Source) -> Listing:
    return Listing.of(source, sqlite3.connect(":memory:"))


class Named:
    """A source of files of these paths and no content."""

    url, readers = "named", 1

    def __init__(self, paths):
        self.paths = paths

    def list(self):
        return iter([SourceFile(path, path, 1, "") for path in self.paths])


@given(
    st.lists(st.text("ab가/.", min_size=1, max_size=6).filter(lambda p: not p.endswith("/")), unique=True, max_size=12),
    st.text("ab가.", min_size=1, max_size=3),
)
def test_files_are_found_by_their_name_in_whatever_folder(paths, name):
    listing = listed(Named(paths))
    for _ in range(2):
        wanted = sorted(p for p in paths if p.split("/")[-1] == name)
        assert [file.path for file in listing.named(unicodedata.normalize("NFD", name))] == wanted


def test_files_are_found_while_others_are_gone_through():
    listing = listed(Named(["a/1", "b/1", "b/2"]))
    assert [[found.path for found in listing.named(file.name)] for file in listing.files()] == [
        ["a/1", "b/1"],
        ["a/1", "b/1"],
        ["b/2"],
    ]


@pytest.fixture(params=["folder", "zip", "memory"])
def held(request, tmp_path):
    """A source that holds one large file."""
    if request.param == "folder":
        put(tmp_path / "원본", NAME, CONTENT)
        return open_source(tmp_path / "원본")
    if request.param == "zip":
        with zipfile.ZipFile(tmp_path / "원본.zip", "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr(NAME, CONTENT)
        return open_source(tmp_path / "원본.zip")
    fsspec.filesystem("memory").pipe(f"/stream/{NAME}", CONTENT)
    request.addfinalizer(lambda: fsspec.filesystem("memory").rm("/stream", recursive=True))
    return open_source("memory://stream")


def test_an_open_file_is_its_bytes_line_by_line(held):
    listing = listed(held)
    with listing.open(*listing.named("metadata.jsonl")) as opened:
        assert [line.removesuffix(b"\n") for line in opened] == CONTENT.split(b"\n")
    with listing.open(*listing.named("metadata.jsonl")) as opened:
        assert opened.read(10) + opened.read(1_500_000) + opened.read() == CONTENT


@pytest.mark.parametrize("name", ["records.jsonl", "records.jsonl.gz"])
def test_a_large_file_is_read_in_little_memory(tmp_path, name):
    line = b'{"id": "a"}' + b" " * 1000 + b"\n"
    content = line * 50_000
    put(tmp_path, name, gzip.compress(content, 1) if name.endswith(".gz") else content)
    listing = listed(open_source(tmp_path))
    del content
    tracemalloc.start()
    try:
        with listing.open(*listing.named(name)) as opened:
            assert sum(found == line for found in opened) == 50_000
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()


def test_a_cut_gz_is_named_when_the_cut_is_reached(tmp_path):
    put(tmp_path, "기록.jsonl.gz", gzip.compress(CONTENT)[:-1000])
    listing = listed(open_source(tmp_path))
    with (
        listing.open(*listing.named("기록.jsonl.gz")) as opened,
        pytest.raises(SourceError, match=r"^기록\.jsonl\.gz: cannot be unpacked: .* It may be cut short: copy or"),
    ):
        opened.read()


def test_a_file_that_is_gone_or_damaged_is_named(tmp_path):
    put(tmp_path / "원본", NAME, b"{}")
    listing = listed(open_source(tmp_path / "원본"))
    (tmp_path / "원본" / NAME).unlink()
    with pytest.raises(SourceError, match=r"^기록/metadata\.jsonl: cannot be read: No such file"):
        listing.open(*listing.named("metadata.jsonl"))
    packed = tmp_path / "원본.zip"
    with zipfile.ZipFile(packed, "w") as out:
        out.writestr(NAME, CONTENT)
    damaged = bytearray(packed.read_bytes())
    damaged[2_000_000] ^= 1
    packed.write_bytes(damaged)
    listing = listed(open_source(packed))
    with (
        listing.open(*listing.named("metadata.jsonl")) as opened,
        pytest.raises(SourceError, match=r"^기록/metadata\.jsonl: cannot be read from the zip: Bad CRC-32"),
    ):
        opened.read()


def test_pieces_of_any_size_are_read_as_one(monkeypatch):
    pieces = [CONTENT[at : at + 700_001] for at in range(0, len(CONTENT), 700_001)]
    with closing(
        remote_source.Stream(
            remote_source._pieces(lambda: pieces.pop(0) if pieces else b""), lambda: None, AssertionError
        ).buffered()
    ) as opened:
        assert opened.read(5) + opened.read() == CONTENT

"""An archive becomes a folder, whole; a hostile one becomes nothing at all."""

import itertools
import os
import random
import stat
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from fetching import a_tar, a_zip, tree
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdata.fetching import members
from mmdata.fetching.faults import Refused, Stop, Stopped
from mmdata.fetching.unpacking import Unpacking

NOISE = random.Random(0).randbytes(50_000)


def linked(name, kind, to) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def zip_info(name, mode) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "바깥" / "source"
    (folder / ".fetch").mkdir(parents=True)
    return folder


@pytest.fixture
def small(monkeypatch):
    """What is large: a hundredth of what it is."""
    monkeypatch.setattr(members, "FREE_BYTES", 1_000_000)


def unpack(place: Path, content: bytes, name: str = "a.zip") -> Path:
    (place / name).write_bytes(content)
    Unpacking(place, name).run("digest", Stop())
    return place / "a"


FILES = [("폴더/건선.png", NOISE), ("b.json", b"{}"), ("empty", b"")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", a_zip(*FILES, ("__MACOSX/._b", b"x"), ("폴더/.DS_Store", b"x"), ("folder/", b""))),
        ("a.zip", a_zip(*((f"./{name}", content) for name, content in FILES), method=zipfile.ZIP_STORED)),
        ("a.zip", a_zip(("폴더\\건선.png", NOISE), *FILES[1:], method=zipfile.ZIP_BZIP2)),
        ("a.tar.gz", a_tar(linked("./", tarfile.DIRTYPE, ""), *FILES, ("폴더/._건선.png", NOISE))),
        ("a.tar", a_tar(*FILES, packed=False)),
        ("a.tgz", a_tar(*FILES, packed=False)),
    ],
)
def test_an_archive_becomes_a_folder(place, name, content):
    assert tree(unpack(place, content, name)) == dict(FILES)
    assert [path.name for path in (place / ".fetch").iterdir()] and not list((place / ".fetch").glob("*.unpacking"))


def test_korean_names_of_windows_and_macos_are_put_right(place):
    raw = a_zip(("XXXX.png", b"1"), ("가.png", b"2"))
    assert tree(unpack(place, raw.replace(b"XXXX", "건선".encode("cp949")))) == {"건선.png": b"1", "가.png": b"2"}


EVIL = {
    "dots in a zip": a_zip(("../evil", b"x")),
    "dots inside": a_zip(("a/../../evil", b"x")),
    "an absolute zip": a_zip(("/tmp/evil", b"x")),
    "a drive": a_zip(("C:/evil", b"x")),
    "backslashes": a_zip(("..\\evil", b"x")),
    "a control letter": a_zip(("a\x1bevil", b"x")),
    "a long name": a_zip(("가" * 100, b"x")),
    "a symlink in a zip": a_zip((zip_info("a", stat.S_IFLNK | 0o777), b"/etc")),
    "through a symlink": a_zip((zip_info("a", stat.S_IFLNK | 0o777), b".."), ("a/evil", b"x")),
    "a device in a zip": a_zip((zip_info("a", stat.S_IFCHR), b"")),
    "upper case": a_zip(("A/x.png", b"1"), ("a/X.png", b"2")),
    "NFC and NFD": a_zip(("가", b"1"), ("\u1100\u1161", b"2")),
    "a file that is a folder": a_zip(("a", b"1"), ("a/b", b"2")),
    "a folder that is a file": a_zip(("a/b", b"1"), ("a", b"2")),
    "a bomb": a_zip(("a", bytes(3_000_000))),
    "dots in a tar": a_tar(("../evil", b"x")),
    "an absolute tar": a_tar(("/tmp/evil", b"x")),
    "a symlink": a_tar(linked("a", tarfile.SYMTYPE, "/etc")),
    "a symlink below": a_tar(linked("a", tarfile.SYMTYPE, "b"), ("b", b"x")),
    "a hard link": a_tar(("b", b"x"), linked("a", tarfile.LNKTYPE, "b")),
    "a device": a_tar(linked("a", tarfile.CHRTYPE, "")),
    "a pipe": a_tar(linked("a", tarfile.FIFOTYPE, "")),
    "upper case in a tar": a_tar(("A", b"1"), ("a", b"2")),
    "a bomb of a tar": a_tar(("a", bytes(3_000_000))),
}


@pytest.mark.parametrize("name", EVIL)
def test_a_hostile_archive_becomes_nothing(place, name, small):
    archive = "a.zip" if EVIL[name][:2] == b"PK" else "a.tar.gz"
    with pytest.raises(Refused) as refused:
        unpack(place, EVIL[name], archive)
    assert refused.value.kind == "unsafe archive" and archive in refused.value.reason
    assert {path.name for path in place.parent.rglob("*")} == {"source", ".fetch", archive}


def overlapping(files: int) -> bytes:
    """Each entry of the list names the same packed bytes, as in the better bombs."""
    one = a_zip(("0000000", bytes(100_000)))
    at, end = one.index(b"PK\1\2"), one.rindex(b"PK\5\6")
    entries = b"".join(one[at:end].replace(b"0000000", b"%07d" % n) for n in range(files))
    return one[:at] + entries + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, files, files, len(entries), at, 0)


def headed() -> bytes:
    info = tarfile.TarInfo("a")
    info.pax_headers = {"comment": "x" * 20_000_000}
    return a_tar(("b", b""), (info, b""))


DAMAGED = {
    "cut": (a_zip(*FILES)[:-30], "broken archive"),
    "a flipped byte": (a_zip(*FILES, method=zipfile.ZIP_STORED).replace(NOISE[1000:1004], b"abcd"), "broken archive"),
    "no zip": (b"PK\3\4" + NOISE, "broken archive"),
    "no files": (a_zip(), "broken archive"),
    "a cut tar": (a_tar(*FILES)[:-2000], "broken archive"),
    "a cut plain tar": (a_tar(*FILES, packed=False)[:20_000], "broken archive"),
    "a plain tar cut between two files": (a_tar(*FILES, packed=False)[: 512 + 50_176], "broken archive"),
    "a tar without its gzip's end": (a_tar(*FILES)[:-4], "broken archive"),
    "a tar's header of 20 MB": (headed(), "broken archive"),
    "LZMA": (a_zip(*FILES, method=zipfile.ZIP_LZMA), "archive"),
    "overlapping entries": (overlapping(20), "unsafe archive"),
    "a list of a billion files": (
        a_zip(*FILES)[:-22] + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 1_000_000_000, 0, 0), "unsafe archive",
    ),
    "a password": (a_zip(("a", b"x")).replace(b"PK\1\2\x14\x03\x14\x00\x00", b"PK\1\2\x14\x03\x14\x00\x01"), "locked archive"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_archive_becomes_nothing(place, name, small):
    content, kind = DAMAGED[name]
    archive = "a.zip" if content[:2] == b"PK" else "a.tar.gz"
    with pytest.raises(Refused) as refused:
        unpack(place, content, archive)
    assert refused.value.kind == kind
    assert {path.name for path in place.rglob("*")} == {".fetch", archive}


def test_the_number_of_files_is_bounded(place, monkeypatch):
    monkeypatch.setattr(members, "MOST_MEMBERS", 2)
    for archive, content in {"a.zip": a_zip(*FILES), "a.tar.gz": a_tar(*FILES)}.items():
        with pytest.raises(Refused, match=r"2 are the most|more than 2 files"):
            unpack(place, content, archive)


@given(
    st.lists(
        st.lists(st.sampled_from(["..", ".", "a", "A", "가", "", "/", "\\", "C:", "~", "\0"]), max_size=4), max_size=3
    ),
    st.booleans(),
)
@settings(max_examples=100)
def test_no_name_leads_out_of_the_folder(names, zipped):

    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sync", lambda: None)  # A hundred would take long.
        place = Path(home) / "1/2/3/source"
        (place / ".fetch").mkdir(parents=True)
        files = [("/".join(parts) or "x", b"1") for parts in names]
        content = (
            a_zip(*{name.partition("\0")[0]: (name, b) for name, b in files}.values()) if zipped else a_tar(*files)
        )
        try:
            folder = unpack(place, content, "a.zip" if zipped else "a.tar.gz")
            assert folder.is_dir()
        except Refused:
            assert not (place / "a").exists()
        beside = {path for path in Path(home).rglob("*") if path.is_file() and place / "a" not in path.parents}
        assert {path.name for path in beside} <= {"a.zip", "a.tar.gz"} | {p.name for p in (place / ".fetch").iterdir()}


# Killed and run again


class StopAt(Stop):
    """Stops at the nth look."""

    def __init__(self, number):
        super().__init__()
        self.left = number

    def look(self):
        self.left -= 1
        if self.left < 0:
            raise Stopped


MANY = [(f"{n:02}.bin", random.Random(n).randbytes(3_000)) for n in range(20)]


@pytest.mark.parametrize("archive", ["a.zip", "a.tar.gz"])
def test_it_goes_on_where_it_stopped(place, archive):
    (place / archive).write_bytes(a_zip(*MANY) if archive == "a.zip" else a_tar(*MANY))
    aside = []
    for number in range(1, 120, 7):
        try:
            Unpacking(place, archive).run("one", StopAt(number))
            break
        except Stopped:
            assert not (place / "a").exists()
            assert Unpacking(place, archive).done("one") is None
            if number == 22:  # As after a power cut: of the right size, and wrong.
                next((place / ".fetch").rglob("03.bin")).write_bytes(bytes(3_000))
            aside.append({path.name: path.stat().st_ino for path in (place / ".fetch").rglob("*.bin")})
    assert tree(place / "a") == dict(MANY) and Unpacking(place, archive).done("one") == 20
    first = {path.name: path.stat().st_ino for path in (place / "a").iterdir()}
    assert aside[1].items() <= first.items(), "what was unpacked before is what is there now"


def test_a_newer_archive_takes_the_place_of_the_older_even_if_killed_between(place, monkeypatch):
    unpack(place, a_zip(*MANY))
    (place / "a.zip").write_bytes(a_zip(*FILES))
    rename = os.rename
    for number in (0, 1):
        calls = itertools.count()

        def dies(old, new, calls=calls, number=number):
            if next(calls) == number:
                raise KeyboardInterrupt
            rename(old, new)

        digest = f"killed at rename {number}"
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(os, "rename", dies)
            Unpacking(place, "a.zip").run(digest, Stop())
        assert Unpacking(place, "a.zip").done(digest) == 3
        assert tree(place / "a") == dict(FILES)
        assert {path.name.rpartition(".")[2] for path in (place / ".fetch").iterdir()} == {"json"}


def test_a_folder_that_was_removed_is_unpacked_again(place):
    import shutil

    folder = unpack(place, a_zip(*MANY))
    shutil.rmtree(folder)
    assert Unpacking(place, "a.zip").done("digest") is None
    with pytest.raises(Stopped):
        Unpacking(place, "a.zip").run("digest", StopAt(5))
    assert Unpacking(place, "a.zip").done("digest") is None and not folder.exists()
    assert Unpacking(place, "a.zip").run("digest", Stop()) == 20

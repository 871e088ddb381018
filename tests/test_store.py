"""The store of answers: only added to, for one writer, whole after a power loss or a full disk."""

import os
import shutil
import sqlite3
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from mmdata.annotation.store import Answer, Store, path_of, reading, writing
from mmdata.errors import AnnotationError

PAGE = 4096


def answer(number: int, **changes) -> Answer:
    return Answer(
        number.to_bytes(32, "big"), f"row {number}", "ok", value=f"{number} " + "가" * 300, raw="x" * 5000
    )._replace(**changes)


def add(store: Store, *answers: Answer) -> None:
    store.add("caption", "sha", "model", answers)


def numbers(folder: Path) -> list[int]:
    with reading(folder) as store:
        assert store
        return sorted(int.from_bytes(key, "big") for (key,) in store._db.execute("SELECT DISTINCT key FROM answers"))


def test_what_holds_is_the_newest_row_and_nothing_is_overwritten(tmp_path):
    with writing(tmp_path) as store:
        add(store, answer(1, status="failed", kind="http 500", value=None), answer(2))
        add(store, answer(1))
        held = store.held(answer(1).key)
        assert held and (held.status, held.value) == ("ok", answer(1).value)
        add(store, answer(1, value="고친 글", made_by="person", edits=held.seq))
        now = store.held(answer(1).key)
        assert now and (now.value, now.made_by) == ("고친 글", "person")
        assert store.held(answer(3).key) is None
        assert store.asked_before("caption", ["row 1", "row 9"]) == {"row 1"} and not store.asked_before(
            "other", ["row 1"]
        )
    with sqlite3.connect(path_of(tmp_path)) as database:
        assert database.execute("SELECT COUNT(*) FROM answers").fetchone() == (4,)
        for change in ("UPDATE answers SET value = ''", "DELETE FROM answers"):
            with pytest.raises(sqlite3.IntegrityError, match="answers are only added"):
                database.execute(change)


def test_the_file_is_for_nobody_else_from_the_first_byte_on(tmp_path):
    old = os.umask(0)
    try:
        with writing(tmp_path) as store:
            add(store, answer(1))
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.glob("annotations.sqlite*")}
    finally:
        os.umask(old)
    assert modes == {f"annotations.sqlite{end}": 0o600 for end in ("", "-wal", "-shm")}


def test_a_second_writer_is_told_who_writes_and_readers_read_on(tmp_path):
    with writing(tmp_path) as store:
        add(store, answer(1))
        with (
            pytest.raises(
                AnnotationError,
                match=rf"annotated by another process \(process {os.getpid()}, since .*Wait until it ends",
            ),
            writing(tmp_path),
        ):
            pass
        assert numbers(tmp_path) == [1]
    with writing(tmp_path) as store:
        add(store, answer(2))
    assert numbers(tmp_path) == [1, 2]


def test_reading_makes_no_store(tmp_path):
    with reading(tmp_path) as store:
        assert store is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_store_is_said_and_kept(tmp_path):
    path_of(tmp_path).write_bytes(b"not a database, but somebody's " * 200)
    for opened in (writing, reading):
        with (
            pytest.raises(AnnotationError, match=r"annotations.sqlite: file is not a database.*keep it"),
            opened(tmp_path) as store,
        ):
            store.prompts()
    assert path_of(tmp_path).read_bytes().startswith(b"not a database")


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / ".annotations.lock").mkdir()
    with pytest.raises(AnnotationError, match="cannot be written to: Is a directory"), writing(tmp_path):
        pass


# Power loss


@pytest.mark.parametrize("harm", ["truncated", "zeroed", "garbage"])
def test_a_power_loss_at_any_page_of_the_last_commit_leaves_all_before_it(tmp_path, harm):
    live = tmp_path / "live"
    live.mkdir()
    wal = path_of(live).with_name("annotations.sqlite-wal")
    with writing(live) as store:
        for number in range(20):
            add(store, answer(number))
        before = wal.stat().st_size
        add(store, *(answer(number) for number in range(20, 30)))
        database, log = path_of(live).read_bytes(), wal.read_bytes()
    frames = (len(log) - before) // (PAGE + 24)
    assert frames >= 10 and struct.unpack(">I", log[8:12]) == (PAGE,)
    cuts = [before + frame * (PAGE + 24) + into for frame in range(frames) for into in (0, 10, 24, 24 + 512, PAGE)]
    for cut in cuts:
        folder = tmp_path / f"{cut}"
        folder.mkdir()
        tail = len(log) - cut
        left = {"truncated": b"", "zeroed": bytes(tail), "garbage": os.urandom(tail)}[harm]
        path_of(folder).write_bytes(database)
        path_of(folder).with_name("annotations.sqlite-wal").write_bytes(log[:cut] + left)
        with writing(folder) as store:
            assert [store.held(answer(n).key) is not None for n in range(30)] == [True] * 20 + [False] * 10
            add(store, *(answer(number) for number in range(20, 30)))
        assert numbers(folder) == list(range(30))
        with sqlite3.connect(path_of(folder)) as again:
            assert again.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        shutil.rmtree(folder)


def test_each_commit_is_synced(tmp_path):
    with writing(tmp_path) as store:
        assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


# A full disk

WRITER = """
import resource, sys
from pathlib import Path
from test_store import add, answer
from mmdata.annotation.store import writing
from mmdata.errors import AnnotationError
limit, folder = int(sys.argv[1]), Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
written = 0
try:
    with writing(folder) as store:
        for written in range(10_000):
            add(store, answer(written))
except AnnotationError as error:
    print(written, error)
"""


@pytest.mark.parametrize("limit", [1, PAGE, 150_000, 1_000_000])
def test_a_disk_that_fills_is_said_and_all_before_it_is_there(tmp_path, limit):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", WRITER, str(limit), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.stderr == "" and "run the same command again" in done.stdout, done
    written = int(done.stdout.split()[0])
    with writing(tmp_path) as store:
        add(store, answer(written))
    assert numbers(tmp_path) == list(range(written + 1))
    assert (written > 20) == (limit == 1_000_000)

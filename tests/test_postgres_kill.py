"""Whoever is killed while an index is published: readers have the old one, and the next publication is whole."""

import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pg
import psycopg
import pytest
from indexes import an_index, clustered

from mmdata.errors import MmdataError
from mmdata.progress import Silent
from mmdata.searching import connecting, postgres, publishing, tables
from mmdata.searching.connecting import Database
from mmdata.searching.postgres import PostgresIndex, publish
from mmdata.searching.tables import INDEXES, name_of, rows_of

STAGES = ("pictures", "making the index", "rows", "putting it in place")
VECTORS = clustered(700, 16)
NAME = name_of("옷장", "tiny")


def release(home, count):
    return an_index(home, VECTORS[:count], [{"id": f"{n:04}", "picture": n, "of": count} for n in range(count)])


def is_whole(dsn, files):
    """Every entry and every picture of the index is there exactly once, and no table besides."""
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relname ~ '^mmdata_' AND relkind = 'r'"
        ).fetchall()
        ids = connection.execute(f'SELECT id, "of" FROM "{rows_of(NAME)}" ORDER BY id').fetchall()
        pictures = connection.execute(f'SELECT picture FROM "{NAME}" ORDER BY picture').fetchall()
    assert sorted(tables) == sorted([(INDEXES,), (NAME,), (rows_of(NAME),)])
    assert ids == [(row["id"], row["of"]) for row in files.rows()]
    assert pictures == [(picture,) for picture in sorted(files.pictures)]
    return True


class At(Silent):
    """Does something when a stage begins."""

    def __init__(self, stage, what):
        self.wanted, self.what, self.done = f"PostgreSQL: {stage}", what, False

    def stage(self, name):
        if name == self.wanted:
            self.done = True
            self.what()


@pytest.mark.parametrize("stage", ["making the index", "putting it in place"])
def test_kill_9_of_the_client(tmp_path, stage):
    dsn = pg.server().new()
    old, new = release(tmp_path / "old", 300), release(tmp_path / "new", 400)
    reader = publish(old, dsn)
    (tmp_path / "new.pickle").write_bytes(pickle.dumps((new.facts, new.pictures, new.vectors, new.rows())))
    command = [sys.executable, Path(__file__).with_name("publisher.py"), tmp_path / "new.pickle", dsn, stage]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"here\n"
        # Its tables are there by now, for itself alone, and no reader waits.
        assert [reader.nearest(v, 5) for v in VECTORS[:9]] == [old.nearest(v, 5) for v in VECTORS[:9]]
        child.kill()
    assert is_whole(dsn, old) and reader.rows() == old.rows()
    assert publishing.written(new, Database(dsn)).whole
    assert is_whole(dsn, new) and [reader.nearest(v, 5) for v in VECTORS[:9]] == [
        new.nearest(v, 5) for v in VECTORS[:9]
    ]
    reader.close()


@pytest.mark.parametrize("count", [400, 310], ids=["all anew", "some"])
def test_kill_9_of_the_server(tmp_path, count):
    server = pg.server()
    dsn = server.new()
    old, new = release(tmp_path / "old", 300), release(tmp_path / "new", count)
    new.facts = new.facts.model_copy(update={"columns": old.facts.columns})
    reader = publish(old, dsn)
    for stage in STAGES if count == 400 else STAGES[2:]:
        killing = At(stage, server.kill)
        with pytest.raises(
            MmdataError, match=r"connection is lost, and nothing there has changed\. Run the same command"
        ):
            publishing.written(new, Database(dsn), killing)
        assert killing.done
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(reader.nearest, VECTORS[0], 5)
            time.sleep(0.1)
            server.start()  # In this thread: it ends with the one that started it.
            assert asked.result() == old.nearest(VECTORS[0], 5)
        assert is_whole(dsn, old)
    publishing.written(new, Database(dsn))
    assert is_whole(dsn, new) and reader.nearest(VECTORS[0], 5) == new.nearest(VECTORS[0], 5)
    reader.close()


def test_two_who_publish_at_once_take_turns(tmp_path):
    dsn = pg.server().new()
    files = {count: release(tmp_path / str(count), count) for count in (300, 305, 400)}
    ready, errors = threading.Barrier(6), []

    def publishes(count):
        ready.wait()
        try:
            publishing.written(files[count], Database(dsn))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=publishes, args=[count]) for count in (300, 305, 400) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    index = PostgresIndex(dsn, "옷장")
    assert is_whole(dsn, files[index.facts.pictures])
    index.close()


def test_readers_have_the_old_one_or_the_new_one(tmp_path):
    """A service asks all the time while it is published again and again."""
    dsn = pg.server().new()
    both = [release(tmp_path / str(count), count) for count in (200, 300, 310)]
    answers = {files.facts.rows: files.nearest(VECTORS[250], 8) for files in both}
    reader = publish(both[0], dsn)
    stop, seen, errors = threading.Event(), set(), []

    def reads():
        while not stop.is_set():
            try:
                found = reader.nearest(VECTORS[250], 8)
                count = found[0].row["of"]
                assert found == answers[count]
                seen.add(count)
            except BaseException as error:
                return errors.append(error)

    threads = [threading.Thread(target=reads) for _ in range(3)]
    for thread in threads:
        thread.start()
    for files in both[1:] + both:
        publishing.written(files, Database(dsn))
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == [] and len(seen) > 1
    reader.close()


# What is wrong, and what helps


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(connecting, "RETRY_SECONDS", 0.2)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return release(tmp_path_factory.mktemp("색인"), 20)


def test_whoever_cannot_connect_is_told_why_and_no_password(files, hurried, monkeypatch):
    server = pg.server()
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")
    secret = "geh3im"
    cases = {
        f"postgresql://me:{secret}@127.0.0.1:1/mmdata": r"127\.0\.0\.1:1, database mmdata: .*refused.*Check that the server runs",
        f"host=/nowhere dbname=mmdata password={secret}": r"at /nowhere, database mmdata: .*No such file.*Check that the server",
        f"postgresql://me:{secret}@nowhere.invalid/mmdata": r"nowhere\.invalid.*Check the host",
        f"postgresql://me:{secret}@x@h:5:6/mmdata": r"address of PostgreSQL cannot be read. It has the form postgresql://USER@HOST",
        f"{secret} at home": "address of PostgreSQL cannot be read",
        f"postgresql://me:{secret}@h/d?connect_timeout=abc": r"at h, database d: .*connect_timeout.*Correct that part",
        server.dsn("없다"): r'database "없다" does not exist. Make it with createdb',
        server.dsn(user="nobody"): r'role "nobody" does not exist. Name a user',
        server.dsn(user=f"locked:{secret}"): "password authentication failed.*PGPASSWORD",
    }
    for dsn, said in cases.items():
        for attempt in (lambda dsn=dsn: publish(files, dsn), lambda dsn=dsn: PostgresIndex(dsn, "옷장")):
            with pytest.raises(MmdataError, match=said) as caught:
                attempt()
            assert secret not in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.setenv("PGPASSWORD", "right")
    with pytest.raises(MmdataError, match=r"has no index of 옷장. Make it with `mmdata index"):
        PostgresIndex(server.dsn(user="locked"), "옷장")


def test_whoever_may_not_write_is_told_what_to_ask_for(files):
    server = pg.server()
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
    dsn = server.new()
    guest = dsn.replace("postgres@", "guest@")
    with pytest.raises(MmdataError, match=r"no pgvector in it, and this user may not add it.*CREATE EXTENSION vector"):
        publish(files, guest)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
    with pytest.raises(MmdataError, match=r"permission denied for schema public.*GRANT CREATE"):
        publish(files, guest)
    publish(files, dsn).close()
    with pytest.raises(MmdataError, match="permission denied"):
        PostgresIndex(guest, "옷장")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest")
    index = PostgresIndex(guest, "옷장")
    assert len(index.nearest(VECTORS[0], 30)) == 20, "to read is enough to search"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'DROP TABLE "{NAME}"')
    with pytest.raises(MmdataError, match="does not exist"):
        index.nearest(VECTORS[0], 3)
    index.close()
    publish(files, dsn).close()
    assert is_whole(dsn, files)


def test_a_database_that_does_not_keep_unicode_is_refused(files):
    dsn = pg.server().new("ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(MmdataError, match="keeps texts as SQL_ASCII; UTF8 is needed"):
        publish(files, dsn)


def test_a_server_without_pgvector_or_with_an_old_one_is_named(files, monkeypatch):
    """As such a server answers: this one has it."""
    dsn = pg.server().new()
    monkeypatch.setattr(tables, "PGVECTOR", (9, 9))
    with pytest.raises(MmdataError, match=r"has pgvector 0\.\d+\.\d+; 9\.9 is needed.*ALTER EXTENSION vector UPDATE"):
        publish(files, dsn)
    monkeypatch.setattr(tables, "EXTENSION", "CREATE EXTENSION no_such_extension")
    with pytest.raises(MmdataError, match=r"does not have pgvector\. Install it on the server"):
        publish(files, pg.server().new())


def test_what_another_version_wrote_is_written_anew(files):
    dsn = pg.server().new()
    publish(files, dsn).close()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"UPDATE {INDEXES} SET facts = facts || '{{\"colour\": 1}}'")
    with pytest.raises(MmdataError, match=r"written by another version of mmdata\. Publish it anew"):
        PostgresIndex(dsn, "옷장")
    assert publishing.written(files, Database(dsn)).whole and is_whole(dsn, files)


def test_one_who_keeps_a_table_to_himself_does_not_stop_the_readers(files, tmp_path, monkeypatch):
    dsn = pg.server().new()
    reader = publish(files, dsn)
    monkeypatch.setattr(publishing, "LOCK_SECONDS", 0.3)
    with psycopg.connect(dsn) as held:
        held.execute(f'SELECT count(*) FROM "{NAME}"')  # And no commit.
        with pytest.raises(MmdataError, match=r"lock timeout\. Nothing there has changed"):
            publishing.written(release(tmp_path, 400), Database(dsn))
    assert is_whole(dsn, files) and reader.nearest(VECTORS[0], 3) == files.nearest(VECTORS[0], 3)
    reader.close()


@pytest.mark.parametrize("asked", ["opens", "rows", "filter"])
def test_nobody_waits_without_end_for_him(files, asked, monkeypatch):
    dsn = pg.server().new()
    index = publish(files, dsn)
    monkeypatch.setattr(connecting, "WAIT_SECONDS", 0.3)
    monkeypatch.setattr(postgres, "FEW", 10)
    ask = {
        "opens": lambda: PostgresIndex(dsn, "옷장").close(),
        "rows": lambda: index.rows(limit=1),
        "filter": lambda: index.nearest(VECTORS[0], 3, "id != 'x'"),
    }[asked]
    with psycopg.connect(dsn) as held:
        held.execute(f'LOCK TABLE "{INDEXES if asked == "opens" else rows_of(NAME)}"')
        with pytest.raises(MmdataError, match="to answer"):
            ask()
    ask()
    index.close()

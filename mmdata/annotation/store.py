"""annotations.sqlite: every answer that was paid for, verbatim, for ever.

Rows are only ever added. What holds now for a question is its newest row: an answer of the model,
or an edit of one by a rule, a person or a model, which names what it edits. A commit is on the
disk before the next request is sent in its place.
"""

import itertools
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from ..errors import AnnotationError
from ..lock import locked

Status = Literal["ok", "refused", "empty", "truncated", "invalid", "failed", "discarded"]
STATUSES: tuple[Status, ...] = ("ok", "refused", "empty", "truncated", "invalid", "failed", "discarded")
By = Literal["model", "rule", "person", "published"]
"""published: taken from the column of a release, made by another store."""

_TABLES = """
CREATE TABLE IF NOT EXISTS prompts (sha256 TEXT PRIMARY KEY, id TEXT NOT NULL, content TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  key BLOB NOT NULL, row_id TEXT NOT NULL, prompt TEXT NOT NULL, prompt_sha256 TEXT NOT NULL, model TEXT NOT NULL,
  status TEXT NOT NULL, kind TEXT NOT NULL, value TEXT, raw TEXT,
  made_by TEXT NOT NULL, edits INTEGER REFERENCES answers(seq),
  tokens_in INTEGER, tokens_out INTEGER, cost REAL, latency REAL, at REAL NOT NULL, attempt INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS answers_key ON answers (key, seq);
CREATE INDEX IF NOT EXISTS answers_row ON answers (prompt, row_id);
CREATE INDEX IF NOT EXISTS answers_cost ON answers (prompt, cost);
CREATE TABLE IF NOT EXISTS batches (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, batch TEXT NOT NULL, prompt TEXT NOT NULL,
  state TEXT NOT NULL, requests INTEGER NOT NULL, prompt_sha256 TEXT NOT NULL, estimate REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS sent (key BLOB PRIMARY KEY, row_id TEXT NOT NULL, batch TEXT NOT NULL) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS answers_stay BEFORE UPDATE ON answers BEGIN SELECT RAISE(ABORT, 'answers are only added'); END;
CREATE TRIGGER IF NOT EXISTS answers_are_kept BEFORE DELETE ON answers BEGIN SELECT RAISE(ABORT, 'answers are only added'); END;
"""


class Answer(NamedTuple):
    """One row of the store, as it is written."""

    key: bytes
    """sha256 of what was asked."""
    row_id: str
    """A row that asked it; others may share the key."""
    status: Status
    kind: str = ""
    """Of a status that is not ok: which, such as "content_filter" or "http 500"."""
    value: str | None = None
    """The answer's text, or its object as JSON, when the status is ok."""
    raw: str | None = None
    """What the server sent, verbatim."""
    made_by: By = "model"
    edits: int | None = None
    """The row of the store that this one corrects."""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    """US dollars."""
    latency: float | None = None
    """Seconds."""
    attempt: int = 1


class Held(NamedTuple):
    """What holds now for a question."""

    seq: int
    status: Status
    kind: str
    value: str | None
    made_by: By


class Store:
    """The annotation store of one corpus folder. Opened for reading by any, for writing by one."""

    def __init__(self, path: Path, *, readonly: bool = False):
        self.path = path
        if not readonly and not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))  # For nobody else, from the first byte on.
        mode = "?mode=ro" if readonly else ""
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}{mode}", uri=True, check_same_thread=False, timeout=30)
        try:
            if not readonly:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.executescript(_TABLES)
        except sqlite3.Error:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def keep_prompt(self, sha256: str, id: str, content: str) -> None:
        """Keep the prompt's whole text, so that each answer's question can be read for ever."""
        with self._db:
            self._db.execute("INSERT OR IGNORE INTO prompts VALUES (?, ?, ?)", (sha256, id, content))

    def add(self, prompt: str, prompt_sha256: str, model: str, answers: Iterable[Answer]) -> None:
        """Add answers; on return they are on the disk. Raises AnnotationError when it is full."""
        now = time.time()
        rows = [
            (a.key, a.row_id, prompt, prompt_sha256, model, a.status, a.kind, a.value, a.raw, a.made_by, a.edits,
             a.tokens_in, a.tokens_out, a.cost, a.latency, now, a.attempt)
            for a in answers
        ]  # fmt: skip
        try:
            with self._db:
                self._db.executemany(
                    "INSERT INTO answers (key, row_id, prompt, prompt_sha256, model, status, kind, value, raw, made_by, edits,"
                    " tokens_in, tokens_out, cost, latency, at, attempt) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    rows,
                )
                if self.anything_sent():
                    self._db.executemany("DELETE FROM sent WHERE key = ?", ((row[0],) for row in rows))
        except sqlite3.Error as error:
            raise AnnotationError(
                f"{self.path}: {len(rows)} answers cannot be written: {error}. Everything before is safe. "
                "Free some disk space and run the same command again"
            ) from None

    def held(self, key: bytes) -> Held | None:
        """The newest row of a question."""
        row = self._db.execute(
            "SELECT seq, status, kind, value, made_by FROM answers WHERE key = ? ORDER BY seq DESC LIMIT 1", (key,)
        ).fetchone()
        return row and Held(*row)

    def asked_before(self, prompt: str, row_ids: Iterable[str]) -> set[str]:
        """Which of some rows were asked under this prompt, however they then read."""
        query = "SELECT row_id FROM answers WHERE prompt = ? AND row_id IN ({})"
        return {row_id for (row_id,) in self._looked_up(query, row_ids, prompt)}

    def spent(self, prompt: str) -> float:
        """US dollars that all answers under a prompt cost."""
        query = "SELECT COALESCE(SUM(cost), 0) FROM answers WHERE prompt = ?"
        return float(self._db.execute(query, (prompt,)).fetchone()[0])

    def usage(self, prompt: str, model: str) -> tuple[float, float] | None:
        """Mean tokens in and out of the newest 200 answers of a prompt and model; None before there are five."""
        count, into, out = self._db.execute(
            """SELECT COUNT(*), AVG(tokens_in), AVG(tokens_out) FROM (SELECT tokens_in, tokens_out FROM answers
               WHERE prompt = ? AND model = ? AND tokens_in IS NOT NULL ORDER BY seq DESC LIMIT 200)""",
            (prompt, model),
        ).fetchone()
        return (into, out) if count >= 5 else None

    def prompts(self) -> list[str]:
        """Ids of the prompts that rows were asked under, by name."""
        return [id for (id,) in self._db.execute("SELECT DISTINCT id FROM prompts ORDER BY 1")]

    def newest_prompt(self, id: str) -> str | None:
        """The content of the prompt that a model was last asked under this id, here or for a published answer."""
        row = self._db.execute(
            """SELECT content FROM prompts WHERE sha256 = (SELECT prompt_sha256 FROM answers
               WHERE prompt = ? AND made_by IN ('model', 'published') ORDER BY seq DESC LIMIT 1)""",
            (id,),
        ).fetchone()
        return row and str(row[0])

    def newest_of(self, keys: Iterable[bytes]) -> Iterator[tuple[bytes, int, str, str, str | None, str]]:
        """(key, seq, status, kind, value, made by) of what holds now for each of some questions that has anything."""
        query = """SELECT key, seq, status, kind, value, made_by FROM answers WHERE seq IN
                   (SELECT MAX(seq) FROM answers WHERE key IN ({}) GROUP BY key)"""
        return self._looked_up(query, set(keys))

    def value(self, seq: int) -> str | None:
        """The value of one row of the store."""
        row = self._db.execute("SELECT value FROM answers WHERE seq = ?", (seq,)).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    def put_aside(self, keys: Iterable[bytes]) -> Iterator[tuple[bytes, int, str]]:
        """(key, seq of the edit, text) of each answer that a person wrote another for, or that was discarded."""
        query = """SELECT edit.key, edit.seq, old.value FROM answers edit JOIN answers old ON old.seq = edit.edits
                   WHERE edit.key IN ({}) AND (edit.made_by = 'person' OR edit.status = 'discarded')
                   AND old.value IS NOT NULL"""
        return self._looked_up(query, set(keys))

    def asked_when(self, keys: Iterable[bytes]) -> list[float]:
        """When a model was first and last asked any of some questions here, in Unix seconds; empty if never."""
        query = """SELECT MIN(at), MAX(at) FROM answers
                   WHERE key IN ({}) AND edits IS NULL AND made_by != 'published'"""
        times = [at for both in self._looked_up(query, set(keys)) for at in both if at is not None]
        return [min(times), max(times)] if times else []

    def published(self, keys: Iterable[bytes]) -> Iterator[tuple[bytes, str]]:
        """(key, what was kept of where it comes from) of the answers to some questions that releases brought."""
        query = "SELECT key, raw FROM answers WHERE key IN ({}) AND made_by = 'published'"
        return self._looked_up(query, set(keys))

    def _looked_up(self, query: str, values: Iterable[Any], *first: Any) -> Iterator[Any]:
        """What a query gives for some hundred of the values at a time, which stand for its {}, after `first`."""
        left = iter(values)
        while some := list(itertools.islice(left, 500)):  # SQLite takes 999 parameters, the oldest that we meet.
            yield from self._db.execute(query.format(", ".join("?" * len(some))), (*first, *some))

    # The batch ledger: what was sent away, and which batch holds it.

    def send(self, batch: str, prompt: str, prompt_sha256: str, rows: list[tuple[bytes, str]], estimate: float) -> None:
        """Note a batch, its (key, row id)s, and about what it costs in US dollars."""
        with self._db:
            self._db.execute(
                "INSERT INTO batches (at, batch, prompt, state, requests, prompt_sha256, estimate)"
                " VALUES (?, ?, ?, 'sent', ?, ?, ?)",
                (time.time(), batch, prompt, len(rows), prompt_sha256, estimate),
            )
            self._db.executemany("INSERT OR REPLACE INTO sent VALUES (?, ?, ?)", ((k, r, batch) for k, r in rows))

    def close_batch(self, batch: str, prompt: str, state: str) -> None:
        """Note how a batch ended; what it left unanswered may be sent again."""
        with self._db:
            self._db.execute(
                "INSERT INTO batches (at, batch, prompt, state, requests, prompt_sha256, estimate) VALUES (?, ?, ?, ?, 0, '', 0)",
                (time.time(), batch, prompt, state),
            )
            self._db.execute("DELETE FROM sent WHERE batch = ?", (batch,))

    def open_batches(self, prompt: str) -> list[tuple[str, str, float]]:
        """(batch, content of the prompt it asks, about what it costs) of each that is away."""
        query = """SELECT batch, content, SUM(estimate) FROM batches JOIN prompts ON sha256 = prompt_sha256
                   WHERE prompt = ? AND batch NOT IN (SELECT batch FROM batches WHERE state != 'sent')
                   GROUP BY batch ORDER BY MIN(seq)"""
        return list(self._db.execute(query, (prompt,)))

    def anything_sent(self) -> bool:
        """Whether any question is away in a batch."""
        return self._db.execute("SELECT 1 FROM sent LIMIT 1").fetchone() is not None

    def sent_row(self, key: bytes) -> str | None:
        """The row id that a batch was sent away for, under this key."""
        row = self._db.execute("SELECT row_id FROM sent WHERE key = ?", (key,)).fetchone()
        return row and str(row[0])


def path_of(folder: Path) -> Path:
    return folder / "annotations.sqlite"


@contextmanager
def writing(folder: Path) -> Iterator[Store]:
    """The store, by its one writer.

    Raises:
        AnnotationError: another process writes, or the folder cannot be written.
    """
    with (
        locked(folder / ".annotations.lock", "annotated", AnnotationError),
        _explained(folder),
        Store(path_of(folder)) as store,
    ):
        yield store


@contextmanager
def reading(folder: Path) -> Iterator[Store | None]:
    """The store to look into, or None where there is none yet."""
    if not path_of(folder).exists():
        yield None
        return
    with _explained(folder), Store(path_of(folder), readonly=True) as store:
        yield store


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """A full disk or a damaged file as a message."""
    try:
        yield
    except sqlite3.Error as error:
        raise AnnotationError(
            f"{path_of(folder)}: {error}. Every answer before is safe. If the disk is full, free some space and run the same "
            "command again; if the file is damaged, keep it (paid answers are in it) and put back a copy"
        ) from None

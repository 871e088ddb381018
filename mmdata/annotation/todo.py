"""What is left to ask: the rows of a release against the store."""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..reading import Release, Row
from .prompt import Prompt
from .questions import Question, key_of, questions
from .store import Held, Store


@dataclass
class Comparison:
    """Rows by what is known of their questions."""

    rows: int = 0
    new: int = 0
    """Never asked under this prompt."""
    reused: int = 0
    """The very question has an answer, or is away in a batch."""
    stale: int = 0
    """Asked before, but since then the row, its picture, the prompt, the model or its parameters changed."""
    retried: int = 0
    """Answered, and to be asked again."""
    states: Counter[str] = field(default_factory=Counter)
    """Status → rows, of the reused ones; "sent" for those in a batch."""


class Todo:
    """Questions to be asked, each once, with the number of rows that ask it. On disk: there may be millions."""

    def __init__(self, path: Path):
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE todo (key BLOB PRIMARY KEY, row_id TEXT, rows INTEGER) WITHOUT ROWID"
        )

    def add(self, key: bytes, row_id: str) -> None:
        self._db.execute("INSERT INTO todo VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET rows = rows + 1", (key, row_id))

    def asks(self, key: bytes, row_id: str) -> bool:
        """Whether this row is the one to ask the question."""
        query = "SELECT 1 FROM todo WHERE key = ? AND row_id = ?"
        return self._db.execute(query, (key, row_id)).fetchone() is not None

    def count(self) -> int:
        """Questions."""
        return int(self._db.execute("SELECT COUNT(*) FROM todo").fetchone()[0])

    def rows(self) -> Iterator[tuple[bytes, int]]:
        """(key, rows that ask it)."""
        yield from self._db.cursor().execute("SELECT key, rows FROM todo")

    def close(self) -> None:
        self._db.close()


def compare(
    release: Release,
    prompt: Prompt,
    store: Store,
    todo: Todo,
    found: Comparison,
    chosen: set[str] | None,
    retry: Collection[str],
) -> None:
    """Sort the chosen rows (None: all) into answered ones, counted in `found`, and ones to ask, put into `todo`."""
    for row in release.rows(prompt.fields):
        if chosen is not None and row.id not in chosen:
            continue
        found.rows += 1
        key, _ = key_of(prompt, row)
        held = store.held(key)
        if held is not None and not _again(held, retry):
            found.reused += 1
            found.states[held.status] += 1
            continue
        if store.sent_row(key) is not None:
            found.reused += 1
            found.states["sent"] += 1
            continue
        if held is not None:
            found.retried += 1
        elif store.asked_before(prompt.id, row.id):
            found.stale += 1
        else:
            found.new += 1
        todo.add(key, row.id)


def pending(release: Release, prompt: Prompt, todo: Todo, tokens_in: int | None = None) -> Iterator[Question]:
    """The requests of what is to be asked, in the order of the release."""

    def rows() -> Iterator[Row]:
        for row in release.rows(prompt.fields):
            if todo.asks(key_of(prompt, row)[0], row.id):
                yield row

    return questions(prompt, release, rows(), tokens_in)


def states(todo: Todo, store: Store, retry: Collection[str]) -> Counter[str]:
    """Where the rows that were to be asked stand now: a status, "sent" or "waiting" → rows."""
    counts: Counter[str] = Counter()
    for key, rows in todo.rows():
        held = store.held(key)
        if store.sent_row(key) is not None:
            counts["sent"] += rows
        elif held is None or _again(held, retry):
            counts["waiting"] += rows
        else:
            counts[held.status] += rows
    return counts


def _again(held: Held, retry: Collection[str]) -> bool:
    return held.status in retry or (held.status, held.kind) == ("discarded", "reannotate")

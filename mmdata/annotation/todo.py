"""What is left to ask: the rows of a release against the store."""

import itertools
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..reading import Release, Row
from .prompt import Prompt
from .questions import Question, key_of, questions
from .store import Store

AT_ONCE = 500
"""Rows looked up together."""


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
    """Status → rows, of the reused ones; "sent" for those in a batch, "waiting" for those that ask about another
    answer which is not there."""


class Todo:
    """Questions to be asked, each once, with the rows that ask it. On disk: there may be millions."""

    def __init__(self, path: Path):
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE todo (key BLOB PRIMARY KEY, number INTEGER, rows INTEGER) WITHOUT ROWID"
        )

    def add(self, questions: Iterable[tuple[bytes, int]]) -> None:
        """Add (key, number of the row in the release): the first row that asks a question is the one to ask it for."""
        self._db.executemany("INSERT INTO todo VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET rows = rows + 1", questions)

    def count(self) -> int:
        """Questions."""
        return int(self._db.execute("SELECT COUNT(*) FROM todo").fetchone()[0])

    def numbers(self) -> Iterator[int]:
        """Of the rows to ask for, in the order of the release."""
        yield from (number for (number,) in self._db.cursor().execute("SELECT number FROM todo ORDER BY number"))

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
    numbered = enumerate(release.rows(prompt.fields))
    wanted = ((number, row) for number, row in numbered if chosen is None or row.id in chosen)
    anything_sent, asked_before = store.anything_sent(), prompt.id in store.prompts()
    answers = [note.column for note in release.manifest.annotations if note.column in prompt.fields]
    needs = prompt.needs if prompt.needs is not None else [[name] for name in answers]
    while some := list(itertools.islice(wanted, AT_ONCE)):
        keys = [key_of(prompt, row)[0] for _, row in some]
        held = {key: (status, kind) for key, _, status, kind, *_ in store.newest_of(keys)}
        unknown = [row.id for key, (_, row) in zip(keys, some, strict=True) if key not in held]
        before = store.asked_before(prompt.id, unknown) if asked_before else set()
        ask: list[tuple[bytes, int]] = []
        for key, (number, row) in zip(keys, some, strict=True):
            found.rows += 1
            if any(all(row.values[name] is None for name in group) for group in needs):
                found.states["waiting"] += 1
                continue
            known = held.get(key)
            if known is not None and not _again(*known, retry):
                found.reused += 1
                found.states[known[0]] += 1
            elif anything_sent and store.sent_row(key) is not None:
                found.reused += 1
                found.states["sent"] += 1
            else:
                if known is not None:
                    found.retried += 1
                elif row.id in before:
                    found.stale += 1
                else:
                    found.new += 1
                ask.append((key, number))
        todo.add(ask)


def pending(release: Release, prompt: Prompt, todo: Todo, tokens_in: int | None = None) -> Iterator[Question]:
    """The requests of what is to be asked, in the order of the release."""

    def rows() -> Iterator[Row]:
        numbers = todo.numbers()
        wanted = next(numbers, None)
        for number, row in enumerate(release.rows(prompt.fields)):
            if wanted is None:
                return
            if number == wanted:
                yield row
                wanted = next(numbers, None)

    return questions(prompt, release, rows(), tokens_in)


def states(todo: Todo, store: Store, retry: Collection[str]) -> Counter[str]:
    """Where the rows that were to be asked stand now: a status, "sent" or "waiting" → rows."""
    counts: Counter[str] = Counter()
    rows, anything_sent = todo.rows(), store.anything_sent()
    while some := dict(itertools.islice(rows, AT_ONCE)):
        held = {key: (status, kind) for key, _, status, kind, *_ in store.newest_of(some)}
        for key, number in some.items():
            if anything_sent and store.sent_row(key) is not None:
                counts["sent"] += number
            elif key not in held or _again(*held[key], retry):
                counts["waiting"] += number
            else:
                counts[held[key][0]] += number
    return counts


def _again(status: str, kind: str, retry: Collection[str]) -> bool:
    return status in retry or (status, kind) == ("discarded", "reannotate")

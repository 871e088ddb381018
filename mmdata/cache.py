"""What is remembered between builds: which bytes were found to be good pictures, what steps made of each row.

Only a memory, never the truth: delete `.cache.sqlite` and the next build takes longer, that is all.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from .findings import Finding
from .images import VERSION, Decode, ImageCheck

_LIBRARIES = f"pillow {version('pillow')} imagehash {version('imagehash')}"
"""Another Pillow may read what this one refused."""
RUNS = 8
"""Of a step, whose parts are remembered: somebody tries one seed, then another, and goes back."""
Kept = TypeVar("Kept", bound=BaseModel)
Recall = Callable[[str, str | None], ImageCheck | None]


class LastBuild(BaseModel):
    """A build that need not be made again."""

    key: str
    """Of the source, the code and the options."""
    findings: list[Finding]
    """Its own: the release may be an earlier build's, of the same rows."""


class Cache:
    """The memory of one corpus folder. One writer at a time (the build that holds the lock)."""

    def __init__(self, path: Path):
        self.path = path
        try:
            self._db = _opened(path)
        except sqlite3.OperationalError:
            raise  # The disk, not the file.
        except sqlite3.DatabaseError:
            path.unlink()  # Damaged: forget it.
            self._db = _opened(path)

    def close(self) -> None:
        self._db.close()

    def remember(self, checks: Mapping[tuple[str, str | None], ImageCheck], decode: Decode) -> None:
        rows = ((sha, _how(decode, mode), json.dumps(check)) for (sha, mode), check in checks.items())
        self._db.executemany("INSERT OR REPLACE INTO checks VALUES (?, ?, ?)", rows)
        self._db.commit()

    def last_build(self) -> LastBuild | None:
        """What the newest build was made, or confirmed, under."""
        return self.kept("last build", LastBuild)

    def set_last_build(self, key: str, findings: list[Finding]) -> None:
        self.keep("last build", LastBuild(key=key, findings=findings))

    def part(self, key: bytes) -> bytes | None:
        """What a generation step made of one row; None where it is not known."""
        try:
            row = self._db.execute("SELECT made FROM step_parts WHERE key = ?", (key,)).fetchone()
            return None if row is None else bytes(row[0])
        except sqlite3.DatabaseError:
            return None

    def has_part(self, key: bytes) -> bool:
        try:
            return self._db.execute("SELECT 1 FROM step_parts WHERE key = ?", (key,)).fetchone() is not None
        except sqlite3.DatabaseError:
            return False

    def keep_parts(self, step: str, parts: Mapping[bytes, bytes]) -> None:
        now = time.time()
        rows = ((key, step, now, made) for key, made in parts.items())
        self._db.executemany("INSERT OR REPLACE INTO step_parts VALUES (?, ?, ?, ?)", rows)
        self._db.commit()

    def used_parts(self, step: str, keys: Iterable[bytes], at: float) -> None:
        """These were a run of the step, begun at a time; those that none of its last `RUNS` used are forgotten."""
        self._db.executemany("UPDATE step_parts SET used = ? WHERE key = ?", ((at, key) for key in keys))
        self._db.execute(
            """DELETE FROM step_parts WHERE step = ? AND used < (SELECT MIN(used) FROM
               (SELECT DISTINCT used FROM step_parts WHERE step = ? ORDER BY used DESC LIMIT ?))""",
            (step, step, RUNS),
        )
        self._db.commit()

    def kept(self, name: str, kind: type[Kept]) -> Kept | None:
        """What was kept under a name; None: nothing, or nothing that can be read."""
        try:
            row = self._db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
            return None if row is None else kind.model_validate_json(row[0])
        except (sqlite3.DatabaseError, ValidationError):
            return None

    def keep(self, name: str, value: BaseModel) -> None:
        self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, value.model_dump_json()))
        self._db.commit()


@contextmanager
def recall_from(path: Path, decode: Decode) -> Iterator[Recall]:
    """Look-ups for a worker, read-only."""
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as db:

        def recall(digest: str, mode: str | None) -> ImageCheck | None:
            try:
                row = db.execute(
                    "SELECT answer FROM checks WHERE sha256 = ? AND how = ?", (digest, _how(decode, mode))
                ).fetchone()
            except sqlite3.DatabaseError:  # Damaged: what cannot be read is not known.
                return None
            if row is None:
                return None
            kind, reason, notes, look = json.loads(row[0])
            return ImageCheck(kind, reason, tuple(notes), look)

        yield recall


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path)
    db.executescript(
        """PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
        CREATE TABLE IF NOT EXISTS checks (sha256 TEXT, how TEXT, answer TEXT, PRIMARY KEY (sha256, how)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS step_parts (key BLOB PRIMARY KEY, step TEXT, used REAL, made BLOB);
        CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT);"""
    )
    return db


def _how(decode: Decode, mode: str | None) -> str:
    return f"{VERSION} {_LIBRARIES} {decode} {mode}"

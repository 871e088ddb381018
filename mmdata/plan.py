"""The scratch database of one build: what the source holds, and what became of each item.

In SQLite, so that a million rows take no more memory than a thousand. It lies in the staging
folder and goes with it.
"""

import itertools
import json
import pickle
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import BuildError, Reject
from .names import printable

if TYPE_CHECKING:
    from .builder import Item
    from .rows import Fact

MiB = 1 << 20
USUAL_ORDER = ["train", "validation", "test"]

_TABLES = """
PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;
CREATE TABLE items (seq INTEGER PRIMARY KEY, split TEXT, id TEXT UNIQUE, place TEXT, size INTEGER, item BLOB);
CREATE TABLE accepted (seq INTEGER PRIMARY KEY, split TEXT, place TEXT, data TEXT);
CREATE TABLE facts (seq INTEGER, kind TEXT, field TEXT, value TEXT);
CREATE TABLE rejected (seq INTEGER, line TEXT, kind TEXT);
"""


class Rejected(NamedTuple):
    """A line of rejected.jsonl."""

    id: str
    split: str
    place: str
    field: str
    value: Any
    kind: str
    reason: str

    @classmethod
    def of(cls, item: "Item", why: Reject) -> "Rejected":
        value = why.value if isinstance(why.value, int | float | bool | None) else printable(str(why.value))[:500]
        return cls(item.id, item.split, item.place, why.field, value, why.kind, printable(why.reason))

    def line(self) -> str:
        return json.dumps(self._asdict(), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Shard:
    """A run of one split's items that becomes one Parquet file."""

    index: int
    split: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.split} shard {self.index}"


class Plan:
    """What is to be built."""

    def __init__(self, path: Path):
        self.path = path
        self.db = sqlite3.connect(path)
        self.db.executescript(_TABLES)

    def close(self) -> None:
        self.db.close()

    def add(self, items: Iterable["Item"]) -> None:
        """Number the items; one whose id came before is rejected."""
        for seq, item in enumerate(items):
            if not item.split.isidentifier():
                raise BuildError(
                    f"{item.place}: the split {item.split!r} must be letters, digits and _: train, validation, test"
                )
            blob = pickle.dumps(item)
            try:
                self.db.execute(
                    "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?)",
                    (seq, item.split, item.id, item.place, item.size + len(blob), blob),
                )
            except sqlite3.IntegrityError:
                (before,) = self.db.execute("SELECT place FROM items WHERE id = ?", (item.id,)).fetchone()
                why = Reject(
                    "duplicate id",
                    field="id",
                    value=item.id,
                    reason=f"the id {item.id!r} is already that of {before}; rename or remove one of the two",
                )
                self.reject([(seq, Rejected.of(item, why))])
        self.db.commit()
        self.db.execute("PRAGMA journal_mode = WAL")  # Not before: the items would be written twice. Workers read now.

    def reject(self, rows: Iterable[tuple[int, Rejected]]) -> None:
        self.db.executemany("INSERT INTO rejected VALUES (?, ?, ?)", ((seq, r.line(), r.kind) for seq, r in rows))

    def accept(self, rows: Iterable[tuple[int, str, str, str]], facts: Iterable[tuple[int, "Fact"]]) -> None:
        """Rows are (seq, split, place, digest of the item's values)."""
        self.db.executemany("INSERT INTO accepted VALUES (?, ?, ?, ?)", rows)
        self.db.executemany("INSERT INTO facts VALUES (?, ?, ?, ?)", ((seq, *fact) for seq, fact in facts))

    def count(self) -> int:
        return int(self.db.execute("SELECT COUNT(*) FROM items").fetchone()[0])

    def bytes(self) -> int:
        return int(self.db.execute("SELECT COALESCE(SUM(size), 0) FROM items").fetchone()[0])

    def splits(self) -> list[str]:
        """train, validation, test, then others as they came."""
        found = [split for (split,) in self.db.execute("SELECT split FROM items GROUP BY split ORDER BY MIN(seq)")]
        return sorted(found, key=lambda s: USUAL_ORDER.index(s) if s in USUAL_ORDER else len(USUAL_ORDER))

    def shards(self) -> list[Shard]:
        """Cut each split into runs of about `shard_bytes`; the same source gives the same cuts."""
        limit = shard_bytes(self.bytes())
        self.db.execute("CREATE INDEX items_split ON items (split, seq)")
        self.db.commit()
        shards: list[Shard] = []
        for split in self.splits():
            first, held, last = None, 0, 0
            for seq, size in self.db.execute("SELECT seq, size FROM items WHERE split = ? ORDER BY seq", (split,)):
                if first is not None and held + size > limit:
                    shards.append(Shard(len(shards), split, first, last))
                    first, held = None, 0
                first, held, last = seq if first is None else first, held + size, seq
            if first is not None:
                shards.append(Shard(len(shards), split, first, last))
        return shards

    def rejected_lines(self) -> Iterator[str]:
        return (line for (line,) in self.db.execute("SELECT line FROM rejected ORDER BY seq"))

    def rejected_by_kind(self) -> dict[str, int]:
        return dict(self.db.execute("SELECT kind, COUNT(*) FROM rejected GROUP BY kind ORDER BY 2 DESC, 1"))

    def label_counts(self) -> dict[tuple[str, str, str], int]:
        """(field, class, split) → rows."""
        query = """SELECT f.field, f.value, r.split, COUNT(*) FROM facts f JOIN accepted r USING (seq)
                   WHERE f.kind = 'label' GROUP BY 1, 2, 3"""
        return {(f, c, s): n for f, c, s, n in self.db.execute(query)}

    def index(self) -> Iterator[tuple[str, str, str, list[tuple[str, str]]]]:
        """(split, id, place, [(picture field, sha256)]) of every row, in the order of the release."""
        order = " ".join(f"WHEN '{split}' THEN {n}" for n, split in enumerate(self.splits()))
        rows = self.db.execute(
            f"""SELECT r.seq, r.split, i.id, r.place, f.field, f.value FROM accepted r JOIN items i USING (seq)
                LEFT JOIN facts f ON f.seq = r.seq AND f.kind IN ('bytes', 'shared')
                ORDER BY CASE r.split {order} END, r.seq, f.rowid"""  # noqa: S608 - splits are identifiers
        )
        for (_, split, id, place), group in itertools.groupby(rows, key=lambda row: row[:4]):
            yield split, id, place, [(field, value) for *_, field, value in group if field is not None]

    def digest(self, shared: str = "") -> str:
        """Changes when any row does: its split, place and values, the bytes of its files, or its refusal.

        Args:
            shared: a digest of what the rows have in common.
        """
        total = sha256(shared.encode())
        for row in self.db.execute(
            """SELECT r.split, r.place, r.data, f.field, f.value FROM accepted r LEFT JOIN facts f
               ON f.seq = r.seq AND f.kind IN ('bytes', 'shared') ORDER BY r.seq, f.field, f.value"""
        ):
            total.update(repr(row).encode())
        for line in self.rejected_lines():
            total.update(line.encode())
        return total.hexdigest()

    def index_facts(self) -> None:
        """For the checks over all rows; made once they are all in."""
        self.db.execute("CREATE INDEX facts_seq ON facts (seq, kind)")
        self.db.execute("CREATE INDEX facts_value ON facts (kind, field, value)")
        # Without figures SQLite joins by `kind`, which is quadratic in the rows.
        self.db.executescript("PRAGMA analysis_limit = 1000; ANALYZE")
        self.db.commit()


def items_of(db: sqlite3.Connection, shard: Shard) -> Iterator[tuple[int, "Item"]]:
    """The items of a shard, in order (what a worker reads)."""
    query = "SELECT seq, item FROM items WHERE split = ? AND seq BETWEEN ? AND ? ORDER BY seq"
    for seq, blob in db.cursor().execute(query, (shard.split, shard.first, shard.last)):
        yield seq, pickle.loads(blob)  # noqa: S301 - written by this very build


def values_digest(values: Mapping[str, Any]) -> str:
    """Of an item's values: of plain texts, numbers, bytes, lists and dicts the same on every machine."""
    if not values:
        return ""
    total = sha256()
    for name in sorted(values):
        value = values[name]
        content = value if isinstance(value, bytes) else repr(value).encode()
        total.update(f"{name} {type(value).__name__} {len(content)} ".encode() + content)
    return total.hexdigest()[:32]


def shard_bytes(total: int) -> int:
    """Target size of a shard: 32 MiB, doubled up to 512 MiB while there would be over 64 of them.

    Small enough to keep all cores busy to the end, few enough for a card to list; in powers of
    two, so that a corpus that grows a little keeps its cuts.
    """
    size = 32 * MiB
    while total > 64 * size and size < 512 * MiB:
        size *= 2
    return size

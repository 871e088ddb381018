"""Lines of catalogues joined to their pictures, to each other where they speak of one item, and to the filter."""

import marshal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from mmdata import Finding, Reject
from mmdata.labels import LabelMap

from .catalogue import WANTED, Line, Reader, is_like_one, reader_of
from .filters import Filter, listed, mismatches
from .pictures import File, Pictures
from .spellings import unified
from .tables import Fault, Opens, records


class CatalogueItem(NamedTuple):
    """What a line says of an item, or why it gets no row."""

    place: str
    id: str
    line: Line | None = None
    category: str = ""
    sub_category: str = ""
    """In the one spelling."""
    picture: File | None = None
    refused: tuple[str, str, Any, str] | None = None
    """kind, field, value and reason of a Reject."""

    def but(self, why: Reject) -> "CatalogueItem":
        """The same, refused."""
        return self._replace(refused=(why.kind, why.field, why.value, why.reason))


class Joined:
    """The items of a source's catalogues.

    Args:
        scratch: a database, so that a million lines cost no memory.
        wanted: raises Reject for a line whose item is not to be.
    """

    def __init__(
        self,
        scratch: sqlite3.Connection,
        pictures: Pictures,
        categories: LabelMap,
        filter: Filter,
        wanted: Callable[[Line], None],
    ):
        self._db, self._pictures, self._categories, self._filter = scratch, pictures, categories, filter
        self._wanted = wanted
        self._named = lru_cache(categories.named)
        self._lost: Counter[str] = Counter()
        scratch.execute("CREATE TABLE lines (id TEXT, place TEXT, picture TEXT, said BLOB)")

    def read(self, path: str, opens: Opens) -> Iterator[Finding]:
        """Take in a CSV; one that is no catalogue is said.

        Args:
            opens: opens the file.
        """
        lines = records(opens)
        _, header = next(lines, (0, Fault("", "it is empty")))
        if isinstance(header, Fault):
            text = f"{path} is left out: its first line is no header: {header.reason}; {WANTED}"
            yield Finding.error("no catalogue", text, [path])
            return
        reads = reader_of(header, tuple(self._filter.entries))
        if isinstance(reads, str):
            said = Finding.error if is_like_one(header) else Finding.warning
            yield said("no catalogue", f"{path} is left out: {reads}", [path])
            return
        rows = (self._row(f"{path}:{number}", fields, reads) for number, fields in lines)
        self._db.executemany("INSERT INTO lines VALUES (?, ?, ?, ?)", rows)

    def items(self) -> Iterator[CatalogueItem | Finding]:
        """One for each item, by id, and one for each line that is none; then what did not fit."""
        self._db.execute("CREATE INDEX by_picture ON lines (picture, id)")
        rivals = "SELECT picture FROM lines WHERE picture NOTNULL GROUP BY 1 HAVING COUNT(DISTINCT id) > 1"
        disputed = {path for (path,) in self._db.execute(rivals)}
        pairs = self._filter.pairs
        matched: set[tuple[str, str]] = set()
        unmatched: Counter[tuple[str, str]] = Counter()
        repeated: list[str] = []
        repeats = 0
        rows = self._db.cursor().execute("SELECT id, said FROM lines ORDER BY id, place")
        for id, group in groupby(rows, key=lambda row: row[0]):
            said, *more = (_loaded(held) for _, held in group)
            if more:
                if any(_unsigned(other) != _unsigned(said) for other in more):
                    yield from _contradicting([said, *more])
                    continue
                repeats += len(more)
                repeated += [id] if len(repeated) < 5 else []
            if said.line and said.category:
                if (said.category, said.sub_category) in pairs:
                    matched.add((said.category, said.sub_category))
                else:
                    unmatched[said.category, said.line.sub_category] += 1
            if said.picture and said.picture[0] in disputed:
                said = self._disputed(said, said.picture[0])
            yield said
        if repeats:
            text = f"{repeats:,} lines say again what another says of the same item, left out: {', '.join(repeated)}"
            yield Finding.warning("repeated items", text, repeated, repeats)
        yield from mismatches(self._filter, unmatched, matched)
        yield from self._left()

    def _row(self, place: str, fields: Sequence[str] | Fault, reads: Reader) -> tuple[str, str, str | None, bytes]:
        """Of the table `lines`."""
        id, line, category, sub_category, picture, refused = place, None, "", "", None, None
        try:
            if isinstance(fields, Fault):
                raise Reject("broken line", field="line", value=fields.value, reason=f"{place}: {fields.reason}")
            line = reads(fields)
            id = line.id
            category = self._category(line.categories)
            sub_category = unified(line.sub_category, self._filter.spellings)
            self._wanted(line)
            picture = self._pictures.of(line)
        except Reject as why:
            refused = why.kind, why.field, why.value, why.reason
        # Plain values: quicker than pickle by far.
        held = place, id, line and tuple(line), category, sub_category, picture, refused
        return id, place, picture and picture[0], marshal.dumps(held)

    def _category(self, words: tuple[str, ...]) -> str:
        for word in words:
            if found := self._named(word):
                return found
        value = " of ".join(words)
        self._lost[value] += 1
        why = f"{value} is none of {', '.join(self._categories.names)}. Give it a place in labels.yaml, or remove the line"
        raise Reject("no place", field="category", value=value, reason=why)

    def _disputed(self, said: CatalogueItem, path: str) -> CatalogueItem:
        query = "SELECT place FROM lines WHERE picture = ? AND id <> ? ORDER BY place LIMIT 1"
        (other,) = self._db.execute(query, (path, said.id)).fetchone()
        why = f"{other} says too that {path} is its item's picture. Which item it shows is not known: correct or remove one"
        return said.but(Reject("disputed picture", field="image", value=path, reason=why))

    def _left(self) -> Iterator[Finding]:
        if self._lost:
            text = f"{self._lost.total():,} lines are of no category in labels.yaml, so they are no rows: {listed(self._lost)}"
            yield Finding.warning("no place", text, sorted(self._lost), self._lost.total())
        spare = "FROM pictures p WHERE NOT EXISTS (SELECT 1 FROM lines l WHERE l.picture = p.path)"
        (count,) = self._db.execute(f"SELECT COUNT(*) {spare}").fetchone()
        if count:
            paths = [path for (path,) in self._db.execute(f"SELECT path {spare} ORDER BY path LIMIT 5")]
            text = f"{count:,} pictures are of no item that gets rows, left out: {', '.join(paths[:3])}"
            yield Finding.warning("pictures without an item", text, paths, count)


def _loaded(held: bytes) -> CatalogueItem:
    said = CatalogueItem(*marshal.loads(held))  # noqa: S302 - written by this very build
    return said._replace(line=Line(*said.line)) if said.line else said


def _unsigned(said: CatalogueItem) -> Line | None:
    return said.line and said.line._replace(signed=None)


def _contradicting(lines: list[CatalogueItem]) -> Iterator[CatalogueItem]:
    places = sorted(said.place for said in lines)
    for number, said in enumerate(lines):
        why = f"{', '.join(places[:3])} say different things of the item {said.id}. Correct them, or leave one"
        # The first has the item's name in the list of rejected rows, the others their places: names are given once.
        id = said.place if number else said.id
        yield said._replace(id=id).but(Reject("contradicting lines", field="item_id", value=said.id, reason=why))

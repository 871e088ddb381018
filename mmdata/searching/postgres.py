"""An index in PostgreSQL with pgvector: approximate search over all, exact search over what a filter leaves."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..errors import MmdataError

try:
    import pgvector.psycopg
    import psycopg
except ImportError as error:
    raise MmdataError(
        f"Please install {error.name} to use PostgreSQL (`pip install 'mmdata-corpus[search]'`), or leave --dsn out"
    ) from None

from pgvector import HalfVector
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from ..progress import Progress
from .connecting import Connection, Database, reading
from .facts import Facts, Hit, Vectors, scores, several
from .local import LocalIndex
from .publishing import written
from .tables import INDEXES, Listed, listed, rows_of, value_columns, values_in
from .where import parse

Answer = TypeVar("Answer")

FEW = 5_000
"""Pictures that a filter may leave to be searched exactly."""
MORE = 10
"""Found beyond those that are wanted: halfvec orders what is as near by chance, so they are scored again in full."""
MOST = 1000
"""Of pgvector's breadth of search; who wants as many is answered exactly."""
KEPT = 64
"""Filters that are not counted again."""
STALE = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.DataException)
"""What a query for an index that was since made anew may meet."""


class _Stale(Exception):
    """The answer is of an index that was published since."""


class _Filter(NamedTuple):
    condition: Composable
    values: list[Any]
    exact: bool
    """Whether it leaves few pictures."""


def publish(index: LocalIndex, dsn: str, progress: Progress | None = None) -> "PostgresIndex":
    """Bring PostgreSQL up to date with an index in files, and open it there.

    Raises: as `publishing.written`, and MmdataError where `dsn` cannot be read.
    """
    written(index, Database(dsn), progress)
    return PostgresIndex(dsn, index.facts.corpus, index.facts.model, index.facts.version)


class PostgresIndex:
    """The index of a corpus that is in a database. Safe to be searched by several threads; it follows what is published.

    Args:
        dsn: such as "postgresql://localhost/mmdata".
        corpus: its name.
        model: whose vectors; needed where there are indexes of several.
        version: that it must be of; by default whichever is there.

    Raises:
        MmdataError: the server cannot be reached, it has no such index, or one of another version.
    """

    def __init__(self, dsn: str, corpus: str, model: str | None = None, version: str | None = None):
        self._database = Database(dsn, _knowing_vectors)
        self._wanted = corpus, model, version
        try:
            self._there = self._database.ask(self._found)
        except BaseException:
            self.close()
            raise
        self.facts: Facts = self._there.facts
        self._filters: OrderedDict[tuple[str, str], _Filter] = OrderedDict()

    def nearest(self, vector: Vectors, k: int, where: str | None = None) -> list[Hit]:
        asked = self.facts.asked(vector)
        if k < 1:
            return []
        return self._answer(lambda connection, there: self._nearest(connection, there, asked, k, where))

    def rows(
        self, where: str | None = None, limit: int | None = None, columns: Collection[str] | None = None
    ) -> Sequence[dict[str, Any]]:
        return self._answer(lambda connection, there: _rows(connection, there, where, limit, columns))

    def close(self) -> None:
        self._database.close()

    def _answer(self, question: Callable[[Connection, Listed], Answer]) -> Answer:
        """What a question to the index gives, once more where the index was made anew meanwhile."""

        def put(connection: Connection) -> Answer:
            try:
                return question(connection, self._there)
            except (_Stale, *STALE):
                self._follow(self._found(connection))
                return question(connection, self._there)

        try:
            return self._database.ask(put)
        except _Stale:
            raise MmdataError(f"{self._database.place}: the index there changes without end. Ask again later") from None

    def _found(self, connection: Connection) -> Listed:
        corpus, model, version = self._wanted
        with reading(connection):
            all_of_it = listed(connection, self._database, corpus)
        there = [line for line in all_of_it if model in (None, line.facts.model)]
        if len(there) > 1:
            raise several(f"{self._database.place}: {corpus}", (line.facts.model for line in there))
        if not there:
            by = f" by {model!r}" if model else ""
            others = f" (there is one by {', '.join(line.facts.model for line in all_of_it)})" if all_of_it else ""
            raise MmdataError(
                f"{self._database.place} has no index of {corpus}{by}{others}. Make it with `mmdata index FOLDER --dsn …`"
            )
        if version not in (None, there[0].facts.version):
            raise MmdataError(
                f"{self._database.place} has the index of {corpus} {there[0].facts.version}, not of {version}. Publish that "
                "with `mmdata index FOLDER --version … --dsn …`, or ask for what is there"
            )
        return there[0]

    def _follow(self, there: Listed) -> None:
        """Be of what is published now."""
        if (there.facts.revision, there.facts.dimensions) != (self.facts.revision, self.facts.dimensions):
            raise MmdataError(
                f"{self._database.place}: the index of {there.facts.corpus} was made anew with another {there.facts.model} "
                f"({there.facts.revision[:19]}). Open it again"
            )
        self._there, self.facts = there, there.facts

    def _nearest(self, connection: Connection, there: Listed, asked: Vectors, k: int, where: str | None) -> list[Hit]:
        count, passing = k + MORE, None
        if where is not None:
            passing = self._filter(connection, there, where)
        exact = count > MOST or (passing is not None and passing.exact)

        def found(exact: bool) -> list[tuple[Any, ...]]:
            statement = _statement(there, passing, count, exact)
            values = passing.values if passing else []
            parameters = [there.name, *values, HalfVector(asked), *values]
            return _ask(connection, statement, parameters, None if exact else min(max(100, 4 * count), MOST))

        lines = found(exact)
        if not exact and len(lines) < min(k, there.facts.pictures):  # It looks at so many and no more.
            lines = found(True)
        if any(line[0] != there.stamp for line in lines):
            raise _Stale
        return _best(lines, asked, k, there.facts)

    def _filter(self, connection: Connection, there: Listed, where: str) -> _Filter:
        """Remembered: to count what passes takes as long as to search among it."""
        key = there.stamp, where
        if (found := self._filters.get(key)) is None:
            found = self._filters[key] = _filter(connection, there, where)
            while len(self._filters) > KEPT:
                self._filters.popitem(last=False)
        return found


def _filter(connection: Connection, there: Listed, where: str) -> _Filter:
    condition, values = parse(where, there.facts.askable).postgres
    exact = there.facts.pictures <= FEW
    if not exact:
        passing = SQL("SELECT count(*) FROM (SELECT DISTINCT picture FROM {} WHERE {} LIMIT {}) AS passing")
        query = passing.format(Identifier(rows_of(there.name)), condition, FEW + 1)
        with reading(connection):
            exact = connection.execute(query, values).fetchone() != (FEW + 1,)
    return _Filter(condition, values, exact)


def _statement(there: Listed, passing: _Filter | None, count: int, exact: bool) -> Composed:
    """It gives lines of stamp, picture, its vector, id and number of the other entries, values.

    Its parameters: the index's name, the filter's values, the vector, the filter's values again.
    """
    if exact:
        near = """
            WITH passing AS MATERIALIZED (SELECT DISTINCT picture FROM {rows} WHERE {passes}),
            scored AS MATERIALIZED (
                SELECT picture, embedding <=> %s AS distance FROM passing JOIN {pictures} USING (picture)
            ), best AS MATERIALIZED (SELECT picture FROM scored ORDER BY distance, picture LIMIT {count})
            SELECT picture, vector FROM best JOIN {pictures} USING (picture)"""
    elif passing:
        near = """
            SELECT picture, vector FROM {pictures} AS pictures
            WHERE EXISTS (SELECT FROM {rows} AS entries WHERE entries.picture = pictures.picture AND {passes})
            ORDER BY embedding <=> %s LIMIT {count}"""
    else:
        near = "SELECT picture, vector FROM {pictures} ORDER BY embedding <=> %s LIMIT {count}"
    names = {
        "pictures": Identifier(there.name), "rows": Identifier(rows_of(there.name)), "indexes": Identifier(INDEXES),
        "passes": passing.condition if passing else SQL("TRUE"), "values": value_columns(there.facts.columns),
        "count": Literal(count),
    }  # fmt: skip
    query = f"""
        SELECT (SELECT stamp FROM {{indexes}} WHERE name = %s), near.picture, near.vector, entry.*
        FROM ({near}) AS near CROSS JOIN LATERAL (
            SELECT id, count(*) OVER () - 1 AS same, {{values}} FROM {{rows}} AS entries
            WHERE entries.picture = near.picture AND {{passes}} ORDER BY id LIMIT 1
        ) AS entry"""  # noqa: S608 (names come by `format`, values as parameters)
    return SQL(query).format(**names)


def _ask(
    connection: Connection, statement: Composed, parameters: list[Any], breadth: int | None
) -> list[tuple[Any, ...]]:
    """What a statement gives; with pgvector's index, searched so broadly, where a breadth is given."""
    settings = f"SET LOCAL hnsw.iterative_scan = strict_order; SET LOCAL hnsw.ef_search = {breadth}" if breadth else ""
    with reading(connection, settings):
        return connection.cursor(binary=True).execute(statement, parameters).fetchall()


def _best(found: list[tuple[Any, ...]], asked: Vectors, k: int, facts: Facts) -> list[Hit]:
    """Of what was found, the nearest by their vectors in full, as LocalIndex scores and orders them."""
    if not found:
        return []
    vectors = np.frombuffer(b"".join(line[2] for line in found), "<f4").reshape(len(found), -1)
    best = sorted(zip(scores(vectors, asked).tolist(), found, strict=True), key=lambda one: (-one[0], one[1][1]))[:k]
    return [
        Hit(id=id, score=score, picture=picture, row=values_in(cells, facts.columns), same=same)
        for score, (_, picture, _, id, same, *cells) in best
    ]


def _rows(
    connection: Connection, there: Listed, where: str | None, limit: int | None, columns: Collection[str] | None
) -> list[dict[str, Any]]:
    chosen = there.facts.chosen(columns)
    condition, values = (SQL("TRUE"), []) if where is None else parse(where, there.facts.askable).postgres
    query = SQL(
        "SELECT (SELECT stamp FROM {} WHERE name = %s), id, picture, {} FROM {} WHERE {} ORDER BY id LIMIT {}"
    ).format(
        Identifier(INDEXES), value_columns(chosen), Identifier(rows_of(there.name)), condition, Literal(limit)
    )  # fmt: skip
    with reading(connection):
        found = connection.cursor(binary=True).execute(query, [there.name, *values]).fetchall()
    if any(line[0] != there.stamp for line in found):
        raise _Stale
    return [{"id": id, "picture": picture, **values_in(cells, chosen)} for _, id, picture, *cells in found]


def _knowing_vectors(connection: Connection) -> None:
    with suppress(psycopg.ProgrammingError):  # Without pgvector there is no index either, and that is said.
        pgvector.psycopg.register_vector(connection)

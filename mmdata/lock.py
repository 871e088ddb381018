"""One writer at a time: a lock file that says who holds it."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import MmdataError


@contextmanager
def locked(path: Path, doing: str, error: type[MmdataError], *, folder: str | None = None) -> Iterator[None]:
    """Hold the lock while the block runs; the kernel lets go of it when the process ends, however.

    Args:
        path: of the lock file, which stays.
        doing: what the holder does to the folder, such as "written", for the message.
        error: what to raise when another process holds it, or the folder cannot be written to.
        folder: the folder's name for the message; by default that of the one that the lock is in.
    """
    try:
        lock = open(path, "a+", encoding="utf-8")  # noqa: SIM115
    except OSError as why:
        raise error(f"{path.parent}: cannot be written to: {why.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as why:
            if why.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                raise error(f"{path}: cannot be locked: {why.strerror}") from None
            lock.seek(0)
            raise error(
                f"{folder or path.parent.name} is being {doing} by another process ({lock.read().strip() or 'just started'}). "
                "Wait until it ends, or stop it, then run this again"
            ) from None
        with suppress(OSError):  # A full disk: the lock holds without a name in it.
            lock.truncate(0)
            os.write(lock.fileno(), f"process {os.getpid()}, since {time.strftime('%H:%M:%S')}".encode())
        yield

"""Imported by a process that is to be killed, and by its workers: counts each rename, replace and fsync of them all.

KILL_COUNT is the file they are counted in. KILL_AT, as "7 before", says at which of them the process KILL_MAIN (this one,
without it) is killed, and whether just before it or just after.
"""

import fcntl
import os
import signal


def watched(function):
    def call(*args, **kwargs):
        if "KILL_COUNT" not in os.environ:
            return function(*args, **kwargs)
        with open(os.environ["KILL_COUNT"], "a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(function.__name__ + "\n")
            file.flush()
            file.seek(0)
            number = len(file.readlines())
        at, when = os.environ["KILL_AT"].split()
        main = int(os.environ.get("KILL_MAIN", os.getpid()))
        if number == int(at) and when == "before":
            os.kill(main, signal.SIGKILL)
        result = function(*args, **kwargs)
        if number == int(at) and when == "after":
            os.kill(main, signal.SIGKILL)
        return result

    return call


for name in ("rename", "replace", "fsync"):
    setattr(os, name, watched(getattr(os, name)))

"""Processes without the two seconds of their start: one that has everything imported forks itself for each.

A child of the nest is a process like any other: it has its own id, environment, folder and standard streams, is killed
and interrupted as such, and ends as Python ends. Only what is read from the environment at import (a Hub's address)
must be there when the nest begins; and the server that forks a build's workers is the nest's, for all builds.
"""

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, Self

import psutil

IMPORTED = ("mmdata.cli", "mmdata.verbs.build", "mmdata.verbs.release", "mmdata.verbs.annotate", "mmdata.verbs.check", "mmdata.verbs.fix", "mmdata.verbs.push", "mmdata.verbs.pull", "mmdata.verbs.export", "mmdata.verbs.diff", "mmdata.verbs.card", "mmdata.shards", "mmdata.annotation.asking", "mmdata.steps.running", "datasets", "polars", "aiohttp", "openai")  # fmt: skip


class Child:
    """A process of the nest, asked as one of `subprocess`."""

    def __init__(self, nest: "Nest", pid: int, streams: Path):
        self._nest, self.pid, self._streams = nest, pid, streams
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nest.ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float = 120) -> int:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(["mmdata"], timeout)
            time.sleep(0.005)
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        self.wait(timeout)
        return self.stdout, self.stderr

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    @property
    def stdout(self) -> str:
        return (self._streams / "stdout").read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return (self._streams / "stderr").read_text(encoding="utf-8")


class Nest:
    """The process that forks. `start` and `run` take the arguments of `mmdata`."""

    def __init__(self, *more: str, env: Mapping[str, str] | None = None):
        """`more`: modules that it imports besides. `env`: what it begins with; by default, as for its children, what
        this process has."""
        self._home = tempfile.TemporaryDirectory(prefix="nest-", ignore_cleanup_errors=True)
        self._number = 0
        self._process = subprocess.Popen(
            [sys.executable, __file__, *more], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._ready = False

    def start(
        self, *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, code: str = ""
    ) -> Child:
        """A command of `mmdata`.

        Args:
            code: run before it; it may patch what it likes, in this child only, or be all, where it ends by `sys.exit`.
        """
        self._number += 1
        streams = Path(self._home.name) / str(self._number)
        streams.mkdir()
        pid = self.ask(
            arguments=[str(one) for one in arguments], cwd=str(cwd or Path.cwd()), streams=str(streams), code=code,
            env=dict(os.environ if env is None else env),
        )  # fmt: skip
        return Child(self, pid, streams)

    def run(self, *arguments: object, timeout: float = 120, **options: Any) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run`, with the output as text."""
        child = self.start(*arguments, **options)
        try:
            child.wait(timeout)
        finally:
            child.kill()
        return subprocess.CompletedProcess(["mmdata", *map(str, arguments)], child.wait(), child.stdout, child.stderr)

    def below(self) -> set[int]:
        """Ids of all processes that it and its children have started, and that have not ended."""
        return {one.pid for one in psutil.Process(self._process.pid).children(recursive=True)}

    def ask(self, **what: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        if not self._ready:  # A nest that is not asked yet does not keep the test waiting.
            self._ready = bool(json.loads(self._process.stdout.readline()))
        print(json.dumps(what), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
        self._home.cleanup()


@cache
def shared() -> Nest:
    """One for all tests of this process that need no environment of their own."""
    nest = Nest()
    atexit.register(nest.__exit__)
    return nest


def _forks() -> dict[str, Any] | None:
    """Answers the test until it closes the pipe. In a child it returns what the child is to be."""
    for line in sys.stdin:
        asked = json.loads(line)
        if "poll" in asked:
            pid, status = os.waitpid(asked["poll"], os.WNOHANG)
            print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)
        elif child := os.fork():
            print(child, flush=True)
        else:
            return asked
    return None


def _become(asked: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    for number, path in enumerate((os.devnull, f"{asked['streams']}/stdout", f"{asked['streams']}/stderr")):
        stream = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    tempfile.tempdir = None
    # The server is no child of this process, which could not wait for it.
    forkserver.ensure_running = forkserver._forkserver.ensure_running = lambda: None  # type: ignore[method-assign]
    sys.argv = ["mmdata", *asked["arguments"]]
    from mmdata.cli import main

    code: Any = 0
    try:
        exec(compile(asked["code"], "code", "exec"), globals())  # What it enters must not be left before the end.
        main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    # As Python ends, but for taking everything imported apart, which takes longer than most commands.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    from mmdata import pool

    for name in (*IMPORTED, *sys.argv[1:]):
        import_module(name)
    pool.warm_up()
    gc.collect()
    gc.freeze()  # Else the first look for garbage of each child copies all that was imported.
    print(json.dumps("ready"), flush=True)
    if (become := _forks()) is not None:
        _become(become)

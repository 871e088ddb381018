"""Worker processes that may die: the work of a killed one is done again."""

import itertools
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver, get_context, parent_process
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from .errors import BuildError

Task = TypeVar("Task")
Result = TypeVar("Result")

TRIES = 3
TICK_SECONDS = 0.2


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def warm_up() -> None:
    """Begin to import what workers need, while the caller goes on."""
    get_context("forkserver").set_forkserver_preload(["mmdata.shards"])
    with _without_main(), _deaf_to_ctrl_c():
        forkserver.ensure_running()


def run(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int,
    setup: Callable[..., None],
    setup_args: tuple[Any, ...],
    tick: Callable[[], None],
) -> Iterator[Result]:
    """Results as they come. `tick` is called several times a second.

    A worker that is killed takes the pool with it at once; a new pool does the unfinished
    tasks again. A task that was at work in three broken pools ends the build.

    Raises:
        BuildError: workers keep being killed. Errors of `function` are raised as they are.
    """
    warm_up()  # A server that starts without its imports makes each worker do them anew.
    left = iter(tasks)
    waiting = list(itertools.islice(left, 1))
    losses: dict[Task, int] = {}
    while waiting:
        with _without_main():
            pool = ProcessPoolExecutor(
                workers, get_context("forkserver"), initializer=_start, initargs=(setup, setup_args, dict(os.environ))
            )
        running: dict[Future[Result], Task] = {}
        try:
            while waiting or running:
                while waiting and len(running) < 2 * workers:
                    with _without_main(), _ctrl_c_later():  # Worker processes start in here.
                        future = pool.submit(function, waiting[-1])
                    running[future] = waiting.pop()
                    if not waiting:  # Taken one by one: they may hold pictures.
                        waiting += itertools.islice(left, 1)
                done, _ = wait(running, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED)
                tick()
                for future in done:
                    result = future.result()
                    del running[future]
                    yield result
        except BrokenProcessPool:
            for future, task in running.items():
                if future.done() and not future.exception():
                    yield future.result()
                    continue
                waiting.append(task)
                losses[task] = losses.get(task, 0) + 1
                if losses[task] >= TRIES:
                    raise BuildError(
                        f"worker processes were killed {TRIES} times, {task} among their work: most often the machine "
                        "is out of memory. Close other programs, or run with `--workers 1`"
                    ) from None
        finally:
            _stop(pool)


def _start(setup: Callable[..., None], args: tuple[Any, ...], environment: dict[str, str]) -> None:
    os.environ.update(environment)  # The server may be older than the caller's keys.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business.
    parent = parent_process()
    if parent:  # If it is killed, stop at once rather than work on.
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    setup(*args)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _stop(pool: ProcessPoolExecutor) -> None:
    processes = list((getattr(pool, "_processes", None) or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()
        process.join()


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep workers from running the caller's script again.

    multiprocessing imports the parent's `__main__` in each new process, which makes a script
    without `if __name__ == "__main__":` start itself anew. Our workers need nothing of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """A Ctrl-C in this moment comes after it: a worker that is half started could not be stopped."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """What is started in here ignores Ctrl-C, from its first import on: that is the parent's business.

    Short: a Ctrl-C in this moment is lost.
    """
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # Not the main thread, which alone may do this.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

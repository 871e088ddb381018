"""Work that waits for a network, run so that Ctrl-C ends it in a terminal and in a notebook."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")
INTERRUPTED = threading.Event()
"""Set when a notebook's cell is interrupted: what runs looks at it several times a second."""


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """As `asyncio.run`, and in a notebook too, where a loop runs already: then in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(asyncio.run, work)
        try:
            return result.result()
        except KeyboardInterrupt:  # Signals reach the notebook's own thread only.
            INTERRUPTED.set()
            return result.result()
        finally:
            INTERRUPTED.clear()

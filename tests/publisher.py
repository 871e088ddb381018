"""Publishes a pickled index, and waits to be killed once it has come so far: `publisher.py PICKLE DSN STAGE`."""

import pickle
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

from mmdata.progress import Silent
from mmdata.searching import publishing
from mmdata.searching.connecting import Database


class Waiting(Silent):
    def stage(self, name: str) -> None:
        if name == f"PostgreSQL: {sys.argv[3]}":
            print("here", flush=True)
            signal.pause()


if __name__ == "__main__":
    facts, pictures, vectors, rows = pickle.loads(Path(sys.argv[1]).read_bytes())
    index = SimpleNamespace(
        facts=facts, pictures=pictures, batches=lambda size: [(pictures, vectors)], row_batches=lambda size: [rows]
    )
    publishing.written(index, Database(sys.argv[2]), Waiting())

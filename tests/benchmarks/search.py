"""The ten nearest of 30,000 pictures: in files beside bare numpy, in PostgreSQL beside a bare query; and publishing.

    OMP_NUM_THREADS=1 python tests/benchmarks/search.py --rounds 5    # about 3 minutes

Made-up vectors in clusters of a hundred; each is asked for one near another. The cases take turns with every question,
in random order, in one process; PostgreSQL (tests/pg.py) is beside it on the same cores. The bare query has the same
breadth of search (ef_search 100) on a connection that is open, and fetches ten hashes.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
import pg
import pgvector.psycopg
import psycopg
from indexes import an_index, clustered, picture, unit

from mmdata.searching import publishing
from mmdata.searching.connecting import Database
from mmdata.searching.postgres import publish
from mmdata.searching.tables import name_of

K = 10
FILTER = "bucket = 42"
"""Which 1 % passes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=30_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    count, new = asked.pictures, max(1, asked.pictures // 100)
    vectors = clustered(count + new, asked.dimensions)
    rows = [{"id": f"{n:07}", "picture": n, "bucket": n * 7919 % 100, "name": f"옷 {n}"} for n in range(count + new)]
    questions = unit(vectors[: asked.questions] + 0.5 * clustered(asked.questions, asked.dimensions, seed=1))
    with tempfile.TemporaryDirectory() as home:
        files = an_index(Path(home) / "one", vectors[:count], rows[:count])
        more = an_index(Path(home) / "two", vectors, rows)
        dsn = pg.server().new()
        began = time.perf_counter()
        index = publish(files, dsn)
        print(f"published {count:,} x {asked.dimensions} in {time.perf_counter() - began:.1f} s")
        with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
            measure(cases(files, index, connection, vectors[:count], name_of("옷장", "tiny")), questions, asked.rounds)
        began = time.perf_counter()
        done = publishing.written(more, Database(dsn))
        seconds = time.perf_counter() - began
        print(
            f"published again with 1 % new in {seconds:.1f} s: {done.pictures:,} pictures, {done.rows:,} rows written"
        )
        index.close()


def cases(files: Any, index: Any, connection: Any, vectors: Any, name: str) -> dict[str, Callable[[Any], list[str]]]:
    """What each finds of a vector: the hashes of pictures."""
    hashes = [picture(n).hex() for n in range(len(vectors))]
    pgvector.psycopg.register_vector(connection)
    connection.execute("SET hnsw.ef_search = 100")
    query = f'SELECT picture FROM "{name}" ORDER BY embedding <=> %s LIMIT {K}'
    passes = np.flatnonzero(np.arange(len(vectors)) * 7919 % 100 == 42)

    def numpy(vector: Any, among: Any = None) -> list[str]:
        scores = vectors @ vector if among is None else vectors[among] @ vector
        best = np.argpartition(scores, len(scores) - K)[-K:]
        best = best[np.argsort(-scores[best])]
        return [hashes[n] for n in (best if among is None else among[best])]

    def psycopg_(vector: Any) -> list[str]:
        return [line[0] for line in connection.execute(query, [pgvector.HalfVector(vector)]).fetchall()]

    def ours(which: Any, where: str | None = None) -> Callable[[Any], list[str]]:
        return lambda vector: [hit.picture for hit in which.nearest(vector, K, where)]

    return {
        "numpy": numpy, "files": ours(files), "numpy, 1 %": lambda vector: numpy(vector, passes),
        "files, 1 %": ours(files, FILTER), "psycopg": psycopg_, "PostgreSQL": ours(index),
        "PostgreSQL, 1 %": ours(index, FILTER),
    }  # fmt: skip


def measure(cases: dict[str, Callable[[Any], list[str]]], questions: Any, rounds: int) -> None:
    for case in cases.values():
        case(questions[0])
    seconds: dict[str, list[list[float]]] = {name: [] for name in cases}
    found: dict[str, list[set[str]]] = {name: [] for name in cases}
    for _ in range(rounds):
        for times in seconds.values():
            times.append([])
        for vector in questions:
            for name in random.sample(list(cases), len(cases)):
                began = time.perf_counter()
                made = cases[name](vector)
                seconds[name][-1].append(time.perf_counter() - began)
                found[name].append(set(made))
    for name, times in seconds.items():
        medians = [1000 * statistics.median(one) for one in times]
        bare = "psycopg" if name.startswith(("PostgreSQL", "psycopg")) else "numpy"
        ratio = statistics.median(medians) / (1000 * statistics.median(map(statistics.median, seconds[bare])))
        true = found["numpy, 1 %" if name.endswith("1 %") else "numpy"]
        recall = statistics.mean(len(a & b) / len(b) for a, b in zip(found[name], true, strict=True))
        spread = f"({min(medians):.2f} - {max(medians):.2f})"
        print(
            f"  {name:16}{statistics.median(medians):8.2f} ms {ratio:6.2f} x {bare:8} recall@{K} {recall:.4f}   {spread}"
        )


if __name__ == "__main__":
    main()

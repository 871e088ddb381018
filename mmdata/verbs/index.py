"""`mmdata index`: a corpus's pictures as vectors, to search them by."""

import time
from pathlib import Path
from statistics import mean, median
from typing import Literal

from ..corpus import Corpus
from ..progress import Progress, Silent
from ..searching.encoders import encoder
from ..searching.facts import BUILTIN, Index, Indexed, Latency
from ..searching.indexing import embedded
from ..searching.local import LocalIndex
from ..searching.opening import require_given
from ..searching.screen import as_json as as_json
from ..searching.screen import as_screen as as_screen
from ..views import newest_or_sample

QUERIES, NEAREST = 100, 10


def index(
    folder: str | Path,
    *,
    model: str = BUILTIN,
    version: str | None = None,
    dsn: str | None = None,
    batch: int = 32,
    progress: Progress | None = None,
) -> Indexed:
    """Make the vectors that `search` and `serve` look through. Of a picture that has one, none is made again.

    They lie in the corpus folder, below .search. What was embedded when it is stopped is kept: run it again.

    Args:
        folder: the corpus folder.
        model: "builtin" (colours and shapes, nothing to download), or a CLIP, SigLIP or Qwen3-VL embedding model by its
            name on the Hub or its folder.
        version: of a release; by default the newest, and the sample where there is none.
        dsn: of a PostgreSQL with pgvector, such as "postgresql://localhost/mmdata", to put the index in as well.
        batch: pictures that a model is given together.
        progress: where to show how far it is.

    Raises:
        MmdataError: the model cannot be had, another process indexes, or the database cannot be written to.
        CorpusError: the corpus's view `search` fails, or gives two rows one id.
        ReleaseError: there is no such version.
    """
    began = time.monotonic()
    require_given(model=model, version=version, dsn=dsn)
    corpus, progress = Corpus(folder), progress or Silent()
    version = version or newest_or_sample(corpus)
    progress.stage(f"model {model}")
    sees = encoder(model)
    done = embedded(corpus, version, sees, batch, progress)
    progress.stage("measuring")
    found = LocalIndex(corpus, sees.name, version)
    try:
        latency = [measured(found, found, "file")]
        if dsn is not None:
            from ..searching.postgres import publish

            progress.stage("PostgreSQL")
            published = publish(found, dsn, progress)
            try:
                latency.append(measured(published, found, "postgresql"))
            finally:
                published.close()
    finally:
        found.close()
    return Indexed(
        facts=found.facts, embedded=done.embedded, skipped=done.skipped, notes=done.notes, latency=latency,
        seconds=time.monotonic() - began,
    )  # fmt: skip


def measured(index: Index, exact: LocalIndex, backend: Literal["file", "postgresql"]) -> Latency:
    """The median of a search for the ten nearest, and the share of the exact ten that it finds.

    Args:
        index: is measured.
        exact: of the same pictures, which has what is true; may be `index` itself.
    """
    asked = exact.some(QUERIES)
    seconds, shares = [], []
    for vector in asked:
        began = time.perf_counter()
        found = index.nearest(vector, NEAREST)
        seconds.append(time.perf_counter() - began)
        if index is not exact:
            true = exact.nearest(vector, NEAREST)
            # As near as the last of the ten is as good: which of equals is found is chance.
            shares.append(sum(hit.score >= true[-1].score - 1e-4 for hit in found) / len(true))
    recall = mean(shares) if shares else 1.0
    return Latency(backend=backend, queries=len(asked), p50=1000 * median(seconds), recall=recall)

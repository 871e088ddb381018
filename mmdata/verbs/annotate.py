"""`mmdata annotate`: ask a model about each row that has no answer yet."""

import hashlib
import heapq
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from ..annotation.asked import asked_about
from ..annotation.batching import MOST_BYTES, MOST_REQUESTS, collect, submit
from ..annotation.client import client_for
from ..annotation.limits import Limits
from ..annotation.money import BATCH_FACTOR, Price, Purse, price_of
from ..annotation.prompt import Prompt
from ..annotation.questions import Question
from ..annotation.store import STATUSES, Store, writing
from ..annotation.todo import Comparison, Todo, compare, pending, states
from ..corpus import Corpus
from ..errors import AnnotationError
from ..interrupts import run
from ..progress import Progress, Silent
from ..reading import Release

MEASURED = 24
"""Rows whose pictures are looked at for an estimate."""
OUTPUT_TOKENS = 300.0
"""Expected of an answer before any came, unless the prompt allows fewer."""


@dataclass
class Estimate:
    """What a run will cost."""

    calls: int
    tokens_in: float
    """For each call."""
    tokens_out: float
    price: Price | None
    """None: not known, so neither is the cost."""
    measured: bool
    """Tokens are the mean of answers that came; else by the model's rule."""
    batch: bool = False

    @property
    def cost(self) -> float | None:
        """US dollars for all calls."""
        factor = BATCH_FACTOR if self.batch else 1.0
        return self.calls * self.price.of(self.tokens_in, self.tokens_out) * factor if self.price else None


@dataclass
class Annotation:
    """What a run did."""

    corpus: str
    version: str
    prompt: str
    model: str
    before: Comparison = field(default_factory=Comparison)
    """What there was to do: new, reused, stale, retried."""
    rows: int = 0
    """Rows of the release that were looked at."""
    states: Counter[str] = field(default_factory=Counter)
    """Status, "sent" (in a batch) or "waiting" → rows; they sum up to `rows`."""
    estimate: Estimate | None = None
    calls: int = 0
    """Answers that came in this run."""
    cost: float | None = None
    """US dollars of this run; None when the price is not known."""
    seconds: float = 0.0
    stopped: str = ""
    """Why it ended early."""
    batches: list[str] = field(default_factory=list)
    """The Batch API's batches that are under way, each in one line."""


def annotate(
    folder: str | Path,
    prompt: str | None = None,
    *,
    base_url: str | None = None,
    concurrency: int = 64,
    rpm: float | None = None,
    tpm: float | None = None,
    budget: float | None = None,
    estimate: bool = False,
    max_side: int | None = None,
    sample: int | None = None,
    where: str | None = None,
    retry: Collection[str] = (),
    timeout: float = 120.0,
    give_up: float = 600.0,
    minutes: float | None = None,
    batch: bool = False,
    batch_requests: int = MOST_REQUESTS,
    batch_mb: float = MOST_BYTES / 1e6,
    progress: Progress | None = None,
) -> Annotation:
    """Ask the prompt's model about each row of the newest release, or of a step's table, whose question has no answer yet.

    Every answer is on the disk before the next question is sent in its place: after a crash, the same
    command goes on, and repeats at most what was on its way. The key comes from OPENAI_API_KEY.

    Args:
        folder: the corpus folder.
        prompt: name of a file in prompts/; may be left out where there is only one.
        base_url: of any OpenAI-compatible server; OPENAI_BASE_URL or OpenAI without it.
        concurrency: requests at once, at most; the number finds its own level below it.
        rpm, tpm: requests and tokens a minute; by default what the server's headers say.
        budget: US dollars that all answers under the prompt may cost, earlier runs included.
        estimate: only say what it would cost.
        max_side: send pictures as JPEG copies of at most so many pixels a side; overrides the prompt's own.
        sample: only so many rows, the same ones each time.
        where: only rows for which this holds, such as "label = '건선' and view is not null".
        retry: statuses to ask again: failed, refused, truncated, invalid, empty.
        timeout: seconds a request may take.
        give_up: seconds after which a server that is down ends the run.
        minutes: after which nothing more is sent.
        batch: through the Batch API, at half the price: takes in what is answered, sends what is not, and
            returns; the same command another day goes on.
        batch_requests, batch_mb: most requests, and megabytes, that the server takes in one batch file.

    Raises:
        AnnotationError: no release, no key, wrong address or model, quota used up, disk full,
            another process annotates.
        CorpusError: the prompt is wrong.
    """
    began = time.monotonic()
    if wrong := set(retry) - set(STATUSES[1:]):
        raise AnnotationError(
            f"retry: {', '.join(sorted(wrong))}: no such status. There are: {', '.join(STATUSES[1:-1])}"
        )
    corpus, progress = Corpus(folder), progress or Silent()
    asked, release = asked_about(corpus, prompt)
    if max_side is not None:
        asked = asked.changed(max_side=max_side)
    price = price_of(asked.model, corpus.folder) if budget is not None else None
    if budget is not None and price is None:
        raise AnnotationError(
            f"the price of {asked.model} is not known, so --budget cannot be kept. Write it into "
            f"{corpus.folder / 'prices.yaml'}: `{asked.model}: {{input: 0.15, output: 0.60}}` (US dollars a million tokens)"
        )
    done = Annotation(corpus.name, release.manifest.version, asked.id, asked.model)
    with writing(corpus.folder) as store, TemporaryDirectory(prefix="mmdata-") as scratch:
        if not estimate:
            store.keep_prompt(asked.sha256, asked.id, asked.model_dump_json())
        if batch and not estimate:
            progress.stage("collecting")
            run(_collect(store, asked.id, done, corpus.folder, base_url))
        with closing(Todo(Path(scratch) / "todo.sqlite")) as todo:
            progress.stage("comparing")
            compare(release, asked, store, todo, done.before, _chosen(release, sample, where), set(retry))
            calls = todo.count()
            if calls and price is None:  # Not looked up before: a run with nothing to do should be quick.
                price = price_of(asked.model, corpus.folder)
            done.estimate = _estimate(asked, store, pending(release, asked, todo), calls, price, batch)
            if calls and not estimate:
                purse = Purse(price, budget, store.spent(asked.id))
                if batch:
                    progress.stage("sending")
                    run(
                        _submit(
                            store, asked, done, purse, pending(release, asked, todo), base_url, batch_requests, batch_mb
                        )
                    )
                else:
                    limits = Limits(min(concurrency, calls), rpm, tpm)
                    deadline = began + 60 * minutes if minutes is not None else None
                    # The size of each picture is only worth a look where a bound hangs on it.
                    about = None if budget is not None or tpm is not None else round(done.estimate.tokens_in)
                    progress.stage("asking")
                    run(
                        _ask(store, asked, done, purse, pending(release, asked, todo, about), calls, base_url, limits,
                             timeout, give_up, deadline, progress)
                    )  # fmt: skip
            done.states = done.before.states + states(todo, store, set(retry) if estimate else set())
    done.rows = done.before.rows
    assert done.states.total() == done.rows, (done.states, done.rows)
    done.seconds = time.monotonic() - began
    return done


def _chosen(release: Release, sample: int | None, where: str | None) -> set[str] | None:
    """Ids of the rows that `where` and `sample` leave; None for all."""
    if where is None and sample is None:
        return None
    ids: Iterator[str]
    if where is None:
        ids = (row.id for row in release.rows())
    else:
        from ..filters import ids_where

        ids = ids_where(release, where)
    if sample is None:
        return set(ids)
    # By the hash of the id: a spread over all classes, and the same rows in every run.
    return set(heapq.nsmallest(sample, ids, key=lambda id: hashlib.sha256(id.encode()).digest()))


def _estimate(
    prompt: Prompt, store: Store, pending: Iterator[Question], calls: int, price: Price | None, batch: bool
) -> Estimate:
    measured = store.usage(prompt.id, prompt.model)
    if measured or not calls:
        into, out = measured or (0.0, 0.0)
        return Estimate(calls, into, out, price, True, batch)
    tokens = [q.tokens_in for q, _ in zip(pending, range(MEASURED), strict=False) if not q.unsendable] or [0]
    limit = prompt.parameters.get("max_completion_tokens", prompt.parameters.get("max_tokens"))
    out = min(OUTPUT_TOKENS, limit) if isinstance(limit, int | float) else OUTPUT_TOKENS
    return Estimate(calls, sum(tokens) / len(tokens), out, price, False, batch)


async def _ask(
    store: Store, prompt: Prompt, done: Annotation, purse: Purse, questions: Iterator[Question], calls: int,
    base_url: str | None, limits: Limits, timeout: float, give_up: float, deadline: float | None, progress: Progress,
) -> None:  # fmt: skip
    from ..annotation.asking import Asking

    assert done.estimate
    earlier = purse.spent
    async with client_for(base_url, limits.most) as client:
        asking = Asking(store, prompt, client, limits, purse, done.estimate.tokens_out, timeout, give_up, deadline)

        def tick() -> None:
            others = (f"{n:,} {status}" for status, n in asking.counts.items() if status != "ok")
            cost = f"${purse.spent - earlier:.2f}" if purse.price else ""
            progress.rows(asking.counts.total(), calls, "  ".join(filter(None, (cost, *others))))

        asking.tick = tick
        try:
            await asking.run(questions)
        finally:
            done.calls, done.stopped = asking.counts.total(), asking.stopped
            done.cost = purse.spent - earlier if purse.price else None


async def _collect(store: Store, prompt: str, done: Annotation, folder: Path, base_url: str | None) -> None:
    earlier = store.spent(prompt)
    async with client_for(base_url, 4) as client:
        done.calls, done.batches = await collect(client, store, prompt, folder)
    done.cost = store.spent(prompt) - earlier


async def _submit(
    store: Store,
    prompt: Prompt,
    done: Annotation,
    purse: Purse,
    questions: Iterator[Question],
    base_url: str | None,
    most_requests: int,
    most_mb: float,
) -> None:
    assert done.estimate
    cost, away = done.estimate.cost or 0.0, sum(estimate for *_, estimate in store.open_batches(prompt.id))
    if purse.budget is not None and purse.spent + away + cost > purse.budget:
        raise AnnotationError(
            f"the batch would cost about ${cost:.2f}; with ${purse.spent:.2f} spent and ${away:.2f} on its way, that is over "
            f"the budget of ${purse.budget:g}. Send fewer rows (--sample, --where), or raise --budget"
        )
    async with client_for(base_url, 4) as client:
        sent = await submit(
            client, store, prompt, questions, most_requests=most_requests, most_bytes=int(most_mb * 1e6),
            cost=cost / max(1, done.estimate.calls),
        )  # fmt: skip
    done.batches += [f"{batch}: sent" for batch in sent]

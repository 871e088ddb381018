"""The Batch API: files of requests sent away, answered within a day at half the price.

The ledger in the store says what is away. A file is noted before its batch is made, so a crash
between the two is found out later by looking for the file among the server's batches: nothing is
paid for twice.
"""

import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from ..errors import AnnotationError
from .money import BATCH_FACTOR, Price, price_of
from .prompt import Prompt
from .questions import Question
from .store import Answer, Store
from .verdict import Reply, judge, without

if TYPE_CHECKING:
    import openai

MOST_REQUESTS = 50_000
MOST_BYTES = 190_000_000
"""OpenAI's limits are 50,000 requests and 200 MB a file; other servers' may be lower (--batch-requests, --batch-mb)."""
ENDPOINT: Final = "/v1/chat/completions"
UNDER_WAY = {"validating", "in_progress", "finalizing", "cancelling"}


async def collect(client: "openai.AsyncOpenAI", store: Store, prompt: str, folder: Path) -> tuple[int, list[str]]:
    """Take in what the batches of a prompt have answered, each judged by the prompt as it was when it was sent.

    Returns:
        How many answers came, and a line on each batch that is still under way.

    Raises:
        AnnotationError: the server cannot be asked, or does not know a file that was sent.
    """
    came = 0
    waiting: list[str] = []
    async with _explained(client):
        away = store.open_batches(prompt)
        known = {batch.input_file_id: batch async for batch in client.batches.list(limit=100)} if away else {}
        for file, content, _ in away:
            asked = Prompt.model_validate_json(content)
            batch = known.get(file)
            if batch is None:
                await _must_know(client, file)
                store.close_batch(file, prompt, "never started")  # We stopped between the upload and the start.
                continue
            if batch.status in UNDER_WAY:
                counts = batch.request_counts
                progress = f", {counts.completed:,} of {counts.total:,} done" if counts and counts.total else ""
                waiting.append(f"{batch.id}: {batch.status}{progress}")
                continue
            price = price_of(asked.model, folder)
            for file_id in filter(None, (batch.output_file_id, batch.error_file_id)):
                lines = (await client.files.content(file_id)).content.splitlines()
                answers = list(_answers(lines, store, asked, price))
                store.add(asked.id, asked.sha256, asked.model, answers)
                came += len(answers)
            store.close_batch(file, prompt, batch.status)
    return came, waiting


async def submit(
    client: "openai.AsyncOpenAI",
    store: Store,
    prompt: Prompt,
    questions: Iterable[Question],
    *,
    most_requests: int,
    most_bytes: int,
    cost: float,
) -> list[str]:
    """Send questions away in as many files as the limits ask for; returns the batches' ids.

    Args:
        cost: of one request, about, in US dollars.

    Raises:
        AnnotationError: the server does not take a batch; those before are on their way.
    """
    made: list[str] = []
    with TemporaryDirectory(prefix="mmdata-") as scratch:
        async with _explained(client, lambda: f"{len(made)} batches are on their way; run the same command again"):
            for path, rows in _files(Path(scratch), questions, most_requests, most_bytes):
                file = await client.files.create(file=path, purpose="batch")
                store.send(file.id, prompt.id, prompt.sha256, rows, cost * len(rows))
                batch = await client.batches.create(input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h")
                made.append(batch.id)
                path.unlink()
    return made


@asynccontextmanager
async def _explained(
    client: "openai.AsyncOpenAI", then: Callable[[], str] = lambda: "Run the same command again later"
) -> AsyncIterator[None]:
    """An error of the server as a message without the key."""
    import openai

    try:
        yield
    except openai.APIError as error:
        said = without(" ".join(str(error).split())[:300], (client.api_key,))
        raise AnnotationError(f"the Batch API at {client.base_url}: {said}. {then()}") from None


async def _must_know(client: "openai.AsyncOpenAI", file: str) -> None:
    """Another key, or another server, sees none of our files: what was sent with the right one must not be sent again."""
    import openai

    try:
        await client.files.retrieve(file)
    except openai.NotFoundError:
        raise AnnotationError(
            f"the file {file} was sent away, but is not known to this key at {client.base_url}. Use the key and the "
            "--base-url that it was sent with"
        ) from None


def _files(
    scratch: Path, questions: Iterable[Question], most_requests: int, most_bytes: int
) -> Iterator[tuple[Path, list[tuple[bytes, str]]]]:
    """Files of requests, with the (key, row id)s that are in each."""
    rows: list[tuple[bytes, str]] = []
    names = (scratch / f"{n}.jsonl" for n in itertools.count())
    path, size = next(names), 0
    out = path.open("wb")
    try:
        for question in questions:
            if question.unsendable:  # A live run keeps it as failed; here it stays to be asked.
                continue
            line = b'{"custom_id": "%s", "method": "POST", "url": "%s", "body": %s}\n' % (
                question.key.hex().encode(), ENDPOINT.encode(), question.body,
            )  # fmt: skip
            if len(line) > most_bytes:
                raise AnnotationError(
                    f"row {question.row_id}: its request has {len(line):,} bytes, more than a whole batch file may have "
                    f"({most_bytes:,}); use --max-side 1024"
                )
            if rows and (len(rows) >= most_requests or size + len(line) > most_bytes):
                out.close()
                yield path, rows
                path, rows, size = next(names), [], 0
                out = path.open("wb")
            out.write(line)
            rows.append((question.key, question.row_id))
            size += len(line)
        out.close()
        if rows:
            yield path, rows
    finally:
        out.close()


def _answers(lines: Iterable[bytes], store: Store, prompt: Prompt, price: Price | None) -> Iterator[Answer]:
    """The answers in an output or error file. What is no answer stays to be sent again: it is left out."""
    seen: set[bytes] = set()
    for line in lines:
        try:
            one = json.loads(line)
            key, reply = bytes.fromhex(one["custom_id"]), one.get("response") or {}
            status, body = int(reply.get("status_code") or 0), json.dumps(reply.get("body"), ensure_ascii=False)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # Not a line of ours; its row, if it has one, stays to be asked.
        row_id = store.sent_row(key)
        if row_id is None or key in seen:
            continue
        outcome = judge(status, {}, body.encode(), prompt.response_schema)
        if isinstance(outcome, Reply):
            cost = None
            if price and outcome.tokens_in is not None:
                cost = price.of(outcome.tokens_in, outcome.tokens_out or 0) * BATCH_FACTOR
            yield Answer(
                key, row_id, outcome.status, outcome.kind, outcome.value, body,
                tokens_in=outcome.tokens_in, tokens_out=outcome.tokens_out, cost=cost,
            )  # fmt: skip
        elif outcome.then == "row":
            yield Answer(key, row_id, "failed", outcome.kind, None, body)
        else:
            continue
        seen.add(key)

"""Many requests at once, each answer on the disk before the next question is sent in its place."""

import asyncio
import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import openai

from ..errors import AnnotationError
from ..interrupts import INTERRUPTED
from .limits import Limits
from .money import Purse
from .prompt import Prompt
from .questions import Question
from .sending import send
from .store import Answer, Store
from .verdict import Reply, Trouble, without

TRIES = 5
"""Of a row that fails by itself; waiting for a limit, or for a server that is down, uses up none."""
GATHER_SECONDS = 0.01
"""An answer waits for others to be put on the disk with."""
FEED = 16
"""Questions read at a time: their pictures are held in memory."""
HOPELESS = 5
"""Rows refused as wrong requests, with not one answer, that show the request itself to be wrong."""


@dataclass
class Asking:
    """One run over some questions."""

    store: Store
    prompt: Prompt
    client: openai.AsyncOpenAI
    limits: Limits
    purse: Purse
    tokens_out: float
    """Expected of an answer, for budget and limits."""
    seconds: float
    """A request may take."""
    give_up_after: float
    """Seconds of a server that is down."""
    deadline: float | None = None
    """On `time.monotonic`, when nothing more is sent."""
    tick: Callable[[], None] = lambda: None
    counts: Counter[str] = field(default_factory=Counter)
    """Status → answers of this run."""
    stopped: str = ""
    """Why nothing more is sent, in one sentence."""
    broken: AnnotationError | None = None
    """A fault that ended the run."""
    _questions: Iterator[Question] = field(default_factory=lambda: iter(()))
    _fed: list[Question] = field(default_factory=list)
    _feeding: asyncio.Lock = field(default_factory=asyncio.Lock)
    _unsaved: list[tuple[Answer, "asyncio.Future[None]"]] = field(default_factory=list)
    _unsaved_there: asyncio.Event = field(default_factory=asyncio.Event)
    _free: set["asyncio.Task[None]"] = field(default_factory=set)
    """Workers with nothing on its way: they may be stopped at once."""
    _hopeless: int = 0
    """Rows refused, with not one answer."""
    _known: bool = False
    """An answer of this run has come."""
    _mean_in: float = 0.0
    """Tokens that answers of earlier runs took in."""
    _promises: int = 0
    """Of money."""
    _most_in: float = 0.0
    _most_out: float = 0.0
    """The most tokens that an answer took, in for each expected, and out."""

    async def run(self, questions: Iterator[Question]) -> None:
        """Ask all. Ends early, with what is on its way answered and kept, when `stop` is called."""
        self._questions = questions
        self._mean_in, _ = self.store.usage(self.prompt.id, self.prompt.model) or (0.0, 0.0)
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(2))  # One reads, one writes; each thread more costs memory.
        interrupts = _on_interrupt(loop, lambda: self.stop("stopped by Ctrl-C; the same command goes on from here"))
        writer = asyncio.create_task(self._write())
        workers = [asyncio.create_task(self._work()) for _ in range(self.limits.most)]
        self._free.update(workers)
        ticker = asyncio.create_task(self._tick())
        try:
            for result in await asyncio.gather(*workers, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result
        finally:
            ticker.cancel()
            for task in workers:
                task.cancel()
            self._unsaved_there.set()
            writer.cancel()
            await asyncio.gather(writer, ticker, *workers, return_exceptions=True)
            interrupts()
        if self.broken:
            raise self.broken

    def stop(self, why: str, error: AnnotationError | None = None) -> None:
        """Send nothing more; let what is on its way come in."""
        self.stopped = self.stopped or why
        self.broken = self.broken or error
        for task in self._free:
            task.cancel()

    async def _work(self) -> None:
        me = asyncio.current_task()
        assert me
        try:
            while (question := await self._next()) is not None:
                answer = await self._ask(question, me)
                if answer is not None:
                    self._free.discard(me)
                    await self._keep(answer)
                    self._free.add(me)
                    self.counts[answer.status] += 1
        except asyncio.CancelledError:
            if not self.stopped:
                raise
        except Exception:
            self.stop("a fault")
            raise

    async def _next(self) -> Question | None:
        async with self._feeding:
            if not self._fed and not self.stopped:
                try:
                    more = await asyncio.to_thread(lambda: list(itertools.islice(self._questions, FEED)))
                except AnnotationError as error:
                    self.stop("a row cannot be asked", error)
                    return None
                self._fed = more[::-1]
            return self._fed.pop() if self._fed and not self.stopped else None

    async def _ask(self, question: Question, me: "asyncio.Task[None]") -> Answer | None:
        """An answer to be kept; None when there is to be none now."""
        if question.unsendable:
            return Answer(question.key, question.row_id, "failed", "picture", raw=question.unsendable)
        tries = 0
        while not self.stopped:
            promise = await self._promised(question)
            if promise is None:
                return None
            await self.limits.take(question.tokens_in + self.tokens_out)
            self._free.discard(me)
            began, cost = time.monotonic(), None
            try:
                outcome, headers, raw = await send(
                    self.client, question.body, self.seconds, self.prompt.response_schema
                )
                if isinstance(outcome, Reply):
                    cost = self._cost(question, outcome, promise)
            finally:
                self._promises -= 1
                self.purse.settle(promise, cost)
                self.limits.give_back()
                self._free.add(me)
            if isinstance(outcome, Reply):
                self.limits.went_well(headers)
                return Answer(
                    question.key, question.row_id, outcome.status, outcome.kind, outcome.value, raw,
                    tokens_in=outcome.tokens_in, tokens_out=outcome.tokens_out, cost=cost,
                    latency=round(time.monotonic() - began, 4), attempt=tries + 1,
                )  # fmt: skip
            tries += self._count(outcome, question)
            if self.stopped:
                return None
            if outcome.then == "row" or tries >= TRIES:
                raw = outcome.message if raw is None else raw
                return Answer(question.key, question.row_id, "failed", outcome.kind, raw=raw, attempt=max(tries, 1))
            if outcome.then == "down":
                await asyncio.sleep(min(8.0, 0.25 * 2**tries) * random.uniform(0.5, 1.0))  # noqa: S311
        return None

    async def _promised(self, question: Question) -> float | None:
        """US dollars set aside for the answer, the most it may cost; None when there are none left."""
        price = self.purse.price
        if price is None:
            self._promises += 1
            return 0.0
        limit = self.prompt.parameters.get("max_completion_tokens", self.prompt.parameters.get("max_tokens"))
        while True:
            into = question.tokens_in * self._most_in if self._most_in else max(question.tokens_in, self._mean_in)
            out = limit if isinstance(limit, int) else max(self.tokens_out, self._most_out)
            promise = price.of(into, out)
            alone = self.purse.budget is not None and not self._known  # The first answer shows what one costs.
            if not (alone and self._promises) and self.purse.may_promise(promise):
                self._promises += 1
                return promise
            if not self._promises or self.stopped:
                self.stop(f"the budget of ${self.purse.budget:g} is used up")
                return None
            await asyncio.sleep(0.02)  # What is on its way may cost less than was set aside for it.

    def _cost(self, question: Question, reply: Reply, promise: float) -> float | None:
        self._known = True
        if self.purse.price is None:
            return None
        if reply.tokens_in is None:  # The server does not count; what it refused unseen cost nothing.
            return None if reply.status == "refused" else promise
        out = reply.tokens_out or 0
        self._most_in = max(self._most_in, reply.tokens_in / max(1, question.tokens_in))
        self._most_out = max(self._most_out, out)
        return self.purse.price.of(reply.tokens_in, out)

    def _count(self, trouble: Trouble, question: Question) -> int:
        """Draw the consequences for all; returns how many of the row's tries it took."""
        limits = self.limits
        if trouble.then == "stop":
            self._fail(trouble, question, "{}")
        elif trouble.then == "row":
            limits.is_up()
            self._hopeless += 1
            if self._hopeless >= HOPELESS and not self.counts.keys() - {"failed"}:
                self._fail(
                    trouble, question, "the server refuses every request: {}. Try with --sample 1 --retry failed"
                )
            return 1
        else:
            if trouble.then == "wait":
                limits.slow_down(trouble.wait)
            else:
                limits.failed(object() if trouble.kind == "unreachable" else question.key, trouble.wait)
            since = limits.troubled_since
            if (limits.down or trouble.then == "wait") and since and limits.clock() - since > self.give_up_after:
                text = f"the server has let nothing through for {self.give_up_after:g} s: {{}}. Run the same command again later"
                self._fail(trouble, question, text)
        return int(trouble.then == "down" and trouble.kind != "unreachable" and not limits.down)

    def _fail(self, trouble: Trouble, question: Question, text: str) -> None:
        """Stop with an error that repeats nothing of what was asked, nor the key: it goes into logs."""
        asked = question.body.decode().partition('"messages": ')[2].replace("\\n", " ").replace('\\"', '"')
        message = without(trouble.message, (self.client.api_key, asked))
        self.stop(trouble.kind, AnnotationError(text.format(message)))

    async def _keep(self, answer: Answer) -> None:
        saved = asyncio.get_running_loop().create_future()
        self._unsaved.append((answer, saved))
        self._unsaved_there.set()
        await saved

    async def _write(self) -> None:
        """Commit what has come in since the last commit; each waits until it is on the disk."""
        while True:
            await self._unsaved_there.wait()
            self._unsaved_there.clear()
            await asyncio.sleep(GATHER_SECONDS)
            batch, self._unsaved = self._unsaved, []
            if not batch:
                continue
            try:
                answers = [answer for answer, _ in batch]
                await asyncio.to_thread(self.store.add, self.prompt.id, self.prompt.sha256, self.prompt.model, answers)
            except AnnotationError as error:
                self.stop("the store cannot be written", error)
            except Exception as error:  # No worker may wait for ever.
                for _, saved in batch:
                    saved.set_exception(error)
                continue
            for _, saved in batch:
                saved.set_result(None)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            if INTERRUPTED.is_set() and not self.stopped:
                self.stop("stopped by Ctrl-C; the same command goes on from here")
            if self.deadline is not None and time.monotonic() > self.deadline:
                self.stop("the time is up (--minutes); the same command goes on from here")
            self.tick()


def _on_interrupt(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> Callable[[], None]:
    """The first Ctrl-C stops gently, the second at once. Returns what puts things back."""

    def first() -> None:
        stop()
        loop.remove_signal_handler(signal.SIGINT)

    try:
        loop.add_signal_handler(signal.SIGINT, first)
    except (ValueError, NotImplementedError, RuntimeError):  # Not the main thread.
        return lambda: None

    def restore() -> None:
        loop.remove_signal_handler(signal.SIGINT)

    return restore

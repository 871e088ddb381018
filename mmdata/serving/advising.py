"""What goes with a picture: a vision model is asked, its answer put to the corpus's rules, and made into entries.

A corpus that recommends has a recommend.py with

- `Wish` and `Advice`, pydantic models: what a client may ask for, and what the model must answer;
- `question(wish, near, index) -> str`: what the model is asked beside the picture, or NoMatch where nothing can come of it;
- `faults(advice, wish, near, index) -> list[str]`: what is wrong with an answer, as sentences that the model is told;
- `combine(advice, wish, near, index) -> Suggestion`: entries of the index, found by the advice;
- where it likes, `PARAMETERS`, sent with each question (temperature, max_tokens, …), and `Suggestion`, a subclass.

All four are plain functions that run in threads. What a model says is text and a choice: entries come from the index alone.
"""

import asyncio
import base64
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ..annotation.client import client_for
from ..annotation.prompt import response_format
from ..annotation.sending import send
from ..annotation.verdict import Reply, Trouble, without
from ..corpus import Corpus
from ..errors import CorpusError, MmdataError
from ..metrics.classification import read_json
from ..searching.facts import Hit, Index

FILE = "recommend"
PARTS = ("Wish", "Advice", "question", "faults", "combine")
"""What a recommend.py must have."""
MAX_SIDE = 768
"""Pixels of the picture that the model is sent."""
FAULTS, ECHO = 10, 4000
"""Of an answer that are told, and letters of it that the model is shown again."""
SENT_AGAIN = "That answer cannot be used:\n{}\nAnswer again, with the whole JSON object and nothing else."
NO_ANSWER = {
    "truncated": "The answer is cut: it is longer than max_tokens allows. Make it shorter.",
    "empty": "The answer is empty.",
    "refused": "The model refuses to answer.",
}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Group(_Strict):
    """Entries that go together."""

    title: str
    hits: list[Hit]
    """`score` says how well each suits, 0 to 1, as the corpus sees it: it is no cosine."""
    note: str = ""


class Suggestion(_Strict):
    """What is recommended."""

    answer: str
    """In sentences; "" where nothing is."""
    groups: list[Group]
    """The best first."""
    notes: list[str] = []
    """What the client should know, such as which wish leaves nothing."""


class NoMatch(Exception):
    """Raised by a corpus's `question` or `combine`: there is nothing to recommend. Says why, in a sentence."""


class NoServer(MmdataError):
    """The model server is away, busy, or lets nobody in.

    Args:
        wait: seconds that it asks to wait, where it says.
    """

    def __init__(self, message: str, wait: float | None = None):
        super().__init__(message)
        self.wait = wait


class TooSlow(MmdataError):
    """There was no answer in time."""


class BadAnswer(MmdataError):
    """The model's answers are of no use, the second too, for which it was told what was wrong with the first."""

    def __init__(self, faults: list[str]):
        super().__init__(f"the model's answer cannot be used: {' '.join(faults[:FAULTS])}")
        self.faults = faults


class Advisor:
    """Recommends by a corpus's own rules.

    Args:
        index: entries are taken from.
        base_url: of an OpenAI-compatible server; None is OPENAI_BASE_URL, or OpenAI's own.
        model: its name there.
        timeout: seconds, from `recommend` on until the model has answered, asked twice or not.
        concurrency: questions on their way at once; others wait, and that counts too.

    Raises:
        CorpusError: recommend.py cannot be used.
        AnnotationError: there is neither a server nor a key, or the address is none.
    """

    wish: type[BaseModel]
    suggestion: type[Suggestion]

    def __init__(
        self, corpus: Corpus, index: Index, base_url: str | None, model: str, timeout: float, concurrency: int
    ):
        self._corpus, self._module, self._index, self._timeout = corpus, _module_of(corpus), index, timeout
        self.wish, self._advice = self._module.Wish, self._module.Advice
        self.suggestion = getattr(self._module, "Suggestion", Suggestion)
        parameters = getattr(self._module, "PARAMETERS", {})
        self._head = {"model": model, **parameters, "response_format": response_format(self._advice)}
        self._client = client_for(base_url, concurrency)
        self._slots = asyncio.Semaphore(concurrency)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    async def recommend(self, picture: bytes, hits: list[Hit], wish: BaseModel) -> Suggestion:
        """What goes with a picture.

        Args:
            picture: a JPEG, as large as the model is to see it: MAX_SIDE at most.
            hits: entries near it, the nearest first.
            wish: of the type `self.wish`.

        Raises:
            NoServer, TooSlow, BadAnswer: there is no advice.
            CorpusError: recommend.py fails.
        """
        try:
            question = await self._call(self._module.question, wish, hits, self._index)
            advice = await self._advised(question, picture, wish, hits)
            return await self._call(self._module.combine, advice, wish, hits, self._index)  # type: ignore[no-any-return]
        except NoMatch as why:
            return self.suggestion(answer="", groups=[], notes=[str(why)])

    async def _advised(self, question: str, picture: bytes, wish: BaseModel, hits: list[Hit]) -> BaseModel:
        try:
            async with asyncio.timeout(self._timeout):
                url = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
                async with self._slots:
                    return await self._asked(question, url, wish, hits)
        except TimeoutError:
            raise TooSlow(f"the model has not answered within {self._timeout:g} s. Try again later") from None

    async def _asked(self, question: str, url: str, wish: BaseModel, hits: list[Hit]) -> BaseModel:
        """An answer without fault, of at most two."""
        asked = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": question}]
        messages: list[dict[str, Any]] = [{"role": "user", "content": asked}]
        faults: list[str] = []
        for _ in range(2):
            reply = await self._sent(messages)
            advice, faults = read_answer(reply, self._advice)
            if advice is not None:
                faults = await self._call(self._module.faults, advice, wish, hits, self._index)
                if not faults:
                    return advice
            told = "\n".join(f"- {fault}" for fault in faults[:FAULTS])
            messages = [
                messages[0],
                {"role": "assistant", "content": (reply.value or "…")[:ECHO]},
                {"role": "user", "content": SENT_AGAIN.format(told)},
            ]
        raise BadAnswer(faults)

    async def _sent(self, messages: list[dict[str, Any]]) -> Reply:
        body = json.dumps({**self._head, "messages": messages}, ensure_ascii=False).encode("utf-8", "replace")
        outcome, _, _ = await send(self._client, body, self._timeout, None)
        if isinstance(outcome, Reply):
            return outcome
        said = without(outcome.message, (self._client.api_key,))
        raise _trouble(outcome, said)

    async def _call(self, function: Callable[..., Any], *values: Any) -> Any:
        """A function of the corpus, whose own faults are told with their place."""
        try:
            return await asyncio.to_thread(function, *values)
        except (MmdataError, NoMatch):
            raise
        except Exception as error:
            raise self._corpus.blame(error, f"calling {function.__name__}", FILE) from error


def advisor_of(
    corpus: Corpus, index: Index, base_url: str | None, model: str, *, timeout: float = 30.0, concurrency: int = 8
) -> Advisor | None:
    """Who recommends for a corpus; None where it has no recommend.py. Raises: as `Advisor`."""
    if not (corpus.folder / f"{FILE}.py").is_file():
        return None
    return Advisor(corpus, index, base_url, model, timeout, concurrency)


def read_answer(reply: Reply, advice: type[BaseModel]) -> tuple[BaseModel | None, list[str]]:
    """A model's answer, or what is wrong with it, as sentences."""
    if reply.value is None:
        return None, [NO_ANSWER.get(reply.status, f"There is no answer ({reply.kind}).")]
    said = read_json(reply.value)
    if said is None:
        return None, ["It is no JSON object, or several that differ."]
    try:
        return advice.model_validate(said), []
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        return None, [f"{'.'.join(map(str, one['loc'])) or 'It'}: {one['msg']}."[:200] for one in wrong[:FAULTS]]


def _module_of(corpus: Corpus) -> ModuleType:
    module = corpus.module(FILE)
    if missing := [name for name in PARTS if not hasattr(module, name)]:
        raise CorpusError(f"{corpus.folder / FILE}.py has no {', '.join(missing)}. It needs {', '.join(PARTS)}")
    return module


def _trouble(trouble: Trouble, said: str) -> MmdataError:
    """What no answer means for who asked: another try may help, or none will."""
    if trouble.kind == "timeout":
        return TooSlow(f"the model server gave {said}")
    if trouble.then == "row":
        return BadAnswer([f"The model server refuses the question: {said}."])
    if trouble.then == "wait":
        return NoServer(f"the model server is busy: {said}. Try again later", trouble.wait)
    if trouble.then == "down":
        return NoServer(f"the model server does not answer ({trouble.kind}): {said}", trouble.wait)
    return NoServer(f"the model server cannot be used: {said}")

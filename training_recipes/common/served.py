"""Asking a server: any that talks like OpenAI's. Limits, retries and Ctrl-C are those of `mmdata annotate`."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mmdata.annotation.asking import Asking
from mmdata.annotation.client import client_for
from mmdata.annotation.limits import Limits
from mmdata.annotation.money import Purse
from mmdata.annotation.prompt import Prompt
from mmdata.annotation.questions import Question as Request
from mmdata.annotation.questions import media_type
from mmdata.annotation.store import Answer
from mmdata.interrupts import run
from mmdata.training_recipes.common.questions import Question

SECONDS = 300.0
"""An answer may take. A server that is down is waited for as long."""

Keep = Callable[..., None]
"""Called as keep(question, seconds, output=…) or keep(question, seconds, error=…)."""


def ask(
    questions: Iterable[Question], keep: Keep, *, model: str, base_url: str, concurrency: int, max_new_tokens: int,
    temperature: float,
) -> str:  # fmt: skip
    """Ask all, many at once; `keep` is called with each answer as it comes.

    Returns: why not all were asked, in a sentence; "" where they were.

    Raises:
        MmdataError: the server is not there, refuses the key, knows no such model, or refuses every request.
    """
    settings = {"max_tokens": max_new_tokens, "temperature": temperature}
    prompt = Prompt(id="predict", model=model, parameters=settings, user="")
    asked: dict[bytes, Question] = {}
    store = _Answers(asked, keep)

    def requests() -> Iterator[Request]:
        for number, question in enumerate(questions):
            key = number.to_bytes(8)
            asked[key] = question
            yield _request(key, question, {"model": model, **settings})

    async def all_of_them() -> str:
        async with client_for(base_url, concurrency) as client:
            purse = Purse(price=None, budget=None)
            asking = Asking(store, prompt, client, Limits(concurrency), purse, max_new_tokens, SECONDS, SECONDS)
            await asking.run(requests())
            return asking.stopped

    return run(all_of_them())


class _Answers:
    """Stands where `Asking` has its store: each answer goes to `keep`, and its question is let go of."""

    def __init__(self, asked: dict[bytes, Question], keep: Keep):
        self._asked, self._keep = asked, keep

    def usage(self, prompt: str, model: str) -> None:
        """No answers of earlier runs are known."""

    def add(self, prompt: str, sha256: str, model: str, answers: list[Answer]) -> None:
        for answer in answers:
            self._keep(self._asked.pop(answer.key), answer.latency or 0.0, **said(answer))


def said(answer: Answer) -> dict[str, str]:
    """What came, as output or error. An answer that is cut, empty or a refusal is an output, and will be judged as such."""
    if answer.status == "failed":
        return {"error": f"{answer.kind}: {answer.raw}"}
    try:
        message = json.loads(answer.raw or "")["choices"][0]["message"]
        text = message.get("content") or message.get("refusal") or ""
    except (ValueError, LookupError, TypeError, AttributeError):
        text = None
    if text is None or answer.kind == "content_filter":
        return {"error": f"{answer.status}: {answer.kind}"}
    return {"output": text}


def _request(key: bytes, question: Question, head: dict[str, Any]) -> Request:
    try:
        kinds = [media_type(picture) for picture in question.pictures]
    except ValueError as error:
        return Request(key, question.id, b"", 0, str(error))
    coded = (base64.b64encode(picture).decode() for picture in question.pictures)
    urls = (f"data:{kind};base64,{text}" for kind, text in zip(kinds, coded, strict=True))
    messages = []
    for turn in question.messages:
        blocks = [
            {"type": "image_url", "image_url": {"url": next(urls)}} if block["type"] == "image" else block
            for block in turn["content"]
        ]
        alone = len(blocks) == 1 and blocks[0]["type"] == "text"  # Templates of text models know no blocks.
        messages.append({"role": turn["role"], "content": blocks[0]["text"] if alone else blocks})
    return Request(key, question.id, json.dumps({**head, "messages": messages}, ensure_ascii=False).encode(), 0)

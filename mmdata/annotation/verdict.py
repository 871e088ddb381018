"""What a server's reply means: an answer, or what to do about there being none. Pure."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from .store import Status

Then = Literal["wait", "down", "row", "stop"]
"""wait: slow down; takes none of the row's tries. down: the server was not reached, fails or talks
nonsense; takes a try, unless the breaker finds that all rows fail. row: this row will never go
through. stop: nothing will."""

PATIENCE_SECONDS = 120.0
"""The longest wait that a server may ask for at once; it may ask again."""
OUT_OF_MONEY = {"insufficient_quota", "billing_hard_limit_reached"}
FILTERED = {"content_filter", "content_policy_violation"}
"""Error codes of servers that refuse a question before the model sees it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the model, good or not: it was paid for."""

    status: Status
    kind: str
    value: str | None
    tokens_in: int | None
    tokens_out: int | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """No answer."""

    then: Then
    kind: str
    """Short, such as "http 503"; kept in the store when the row fails."""
    message: str
    """What the server said, in one line."""
    wait: float | None = None
    """Seconds that the server asks to wait."""


def judge(status: int, headers: Mapping[str, str], body: bytes, schema: type[BaseModel] | None) -> Reply | Trouble:
    """What an HTTP reply of a chat completion means."""
    if 200 <= status < 300:
        return judge_completion(body, schema)
    said, code = _error(body)
    wait = retry_after(headers)
    if status == 402 or (status == 429 and (code in OUT_OF_MONEY or "insufficient_quota" in said)):
        return Trouble(
            "stop", "quota", f"the account's quota is used up: {said}. Add credit, then run the same command again"
        )
    if status == 429:
        return Trouble("wait", "http 429", said, wait)
    if status in {401, 403}:
        return Trouble("stop", f"http {status}", f"the server refused the key: {said}. Check OPENAI_API_KEY")
    if status == 404:
        return Trouble(
            "stop", "http 404", f"the server knows no such model or address: {said}. Check `model:` and --base-url"
        )
    if status == 400 and code in FILTERED:
        return Reply("refused", code, None, None, None)
    if status in {400, 413, 422}:
        return Trouble("row", code or f"http {status}", said)
    if status >= 500 or status in {408, 409, 425}:
        return Trouble("down", f"http {status}", said, wait)
    return Trouble("stop", f"http {status}", f"the server answers with HTTP {status}: {said}. Check --base-url")


def judge_completion(body: bytes, schema: type[BaseModel] | None) -> Reply | Trouble:
    """What the body of a finished chat completion means."""
    try:
        reply = json.loads(body)
        choices = reply["choices"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Trouble("down", "not a completion", f"the body is no chat completion: {_line(body)}")
    usage = reply.get("usage") if isinstance(reply.get("usage"), dict) else {}
    tokens = _whole(usage.get("prompt_tokens")), _whole(usage.get("completion_tokens"))
    try:
        choice = choices[0]
        message, finish = choice["message"], choice.get("finish_reason")
        content, refusal = message.get("content"), message.get("refusal")
    except (IndexError, KeyError, TypeError, AttributeError):
        return Reply("empty", "no choice", None, *tokens)
    if refusal:
        return Reply("refused", "refusal", None, *tokens)
    if finish == "content_filter":
        return Reply("refused", "content_filter", None, *tokens)
    if finish == "length":
        return Reply("truncated", "max_tokens", None, *tokens)
    if not isinstance(content, str) or not content.strip():
        return Reply("empty", "no text", None, *tokens)
    content = content.encode("utf-8", "replace").decode()  # Half a surrogate pair is no text that can be stored.
    if schema is None:
        return Reply("ok", "", content.strip(), *tokens)
    try:
        made = schema.model_validate_json(_unfenced(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "JSON"
        return Reply("invalid", f"{where}: {first['msg']}"[:200], None, *tokens)
    return Reply("ok", "", made.model_dump_json(), *tokens)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: retry-after-ms, or retry-after in seconds or as a date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        return None if math.isnan(seconds) else min(max(seconds, 0.0), PATIENCE_SECONDS)
    try:
        # Both dates are the server's own, so our clock may be wrong.
        date, now = (parsedate_to_datetime(headers[name]) for name in ("retry-after", "date"))
        return min(max((date - now).total_seconds(), 0.0), PATIENCE_SECONDS)
    except (KeyError, ValueError, TypeError, IndexError, OverflowError):
        return None


def without(text: str, secrets: Iterable[str], run: int = 16) -> str:
    """The text with "…" for whatever a server echoes: a whole secret, and `run` characters or more of one."""
    hidden = [" ".join(secret.split()) for secret in secrets if secret.strip()]
    for secret in hidden:
        text = text.replace(secret, "…") if len(secret) >= 8 else text  # "none" is no key.
    made, at = "", 0
    while at < len(text):
        end = at + run
        if end <= len(text) and (source := next((s for s in hidden if text[at:end] in s), None)):
            while end < len(text) and text[at : end + 1] in source:
                end += 1
            made, at = made + "…", end
        else:
            made, at = made + text[at], at + 1
    return made


def duration(text: str) -> float | None:
    """Seconds of `x-ratelimit-reset-…`: 20ms, 1s, 6m0s, 1h2m3.5s; None for what is none of these."""
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:([\d.]+)ms)?", text.strip())
    if not parts or not any(parts.groups()):
        return None
    try:
        hours, minutes, seconds, ms = (float(part or 0) for part in parts.groups())
    except ValueError:
        return None
    return 3600 * hours + 60 * minutes + seconds + ms / 1000


def _error(body: bytes) -> tuple[str, str]:
    """(message in one line, code) of an error body, whatever it is."""
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError):
        return _line(body), ""
    code = ""
    for name in ("error", "detail", "message"):  # As OpenAI, FastAPI and others say it.
        if isinstance(said, dict):
            code = code or str(said.get("code") or said.get("type") or "")
            said = said.get(name) or said
    return _line(said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)), _line(code)[
        :40
    ] if code else ""


def _line(text: bytes | str) -> str:
    text = text[:2000]  # An HTML page may be long.
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text.encode("utf-8", "replace").decode()
    return " ".join(plain.split())[:200] or "(nothing)"


def _unfenced(content: str) -> str:
    content = content.strip()
    if content.startswith("```") and content.endswith("```"):
        return content[3:-3].removeprefix("json")
    return content


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None

"""What goes wrong between us and the Hub, in words that hold no address, header or token."""

import json
import logging
import re

import httpx2
from huggingface_hub import get_token
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RevisionNotFoundError,
)


def cause_of(error: BaseException) -> BaseException:
    """What is behind the library's own "error while uploading" and "cannot be found here"."""
    while isinstance(error, (RuntimeError, LocalEntryNotFoundError)) and error.__cause__ is not None:
        error = error.__cause__
    return error


def status_of(error: BaseException) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0))


def why_of(error: BaseException) -> str | None:
    """What has gone wrong and the next step; None where it is no fault of the Hub or the way to it."""
    match error:
        case HfHubHTTPError() | httpx2.HTTPStatusError():
            return _answer(error, status_of(error))
        case EntryNotFoundError():
            return "it has no such file"
        case httpx2.TimeoutException() | TimeoutError():
            return "the Hub does not answer in time. Run the same command again"
        case UnicodeEncodeError():
            return "the token holds characters that no token has. Set HF_TOKEN anew, or run `hf auth login`"
        case httpx2.HTTPError() | ConnectionError():
            return "the connection failed. Is there a network? Run the same command again"
        case json.JSONDecodeError():
            return (
                "its answer is not a Hub's. Is HF_ENDPOINT right? Otherwise it has a fault: run the command again later"
            )
        case ValueError() if "metadata" in str(error):
            return f"the Hub refuses the card's metadata: {_harmless(str(error))}. Put README.md right"
        case ValueError() if "LFS batch" in str(error):
            return f"the Hub does not take a file: {_harmless(str(error))}"
        case RuntimeError() | PermissionError(filename=None):  # hf_xet's.
            return "large-file storage failed. Run the same command again"
        case OSError(filename=str() as name, strerror=str() as fault):
            return f"{name}: {fault}"
    return None


def _answer(error: BaseException, status: int) -> str:
    """What an HTTP status means here, and the next step."""
    if status == 401:
        login = "is not accepted: it may have been revoked" if get_token() else "is missing, or the name is wrong"
        return f"the Hub answered 401, the token {login}. Run `hf auth login`, or set HF_TOKEN"
    if status == 403:
        return "the Hub answered 403, this token may not do that. It needs write access to the repository's namespace"
    if isinstance(error, RevisionNotFoundError):
        return "the Hub answered 404, it has no such revision"
    if status == 404:
        return "the Hub answered 404: there is no such repository or file, or this token may not see it"
    if status in {409, 412}:
        return f"the Hub answered {status}, someone else has changed it meanwhile. Look at what is there, and run again"
    if status == 413:
        return "the Hub answered 413, a file is too large for it"
    if status == 429:
        return "the Hub answered 429, too many requests. Wait a few minutes and run the same command again"
    if status >= 500:
        return f"the Hub answered {status}, it has a fault. Run the same command again later"
    said = getattr(error, "server_message", None) or "no reason given"
    return f"the Hub answered {status}: {_harmless(said)}"


def _harmless(said: str) -> str:
    """What the server said, without addresses: those of storage are signed."""
    return " ".join(re.sub(r"\S+://\S+", "…", said).split())[:200]


def without_queries(record: logging.LogRecord) -> bool:
    """The library warns of each new try with its address; those of storage are signed in the query."""
    record.msg, record.args = re.sub(r"(://[^\s?'\"]+)\?[^\s'\"]+", r"\1?…", record.getMessage()), ()
    return True

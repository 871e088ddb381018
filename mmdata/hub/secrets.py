"""Keys and tokens in what is about to be published."""

import os
import re
from collections.abc import Mapping

from huggingface_hub import get_token

from ..errors import HubError
from .remote import Local

KINDS = {
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{20,}",
    "an API key": r"\bsk-[A-Za-z0-9_-]{20,}",
    "an Amazon key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a password in a URL": r"://[^\s/?#@:\"'<>]*:[^\s/?#@\"'<>]+@",
    "a key or signature in a URL": (
        r"(?i)://[^\s\"'<>]*[?&;#](?:[\w.~%-]*[_-])?"
        r"(?:sig|signature|credential|secret|(?:pass(?:word|wd)?|pwd)|token|(?:api|(?:aws)?access)?key(?:id)?)"
        r"(?:__)?=[\w%+/.~=-]{4,}"
    ),
}
"""By the forms that their makers give them; of a URL's query, by the names that servers give theirs."""
VARIABLES = ("HF_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY")


def refuse_secrets(files: Mapping[str, Local]) -> None:
    """Look through all files that would be sent but Parquet.

    Raises:
        HubError: one holds a key, by its form or because this machine uses it; names the line, not the key.
    """
    used = {name: value for name in VARIABLES if len(value := os.environ.get(name, "").strip()) >= 8}
    used |= {"the token of `hf auth login`": token} if (token := get_token()) and token not in used.values() else {}
    forms = [(kind, re.compile(pattern)) for kind, pattern in KINDS.items()]
    forms += [(f"the value of {name}", re.compile(re.escape(value))) for name, value in used.items()]
    for path, local in files.items():
        if path.endswith(".parquet"):
            continue
        with local.open() as lines:
            for number, line in enumerate(lines, 1):
                text = line.decode("utf-8", "replace")
                if kind := next((kind for kind, form in forms if form.search(text)), None):
                    raise HubError(
                        f"{path}, line {number} holds {kind}; nothing was published. Take it out, and revoke it"
                    )

"""What an edit changes, word by word, for the terminal."""

import re
from difflib import SequenceMatcher

from rich.text import Text

CONTEXT = 4
"""Words shown around a change."""


def word_diff(old: str, new: str, context: int = CONTEXT) -> Text:
    """The changed words, struck out in red and then in green, with a few words around them."""
    before, after = _words(old), _words(new)
    shown = Text()
    steps = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    for number, (kind, a, b, c, d) in enumerate(steps):
        if kind == "equal":
            first, last = number == 0, number == len(steps) - 1
            shown.append(_shortened(before[a:b], 0 if first else context, 0 if last else context))
        else:
            shown.append("".join(before[a:b]), "red strike")
            shown.append("".join(after[c:d]), "green")
    return shown


def _words(text: str) -> list[str]:
    """Words with the spaces behind them, tags by themselves."""
    return re.findall(r"</?[^<>\s]+>\s*|[^\s<]+\s*|<\s*|\s+", text)


def _shortened(words: list[str], head: int, tail: int) -> str:
    if len(words) <= head + tail:
        return "".join(words)
    return "".join((*words[:head], "… ", *words[len(words) - tail :]))

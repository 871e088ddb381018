"""Whether a text fits who says it and where: persona consistency and context relevance.

Both are numbers from 0 to 1 that order texts; neither is a share of anything. Read them beside those of the references, and
beside those for somebody else's persona and situation: a model that knows neither has equal figures for both.

    spelling(t, p)        = mean over p's words of the share of a word's letters that a word of t begins with too,
                            0 where that is not more than half of them
    nearness(t, p)        = spelling(t, p); with an encoder, the cosine of their vectors where that is higher
    interest(t, P)        = the highest nearness(t, topic) of P's interesting topics
    register(t, P)        = ½ min(w, W) / max(w, W) + ½ share of P's references whose speech level is t's, with
                            w words in t, and W on average in P's references
    persona consistency   = ½ interest + ½ register
    context relevance     = nearness(t, what is known of the situation: "time, place, partner, activity")

간식을 먹어요 has all of 간식, and 간식 has two thirds of 간식을: so what Korean joins to a word's end takes little from it, and
no model is needed. But only a model knows that 사과 is food. Neither knows all: of pairs of a text that was written for a situation
and one that was written for another, a small English model puts five of six in the right order.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Any

Nearness = Callable[[str, str], float]

HALF = 0.5
"""Of a word's letters: more than these are no chance."""
FORMAL, POLITE = ("니다", "니까", "시오", "시다"), ("요", "죠")
"""Endings of 합쇼체 and 해요체; what ends otherwise, a noun too, is plain."""


@dataclass(frozen=True)
class Person:
    """What is known of how somebody speaks."""

    interests: tuple[str, ...]
    words: float
    """In a reference, on average."""
    levels: dict[str, float]
    """Speech level → share of the references."""


def person_of(interests: Iterable[str], references: Sequence[str]) -> Person:
    """Of all references of one persona, one at least."""
    counts = Counter(level_of(one) for one in references)
    words = sum(len(one.split()) for one in references) / len(references)
    return Person(tuple(interests), words, {level: n / len(references) for level, n in counts.items()})


def persona_consistency(text: str, person: Person, nearness: Nearness) -> float:
    """From 0 to 1; the formula is at the top."""
    interest = max((nearness(text, topic) for topic in person.interests), default=0.0)
    words = len(text.split())
    length = min(words, person.words) / max(words, person.words, 1)
    register = (length + person.levels.get(level_of(text), 0.0)) / 2
    return (interest + register) / 2


def context_relevance(text: str, situation: str, nearness: Nearness) -> float:
    """From 0 to 1; NaN where nothing is known of the situation."""
    return nearness(text, situation) if situation else float("nan")


def nearness_of(texts: Iterable[str], encode: Callable[[Sequence[str]], Any] | None) -> Nearness:
    """How near a part lies to a text, from 0 to 1.

    Args:
        texts: all that will be compared; each is encoded once.
        encode: N texts → (N, D) of length 1; None: spelling alone counts.
    """
    if encode is None:
        return spelt_alike
    every = list(dict.fromkeys(texts))
    vectors = dict(zip(every, encode(every), strict=True)) if every else {}

    def nearness(text: str, part: str) -> float:
        return min(max(spelt_alike(text, part), float(vectors[text] @ vectors[part])), 1.0)

    return nearness


def spelt_alike(text: str, part: str) -> float:
    """How much of the part's words the text has, however they end; from 0 to 1."""
    ours, theirs = _words(text), _words(part)
    shares = [max((_begun(one, word) for one in ours), default=0) / len(word) for word in theirs]
    return sum(share for share in shares if share > HALF) / len(shares) if shares else 0.0


def level_of(text: str) -> str:
    """The speech level of a Korean text, by how its last word ends."""
    words = _WORD.findall(unicodedata.normalize("NFC", text))
    last = words[-1] if words else ""
    return "formal" if last.endswith(FORMAL) else "polite" if last.endswith(POLITE) else "plain"


def _begun(one: str, other: str) -> int:
    """Letters with which both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


@lru_cache(1 << 16)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(unicodedata.normalize("NFC", text).casefold()))


_WORD = re.compile(r"[^\W_]+")

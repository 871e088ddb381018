"""The term map at work: foreign words found and replaced, particles made to agree.

A word is found in any case, with a plural -s or -es, glued to Hangul, and with hyphens or spaces where
a phrase has the other. It is not found inside a longer word (scale in scaled), in one half of a compound
that has no term for its other half (scale-like), in markup (<label>), or in what terms.yaml keeps.
"""

import re
from collections import Counter
from collections.abc import Iterator

import polars as pl

from ..errors import CorpusError
from ..labels import nfc
from ..particles import agree
from ..terms import Terms

LETTER = "A-Za-zªºÀ-ÖØ-öø-ʯ\u0300-\u036fͰ-ϿЀ-ԯḀ-῿Ａ-Ｚａ-ｚ"
"""Of alphabets that part words by spaces: Latin, Greek, Cyrillic. Han and Kana do not."""
HYPHEN = r"\-‐‑–"
MARKUP = r"</?[A-Za-z][A-Za-z0-9_]*(?:\s[^<>]*)?/?>"
PASSES = 10
"""Times a text is gone over until nothing more changes; a map that needs more never comes to rest."""
CHUNK = 500
"""Words in one pattern that sifts texts."""

_BEFORE = rf"(?<![{LETTER}_])(?<![{LETTER}][{HYPHEN}'’])(?<![{LETTER}]\d)(?<![{LETTER}]\d\d)"
_AFTER = rf"(?![{LETTER}\d_]|[{HYPHEN}'’][{LETTER}])"
_GAP = re.compile(rf"[\s{HYPHEN}]+")
_GAPS = rf"(?:\s+|\s?[{HYPHEN}]\s?)"
_NOTHING = r"(?!)"


class Wording:
    """A term map, ready to be used on many texts.

    Raises:
        CorpusError: the map contradicts itself, or would go on changing what it wrote.
    """

    def __init__(self, terms: Terms, place: str = "terms.yaml"):
        self.place = place
        self._kept = {canonical(word) for word in terms.keep}
        self._words: dict[str, str] = {}
        for word, instead in terms.replace.items():
            self._take(word, instead)
        self._pattern, self._one = self._patterns([*terms.replace], [*terms.keep])
        first = {word[0] for word in (*self._words, *self._kept) if word}
        letters = sorted({"<", *first, *(letter.upper() for letter in first if len(letter.upper()) == 1)})
        self._starts = re.compile(f"[{''.join(map(re.escape, letters))}]")
        for word, instead in terms.replace.items():
            found: Counter[str] = Counter()
            if instead is not None and (said := self._once(instead, found)) != instead:
                raise CorpusError(
                    f"{place}: replace: {word!r} becomes {instead!r}, which {next(iter(found))!r} would change again, to "
                    f"{said!r}. Write what it shall be in the end"
                )

    def _take(self, word: str, instead: str | None) -> None:
        key = canonical(word)
        if not re.search(r"\w", key):
            raise CorpusError(f"{self.place}: replace: {word!r} is no word")
        if instead is None:
            return
        if not instead.strip():
            raise CorpusError(f"{self.place}: replace: {word!r} becomes nothing. Write a word, or leave it empty")
        if key in self._kept:
            raise CorpusError(f"{self.place}: {word!r} is below both replace: and keep:. Leave it in one of them")
        if self._words.setdefault(key, instead) != instead:
            raise CorpusError(
                f"{self.place}: replace: {word!r} is there twice, in another case or with another hyphen: "
                f"{self._words[key]!r} and {instead!r}. Leave one of them"
            )

    def _patterns(self, replace: list[str], keep: list[str]) -> tuple[re.Pattern[str], re.Pattern[str]]:
        words = {canonical(word): "(?:es|s)?" for word in replace if canonical(word) in self._words}
        words |= {canonical(word): "" for word in keep if canonical(word)}
        longest = sorted(words, key=len, reverse=True)
        spelled = {word: _GAPS.join(map(re.escape, word.split(" "))) for word in longest}
        cased = [w for w in longest if re.match(f"[{LETTER}]", w)]
        glued = [w for w in longest if w not in cased]
        core = _any(f"{spelled[w]}{words[w] if re.search('[a-z]$', w) else ''}" for w in cased)
        other = _any(f"{spelled[w]}{_AFTER if re.search(f'[{LETTER}]$', w) else ''}" for w in glued)
        pattern = (
            rf"(?P<markup>{MARKUP})|{_BEFORE}(?P<cased>{core}(?:[{HYPHEN}]{core})*){_AFTER}"
            rf"|(?P<glued>{other})"
        )
        return re.compile(pattern, re.IGNORECASE), re.compile(core, re.IGNORECASE)

    def _next(self, text: str, at: int) -> re.Match[str] | None:
        """The next word or markup. Only letters that a word begins with are tried: that is ten times as fast."""
        while (start := self._starts.search(text, at)) is not None:
            if (match := self._pattern.match(text, start.start())) is not None:
                return match
            at = start.end()
        return None

    def replace(self, text: str, found: Counter[str] | None = None) -> str:
        """The text in the wanted words; the same again, if it is given what it returned.

        Args:
            found: gets the replaced words, by count.
        """
        found = Counter() if found is None else found
        if not self._words:
            return text
        for _ in range(PASSES):
            before, text = text, self._once(text, found)
            if text == before:
                return text
        raise CorpusError(
            f"{self.place}: replace: the words {', '.join(map(repr, sorted(found)))} go on making one another. "
            "Write what they shall be in the end"
        )

    def suspects(self, texts: pl.Series) -> pl.Series:
        """Which texts may hold a word to be replaced. Fast, and never false where one is."""
        longest = sorted({max(word.split(" "), key=len) for word in self._words})
        mask = pl.repeat(False, len(texts), dtype=pl.Boolean, eager=True)
        for start in range(0, len(longest), CHUNK):
            some = "|".join(map(pl.escape_regex, longest[start : start + CHUNK]))
            mask |= texts.str.contains(f"(?i)(?:{some})").fill_null(False)
        return mask

    def _once(self, text: str, found: Counter[str]) -> str:
        made: list[str] = []
        at = 0
        while (match := self._next(text, at)) is not None:
            made.append(text[at : match.start()])
            at = match.end()
            if match["markup"]:
                made.append(match[0])
                continue
            instead = self._instead(match, found)
            if instead is None or instead == match[0]:
                made.append(match[0])
                continue
            before, after = "".join(made), text[at:]
            opened = (
                re.search(rf"{re.escape(instead)}\s?[(（]\s?$", before) if before.rstrip()[-1:] in {"(", "（"} else None
            )
            if opened and (closed := re.match(r"\s?[)）]", after)):  # 홍반(erythema) → 홍반
                made = [before[: opened.start()]]
                after = after[closed.end() :]
            elif aside := re.match(rf"\s?[(（]\s?{re.escape(instead)}\s?[)）]", after):  # erythema(홍반) → 홍반
                after = after[aside.end() :]
            made.append(instead)
            text, at = agree(instead, after), 0
        return "".join(made) + text[at:]

    def _instead(self, match: re.Match[str], found: Counter[str]) -> str | None:
        if match["cased"] is None:
            return self._lookup(match["glued"], found)
        parts = [self._lookup(part[0], found) for part in self._one.finditer(match["cased"])]
        if len(parts) == 1:
            return parts[0]
        words = [part[0] for part in self._one.finditer(match["cased"])]
        return "-".join(word if part is None else part for word, part in zip(words, parts, strict=True))

    def _lookup(self, word: str, found: Counter[str]) -> str | None:
        """What to write instead of a word; None where it may stay."""
        key = canonical(word)
        if key in self._kept:
            return None
        for stem in (key, key.removesuffix("s"), key.removesuffix("es")):
            if stem in self._words:
                found[stem] += 1
                return self._words[stem]
        return None


def canonical(word: str) -> str:
    """A word as it is looked up: lower case, one space for any spaces and hyphens."""
    return _GAP.sub(" ", nfc(word)).strip().lower()


def _any(patterns: Iterator[str]) -> str:
    return f"(?:{'|'.join(patterns) or _NOTHING})"

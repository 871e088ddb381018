"""Words in a script that is not wanted, found by script alone: also those glued to Hangul (`erythema가`)."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import polars as pl

from .errors import CorpusError
from .terms import Terms

SCRIPTS = (
    "Latin", "Han", "Hiragana", "Katakana", "Cyrillic", "Greek", "Arabic", "Hebrew", "Thai", "Devanagari", "Hangul",
    "Armenian", "Bengali", "Bopomofo", "Ethiopic", "Georgian", "Gujarati", "Gurmukhi", "Kannada", "Khmer", "Lao",
    "Malayalam", "Mongolian", "Myanmar", "Sinhala", "Tamil", "Telugu", "Tibetan", "Yi",
)  # fmt: skip
"""Those a found word is told as; any other Unicode script may be wanted too, and is told as "other"."""

KANA = "Kana"
"""Short for Hiragana and Katakana."""

SCHEMA = {"row": pl.UInt32, "word": pl.String, "start": pl.UInt32, "end": pl.UInt32, "script": pl.String}

# Scripts written side by side within a word: kana and Han in Japanese. A word ends where Latin meets Han or Hangul.
_TOGETHER = (r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}", r"\p{Hangul}")
_TAG = r"</?[A-Za-z][A-Za-z0-9_]*(?:\s[^<>]*)?/?>"
_CAPITAL_OR_ROMAN = re.compile(r"[A-Z]|[IVX]{2,4}")
_HANGUL_NEXT = re.compile(r"-?[가-힣]")


def foreign_words(texts: pl.Series, scripts: list[str], terms: Terms) -> pl.DataFrame:
    """Every word of another script than the wanted ones, in order.

    A word is a run of letters, with hyphens and apostrophes inside it; digits end it, so that the cm of
    5cm is a word. What stays: words of `terms.keep` in any case (alone, or as all parts of a hyphenated
    word) and whatever lies in a longer entry of it (`H. pylori`, `IL-17`); tags such as <label>; an x between two
    numbers; and, where Hangul is wanted, one Latin capital or a Roman numeral right before Hangul, which is
    how Korean spells T존, A형 and II형.

    Args:
        texts: null counts as empty.
        scripts: Unicode script names, such as ["Hangul"], and "Kana"; none: every script is wanted.

    Returns:
        Columns row (index into `texts`), word, start, end (character offsets), script (of its first letter).

    Raises:
        CorpusError: there is no such script.
    """
    if not scripts:
        return pl.DataFrame(schema=SCHEMA)
    word, letter = _patterns(tuple(scripts))
    texts = texts.cast(pl.String).fill_null("").rename("text")
    rows = pl.DataFrame({"text": texts}).with_row_index("row").filter(pl.col("text").str.contains(letter))
    rows = rows.with_columns(words=pl.col("text").str.extract_all(word))
    single, phrases = _kept(tuple(terms.keep))
    # Of all the words in a million texts few are different: those that may stay are found among these.
    seen = rows.select(pl.col("words").explode().unique()).to_series()
    stay = [w for w in seen if w is not None and (w.startswith("<") or _is_kept(w, single))]
    left = rows.filter(~pl.col("words").list.eval(pl.element().is_in(stay)).list.all()) if stay else rows
    staying, hangul = set(stay), "Hangul" in scripts
    found = [
        (row, *place)
        for row, text, words in left.iter_rows()
        for place in _places(text, words, staying, phrases, hangul)
    ]
    if not found:
        return pl.DataFrame(schema=SCHEMA)
    columns = dict(zip(("row", "word", "start", "end"), zip(*found, strict=True), strict=True))
    made = pl.DataFrame(columns, schema={name: kind for name, kind in SCHEMA.items() if name != "script"})
    return made.with_columns(script=_script_of(pl.col("word")))


def is_script(name: str) -> bool:
    """Whether Unicode has a script of that name."""
    if name == KANA or not re.fullmatch("[A-Za-z_]+", name):
        return name == KANA
    try:
        pl.Series([""]).str.contains(rf"\p{{Script={name}}}")
    except pl.exceptions.PolarsError:
        return False
    return True


def _places(
    text: str, words: Iterable[str], staying: set[str], phrases: re.Pattern[str] | None, hangul: bool
) -> Iterable[tuple[str, int, int]]:
    """(word, start, end) of the words that do not stay."""
    at = 0
    kept = [m.span() for m in phrases.finditer(text)] if phrases else []
    for word in words:
        # All runs of such letters are in `words` in order, so the next place that reads so is this one.
        start = text.index(word, at)
        at = start + len(word)
        if word in staying or any(s <= start and at <= e for s, e in kept):
            continue
        if hangul and _CAPITAL_OR_ROMAN.fullmatch(word) and _HANGUL_NEXT.match(text, at):
            continue
        if word in {"x", "X"} and text[:start].rstrip()[-1:].isdigit() and text[at:].lstrip()[:1].isdigit():
            continue
        yield word, start, at


@lru_cache
def _patterns(scripts: tuple[str, ...]) -> tuple[str, str]:
    """(a tag or a word, one letter) of the scripts that are not wanted, for polars."""
    for name in scripts:
        if not is_script(name):
            raise CorpusError(
                f"wanted: scripts: {name!r} is no Unicode script. Such are: {', '.join((*SCRIPTS[:11], KANA))}"
            )
    names = [n for name in scripts for n in (("Hiragana", "Katakana") if name == KANA else (name,))]
    wanted = "".join(rf"\p{{Script={name}}}" for name in names)
    letter = rf"\p{{L}}&&[^{wanted}\p{{Script=Common}}\p{{Script=Inherited}}]"
    if "Latin" not in names:
        letter = f"µ[{letter}]"  # The sign for micro is of no script, but part of µm.
    groups = [f"[[{letter}]&&[{group}]]" for group in _TOGETHER] + [f"[[{letter}]&&[^{''.join(_TOGETHER)}]]"]
    # Marks belong to the letter before them, and ー to the kana, though Unicode gives them to no script.
    runs = [f"{g}(?:{g}|[\\p{{M}}ーｰﾞﾟ])*(?:[-'’\u2010\u2011]{g}(?:{g}|\\p{{M}})*)*" for g in groups]
    return "|".join((_TAG, *runs)), f"[{letter}]"


@lru_cache
def _kept(keep: tuple[str, ...]) -> tuple[frozenset[str], re.Pattern[str] | None]:
    """Entries that are one word, folded; and the others, which are looked for in the text."""
    single = frozenset(_folded(word) for word in keep if word.replace("-", "").isalpha())
    longer = sorted((word for word in keep if not word.replace("-", "").isalpha()), key=len, reverse=True)
    if not longer:
        return single, None
    either = "|".join(re.escape(word) for word in longer)
    return single, re.compile(rf"(?<![^\W\d_가-힣])(?:{either})(?![^\W\d_가-힣])", re.IGNORECASE)


def _is_kept(word: str, single: frozenset[str]) -> bool:
    folded = _folded(word)
    return folded in single or all(part in single for part in re.split("[-'’\u2010\u2011]", folded))


def _folded(word: str) -> str:
    """Ｃｍ, CM and cm are the same, and so are the two signs for micro."""
    return unicodedata.normalize("NFKC", word).casefold()


def _script_of(word: pl.Expr) -> pl.Expr:
    first = word.str.normalize("NFKC").str.slice(0, 1)
    told: pl.Expr = pl.lit("other")
    for name in reversed(SCRIPTS):
        told = pl.when(first.str.contains(rf"\p{{Script={name}}}")).then(pl.lit(name)).otherwise(told)
    return told

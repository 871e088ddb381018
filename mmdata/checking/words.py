"""The check of foreign words: which, how often, and where."""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from ..fixing.wording import Wording
from ..foreign import foreign_words as words_of
from ..terms import Terms
from .check import Answers, Hit, Hits, excerpt, in_field
from .slices import Slice


@dataclass(frozen=True)
class Words:
    """What a slice holds of them."""

    judged: int
    found: int
    first: list[tuple[int, str, str, str, str]]
    """(row number, field, word, script, excerpt)"""
    times: Counter[str]
    answers: Counter[str]
    wanted: list[str]
    terms: Terms


def foreign_words(some: Slice) -> Words:
    """Words in another script than the prompt wants, but for those that terms.yaml keeps."""
    wanted = some.prompt.wanted.scripts
    found = words_of(some.texts["plain"], wanted, some.terms)
    found = found.group_by("row", "word", "script", maintain_order=True).agg(
        times=pl.len(), start=pl.col("start").first(), end=pl.col("end").first()
    )
    texts = some.texts.select("number", "field", "plain").with_row_index("row")
    shown = found.head(some.limit).join(texts, on="row", how="left", maintain_order="left")
    first = [
        (
            line["number"],
            line["field"],
            line["word"],
            line["script"],
            excerpt(line["plain"], line["start"], line["end"]),
        )
        for line in shown.iter_rows(named=True)
    ]
    counts = found.group_by("word").agg(pl.col("times").sum(), answers=pl.len())
    return Words(
        len(some.texts) if wanted else 0,
        len(found),
        first,
        Counter(dict(counts.select("word", "times").iter_rows())),
        Counter(dict(counts.select("word", "answers").iter_rows())),
        wanted,
        some.terms,
    )


def told(parts: list[Words], answers: Answers) -> Hits:
    """The faults, each with its word's counts over all answers."""
    if not parts[0].wanted:
        return Hits(could_not=["the prompt has no `wanted: scripts:`"])
    times, rows = Counter[str](), Counter[str]()
    for part in parts:
        times.update(part.times)
        rows.update(part.answers)
    wording = Wording(parts[0].terms)
    scripts, hits = ", ".join(parts[0].wanted), []
    for number, field, word, script, place in [line for part in parts for line in part.first][: answers.limit]:
        new = wording.replace(word)
        new = "" if new == word else new
        then = (
            f"`mmdata fix` writes {new}" if new else "Put it into terms.yaml, under replace: or, if it may stay, keep:"
        )
        many = f"{times[word]:,} × in {rows[word]:,} answers" if times[word] > 1 else "once"
        say = f"'{word}' is {script}, {scripts} is wanted ({many}). {then}"
        hits.append(Hit(number, in_field(field) + say, place))
    return Hits(sum(p.judged for p in parts), sum(p.found for p in parts), hits)

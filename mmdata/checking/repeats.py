"""The checks that hold answers against each other: sentences in many of them, and answers that are nearly the same.

Neither keeps the texts: of each answer there remain about 30 bytes a sentence and 150 bytes besides.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from .check import Answers, Hit, Hits, excerpt
from .slices import Slice

Numbers = npt.NDArray[Any]

SENTENCE_CHARS = 10
"""Shorter ones are not boilerplate: `진물은 없음`."""
MANY_ROWS, MANY_SHARE = 10, 0.02
"""A sentence is said to be repeated from so many answers, and such a share of them, on. By our own judgement."""

WORDS = 8
"""Answers with fewer words are not compared: they are alike by chance."""
SIMILAR = 0.8
"""Share of their three-word runs (Jaccard) from which two answers are called nearly identical."""
SKETCH = 32
"""Smallest hashes kept of each answer: the share is estimated to ± 7 % (one standard deviation at 0.8)."""
BANDS = 4
"""Pairs of minima by which candidates meet. Two answers 0.8 alike meet with probability 1 - (1 - 0.8²)⁴ = 0.98.
Source: A. Broder, On the resemblance and containment of documents, 1997; bands as in Leskovec et al., Mining
of Massive Datasets, 3.4."""

BLOCK = 500
"""Texts whose hashes stay in a core's cache together."""
NONE = 0xFFFFFFFF
"""Stands where a text has fewer runs than a sketch has places."""


@dataclass(frozen=True)
class Sentences:
    """The sentences of a slice, hashed."""

    judged: int
    hashes: Numbers
    numbers: Numbers
    """Row of each."""
    texts: dict[int, str]
    """Hash → sentence, of those frequent enough here to be so in all."""


def repeated_sentence(some: Slice) -> Sentences:
    """Sentences that stand word for word in at least ten answers and 2 % of them."""
    plain = some.texts.select("number", sentence=pl.col("plain").str.split("."))
    told = plain.explode("sentence").with_columns(pl.col("sentence").str.strip_chars())
    told = told.filter(pl.col("sentence").str.len_chars() >= SENTENCE_CHARS)
    told = told.with_columns(hash=pl.col("sentence").hash(seed=7))
    # A share reached in all answers is reached in some slice.
    often = told.group_by("hash").agg(pl.len(), pl.col("sentence").first())
    often = often.filter(pl.col("len") >= MANY_SHARE * len(some.texts))
    texts = dict(often.select("hash", "sentence").iter_rows())
    return Sentences(len(some.texts), told["hash"].to_numpy(), told["number"].to_numpy(), texts)


def sum_up_sentences(parts: list[Sentences], answers: Answers) -> Hits:
    """One fault a sentence, at the first row that has it."""
    judged = sum(part.judged for part in parts)
    texts = {key: text for part in parts for key, text in part.texts.items()}
    wanted = pl.Series(list(texts), dtype=pl.UInt64)
    counts: list[pl.DataFrame] = []
    for part in parts:
        frame = pl.DataFrame(
            {"hash": part.hashes, "number": part.numbers}, schema={"hash": pl.UInt64, "number": pl.UInt32}
        )
        counts.append(
            frame.filter(pl.col("hash").is_in(wanted.implode())).group_by("hash").agg(
                rows=pl.col("number").n_unique(), first=pl.col("number").min()
            )
        )  # fmt: skip
    total = pl.concat(counts).group_by("hash").agg(pl.col("rows").sum(), pl.col("first").min())
    total = total.filter(pl.col("rows") >= max(MANY_ROWS, MANY_SHARE * judged)).sort(
        "rows", "first", descending=[True, False]
    )
    hits = []
    for key, rows, first in total.iter_rows():
        text, sentence = answers.text(first), texts[key]
        start = max(text.find(sentence), 0)
        say = f"the same sentence stands in {rows:,} of {judged:,} answers ({rows / judged:.0%}): vary it, or say less"
        hits.append(Hit(first, say, excerpt(text, start, start + len(sentence))))
    return Hits.of(judged, hits, answers.limit)


@dataclass(frozen=True)
class Sketches:
    """The answers of a slice, by hashes of their three-word runs."""

    judged: int
    short: int
    numbers: Numbers
    """Row of each."""
    answers: Numbers
    """Row of the store of each: rows that ask the same share an answer."""
    bands: Numbers
    """n × BANDS, uint64."""
    smallest: Numbers
    """n × SKETCH, uint32, ascending; filled up with the greatest number."""


def near_identical(some: Slice) -> Sketches:
    """Answers to different questions that have at least about 80 % of their three-word runs in common."""
    texts = some.texts.select(
        "number", seq=some.rows["seq"].gather(some.texts["at"]), words=pl.col("plain").str.split(" ")
    )
    long = texts.filter(pl.col("words").list.len() >= WORDS)
    lengths = long["words"].list.len().to_numpy().astype(np.int64)
    words = long["words"].explode().hash(seed=7).to_numpy() if len(long) else np.zeros(0, np.uint64)
    ends = np.cumsum(lengths)
    bands, smallest = _sketches(words, ends - lengths, lengths)
    return Sketches(
        len(texts), len(texts) - len(long), long["number"].to_numpy(), long["seq"].to_numpy(), bands, smallest
    )


def _sketches(words: Numbers, starts: Numbers, lengths: Numbers) -> tuple[Numbers, Numbers]:
    """(bands, smallest hashes) of texts whose words' hashes lie one after the other."""
    many = len(starts)
    bands, smallest = np.zeros((many, BANDS), np.uint64), np.full((many, SKETCH), NONE, np.uint32)
    for at in range(0, many, BLOCK):
        rows = slice(at, at + BLOCK)
        first, count = starts[rows], lengths[rows]
        bands[rows], smallest[rows] = _sketches_of(words[first[0] : first[-1] + count[-1]], first - first[0], count)
    return bands, smallest


def _sketches_of(words: Numbers, starts: Numbers, lengths: Numbers) -> tuple[Numbers, Numbers]:
    many = len(starts)
    runs = words * np.uint64(0x9E3779B97F4A7C15)
    runs[:-1] ^= words[1:] * np.uint64(0xC2B2AE3D27D4EB4F)
    runs[:-2] ^= words[2:] * np.uint64(0x165667B19E3779F9)
    runs ^= runs >> np.uint64(29)
    runs *= np.uint64(0xD6E8FEB86659FD93)
    # The last two words of a text begin no run of three: they take the hash of the run before.
    last = starts + lengths - 3
    runs[last + 1] = runs[last]
    runs[last + 2] = runs[last]
    order = np.repeat(np.arange(many, dtype=np.uint64) << np.uint64(32), lengths) | (runs >> np.uint64(32))
    order.sort()
    fresh = np.ones(len(order), bool)
    fresh[1:] = order[1:] != order[:-1]
    order = order[fresh]
    row = (order >> np.uint64(32)).astype(np.int64)
    hashes = order.astype(np.uint32)
    place = np.arange(len(order)) - np.searchsorted(row, np.arange(many))[row]
    kept = place < SKETCH
    smallest = np.full((many, SKETCH), NONE, np.uint32)
    smallest[row[kept], place[kept]] = hashes[kept]
    # One hash function for all minima: the last bits say to which of them a run belongs.
    minima = np.full((many, 2 * BANDS), NONE, np.uint64)
    minima[row[::-1], (hashes & np.uint32(2 * BANDS - 1))[::-1]] = hashes[::-1]  # The last written is the smallest.
    return (minima[:, 0::2] << np.uint64(32)) | minima[:, 1::2], smallest


def sum_up_near(parts: list[Sketches], answers: Answers) -> Hits:
    """One fault an answer that is nearly another one before it.

    In each band an answer is held against the first and the one before of those that it meets: eight
    comparisons at most, however many are alike.
    """
    judged, short = sum(p.judged for p in parts), sum(p.short for p in parts)
    note = f"{short:,} answers of under {WORDS} words" if short else ""
    numbers, seqs = np.concatenate([p.numbers for p in parts]), np.concatenate([p.answers for p in parts])
    smallest = np.concatenate([p.smallest for p in parts])
    best = np.full(len(numbers), -1, np.int64)
    share = np.zeros(len(numbers))
    for band in range(BANDS):
        hashes = np.concatenate([p.bands[:, band] for p in parts])
        order = np.argsort(hashes, kind="stable")
        same = np.zeros(len(order), bool)
        same[1:] = hashes[order[1:]] == hashes[order[:-1]]
        first = order[np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))] if len(order) else order
        for other in (first, np.roll(order, 1)):
            one, two = order[same], other[same]
            differ = (seqs[one] != seqs[two]) & (numbers[one] != numbers[two])
            one, two = one[differ], two[differ]
            for at in range(0, len(one), 50_000):
                _keep_best(one[at : at + 50_000], two[at : at + 50_000], smallest, best, share)
    hits = []
    found = np.flatnonzero(share >= SIMILAR)
    for n in found[: answers.limit]:
        say = f"about {share[n]:.0%} of its three-word runs stand in the answer of {answers.id(int(numbers[best[n]]))} too"
        hits.append(Hit(int(numbers[n]), say, excerpt(answers.text(int(numbers[n])))))
    return Hits(judged - short, len(found), hits, [note] if note else [])


def _keep_best(one: Numbers, two: Numbers, smallest: Numbers, best: Numbers, share: Numbers) -> None:
    """Note each pair's estimated share, where it is the best so far."""
    both = np.sort(np.concatenate([smallest[one], smallest[two]], axis=1), axis=1)
    real = both != NONE
    again = np.zeros(both.shape, bool)
    again[:, 1:] = both[:, 1:] == both[:, :-1]
    within = np.cumsum(real & ~again, axis=1) <= SKETCH
    of = np.minimum((real & ~again).sum(axis=1), SKETCH)
    alike = (real & again & within).sum(axis=1) / of
    better = alike > share[one]
    share[one[better]], best[one[better]] = alike[better], two[better]

"""The checks that need one answer at a time. Each looks at a slice, in polars expressions."""

import re

import polars as pl

from ..labels import LabelMap
from . import patterns
from .check import Check, Hits, at_rows, at_texts, located, matching, summed
from .repeats import near_identical, repeated_sentence, sum_up_near, sum_up_sentences
from .slices import Slice, tag_fields
from .tags import TAG_CHECKS
from .words import foreign_words, told


def missing(some: Slice) -> Hits:
    """Rows without an answer to the prompt as it now reads."""
    return at_rows(some, ["missing"], "no answer yet: run `mmdata annotate`")


def failed(some: Slice) -> Hits:
    """Questions that ended in an error, and answers that do not fit the prompt's response class or were discarded."""
    return at_rows(
        some, ["failed", "invalid", "discarded"], "{}. Ask again: `mmdata annotate`, with --retry failed or invalid"
    )


def refused(some: Slice) -> Hits:
    """Answers in which the model refuses: the server says so, or the text reads so in Korean or English."""
    by_server = at_rows(some, ["refused"], "{}. Ask again: `mmdata annotate --retry refused`")
    by_text = matching(
        some, patterns.REFUSAL, "it reads like a refusal: '{}'. Ask again, or change the prompt", column="plain"
    )
    return Hits(len(some.rows), by_server.found + by_text.found, by_server.first + by_text.first)


def empty(some: Slice) -> Hits:
    """Answers that hold nothing: the server sent no text, or the tags hold no word."""
    nothing = at_rows(some, ["empty"], "{}. Ask again: `mmdata annotate --retry empty`")
    blank = ~some.texts["plain"].str.contains(r"[\p{L}\p{N}]")
    for tag, rule in some.prompt.wanted.tags.items():
        if rule.field is None:
            blank |= some.texts["text"].str.contains(rf"<{tag}>\s*</{tag}>")
    hollow = at_texts(some, blank, "there is no word in it: ask again, or write it")
    return Hits(len(some.rows), nothing.found + hollow.found, nothing.first + hollow.first)


def truncated(some: Slice) -> Hits:
    """Answers that were cut: the server says so, a tag is not closed, or the last of several sentences does not end."""
    cut = at_rows(some, ["truncated"], "{}: the prompt's max_tokens is too low. Raise it, then `--retry truncated`")
    texts, found = some.texts, [cut]
    unclosed = pl.Series([False]).new_from_index(0, len(texts))
    for tag in some.prompt.wanted.tags:
        opened = texts["text"].str.contains(f"<{tag}>", literal=True)
        unclosed |= opened & ~texts["text"].str.contains(f"</{tag}>", literal=True)
    found.append(at_texts(some, unclosed, "a tag is opened and not closed: the answer was cut"))
    plain = texts["plain"]
    ends = plain.str.contains(patterns.SENTENCE_WITHIN) & ~plain.str.contains(patterns.SENTENCE_LAST)
    cut_off = located(
        some, r"\S{1,20}\s*\z", "the last sentence does not end, though others do: the answer was cut", ends & ~unclosed,
        column="plain",
    )  # fmt: skip
    total = summed([*found, cut_off], some.limit)
    total.judged = len(some.rows)
    return total


def too_short(some: Slice) -> Hits:
    """Answers with fewer characters than the prompt's `min_chars`, tag marks not counted."""
    least = some.prompt.wanted.min_chars
    if least <= 1:
        return Hits(could_not=["the prompt has no `wanted: min_chars:`"])
    length = _lengths(some)
    says = length.cast(pl.String) + f" characters; at least {least:,} are wanted"
    return at_texts(some, length < least, says)


def too_long(some: Slice) -> Hits:
    """Answers with more characters than the prompt's `max_chars`, tag marks not counted."""
    most = some.prompt.wanted.max_chars
    if most is None:
        return Hits(could_not=["the prompt has no `wanted: max_chars:`"])
    length = _lengths(some)
    says = length.cast(pl.String) + f" characters; at most {most:,} are wanted"
    return at_texts(some, length > most, says)


def other_class_named(some: Slice) -> Hits:
    """Answers that name another view, site or other class than the row has, and not the row's own.

    Looked at are the label fields that the prompt sees, but for those that a tag repeats; classes by their
    names and aliases in labels.yaml.
    """
    own_tags = tag_fields(some.prompt)
    fields = [name for name in some.prompt.fields if name in some.labels and name not in own_tags]
    if not fields:
        return Hits(could_not=["the prompt sees no label field besides that of its tag"])
    parts = []
    for field in fields:
        own = some.own(field)
        named = {cls: some.texts["plain"].str.contains(pattern) for cls, pattern in _names(some.labels[field]).items()}
        said_own = pl.Series([False]).new_from_index(0, len(own))
        for cls, mask in named.items():
            said_own |= (own == cls).fill_null(False) & mask
        for cls, mask in named.items():
            where = mask & (own != cls).fill_null(False) & ~said_own
            says = [f"it names {field} {cls}, but the row's {field} is {is_}" for is_ in own.filter(where)]
            parts.append(located(some, _names(some.labels[field])[cls], says, where, column="plain"))
    total = summed(parts, some.limit)
    total.judged = len(some.texts)
    return total


def markup(some: Slice) -> Hits:
    """Markdown or HTML in an answer, besides the tags that the prompt wants."""
    return matching(
        some, patterns.MARKUP, "'{}' is markup; the prompt should say that plain text is wanted", column="plain"
    )


def email_address(some: Slice) -> Hits:
    """E-mail addresses in an answer."""
    return matching(some, patterns.EMAIL, "an e-mail address: remove it before anything is published", column="plain")


def phone_number(some: Slice) -> Hits:
    """Korean telephone numbers in an answer."""
    return matching(some, patterns.PHONE, "a telephone number: remove it before anything is published", column="plain")


def resident_number(some: Slice) -> Hits:
    """Korean resident registration numbers (주민등록번호) in an answer: a birth date and seven more digits."""
    return matching(
        some,
        patterns.RESIDENT,
        "a resident registration number: remove it before anything is published",
        column="plain",
    )


def name_of_a_person(some: Slice) -> Hits:
    """Korean names of people, by a surname and two syllables of given names beside 환자, 씨 or the like."""
    hits = matching(some, patterns.PERSON, "'{}' looks like the name of a person: remove it", column="plain")
    hits.could_not.append("names without such a word beside them, of two or four syllables, or not Korean")
    return hits


def _names(classes: LabelMap) -> dict[str, str]:
    """Class → pattern of its names. One syllable is part of too many words."""
    made = {}
    for cls, entry in classes.classes.items():
        words = [word for word in (cls, *entry.aliases) if len(word) > 1]
        bounded = [rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word) for word in words]
        made[cls] = "(?i)" + "|".join(bounded) if bounded else "[^\\s\\S]"
    return made


def _lengths(some: Slice) -> pl.Series:
    """Characters of each whole answer; of an object, of all its free texts."""
    return some.texts.select(pl.col("plain").str.strip_chars().str.len_chars().sum().over("at")).to_series()


TEXT_CHECKS = (
    Check("error", missing),
    Check("error", failed),
    Check("error", refused),
    Check("error", empty),
    Check("error", truncated),
    Check("error", too_short),
    Check("error", too_long),
    *TAG_CHECKS,
    Check("error", foreign_words, told),
    Check("warning", other_class_named),
    Check("error", markup),
    Check("warning", repeated_sentence, sum_up_sentences),
    Check("warning", near_identical, sum_up_near),
    Check("error", email_address),
    Check("error", phone_number),
    Check("error", resident_number),
    Check("warning", name_of_a_person),
)
"""All checks of answers, in the order of the report."""

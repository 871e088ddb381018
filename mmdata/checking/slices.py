"""Answers, some thousands at a time, as the text checks look at them."""

import json
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Annotated, Any, get_args, get_origin

import polars as pl
from pydantic import BaseModel

from mmdata.schemas import Label, Part

from ..annotation.joined import ANSWER, as_asked
from ..annotation.prompt import Prompt
from ..annotation.questions import key_of
from ..annotation.store import Store
from ..labels import LabelMap
from ..reading import Release
from ..terms import Terms

SLICE = 10_000
"""Rows at once: memory stays the same however many there are."""


@dataclass(frozen=True)
class Slice:
    """Some rows of a release beside what holds now for each of their questions under one prompt."""

    prompt: Prompt
    labels: Mapping[str, LabelMap]
    """Label field → its classes, with their aliases."""
    terms: Terms
    rows: pl.DataFrame
    """Columns number (in the release), the prompt's fields and those of its tags, seq, status, kind, value."""
    limit: int = 2000
    """Faults that are kept of each check; the others are counted."""

    @cached_property
    def texts(self) -> pl.DataFrame:
        """What the model wrote: an answer, or each free text of an object.

        Columns at (index into `rows`), number, field ("" for a text answer), text, and plain: the
        text without the wanted tags' marks.
        """
        good = self.rows.with_row_index("at").filter(pl.col("status") == "ok", pl.col("value").is_not_null())
        good = good.select("at", "number", field=pl.lit(""), text="value")
        if self.prompt.response_schema is not None:
            schema = self.prompt.response_schema
            parts = [
                (at, number, field, text)
                for at, number, value in good.select("at", "number", "text").iter_rows()
                for field, text in free_texts(schema, json.loads(value))
            ]
            good = pl.DataFrame(parts, schema=good.schema, orient="row")
        marks = [mark for tag in self.prompt.wanted.tags for mark in (f"<{tag}>", f"</{tag}>")]
        plain = pl.col("text").str.replace_many(marks, [""] * len(marks)) if marks else pl.col("text")
        return good.with_columns(plain=plain)

    def said(self, tag: str) -> pl.Series:
        """What stands in the tag, for each of `texts`; null without the tag.

        An object says it in its field of that name; it then stands beside the first of its texts only.
        """
        if tag not in self._said:
            if self.prompt.response_schema is None:
                said = self.texts["text"].str.extract(f"(?s)<{tag}>(.*?)</{tag}>", 1)
            else:
                at = self.texts["at"]
                said = self.rows["value"].str.json_path_match(f"$.{tag}").gather(at).set(~at.is_first_distinct(), None)
            self._said[tag] = said.str.strip_chars()
        return self._said[tag]

    @cached_property
    def _said(self) -> dict[str, pl.Series]:
        return {}

    def own(self, field: str) -> pl.Series:
        """The row's class in a label field, for each of `texts`."""
        return self.rows[field].gather(self.texts["at"])


def slices(
    release: Release, prompt: Prompt, store: Store | None, labels: Mapping[str, LabelMap], terms: Terms, limit: int,
    size: int = SLICE,
) -> Iterator[Slice]:  # fmt: skip
    """The rows of a release in order. They read as `annotation.joined.annotations`, without all being in memory."""
    prompt = as_asked(prompt, store) if store else prompt
    fields = list(dict.fromkeys([*(f for f in prompt.fields if f in labels), *tag_fields(prompt)]))
    wanted = list(dict.fromkeys([*fields, *prompt.fields]))
    rows, number = release.rows(wanted), 0
    while chunk := list(islice(rows, size)):
        keys = [key_of(prompt, row)[0] for row in chunk]
        lines = [(number + n, keys[n], *(row.values[f] for f in fields)) for n, row in enumerate(chunk)]
        schema: dict[str, Any] = {"number": pl.UInt32, "key": pl.Binary} | dict.fromkeys(fields, pl.String)
        held = pl.DataFrame(
            list(store.newest_of(keys)) if store else [], schema={"key": pl.Binary, **ANSWER}, orient="row"
        )
        frame = pl.DataFrame(lines, schema=schema, orient="row").join(held, on="key", how="left", maintain_order="left")
        frame = frame.drop("key").with_columns(pl.col("status").fill_null("missing"))
        yield Slice(prompt, labels, terms, frame, limit)
        number += len(chunk)


def tag_fields(prompt: Prompt) -> dict[str, str]:
    """Label field → the tag that must agree with it."""
    return {rule.field: tag for tag, rule in prompt.wanted.tags.items() if rule.field}


def free_texts(model: type[BaseModel], value: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, str]]:
    """(field, text) of an object's strings, but for those that are one of a few: labels, Literals, enums."""
    for name, info in model.model_fields.items():
        yield from _texts_of(info.annotation, info.metadata, value.get(name), f"{at}.{name}".lstrip("."))


def _texts_of(kind: Any, metadata: Sequence[Any], value: Any, at: str) -> Iterator[tuple[str, str]]:
    origin, args = get_origin(kind), get_args(kind)
    if value is None or any(isinstance(mark, Label) for mark in metadata):
        return
    if origin is Annotated:
        yield from _texts_of(args[0], args[1:], value, at)
    elif kind is str:
        if isinstance(value, str):
            yield at, value
    elif origin is list:
        for number, part in enumerate(value if isinstance(value, list) else []):
            yield from _texts_of(args[0], (), part, f"{at}[{number}]")
    elif origin is not typing.Literal and args:
        for choice in args:
            yield from _texts_of(choice, (), value, at)
    elif isinstance(kind, type) and issubclass(kind, BaseModel | Part) and isinstance(value, dict):
        yield from free_texts(kind, value, at)

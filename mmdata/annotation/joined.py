"""Rows of a release beside what holds now for each of their questions."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from ..reading import Release
from .prompt import Prompt
from .questions import key_of
from .store import Store

ANSWER: dict[str, Any] = {
    "seq": pl.Int64,
    "status": pl.String,
    "kind": pl.String,
    "value": pl.String,
    "made_by": pl.String,
}


def as_asked(prompt: Prompt, store: Store) -> Prompt:
    """The prompt with the `max_side` it was last asked with: the command line may have overridden it."""
    content = store.newest_prompt(prompt.id)
    if content is None:
        return prompt
    last = Prompt.model_validate_json(content)
    as_last = prompt.changed(max_side=last.max_side)
    return as_last if last.changed(wanted=prompt.wanted) == as_last else prompt


def annotations(release: Release, prompt: Prompt, store: Store, fields: Sequence[str] = ()) -> pl.DataFrame:
    """One line a row of the release, in its order.

    Returns:
        Columns split, id, place, the `fields`, key (32 bytes), and of the answer that holds now: seq,
        status ("missing" without an answer to the row's present question), kind, value, made_by.
    """
    prompt = as_asked(prompt, store)
    wanted = list(dict.fromkeys([*fields, *prompt.fields]))
    lines: list[tuple[object, ...]] = []
    for row in release.rows(wanted):
        key, _ = key_of(prompt, row)
        lines.append((row.split, row.id, row.place, key, *(row.values[name] for name in fields)))
    schema = ["split", "id", "place", "key", *fields]
    rows = pl.DataFrame(lines, schema=schema, orient="row", infer_schema_length=None)
    if rows.is_empty():
        rows = pl.DataFrame(schema=dict.fromkeys(schema, pl.String) | {"key": pl.Binary})
    held = pl.DataFrame(list(store.newest_of(rows["key"])), schema={"key": pl.Binary, **ANSWER}, orient="row")
    return rows.join(held, on="key", how="left", maintain_order="left").with_columns(
        pl.col("status").fill_null("missing")
    )

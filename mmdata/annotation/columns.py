"""The answers to one prompt as a column of a release: one value a row, in order."""

import datetime
import enum
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import datasets
import polars as pl
import pyarrow as pa
from pydantic import BaseModel, ValidationError

from ..errors import Reject, ReleaseError
from ..features import features_of
from ..labels import LabelMap
from ..manifest import Annotated
from ..reading import Release
from ..strict import explain
from .joined import annotations, as_asked
from .prompt import Prompt
from .store import Store

AT_ONCE = 10_000
"""Answers read together."""


@dataclass(frozen=True, slots=True)
class Column:
    """The answers that hold now, null where there is none. On disk: there may be millions."""

    prompt: Prompt
    feature: Any
    """Of `datasets`: a string, or the struct of the prompt's response."""
    annotated: Annotated
    path: Path
    """An Arrow file of the columns id and value, one line a row of the release."""
    labels: Mapping[str, LabelMap]

    def digest(self) -> str:
        """sha256 over what the column holds: an object's own spelling, which the store keeps, is not in it."""
        total = sha256()
        with pa.memory_map(str(self.path)) as file:
            rows = pa.ipc.open_file(file).read_all().num_rows
        for first in range(0, rows, AT_ONCE):
            for value in self.part(first, AT_ONCE).to_pylist():
                total.update(repr(text_of(value, self.feature)).encode())
        return total.hexdigest()

    def part(self, first: int, rows: int) -> pa.Array:
        """The values of some rows, as `feature` has them. Raises ReleaseError naming the row that does not fit."""
        with pa.memory_map(str(self.path)) as file:
            lines = pa.ipc.open_file(file).read_all().slice(first, rows)
            schema, kind = (
                self.prompt.response_schema,
                datasets.Features({"_": self.feature}).arrow_schema.field(0).type,
            )
            if schema is None:
                # A copy: the file is about to be unmapped.
                return pa.array(lines["value"].to_pylist(), kind)
            ids, values = lines["id"].to_pylist(), lines["value"].to_pylist()
        objects = [self._object(schema, *line) for line in zip(ids, values, strict=True)]
        try:
            return pa.array(objects, kind)
        except (pa.ArrowException, OverflowError) as error:
            raise ReleaseError(f"answers to {self.prompt.id} between rows {ids[0]} and {ids[-1]}: {error}") from None

    def _object(self, schema: type[BaseModel], id: str, value: str | None) -> Any:
        if value is None:
            return None
        say = f"row {id}: its answer to {self.prompt.id} does not fit {self.prompt.response}"
        try:
            return _plain(schema.model_validate_json(value), self.feature, self.labels)
        except ValidationError as error:
            raise ReleaseError(f"{say}: {explain(error)}. Correct it (`mmdata fix`), or the class") from None
        except Reject as why:
            known = ", ".join(self.labels[why.field].names)
            raise ReleaseError(
                f"{say}: {why.field} {why.value!r} is not in labels.yaml. Known: {known}. "
                "Add it there as an alias, or correct the answer (`mmdata fix`)"
            ) from None


def column_of(release: Release, prompt: Prompt, store: Store, labels: Mapping[str, LabelMap], path: Path) -> Column:
    """Join a prompt's answers to a release and keep them at `path`.

    Raises:
        ReleaseError: not one row has an answer to the prompt as it now reads.
        CorpusError: the response class has a field that no column can hold.
    """
    prompt = as_asked(prompt, store)
    found = annotations(release, prompt, store)
    ok = found.filter(pl.col("status") == "ok")
    if ok.is_empty():
        raise ReleaseError(
            f"{release.manifest.corpus}: of {len(found):,} rows none has an answer to the prompt {prompt.id} as it now "
            f"reads. Run `mmdata annotate --prompt {prompt.id}` first, or leave it out: name the others with --prompt"
        )
    answered = pl.when(pl.col("status") == "ok").then(pl.col("value"))
    held = found.select("id", answered.alias("value"))
    held.write_ipc(path, compat_level=pl.CompatLevel.oldest())
    schema = prompt.response_schema
    # A dict in a feature's place is a struct.
    feature: Any = datasets.Value("string") if schema is None else dict(features_of(schema, labels))
    note = note_of(prompt, store, ok)
    made = Column(prompt, feature, note, path, labels)
    return replace(made, annotated=note.model_copy(update={"sha256": made.digest()}))


def note_of(prompt: Prompt, store: Store, ok: pl.DataFrame) -> Annotated:
    """Where good answers come from; its `sha256` is left to the caller.

    Args:
        ok: of each row that has one, at least `key` and `made_by`, as of `annotations`; not empty.
    """
    makers = ok.group_by("made_by").len().sort("made_by")
    times = [_utc(at) for at in store.asked_when(ok["key"])]
    cost = store.spent(prompt.id) + store.spent(f"{prompt.id}.rewrite")
    for other, rows in _published(store, ok["key"]):
        times += [other.first, other.last]
        cost += other.cost * min(1.0, rows / max(1, other.rows))
    return Annotated(
        column=prompt.id,
        prompt_sha256=prompt.sha256,
        model=prompt.model,
        parameters=prompt.parameters,
        sha256="",
        rows=len(ok),
        made_by=dict(makers.iter_rows()),
        first=min(times),
        last=max(times),
        cost=cost,
        prompt=prompt.model_dump(mode="json"),
    )


def text_of(value: Any, feature: Any) -> str | None:
    """The answer that gives a column's value: the text itself, or an object as JSON, its labels by class name."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(_named(value, feature), ensure_ascii=False)


def _named(value: Any, feature: Any) -> Any:
    """What JSON takes, such that `_plain` of the object read from it is this value again."""
    if value is None:
        return None
    if isinstance(feature, dict):
        return {name: _named(value[name], part) for name, part in feature.items()}
    if isinstance(feature, datasets.List | datasets.LargeList):
        return [_named(one, feature.feature) for one in value]
    if isinstance(feature, datasets.ClassLabel):
        return feature.names[value]
    if isinstance(value, bytes):
        return value.decode()
    return value.isoformat() if isinstance(value, datetime.date) else value  # A datetime is a date.


def _published(store: Store, keys: pl.Series) -> list[tuple[Annotated, int]]:
    """What releases said of the answers that were taken from them, and for how many rows here."""
    asked = dict(keys.value_counts().iter_rows())
    rows: Counter[str] = Counter()
    for key, raw in store.published(asked):
        rows[raw] += asked[key]
    return [(Annotated.model_validate(json.loads(raw)["note"]), count) for raw, count in rows.items()]


def _plain(value: Any, feature: Any, labels: Mapping[str, LabelMap]) -> Any:
    """What Arrow takes: models as dicts, class names as numbers, Enums as their values."""
    if value is None:
        return None
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name), part, labels) for name, part in feature.items()}
    if isinstance(value, list):
        return [_plain(one, feature.feature, labels) for one in value]
    if isinstance(feature, datasets.ClassLabel):
        return next(found for found in labels.values() if found.names == feature.names).index(value)
    return value.value if isinstance(value, enum.Enum) else value


def _utc(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")

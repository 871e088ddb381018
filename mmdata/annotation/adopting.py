"""Answers of a release put back into an annotation store: what was paid for once is not asked again."""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import datasets
import pyarrow.parquet as pq
from pydantic import ValidationError

import mmdata.schemas

from ..errors import AnnotationError
from ..manifest import Annotated
from ..progress import Progress, Silent
from ..reading import Release, Row
from ..strict import explain
from .columns import text_of
from .prompt import Prompt
from .questions import key_of
from .store import Answer, Store

AT_ONCE = 5_000
"""Rows looked up and written together."""


@dataclass(frozen=True, slots=True)
class Published:
    """A column of answers that another store made."""

    note: Annotated
    prompt: Prompt
    """As it was asked."""
    source: str
    """Which release, as "ns/name v1.1.0"."""

    @property
    def raw(self) -> str:
        """What the store keeps of where such an answer comes from."""
        note = self.note.model_dump(mode="json", exclude={"prompt"})
        return json.dumps({"source": self.source, "note": note}, ensure_ascii=False)


def published(note: Annotated, source: str) -> Published:
    """The column with its prompt, if it is the one that was asked.

    Raises:
        AnnotationError: the release does not keep the prompt, or one that cannot be asked here or was changed.
    """
    say = f"{source}: the answers in column {note.column} cannot be put into a store:"
    if not note.prompt:
        raise AnnotationError(
            f"{say} the release was made before mmdata kept prompts, so their questions are not known. Leave the column out"
        )
    try:
        prompt = Prompt.model_validate(note.prompt)
    except ValidationError as error:
        raise AnnotationError(
            f"{say} its prompt cannot be read: {explain(error)}. A newer version of mmdata may"
        ) from None
    if prompt.sha256 != note.prompt_sha256:
        raise AnnotationError(
            f"{say} the prompt in the manifest has the sha256 {prompt.sha256}, the answers are to {note.prompt_sha256}. "
            "The manifest was edited, or made by another version of mmdata"
        )
    if prompt.id != note.column:
        raise AnnotationError(f"{say} its prompt is {prompt.id!r}, not {note.column!r}. The manifest was edited")
    if prompt.response and not hasattr(mmdata.schemas, prompt.response):
        raise AnnotationError(
            f"{say} they are objects of {prompt.response}, which mmdata.schemas does not have here. Add the class, as the "
            "publisher has it"
        )
    return Published(note, prompt, source)


def adopt(
    store: Store, release: Release, notes: Sequence[Annotated], source: str, progress: Progress | None = None
) -> dict[str, int]:
    """Put a release's answers into a store, each under the question that its row asks.

    Where the store holds a good answer to that question already, or one that was discarded there, that stays.
    `annotate`, `check`, `fix` and `release` then take them as their own.

    Args:
        notes: of the columns, from the release's manifest.
        source: which release it is, to be kept with every answer.
        progress: where to show how far it is.

    Returns:
        Prompt → answers added. Rows that ask the same share one.

    Raises:
        AnnotationError: as `published`, before anything is written; an answer that does not fit its response
            class; the disk is full.
    """
    found, progress = [published(note, source) for note in notes], progress or Silent()
    for one in found:
        require_askable(release, one)
    added = {one.prompt.id: 0 for one in found}
    total = sum(file.rows for file in release.manifest.files)
    for one in found:
        progress.stage(f"keeping answers to {one.prompt.id}")
        done = 0
        answers = _answers(release, one)
        while some := list(itertools.islice(answers, AT_ONCE)):
            added[one.prompt.id] += keep(store, one, ((row, text) for row, text in some if text is not None))
            done += len(some)
            progress.rows(done, total, "")
    return added


def require_askable(release: Release, one: Published) -> None:
    """Raises AnnotationError where the rows of a release do not have what the prompt asks about."""
    prompt = one.prompt
    absent = [name for name in (prompt.image, *prompt.fields) if name is not None and name not in release.kinds]
    if absent:
        raise AnnotationError(
            f"{one.source}: the prompt {prompt.id} asks about {', '.join(absent)}, which the rows of "
            f"{release.manifest.corpus} {release.manifest.version} do not have. They have: {', '.join(release.kinds)}. Build "
            "with the publisher's builder.py and schema"
        )


def keep(store: Store, one: Published, answers: Iterable[tuple[Row, str]]) -> int:
    """Put the answers of some rows, which must have the prompt's fields, into a store; returns how many were added.

    Raises:
        AnnotationError: an answer that does not fit the response class; the disk is full.
    """
    store.keep_prompt(one.prompt.sha256, one.prompt.id, one.prompt.model_dump_json())
    asked: dict[bytes, tuple[Row, str]] = {}
    for row, text in answers:
        asked.setdefault(key_of(one.prompt, row)[0], (row, text))
    for key, _, status, *_ in list(store.newest_of(asked)):
        if status in {"ok", "discarded"}:
            del asked[key]
    raw = one.raw
    for row, text in asked.values():
        _require_fit(one, row, text)
    store.add(
        one.prompt.id,
        one.prompt.sha256,
        one.prompt.model,
        [Answer(key, row.id, "ok", value=text, raw=raw, made_by="published") for key, (row, text) in asked.items()],
    )
    return len(asked)


def _answers(release: Release, one: Published) -> Iterator[tuple[Row, str | None]]:
    column = one.note.column
    schema = pq.read_schema(release.folder / release.manifest.files[0].path)
    if lost := {column, *one.prompt.fields} - set(schema.names):
        raise AnnotationError(
            f"{one.source}: its files have no column {', '.join(sorted(lost))}; the manifest was edited"
        )
    feature = dict(datasets.Features.from_arrow_schema(schema))[column]
    for row in release.rows(list(dict.fromkeys([column, *one.prompt.fields]))):
        yield row, text_of(row.values[column], feature)


def _require_fit(one: Published, row: Row, text: str) -> None:
    if one.prompt.response_schema is None:
        return
    try:
        one.prompt.response_schema.model_validate_json(text)
    except ValidationError as error:
        raise AnnotationError(
            f"{one.source}: row {row.id}: its answer to {one.prompt.id} does not fit {one.prompt.response} here: "
            f"{explain(error)}. The class must be as the publisher has it"
        ) from None

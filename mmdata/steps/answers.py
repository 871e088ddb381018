"""The answers of a model about each row of a step's table, as a later step is given them."""

import json
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from ..annotation.columns import note_of
from ..annotation.joined import annotations, as_asked
from ..annotation.prompt import Prompt, parse_prompt, prompts_in, require_columns
from ..annotation.store import reading
from ..errors import BuildError, CorpusError
from ..findings import Finding
from ..manifest import Annotated

if TYPE_CHECKING:
    from ..corpus import Corpus
    from .table import Table


Answers = Mapping[str, Any]
"""Id of a row → what the model said of it: an object of the prompt's response class, or a text. None where it was asked
and gave no good answer; a Finding says so."""


def asked_over(corpus: "Corpus", name: str) -> Prompt:
    """The prompt of this name, which says over which step's table it is asked.

    Raises:
        CorpusError: there is none, or it is asked about the release's rows.
    """
    found = prompts_in(corpus.folder)
    if name not in found:
        raise CorpusError(
            f"{corpus.name}: a step has the parameter {name!r}, which is no earlier step, no prompt in "
            f"{corpus.folder / 'prompts'} and not `listing`. Prompts: {', '.join(found) or 'none'}"
        )
    prompt = parse_prompt(found[name])
    if prompt.over is None:
        raise CorpusError(
            f"{found[name]}: a step needs its answers, so it must say `over:` and the step it is asked about"
        )
    return prompt


class Given(NamedTuple):
    """Answers, and what is to be said of them."""

    answers: dict[str, Any]
    """`Answers`."""
    sha256: str
    """Of all of them, and of the class that they are read as."""
    note: list[Annotated]
    """Where they come from; none, where there is no good one."""
    findings: list[Finding]


def answers_of(corpus: "Corpus", prompt: Prompt, table: "Table[Any]", step: str) -> Given:
    """What the store holds for each row of the table.

    Raises:
        BuildError: a row was never asked about: `mmdata annotate` does that.
    """
    require_columns(corpus.folder, prompt, table.release.kinds)
    note: list[Annotated] = []
    with reading(corpus.folder) as store:
        if store is None:
            held = [(id, "missing", None) for id in table.column(table.makes.id_field())]
        else:
            found = annotations(table.release, prompt, store)
            held = found.select("id", "status", "value").rows()
            if not (ok := found.filter(pl.col("status") == "ok")).is_empty():
                note.append(note_of(as_asked(prompt, store), store, ok))
    waiting = sum(status == "missing" for _, status, _ in held)
    if waiting:
        raise BuildError(
            f"{corpus.name}: the step {step} needs the answers to prompt {prompt.id}: {waiting:,} of {len(held):,} "
            f"{prompt.over} were never asked about. Run `mmdata annotate {corpus.folder} --prompt {prompt.id}` "
            "(--estimate says what it costs), then this command again: it goes on from here"
        )
    schema = prompt.response_schema
    values: dict[str, Any] = {}
    for id, status, value in held:
        if status != "ok" or value is None:
            values[id] = None
        else:
            values[id] = schema.model_validate_json(value) if schema else value
    told = [(id, value if status == "ok" else None) for id, status, value in held]
    digest = sha256(json.dumps([told, prompt.response_format]).encode()).hexdigest()
    lost = Counter(status for _, status, _ in held if status != "ok")
    findings = []
    if lost:
        ids = [id for id, status, _ in held if status != "ok"]
        kinds = ", ".join(f"{n} {status}" for status, n in lost.items())
        findings.append(
            Finding.warning(
                "no answer",
                f"{lost.total()} of {len(held)} {prompt.over} have no good answer to {prompt.id} ({kinds}), such as {ids[0]}. "
                f"`mmdata annotate … --prompt {prompt.id} --retry {next(iter(lost))}` asks again",
                ids,
                lost.total(),
            )
        )
    return Given(values, digest, [one.model_copy(update={"sha256": digest}) for one in note], findings)

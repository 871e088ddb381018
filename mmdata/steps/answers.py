"""The answers of a model about each row of a step's table, as a later step is given them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..annotation.columns import column_of
from ..annotation.joined import annotations
from ..annotation.prompt import Prompt, parse_prompt, prompts_in, require_columns
from ..annotation.store import reading
from ..errors import BuildError, CorpusError
from ..findings import Finding
from ..manifest import Annotated

if TYPE_CHECKING:
    from ..corpus import Corpus
    from .table import Table


class Answers(Mapping[str, Any]):
    """Id of a row → what the model said of it: an object of the prompt's response class, or a text.

    None where it was asked and gave no good answer; a Finding says so.
    """

    def __init__(self, values: dict[str, Any]):
        self._values = values

    def __getitem__(self, id: str) -> Any:
        return self._values[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


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

    answers: Answers
    sha256: str
    """Of all of them."""
    note: list[Annotated]
    """Where they come from; none, where there is no good one."""
    findings: list[Finding]


def answers_of(corpus: "Corpus", prompt: Prompt, table: "Table[Any]", step: str, work: Path) -> Given:
    """What the store holds for each row of the table.

    Args:
        work: a folder for what need not stay.

    Raises:
        BuildError: a row was never asked about: `mmdata annotate` does that.
    """
    require_columns(corpus.folder, prompt, table.release.kinds)
    with reading(corpus.folder) as store:
        note = []
        if store is None:
            held = [(id, "missing", None) for id in table.column(table.makes.id_field())]
        else:
            held = annotations(table.release, prompt, store).select("id", "status", "value").rows()
            if any(status == "ok" for _, status, _ in held):
                column = column_of(table.release, prompt, store, corpus.labels, work / f"{prompt.id}.arrow")
                note.append(column.annotated)
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
    digest = sha256(json.dumps([(id, value if status == "ok" else None) for id, status, value in held]).encode())
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
    return Given(Answers(values), digest.hexdigest(), note, findings)

"""What there is to fix, or was fixed: for the caller, for the terminal, for a program."""

import json
from collections import Counter
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.text import Text

from ..annotation.store import By, Status
from .diff import word_diff


@dataclass(frozen=True, slots=True)
class Edit:
    """One answer as it is, and as it shall be."""

    prompt: str
    row_id: str
    key: bytes
    seq: int
    """Of the row of the store that it corrects."""
    old: str
    new: str
    made_by: By = "rule"
    status: Status = "ok"
    kind: str = ""
    """Of a discarded answer: rejected or reannotate."""


@dataclass
class Fixes:
    """What there is to fix, or was fixed."""

    corpus: str
    version: str
    applied: bool
    prompts: list[str] = field(default_factory=list)
    answers: int = 0
    """Good answers that were looked at; rows that ask the same share one."""
    edited: int = 0
    """Answers with another text."""
    terms: Counter[str] = field(default_factory=Counter)
    """Replaced word → times."""
    aliases: int = 0
    """Labels written as an alias, now as their class."""
    contradictions: int = 0
    """Answers that name another class than their row has."""
    discarded: int = 0
    """Answers that no longer hold: of those, and those that a check of `reannotate` flagged."""
    rewritten: int = 0
    """Answers in which a model rewrote a sentence."""
    left: Counter[str] = field(default_factory=Counter)
    """Why a foreign sentence, or an object, was left as it is → times."""
    edits: list[Edit] = field(default_factory=list)
    """The first of them, up to `show`."""
    cost: float = 0.0
    """US dollars that rewriting cost now."""
    stopped: str = ""
    """Why rewriting ended early."""
    seconds: float = 0.0

    @property
    def changes(self) -> int:
        """Rows that the store gets, or would get."""
        return self.edited + self.discarded


def as_json(done: Fixes) -> str:
    """What was fixed, for a program."""
    plain = ("corpus", "version", "applied", "prompts", "answers", "edited", "aliases", "contradictions", "discarded",
             "rewritten", "cost", "stopped")  # fmt: skip
    return json.dumps(
        {name: getattr(done, name) for name in plain}
        | {"terms": dict(done.terms.most_common()), "left": dict(done.left), "seconds": round(done.seconds, 2)}
        | {"edits": [{"prompt": e.prompt, "id": e.row_id, "old": e.old, "new": e.new, "by": e.made_by, "status": e.status,
                      "kind": e.kind} for e in done.edits]},
        ensure_ascii=False,
    )  # fmt: skip


def as_screen(done: Fixes) -> RenderableType:
    """What was fixed, or is to be, with the first edits as a diff."""
    lines: list[RenderableType] = []
    for edit in done.edits:
        lines.append(Text(f"{edit.row_id}  {edit.prompt}, by {edit.made_by}", "bold"))
        lines.append(
            word_diff(edit.old, edit.new) if edit.status == "ok" else Text(f"discarded: {edit.kind}", "yellow")
        )
    if done.changes > len(done.edits):
        lines.append(Text(f"… and {done.changes - len(done.edits):,} more", "dim"))
    words = ", ".join(f"{word} {count:,}" for word, count in done.terms.most_common(10))
    head = f"{done.corpus} {done.version}: {done.answers:,} answers looked at ({', '.join(done.prompts)}), {done.seconds:.1f} s"
    verb = "fixed" if done.applied else "to fix"
    lines.append(Text(head, "bold"))
    lines.append(Text(f"{done.edited:,} {verb}: {done.terms.total():,} foreign words{f' ({words})' if words else ''}, "
                      f"{done.aliases:,} label aliases, {done.rewritten:,} rewritten by a model"))  # fmt: skip
    if done.contradictions:
        lines.append(
            Text(f"{done.contradictions:,} name another class than their row; see --on-contradiction", "yellow")
        )
    if done.discarded:
        again = "no longer hold" if done.applied else "are to hold no longer"
        lines.append(
            Text(f"{done.discarded:,} answers {again}; `mmdata annotate` asks again for those it may", "yellow")
        )
    lines += [Text(f"left as it is: {why}: {count:,}", "yellow") for why, count in done.left.most_common()]
    if done.stopped:
        lines.append(Text(f"rewriting ended early: {done.stopped}", "yellow"))
    return Group(*lines)

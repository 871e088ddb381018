"""An annotation run on one screen."""

import dataclasses
import json

from rich.console import Group, RenderableType
from rich.text import Text

from ..verbs.annotate import Annotation, Estimate

COLOURS = {"ok": "green", "waiting": "yellow", "sent": "yellow"}


def as_json(done: Annotation) -> str:
    """The same facts for a program."""
    facts = {field.name: getattr(done, field.name) for field in dataclasses.fields(done)}
    facts |= {"before": vars(done.before), "estimate": None}
    if done.estimate:
        facts["estimate"] = {
            "calls": done.estimate.calls,
            "tokens_in": round(done.estimate.tokens_in, 1),
            "tokens_out": round(done.estimate.tokens_out, 1),
            "cost": done.estimate.cost,
        }
    return json.dumps(facts, ensure_ascii=False)


def as_screen(done: Annotation) -> RenderableType:
    """What was asked, what came, what it cost, how to go on."""
    was = done.before
    lines = [
        Text.assemble(
            (f"{done.corpus} {done.version}, prompt {done.prompt}, {done.model}: ", "bold"),
            f"{done.rows:,} rows: {was.new:,} new, {was.reused:,} reused, {was.stale:,} stale, {was.retried:,} again",
        )
    ]
    if done.estimate and done.estimate.calls and (not done.calls or done.estimate.batch):
        lines.append(Text(_estimated(done.estimate)))
    if done.calls:
        cost = f", ${done.cost:.4f}" if done.cost is not None else ", price not known (prices.yaml)"
        lines.append(Text(f"{done.calls:,} answers in {done.seconds:.1f} s{cost}"))
    states = Text("rows now: ")
    for n, (state, rows) in enumerate(sorted(done.states.items(), key=lambda pair: -pair[1])):
        states.append(", " if n else "")
        states.append(f"{rows:,} {state}", COLOURS.get(state, "red"))
    lines.append(states)
    lines += [Text(f"batch {line}") for line in done.batches]
    if done.batches:
        lines.append(Text("Run the same command later to take in the answers.", "yellow"))
    if done.stopped:
        lines.append(Text(f"stopped: {done.stopped}. Every answer is kept; the same command goes on.", "yellow"))
    if waiting := was.states["waiting"]:
        lines.append(
            Text(
                f"{waiting:,} rows ask about the answer to another prompt, and have none: get that, release, then go on.",
                "yellow",
            )
        )
    bad = [state for state in ("failed", "refused", "truncated", "invalid", "empty") if done.states[state]]
    if bad:
        lines.append(Text(f"To ask these again: {' '.join(f'--retry {state}' for state in bad)}", "dim"))
    return Group(*lines)


def _estimated(estimate: Estimate) -> str:
    rule = "as measured on the answers so far" if estimate.measured else "by the model's own rule"
    tokens = f"{estimate.calls:,} calls of about {estimate.tokens_in:,.0f} tokens in and {estimate.tokens_out:,.0f} out ({rule})"
    if estimate.cost is None:
        return f"{tokens}; the price is not known: write it into prices.yaml"
    half = " through the Batch API" if estimate.batch else ""
    return f"{tokens}: about ${estimate.cost:,.2f}{half}"

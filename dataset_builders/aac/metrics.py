"""How near interpretations come to what people wrote, and to who lays the cards. Plain functions: they may be copied."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mmdata.evaluating.pairs import Pair
from mmdata.metrics.classification import read_json
from mmdata.metrics.encoding import MULTILINGUAL, NO_ENCODER
from mmdata.metrics.encoding import encoder as loaded
from mmdata.metrics.generation import generate
from mmdata.metrics.intervals import means
from mmdata.metrics.measures import Measures, Outcome, Table

from .fitting import context_relevance, nearness_of, person_of, persona_consistency
from .views import STYLES

FITTING = ("persona consistency", "context relevance")
_TAG = re.compile(rf"<(/?)({'|'.join(STYLES)})>", re.I)


def references(
    pairs: Sequence[Pair], *, tokenize: str = "char", encoder: str = MULTILINGUAL, rounds: int = 1000
) -> Measures:
    """BLEU-4, ROUGE-1/2/L and similarity with the references; persona consistency and context relevance (fitting.py).

    An output is one text, or all three as JSON or behind their tags (`said_of`). A text that names its style is compared
    with the reference of that style, another with all three, of which the nearest counts.

    Args:
        pairs: rows of the view `references`, with text as output.
        tokenize: as of `mmdata.metrics.generation`. char takes letters; ko-mecab takes morphemes, and needs a package.
        encoder: a model of sentence-transformers that knows Korean, by name or folder. "none": no similarity, and
            nearness is of spelling alone.
        rounds: of the bootstrap.
    """
    told = [(pair.row, style, text) for pair in pairs for style, text in said_of(pair.prediction.output or "").items()]
    order = list(STYLES)
    wanted = [[row["references"][order.index(style)]] if style else row["references"] for row, style, _ in told]
    rows, texts, encode = [row for row, _, _ in told], [text for _, _, text in told], loaded(encoder)
    ids = [row["id"] for row in rows]
    made = generate(texts, wanted, tokenize=tokenize, encode=encode, encoder=encoder, groups=ids, rounds=rounds)
    fits, beside = _fitting(rows, texts, encode)
    by = "spelling alone" if encoder == NO_ENCODER else f"spelling and {encoder}"
    people = len({row["persona_id"] for row in rows})
    styled = sum(style != "" for _, style, _ in told)
    return Measures(
        scores=[*made.scores, *means(fits, groups=ids, notes=dict.fromkeys(FITTING, f"by {by}"), rounds=rounds)],
        tables=[beside],
        outcomes=[_outcome(pair) for pair in pairs],
        notes=[
            *made.notes,
            f"{styled:,} of {len(told):,} texts name their style and are compared with its reference, the others with all",
            f"the rows are of {people:,} persons; figures may differ much for others",
        ],
    )


references.view = "references"


def said_of(output: str) -> dict[str, str]:
    """Style → text; the style is "" where none is named.

    Read are the JSON of all three, texts behind a tag each (`<creative> …`), and one text with or without a tag.
    """
    said = read_json(output) or {}
    found = {style: text.strip() for style in STYLES if isinstance(text := said.get(style), str)}
    if found:
        return found
    parts = _TAG.split(output)
    tags = [parts[at + 1].lower() for at in range(1, len(parts), 3) if not parts[at]]
    if len(set(tags)) < 2:
        return {tags[0] if tags else "": " ".join("".join(parts[::3]).split())}
    style = ""
    for at in range(1, len(parts), 3):
        style = "" if parts[at] else parts[at + 1].lower()
        if style and (text := parts[at + 2].strip()):
            found.setdefault(style, text)
    return found or {"": ""}


def _fitting(
    rows: Sequence[Mapping[str, Any]], texts: Sequence[str], encode: Any
) -> tuple[dict[str, list[float]], Table]:
    """Persona consistency and context relevance of each text; and a table of what they are beside."""
    by_person: dict[str, dict[str, Any]] = {row["persona_id"]: {} for row in rows}
    for row in rows:
        by_person[row["persona_id"]][row["id"]] = row
    people = {
        id: person_of(next(iter(of.values()))["interests"], [one for row in of.values() for one in row["references"]])
        for id, of in by_person.items()
    }
    parts = {part for row in rows for part in (*row["interests"], row["situation"])}
    nearness = nearness_of([*texts, *(one for row in rows for one in row["references"]), *sorted(parts)], encode)
    other_person = _another(people)
    other_situation = _another(row["situation"] for row in rows if row["situation"])

    def both(text: str, person: str, situation: str) -> tuple[float, float]:
        return persona_consistency(text, people[person], nearness), context_relevance(text, situation, nearness)

    own = [both(text, row["persona_id"], row["situation"]) for row, text in zip(rows, texts, strict=True)]
    gold = [both(one, row["persona_id"], row["situation"]) for row in rows for one in row["references"]]
    others = [
        both(text, other_person[row["persona_id"]], other_situation.get(row["situation"], ""))
        for row, text in zip(rows, texts, strict=True)
    ]
    lines = {"these texts": own, "the references": gold}
    if len(other_person) > 1 and len(other_situation) > 1:
        lines["these texts, for another person and situation"] = others
    shown = [[line, *(_mean(column) for column in zip(*of, strict=True))] for line, of in lines.items() if of]
    table = Table(title="fitting", columns=["", *FITTING], rows=shown)
    return dict(zip(FITTING, map(list, zip(*own, strict=True)), strict=False)), table


def _another(these: Any) -> dict[Any, Any]:
    """Each one's opposite among all: always the same, and another one where there are two."""
    order = sorted(set(these))
    return {one: order[(at + max(1, len(order) // 2)) % len(order)] for at, one in enumerate(order)}


def _mean(values: Sequence[float]) -> float | None:
    counted = [value for value in values if value == value]
    return sum(counted) / len(counted) if counted else None


def _outcome(pair: Pair) -> Outcome:
    """Other words than the references' need not be wrong."""
    said, wanted = said_of(pair.prediction.output or ""), pair.row["references"]
    same = all(text in wanted for text in said.values())
    return Outcome(
        id=pair.prediction.id,
        truth=" / ".join(wanted),
        said=" / ".join(f"{style}: {text}" if style else text for style, text in said.items()),
        right=True if same else None,
    )

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
from mmdata.metrics.measures import Measures, Table

from .fitting import context_relevance, nearness_of, person_of, persona_consistency
from .views import STYLES

FITTING = ("persona consistency", "context relevance")
_TAG = re.compile(rf"<(/?)({'|'.join(STYLES)})>", re.I)


def references(
    pairs: Sequence[Pair],
    rows: Sequence[Mapping[str, Any]],
    *,
    tokenize: str = "char",
    encoder: str = MULTILINGUAL,
    rounds: int = 1000,
) -> Measures:
    """BLEU-4, ROUGE-1/2/L and similarity with the references; persona consistency and context relevance (fitting.py).

    Each text is compared with the interpretation of the style that was asked for. Intervals are over combinations.

    Args:
        pairs: rows of the view `references`, with text as output: one text, or all three (`text_of`).
        rows: of the whole split: how a person speaks hangs on no answer.
        tokenize: as of `mmdata.metrics.generation`. char takes letters; ko-mecab takes morphemes, and needs a package.
        encoder: a model of sentence-transformers that knows Korean, by name or folder. "none": no similarity, and
            nearness is of spelling alone.
        rounds: of the bootstrap.
    """
    asked, encode = [pair.row for pair in pairs], loaded(encoder)
    texts = [text_of(pair.prediction.output or "", pair.row["style"]) for pair in pairs]
    groups = [row["combination"] for row in asked]
    made = generate(
        texts,
        [row["references"] for row in asked],
        tokenize=tokenize,
        encode=encode,
        encoder=encoder,
        groups=groups,
        ids=[row["id"] for row in asked],
        rounds=rounds,
    )
    fits, beside = _fitting(asked, texts, rows, encode)
    by = "spelling alone" if encoder == NO_ENCODER else f"spelling and {encoder}"
    people = len({row["persona_id"] for row in asked})
    return Measures(
        scores=[*made.scores, *means(fits, groups=groups, notes=dict.fromkeys(FITTING, f"by {by}"), rounds=rounds)],
        tables=[beside],
        outcomes=made.outcomes,
        notes=[*made.notes, f"the rows are of {people:,} persons; figures may differ much for others"],
    )


references.view = "references"


def text_of(output: str, style: str) -> str:
    """What an output says in a style: of several texts that one, which may be missing; one text alone, tag or not."""
    said = said_of(output)
    return said.get(style, "") if len(said) > 1 else next(iter(said.values()))


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
    asked: Sequence[Mapping[str, Any]], texts: Sequence[str], rows: Sequence[Mapping[str, Any]], encode: Any
) -> tuple[dict[str, list[float]], Table]:
    """Persona consistency and context relevance of each text; and a table of what they are beside."""
    spoken: dict[str, list[str]] = {}
    for row in rows:
        spoken.setdefault(row["persona_id"], []).extend(row["references"])
    interests = {row["persona_id"]: row["interests"] for row in rows}
    people = {id: person_of(interests[id], of) for id, of in spoken.items()}
    parts = {part for row in rows for part in (*row["interests"], row["situation"])}
    nearness = nearness_of([*texts, *(one for row in asked for one in row["references"]), *sorted(parts)], encode)
    other_person = _another(people)
    other_situation = _another(row["situation"] for row in rows if row["situation"])

    def both(text: str, person: str, situation: str) -> tuple[float, float]:
        return persona_consistency(text, people[person], nearness), context_relevance(text, situation, nearness)

    own = [both(text, row["persona_id"], row["situation"]) for row, text in zip(asked, texts, strict=True)]
    gold = [both(one, row["persona_id"], row["situation"]) for row in asked for one in row["references"]]
    others = [
        both(text, other_person[row["persona_id"]], other_situation.get(row["situation"], ""))
        for row, text in zip(asked, texts, strict=True)
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

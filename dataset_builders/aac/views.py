"""What trainers want of a combination of cards. Plain functions: they may be copied.

A prompt is made of the pictures in their order, the person and the situation. What is meant is only ever the target,
and so are the cards' keywords, which would say it: a model has to see them. What asks for one interpretation names its
style, and is the same for training and evaluation.
"""

import json
from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]

STYLES = {"most_likely": "가장 그럴듯한 해석", "alternative": "다른 관점의 해석", "creative": "창의적인 해석"}
"""In the order of `output`."""
WORDS = {"adolescent": "청소년", "adult": "성인", "male": "남성", "female": "여성"}
CONTEXT = {"time": "시간", "place": "장소", "interaction_partner": "대화 상대", "current_activity": "현재 활동"}
ASK = "이 사람이 카드로 하려는 말을 자연스러운 한국어 한 문장으로 해석하세요."
ASK_ALL = (
    "이 사람이 카드로 하려는 말을 세 가지로 해석해, most_likely, alternative, creative를 키로 하는 JSON으로 쓰세요."
)


def interpretations(row: Row) -> Iterator[Row]:
    """For fine-tuning, a row per interpretation: the prompt names the style that is wanted, which `style` says too."""
    for style, said in zip(STYLES, output_of(row), strict=False):  # None, or three.
        yield {
            "id": f"{row['id']}/{style}",
            "images": row["cards"],
            "prompt": _styled(row, style),
            "completion": [{"role": "assistant", "content": [{"type": "text", "text": said}]}],
            "style": style,
            "attributions": row["attributions"],
        }


def all_three(row: Row) -> Iterator[Row]:
    """For fine-tuning, a row per combination: all three interpretations in one JSON answer."""
    said = output_of(row)
    if said:
        answer = json.dumps(dict(zip(STYLES, said, strict=True)), ensure_ascii=False)
        yield {
            "id": row["id"],
            "images": row["cards"],
            "prompt": _user(row, ASK_ALL),
            "completion": [{"role": "assistant", "content": [{"type": "text", "text": answer}]}],
            "attributions": row["attributions"],
        }


def references(row: Row) -> Iterator[Row]:
    """For evaluation, a row per interpretation: the prompt of `interpretations`, and what it should say as `references`.

    Beside them what the person likes to talk about, and what is known of the situation.
    """
    context = context_of(row) or {}
    for style, said in zip(STYLES, output_of(row), strict=False):
        yield {
            "id": f"{row['id']}/{style}",
            "combination": row["id"],
            "persona_id": row["persona_id"],
            "clusters": row["clusters"] or [],
            "style": style,
            "images": row["cards"],
            "prompt": _styled(row, style),
            "references": [said],
            "persona": persona_text(row["persona"]),
            "context": context_text(context),
            "interests": row["persona"]["interesting_topics"],
            "situation": ", ".join(context[key] for key in CONTEXT if context.get(key)),
            "attributions": row["attributions"],
        }


def situations(row: Row) -> Row:
    """Every combination with its person and situation in words, answered or not."""
    return {
        "id": row["id"],
        "images": row["cards"],
        "persona": persona_text(row["persona"]),
        "context": context_text(context_of(row)),
        "keywords": row["keywords"],
        "attributions": row["attributions"],
    }


def persona_interpretations(row: Row) -> Iterator[Row]:
    """For a model that is told the person by number too (aac_persona.py): the answer begins with its style's tag."""
    for style, said in zip(STYLES, output_of(row), strict=False):
        yield {
            "id": f"{row['id']}/{style}",
            "persona_id": row["persona_id"],
            "clusters": row["clusters"] or [],
            "style": style,
            "context": context_text(context_of(row)),
            "images": row["cards"],
            "prompt": _styled(row, style),
            "completion": [{"role": "assistant", "content": [{"type": "text", "text": f"<{style}> {said}"}]}],
            "attributions": row["attributions"],
        }


def preferences(row: Row, rejected: dict[str, Any]) -> Iterator[Row]:
    """For preference tuning, the interpretations that hold over those that somebody put aside.

    Put aside is what a person wrote another text for (`mmdata fix --row … --text …`), or what was discarded and asked
    anew (`mmdata fix --reannotate …`). Where nobody judged there is no row: that one interpretation came before another
    says nothing of which is better. Nor is there one where this release holds another text than what it was put aside
    for: judged since, or before.
    """
    if "interpretations" not in rejected:
        return
    worse, better = (json.loads(text) for text in rejected["interpretations"])
    written = row.get("interpretations") or {}  # Not `output`: those are no answers that anybody judged.
    for style in STYLES:
        said = written.get(style)
        if said == better[style] != worse[style]:
            yield {
                "id": f"{row['id']}/{style}",
                "images": row["cards"],
                "prompt": _styled(row, style),
                "chosen": [{"role": "assistant", "content": [{"type": "text", "text": said}]}],
                "rejected": [{"role": "assistant", "content": [{"type": "text", "text": worse[style]}]}],
                "attributions": row["attributions"],
            }


def persona_text(persona: Row) -> str:
    """Who lays the cards, in Korean."""
    lines = {
        "나이": WORDS.get(persona["age"], persona["age"]),
        "성별": WORDS.get(persona["gender"], persona["gender"]),
        "장애 유형": persona["disability_type"],
        "의사소통 특성": persona["communication_characteristics"],
        "관심 주제": ", ".join(persona["interesting_topics"]),
    }
    return "\n".join(f"- {name}: {value}" for name, value in lines.items())


def context_text(context: Row | None) -> str:
    """In what situation, in Korean; what is not known is left out."""
    return "\n".join(f"- {CONTEXT[key]}: {context[key]}" for key in CONTEXT if context and context[key])


def context_of(item: Row) -> Row | None:
    """Given with the item, or else written by a model."""
    for name in ("context", "situation"):
        found = item.get(name)
        if found and any(found.values()):
            return found
    return None


def output_of(item: Row) -> list[str]:
    """Three, given with the item, or else written by a model; none, where neither is so, or one of them is empty."""
    written = item.get("interpretations") or {}
    for said in (item.get("output") or [], [written.get(style) for style in STYLES]):
        if len(said) == len(STYLES) and all(one and one.strip() for one in said):
            return said
    return []


def _styled(row: Row, style: str) -> list[Row]:
    return _user(row, f"{ASK}\n해석 방식: {STYLES[style]} <{style}>")


def _user(row: Row, ask: str) -> list[Row]:
    """The turn of the user: each picture after its number, so that none changes places."""
    context = context_text(context_of(row))
    head = f"카드를 내놓은 사람\n{persona_text(row['persona'])}\n" + (f"\n상황\n{context}\n" if context else "")
    blocks: list[Row] = [{"type": "text", "text": f"{head}\n카드를 내놓은 순서"}]
    for number in range(1, len(row["cards"]) + 1):
        blocks += [{"type": "text", "text": f"카드 {number}:"}, {"type": "image"}]
    return [{"role": "user", "content": [*blocks, {"type": "text", "text": ask}]}]

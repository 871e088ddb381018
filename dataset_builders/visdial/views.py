"""What trainers and evaluators want of a dialogue. Plain functions: they may be copied.

A prompt is made of the picture, the caption, the rounds before and this round's question. The answer of a round
is only ever its target: no prompt hangs on it, nor on anything said later.

One prompt serves all: user and assistant in turn, as `chat` trains on them, up to this round's question. So a model
is judged as it was taught, and what one round asks begins with all that the round before asked.
"""

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]

LIGHT = ["id", "image_id", "image", "image_file", "caption", "turns"]


def rounds(row: Row) -> Iterator[Row]:
    """A row per round: the dialogue so far as the original writes it, the question, and the answer as `response`."""
    told = ""
    for number, turn in enumerate(row["turns"], 1):
        question, answer = turn["question"], turn["answer"]
        yield {
            "id": f"{row['id']}/{number}",
            "image_id": row["image_id"],
            "image": row["image"],
            "round": number,
            "caption": row["caption"],
            "conversation": f"{told}Q: {question}",
            "question": question,
            "response": answer,
        }
        told = f"{told}Q: {question}\nA: {answer}\n\n"


def chat(row: Row) -> Iterator[Row]:
    """A row per dialogue for fine-tuning on all its answers: picture and caption, then user and assistant in turn."""
    if answered := sum(turn["answer"] is not None for turn in row["turns"]):
        yield {"id": row["id"], **_pictures(row), "messages": _talk(row, answered)}


def completion(row: Row) -> Iterator[Row]:
    """A row per round for fine-tuning: the dialogue so far is the prompt, the answer alone is the completion."""
    for number, turn in enumerate(row["turns"], 1):
        if turn["answer"] is not None:
            yield {
                "id": f"{row['id']}/{number}",
                **_pictures(row),
                "prompt": _talk(row, number)[:-1],
                "completion": [{"role": "assistant", "content": turn["answer"]}],
            }


def replies(row: Row) -> Iterator[Row]:
    """For evaluation of answers that are written, a row per round that has one: the prompt, and the person's `response`."""
    for number, turn in enumerate(row["turns"], 1):
        if turn["answer"] is not None:
            yield {
                "id": f"{row['id']}/{number}",
                "image_id": row["image_id"],
                **_pictures(row),
                "prompt": _talk(row, number)[:-1],
                "response": turn["answer"],
            }


def ranking(row: Row) -> Iterator[Row]:
    """A row per round that has options: the prompt, 100 options, which is the person's, and relevance where annotated."""
    for number, options in enumerate(row["rankings"], 1):
        if options["answer_options"] is not None:
            yield {
                "id": f"{row['id']}/{number}",
                "image_id": row["image_id"],
                "image": row["image"],
                "round_id": number,
                "prompt": _talk(row, number)[:-1],
                "answer_options": options["answer_options"],
                "gt_index": options["gt_index"],
                "relevance": options["relevance"],
            }


def base(row: Row) -> Row:
    """A row per dialogue as the original's base set: conversation up to the last question, and its answer."""
    return {
        "image_id": row["image_id"],
        "image": row["image"],
        "image_url": image_url(row["image_file"]),
        "conversation": row["conversation"],
        "response": row["response"],
    }


def api(row: Row) -> Iterator[Row]:
    """As the original's API set: base, with the reasoning and answer that a model gave (`mmdata annotate --prompt answer`)."""
    said = row.get("answer")
    if said is not None:
        yield {**base(row), "reasoning": said["reasoning"], "answer": said["answer"]}


def evaluation(row: Row) -> Row:
    """As the original's eval set: base, with the picture's file name in the place of its address."""
    return {
        "image_id": row["image_id"],
        "image": row["image"],
        "image_path": row["image_file"],
        "conversation": row["conversation"],
        "response": row["response"],
    }


rounds.columns = chat.columns = completion.columns = replies.columns = LIGHT
ranking.columns = [*LIGHT, "rankings"]
base.columns = evaluation.columns = ["image_id", "image", "image_file", "conversation", "response"]


def image_url(name: str | None) -> str | None:
    """Where COCO serves a picture of this official name; VisDial's own pictures (val, test) come in zips only."""
    if name is None or not name.startswith("COCO_"):
        return None
    return f"http://images.cocodataset.org/{name.split('_')[1]}/{name}"


def _talk(row: Row, number: int) -> list[Row]:
    """The first rounds in turns, the caption before the first; the last turn is the answer of round `number`, from 1."""
    messages = []
    for turn in row["turns"][:number]:
        messages.append({"role": "user", "content": turn["question"]})
        messages.append({"role": "assistant", "content": turn["answer"]})
    messages[0]["content"] = f"{row['caption']}\n\n{messages[0]['content']}"
    return messages


def _pictures(row: Row) -> Row:
    """What TRL takes for a row with a picture; without one, a row of text."""
    return {} if row["image"] is None else {"images": [row["image"]]}

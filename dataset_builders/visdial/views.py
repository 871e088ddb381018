"""What trainers and evaluators want of a dialogue. Plain functions: they may be copied.

A prompt is made of the picture, the caption, the rounds before and this round's question. The answer of a round
is only ever its target: no prompt hangs on it, nor on anything said later.
"""

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]

ASK = "Answer the last question about the picture, in a few words, as a person would."
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
    turns = [turn for turn in row["turns"] if turn["answer"] is not None]
    messages: list[Row] = []
    for turn in turns:
        messages.append({"role": "user", "content": turn["question"]})
        messages.append({"role": "assistant", "content": turn["answer"]})
    if messages:
        messages[0]["content"] = f"{row['caption']}\n\n{messages[0]['content']}"
        yield {"id": row["id"], **_pictures(row), "messages": messages}


def completion(row: Row) -> Iterator[Row]:
    """A row per round for fine-tuning: the dialogue so far is the prompt, the answer alone is the completion."""
    for one in rounds(row):
        if one["response"] is not None:
            yield {
                "id": one["id"],
                **_pictures(row),
                "prompt": [{"role": "user", "content": _prompt(one)}],
                "completion": [{"role": "assistant", "content": one["response"]}],
            }


def replies(row: Row) -> Iterator[Row]:
    """For evaluation of answers that are written, a row per round that has one: the prompt, and the person's `response`."""
    for one in rounds(row):
        if one["response"] is not None:
            yield {
                "id": one["id"],
                "image_id": row["image_id"],
                **_pictures(row),
                "prompt": [{"role": "user", "content": _prompt(one)}],
                "response": one["response"],
            }


def ranking(row: Row) -> Iterator[Row]:
    """A row per round that has options: the prompt, 100 options, which is the person's, and relevance where annotated."""
    for one, options in zip(rounds(row), row["rankings"], strict=True):
        if options["answer_options"] is not None:
            yield {
                "id": one["id"],
                "image_id": row["image_id"],
                "image": row["image"],
                "round_id": one["round"],
                "prompt": _prompt(one),
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


def _prompt(one: Row) -> str:
    return f"{one['caption']}\n\n{one['conversation']}\n\n{ASK}"


def _pictures(row: Row) -> Row:
    """What TRL takes for a row with a picture; without one, a row of text."""
    return {} if row["image"] is None else {"images": [row["image"]]}

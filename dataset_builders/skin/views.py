"""What trainers want of a row. Plain functions: they may be copied."""

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]

ASK = "이 {view} 사진의 진단명과 소견을 작성해 주세요."


def chat(row: Row, features: Row) -> Iterator[Row]:
    """For fine-tuning: the picture and a question; the diagnosis, with its findings, is in the completion only."""
    answer = row.get("describe", f"<label>{features['label'].int2str(row['label'])}</label>")
    if answer is not None:  # A release with descriptions teaches nothing of a row that has none.
        yield {
            "id": row["id"],
            "images": [row["image"]],
            "prompt": _asked(row, features),
            "completion": [{"role": "assistant", "content": answer}],
        }


def diagnosis(row: Row, features: Row) -> Row:
    """For prediction and evaluation, every row: the question of `chat`, and beside it what is true and who is shown."""
    return {
        "id": row["id"],
        "images": [row["image"]],
        "prompt": _asked(row, features),
        "label": row["label"],
        "view": row["view"],
        "gender": row["gender"],
        "age": row["age_range"],
        "site": row["site"],
        "subject": row["subject"],
    }


diagnosis.columns = ["id", "image", "label", "view", "gender", "age_range", "site", "subject"]


def _asked(row: Row, features: Row) -> list[Row]:
    """The question, which says nothing of the diagnosis."""
    return [{"role": "user", "content": ASK.format(view=features["view"].int2str(row["view"]))}]

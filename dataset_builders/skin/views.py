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
            "images": [row["image"]],
            "prompt": [{"role": "user", "content": ASK.format(view=features["view"].int2str(row["view"]))}],
            "completion": [{"role": "assistant", "content": answer}],
        }

"""What trainers and searchers want of a row.

A prompt is made of the picture, the question and what is known of the item. What is recommended is only ever the
completion: no prompt hangs on it.
"""

import json
from collections.abc import Iterator
from typing import Any

from .mentions import gives_away, tells

Row = dict[str, Any]

OF_ITEM = (
    "sub_category", "color", "seasons", "style", "fit", "gender", "goods_name", "brand", "price", "normal_price", "sold_out",
    "goods_url",
)  # fmt: skip
NAMES = {"season": "계절", "category": "카테고리", "sub_category": "종류", "color": "색상"}


def sft(row: Row, features: Row) -> Row:
    """For fine-tuning: picture, question and what the item is; JSON of answer and recommend is the completion."""
    target = {"answer": answered(row), "recommend": row["recommend"]}
    return {
        "id": row["id"],
        "images": [row["image"]],
        "prompt": _prompt(row, features),
        "completion": [{"role": "assistant", "content": json.dumps(target, ensure_ascii=False)}],
    }


def outfits(row: Row, features: Row) -> Row:
    """For prediction and evaluation: the prompt of `sft`, and beside it what is true of the item and recommended."""
    return {
        "id": row["id"],
        "item_id": row["item_id"],
        "images": [row["image"]],
        "prompt": _prompt(row, features),
        "season": row["season"],
        "category": row["category"],
        "sub_category": row["sub_category"],
        "sub_category_original": row["sub_category_original"],
        "color": row["color"],
        "recommend": row["recommend"],
    }


def embedding(row: Row, features: Row) -> Iterator[Row]:
    """For training CLIP, a row an item: the picture, and colour, sub-category and name as text."""
    if _is_first(row, features):
        known = _known(row, features)
        del known["season"]
        text = " ".join(part for part in (row["color"], row["sub_category"], row["goods_name"]) if part)
        yield {"item_id": row["item_id"], "image": row["image"], "text": text, **known, "seasons": row["seasons"]}


def search(row: Row, features: Row) -> Iterator[Row]:
    """For `mmdata index`, a row an item: its picture and what it can be found by.

    `advice` is that of its first season alone: a view sees one row at a time.
    """
    if _is_first(row, features):
        known = _known(row, features)
        yield {
            "id": row["item_id"],
            "image": row["image"],
            "source_url": row["thumbnail_url"] or row["s3_path"],
            "category": known["category"],
            **{name: row[name] for name in OF_ITEM},
            "advice": {"season": known["season"], "answer": answered(row), "recommend": row["recommend"]},
        }


def asked(line: Row) -> str:
    """The question: as a model worded it (`mmdata annotate --prompt customer`), unless that names what is recommended;
    else from a template."""
    worded = (line.get("customer") or {}).get("instruction")
    return str(worded if worded and not gives_away(worded, line) else line["instruction"])


def answered(line: Row) -> str:
    """The answer: as a model worded it (`mmdata annotate --prompt stylist`), if that names just what is recommended; else
    by rule."""
    worded = (line.get("stylist") or {}).get("answer")
    return str(worded if worded and tells(worded, line) else line["answer"])


def _prompt(row: Row, features: Row) -> list[Row]:
    known = _known(row, features)
    said = [f"{name}: {known[field]}" for field, name in NAMES.items() if known[field]]
    return [{"role": "user", "content": "\n".join([asked(row), "", *said])}]


def _is_first(row: Row, features: Row) -> bool:
    """Whether it is the first of its item's rows."""
    return bool(features["season"].int2str(row["season"]) == row["seasons"][0])


def _known(row: Row, features: Row) -> Row:
    names = {field: features[field].int2str(row[field]) for field in ("season", "category")}
    return {**names, "sub_category": row["sub_category"], "color": row["color"]}

"""What trainers want of a row. Plain functions: they may be copied."""

import json
import re
from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]

ASK = """Describe the person in this picture as a JSON object with the keys fashion_style, vibe_category,
shot_type, visual_quality and physical_features."""
KEYS = {"style": "fashion_style", "vibe": "vibe_category", "shot": "shot_type", "quality": "visual_quality"}


def text_input(style: str | None, physical_features: list[str], vibe: str | None, caption: str | None) -> str:
    """A row in words, as the original's preprocessing has it to the letter."""
    features = ", ".join(physical_features) or "Unknown"
    said = f"Style: {style or 'Unknown'}. Features: {features}. Vibe: {vibe or 'Unknown'}."
    return f"{said} Caption: {caption}" if caption else said


def text(row: Row, features: Row) -> Row:
    """Picture, style and the original's text_input, which names the style: not for learning the style from."""
    style, vibe = _named(row, features, "style"), _named(row, features, "vibe")
    said = text_input(style, row["physical_features"], vibe, row["caption"])
    return {"id": row["id"], "image": row["image"], "text_input": said, "style": row["style"]}


def label_free(row: Row, features: Row) -> Row:
    """Picture, style and a text of traits and caption only; a part that names a class is left out."""
    names = [name for field in KEYS for name in features[field].names if "_" in name]
    originals = [row.get(f"{field}_original") or "" for field in KEYS]
    names += [name for name in originals if "_" in name]
    parts = [trait for trait in row["physical_features"] if not _names(trait, names)]
    caption = row["caption"] if row["caption"] and not _names(row["caption"], names) else None
    said = f"Features: {', '.join(parts) or 'Unknown'}."
    said = f"{said} Caption: {caption}" if caption else said
    return {"id": row["id"], "image": row["image"], "text_input": said, "style": row["style"]}


def labels(row: Row) -> Iterator[Row]:
    """Picture and style, for metric learning; rows without a style are left out."""
    if row["style"] is not None:
        yield {"id": row["id"], "image": row["image"], "style": row["style"], "identity": row["identity"]}


def artworks(row: Row) -> Iterator[Row]:
    """Picture and drawing style of drawn characters."""
    if row["artwork"] is not None:
        yield {"id": row["id"], "image": row["image"], "artwork": row["artwork"]}


def chat(row: Row, features: Row) -> Iterator[Row]:
    """For fine-tuning: the picture and a question; the classes and traits are in the completion only."""
    said: Row = {key: name for field, key in KEYS.items() if (name := _named(row, features, field))}
    if row["style"] is None:
        return
    said |= {"physical_features": row["physical_features"]}
    yield {
        "images": [row["image"]],
        "prompt": [{"role": "user", "content": ASK}],
        "completion": [{"role": "assistant", "content": json.dumps(said, ensure_ascii=False)}],
    }


def _named(row: Row, features: Row, field: str) -> str | None:
    return None if row[field] is None else features[field].int2str(row[field])


def _plain(text: str) -> str:
    """Casual_Basic, casual-basic, CasualBasic and "casual  basic" are one."""
    return re.sub(r"[\W_]+", "", text.lower())


def _names(text: str, names: list[str]) -> bool:
    return any(_plain(name) in _plain(text) for name in names)

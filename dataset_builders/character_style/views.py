"""What trainers want of a row. Plain functions: they may be copied."""

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]

ASK = """Describe the person in this picture as a JSON object with the keys fashion_style, vibe_category,
shot_type, visual_quality and physical_features."""
KEYS = {"style": "fashion_style", "vibe": "vibe_category", "shot": "shot_type", "quality": "visual_quality"}
"""Label field → the record's own key."""
WORDS = """
Casual_Basic Street_Hip Street_Casual Traditional_Korean Vintage_Retro Sporty_Athleisure Sporty_Active Chic_Modern
Elegant_Chic Trendy_Fashion Classy_Elegant Dandy_Minimal Business_Casual Feminine_Romantic
Artistic_Unique Artistic_Creative Cool_Charismatic Cool_Mysterious Energetic_Active Energetic_Playful
Professional_Smart Intellectual_Quiet Professional_Confident Sophisticated_Elegant Pure_Natural Warm_Friendly
Casual_Relaxed Romantic_Charming
Selfie_CloseUp Mirrored_Selfie Portrait_Selfie Others_Cam FullBody_Shot Action_Shot Portrait_OtherTaken Casual_Snapshot
Half_Body Outdoor_Natural Professional_Studio
High Medium Low
adventurer avataaars croodles micah miniavs notionists openPeeps personas pixelArt toonHead
""".split()  # noqa: SIM905
"""Every class and alias of labels.yaml."""


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
    """Picture, style and a text of traits and caption only; a part that names a class in any wording is left out.

    High, Medium and Low are classes too: "high cheekbones" is left out with the rest.
    """
    said = _label_free(row, features)
    return {"id": row["id"], "image": row["image"], "text_input": said, "style": row["style"]}


def labels(row: Row, features: Row) -> Iterator[Row]:
    """Picture and style, for metric learning and its evaluation; rows without a style are left out.

    `text_input` is that of `label_free`: how far words alone lead is what vectors of pictures have to surpass.
    """
    if row["style"] is not None:
        said = {"text_input": _label_free(row, features), "style": row["style"], "identity": row["identity"]}
        yield {"id": row["id"], "image": row["image"], **said}


def artworks(row: Row) -> Iterator[Row]:
    """Picture and drawing style of drawn characters."""
    if row["artwork"] is not None:
        yield {"id": row["id"], "image": row["image"], "artwork": row["artwork"]}


def chat(row: Row, features: Row) -> Iterator[Row]:
    """For fine-tuning: the picture and a question; the classes and traits are in the completion only."""
    if row["style"] is None:
        return
    said: Row = {key: name for field, key in KEYS.items() if (name := _named(row, features, field))}
    said |= {"physical_features": row["physical_features"]}
    yield {
        "id": row["id"],
        "images": [row["image"]],
        "prompt": [{"role": "user", "content": ASK}],
        "completion": [{"role": "assistant", "content": json.dumps(said, ensure_ascii=False)}],
    }


def styling(row: Row) -> Iterator[Row]:
    """For prediction and evaluation: the question of `chat`, and the classes beside it."""
    if row["style"] is not None:
        yield {
            "id": row["id"],
            "images": [row["image"]],
            "prompt": [{"role": "user", "content": ASK}],
            "identity": row["identity"],
            **{field: row[field] for field in KEYS},
        }


def _label_free(row: Row, features: Row) -> str:
    names = {*WORDS, *(name for field in KEYS for name in features[field].names)}
    names |= {row[f"{field}_original"] for field in KEYS if row.get(f"{field}_original")}
    named = _any_of(frozenset(names))
    parts = [trait for trait in row["physical_features"] if not named.search(trait)]
    caption = row["caption"] if row["caption"] and not named.search(row["caption"]) else None
    said = f"Features: {', '.join(parts) or 'Unknown'}."
    return f"{said} Caption: {caption}" if caption else said


def _named(row: Row, features: Row, field: str) -> str | None:
    return None if row[field] is None else features[field].int2str(row[field])


@functools.lru_cache(64)
def _any_of(names: frozenset[str]) -> re.Pattern[str]:
    """Finds any of them as whole words: Casual_Basic, casual-basic, CasualBasic and "casual  basic" are one.

    A Korean particle may be joined to a class's name.
    """
    words = (re.findall(r"[A-Z]?[^\W_A-Z]+|[A-Z]+", name) for name in names)
    every = "|".join(r"[\W_]*".join(map(re.escape, parts)) for parts in words if parts)
    return re.compile(rf"(?<![a-z0-9])(?:{every})(?![a-z0-9])", re.IGNORECASE)

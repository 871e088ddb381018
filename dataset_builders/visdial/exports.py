"""A release as the files of the original system, whose scripts then go on working."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmdata import MmdataError

from .views import image_url


def base(rows: Iterator[dict[str, Any]], into: Path) -> list[Path]:
    """base_dataset_{train,validation,test}.json: a list of {image_id, image_url, conversation, response}."""
    return _lists(rows, into, "base_dataset", ())


def api(rows: Iterator[dict[str, Any]], into: Path) -> list[Path]:
    """api_dataset_{…}.json: as base, with reasoning and answer; of the rows that the prompt `answer` has answered."""
    made = _lists(rows, into, "api_dataset", ("reasoning", "answer"))
    if not made:
        raise MmdataError(
            "the format api has the rows that the prompt `answer` has answered, and this release has none. Run `mmdata "
            "annotate FOLDER --prompt answer`, then `mmdata release FOLDER`, and export again"
        )
    return made


def evaluation(rows: Iterator[dict[str, Any]], into: Path) -> list[Path]:
    """eval_dataset_{…}.json: as base, with image_path, the picture's file name, in the place of image_url."""
    return _lists(rows, into, "eval_dataset", ("image_path",))


def _lists(rows: Iterator[dict[str, Any]], into: Path, name: str, more: tuple[str, ...]) -> list[Path]:
    """A JSON list a split, written as the rows come."""
    out: dict[str, Any] = {}
    try:
        for row in rows:
            said = row.get("answer") or {}
            if "answer" in more and not said:
                continue
            line = {"image_id": row["image_id"], "image_url": image_url(row["image_file"])}
            if "image_path" in more:
                line = {"image_id": row["image_id"], "image_path": row["image_file"]}
            line |= {"conversation": row["conversation"], "response": row["response"]}
            line |= {key: said[key] for key in more if key in said}
            split = row["split"]
            first = split not in out
            if first:
                out[split] = (into / f"{name}_{split}.json").open("w", encoding="utf-8")
            out[split].write(("[\n" if first else ",\n") + json.dumps(line, ensure_ascii=False))
        for file in out.values():
            file.write("\n]\n")
    finally:
        for file in out.values():
            file.close()
    return [Path(file.name) for file in out.values()]

"""A release as the files of the original system, whose scripts then go on working."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mmdata import MmdataError

from . import views

Row = dict[str, Any]


def base(rows: Iterator[Row], into: Path) -> None:
    """base_dataset_{train,validation,test}.json: a list of {image_id, image_url, conversation, response}."""
    _lists(((row["split"], views.base(row)) for row in rows), into, "base_dataset")


def api(rows: Iterator[Row], into: Path) -> None:
    """api_dataset_{…}.json: as base, with reasoning and answer; of the rows that the prompt `answer` has answered."""
    _lists(((row["split"], one) for row in rows for one in views.api(row)), into, "api_dataset")
    if not any(into.iterdir()):
        raise MmdataError(
            "the format api has the rows that the prompt `answer` has answered, and this release has none. Run `mmdata "
            "annotate FOLDER --prompt answer`, then `mmdata release FOLDER`, and export again"
        )


def evaluation(rows: Iterator[Row], into: Path) -> None:
    """eval_dataset_{…}.json: as base, with image_path, the picture's file name, in the place of image_url."""
    _lists(((row["split"], views.evaluation(row)) for row in rows), into, "eval_dataset")


def _lists(lines: Iterator[tuple[str, Row]], into: Path, name: str) -> None:
    """A JSON list a split, written as the lines come; the picture itself is in no list."""
    out: dict[str, Any] = {}
    with ExitStack() as stack:
        for split, line in lines:
            begins = split not in out
            if begins:
                out[split] = stack.enter_context((into / f"{name}_{split}.json").open("w", encoding="utf-8"))
            said = {key: value for key, value in line.items() if key != "image"}
            out[split].write(("[\n" if begins else ",\n") + json.dumps(said, ensure_ascii=False))
        for file in out.values():
            file.write("\n]\n")

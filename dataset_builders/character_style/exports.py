"""A release as the files of the original system, whose scripts then go on working."""

import json
import posixpath
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from mmdata import MmdataError

from .views import KEYS, text_input


def original(rows: Iterator[dict[str, Any]], into: Path, pictures: bool = False) -> None:
    """label_mapping.json and {train,validation,test}_processed.jsonl; with pictures, images/ under their file names.

    `filename` is the picture's own name in the source, by which the original's scripts find it in their
    bucket. A row without a style would be class -1 to them: it is listed in left_out.jsonl instead.
    """
    styles: set[str] = set()
    taken: dict[str, str] = {}
    with ExitStack() as stack:
        out: dict[str, TextIO] = {}

        def write(name: str, line: dict[str, Any]) -> None:
            if name not in out:
                out[name] = stack.enter_context((into / name).open("w", encoding="utf-8"))
            out[name].write(json.dumps(line, ensure_ascii=False) + "\n")

        for row in rows:
            if row["style"] is None:
                write("left_out.jsonl", {"id": row["id"], "split": row["split"], "reason": "no fashion_style"})
                continue
            filename = _filename(row["image"]["path"], taken, pictures)
            if pictures:
                (into / "images").mkdir(exist_ok=True)
                (into / "images" / filename).write_bytes(row["image"]["bytes"])
            styles.add(row["style"])
            said = {key: row[name] for name, key in KEYS.items()}
            said |= {"physical_features": row["physical_features"], "caption": row["caption"]}
            line = {
                "filename": filename,
                "image_metadata": {key: value for key, value in said.items() if value is not None},
                "text_input": text_input(row["style"], row["physical_features"], row["vibe"], row["caption"]),
            }
            write(f"{row['split']}_processed.jsonl", line)
    if not styles:
        raise MmdataError("no row has a style, so there is nothing for the original's scripts to learn")
    mapping = {style: number for number, style in enumerate(sorted(styles))}
    (into / "label_mapping.json").write_text(json.dumps(mapping, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _filename(path: str, taken: dict[str, str], pictures: bool) -> str:
    """The last part of the path. The original keeps pictures by it alone, so no two may share one."""
    name = posixpath.basename(path)
    if name in taken:
        if not pictures:
            raise MmdataError(
                f"{taken[name]} and {path} have one file name, and the original's scripts find a picture by it alone. "
                "Export with --pictures: they are then written under names of their own"
            )
        name = path.replace("/", "__")
        while name in taken:
            name = f"_{name}"
    taken[name] = path
    return name

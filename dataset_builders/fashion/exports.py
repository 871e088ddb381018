"""A release as the files of the original system, whose scripts then go on working."""

import json
import posixpath
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Any

from .facts import CATEGORIES
from .views import answered, asked

INPUT = ("season", "category", "sub_category", "color")
AT_ONCE = 5_000


def instruction(rows: Iterator[dict[str, Any]], into: Path, pictures: bool = False) -> None:
    """instruction_{train,validation,test}.json: a list of {instruction, input, output}; with pictures, these in images/.

    `input.image` is where the original keeps the picture (s3_path), else its path in the source; with pictures its
    path below the export.
    """
    with ExitStack() as stack:
        for split, lines in groupby(_lines(rows, into, pictures), key=lambda line: line[0]):
            out = stack.enter_context((into / f"instruction_{split}.json").open("w", encoding="utf-8"))
            for number, (_, line) in enumerate(lines):
                out.write((",\n" if number else "[\n") + json.dumps(line, ensure_ascii=False))
            out.write("\n]\n")


def parquet(rows: Iterator[dict[str, Any]], into: Path, pictures: bool = False) -> None:
    """instruction_{train,validation,test}.parquet: the same records, input and output as structs."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.string()
    recommend = pa.struct([(category, pa.list_(text)) for category in CATEGORIES])
    schema = pa.schema(
        [
            ("instruction", text),
            ("input", pa.struct([(name, text) for name in (*INPUT, "image")])),
            ("output", pa.struct([("answer", text), ("recommend", recommend)])),
        ]
    )
    for split, lines in groupby(_lines(rows, into, pictures), key=lambda line: line[0]):
        with pq.ParquetWriter(into / f"instruction_{split}.parquet", schema) as out:
            for _, batch in groupby(enumerate(lines), key=lambda pair: pair[0] // AT_ONCE):
                out.write_table(pa.Table.from_pylist([line for _, (_, line) in batch], schema=schema))


def _lines(rows: Iterator[dict[str, Any]], into: Path, pictures: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """(split, record), in the original's words."""
    for row in rows:
        path = row["s3_path"] or row["image"]["path"]
        if pictures:
            # Named after the item, which has one picture; no two items share a name.
            name = row["item_id"].replace("%", "%25").replace("/", "%2F") + posixpath.splitext(row["image"]["path"])[1]
            path = f"images/{name}"
            (into / "images").mkdir(exist_ok=True)
            if not (into / path).exists():
                (into / path).write_bytes(row["image"]["bytes"])
        yield (
            row["split"],
            {
                "instruction": asked(row),
                "input": {**{name: row[name] for name in INPUT}, "image": path},
                "output": {"answer": answered(row), "recommend": row["recommend"]},
            },
        )

"""`mmdata evaluate --html`: the evaluation as one file that needs no network, wrong answers first, with their pictures."""

import contextlib
import itertools
import json
import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..corpus import Corpus
from ..metrics.measures import NONE, Outcome
from ..pages.page import clipped, rendered, write
from ..pages.thumbnails import CHUNK, PICTURED, Thumbnails, thumbnail
from ..predictions import Prediction
from ..progress import Progress
from ..views import rows_of
from .evaluation import Evaluation

LISTED = 5_000
"""Answers in the file. With CHARACTERS, of each text, it bounds the file."""
FAULTS = 500
"""Faults in the file."""


def write_html(
    made: Evaluation, answers: Mapping[str, Prediction], corpus: Corpus, path: Path, *, licence: str, progress: Progress
) -> None:
    """Write an evaluation as one self-contained HTML file; a reader sees the old file or the new one.

    Args:
        made: what was found.
        answers: id → prediction; the page shows them as they came.
        corpus: where the pictures of the rows are.
        path: the file to write; its folder must exist.
        licence: of the pictures, as the corpus's card says.
        progress: told of the pictures read.

    Raises:
        ReleaseError: the file cannot be written.
    """
    progress.stage("pictures of the report")
    ids = list(dict.fromkeys(one.id for one in listed(made.measures.outcomes)))
    drawn = Thumbnails({}, [], len(ids))
    # A damaged release is when a report is needed most: it then has the pictures that could be read.
    with contextlib.suppress(OSError, ValueError, pa.ArrowException):
        _draw(pictures_of(made, corpus, set(ids[:PICTURED])), drawn)
    write(path, page(made, answers, drawn, licence), "the HTML report")


def page(made: Evaluation, answers: Mapping[str, Prediction], thumbnails: Thumbnails, licence: str = "") -> str:
    """The whole file as text."""
    # By way of JSON, where an endless number is null: a script can read nothing else.
    data = json.loads(made.model_dump_json(exclude={"measures": {"outcomes"}, "faults": True}))
    for figure in data["measures"]["figures"]:
        figure["png"] = figure["png"].replace("-", "+").replace("_", "/")  # As addresses want it.
    for written, table in zip(data["measures"]["tables"], made.measures.tables, strict=True):
        # To a script 1.0 is 1: whether a column counts or measures is told beside it.
        written["measured"] = [
            any(isinstance(one, float) for one in column) for column in zip(*table.rows, strict=True)
        ]
    data |= {
        "outcomes": [_item(one, answers.get(one.id)) for one in listed(made.measures.outcomes)],
        "all": len(made.measures.outcomes),
        "faults": [fault.model_dump() | {"message": clipped(fault.message)} for fault in made.faults[:FAULTS]],
        "errors": made.count("error"),
        "warnings": made.count("warning"),
    }
    template = Path(__file__).with_name("evaluation.html.j2")
    title = f"{made.data.corpus} {made.data.version}, {made.data.view}"
    return rendered(template, title=title, data=data, thumbnails=thumbnails, licence=licence)


def listed(outcomes: Collection[Outcome]) -> list[Outcome]:
    """Those that the page shows, in its order: wrong ones, those that cannot be judged, right ones."""
    return sorted(outcomes, key=lambda one: (one.right is not False, one.right is not None))[:LISTED]


def pictures_of(made: Evaluation, corpus: Corpus, ids: Collection[str]) -> Iterator[tuple[str, list[bytes]]]:
    """Some rows of the view that was judged, by id, each with the bytes of its pictures."""
    data, left = made.data, len(ids)
    if not left:
        return
    _, rows = rows_of(corpus, data.view, split=data.split, version=data.version, pictures=True)
    for _, row in rows:
        if row.get("id") in ids:
            yield row["id"], [one["bytes"] for value in row.values() for one in _pictures(value) if one["bytes"]]
            left -= 1
            if not left:
                return  # The rest need not be read.


def _pictures(value: Any) -> list[dict[str, Any]]:
    several = value if isinstance(value, list) else [value]
    return [one for one in several if isinstance(one, dict) and one.keys() == {"bytes", "path"}]


def _draw(rows: Iterator[tuple[str, list[bytes]]], made: Thumbnails) -> None:
    """Add these rows' pictures to `made`, one of each picture."""
    known: dict[bytes, int] = {}
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        while some := list(itertools.islice(rows, CHUNK)):
            keys = {id: sha256(b"\0".join(pictures)).digest() for id, pictures in some if pictures}
            new = {keys[id]: pictures for id, pictures in some if pictures and keys[id] not in known}
            for key, uri in zip(new, pool.map(thumbnail, new.values()), strict=True):
                if uri:
                    known[key] = len(made.uris)
                    made.uris.append(uri)
            made.rows.update({id: known[key] for id, key in keys.items() if key in known})


def _item(one: Outcome, answer: Prediction | None) -> dict[str, Any]:
    verdict = {True: "right", False: "wrong", None: "unjudged"}[one.right]
    return {
        "id": one.id,
        "verdict": "unread" if one.right is False and one.said == NONE else verdict,
        "truth": clipped(one.truth),
        "said": clipped(one.said),
        "note": clipped(one.note),
        "output": clipped(answer.output) if answer and answer.output is not None else None,
        "seconds": answer.seconds if answer else None,
    }

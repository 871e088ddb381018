"""The vectors of a split, as predictions that `mmdata evaluate` judges."""

import hashlib
import io
import itertools
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import torch
from mmdata.training_recipes.models.embedder import WEIGHTS, Collator, Embedder, load
from PIL import Image, ImageOps

import mmdata
from mmdata.corpus import Corpus
from mmdata.predictions import Prediction, PredictionFile
from mmdata.views import newest_or_sample


def write_vectors(
    folder: str | Path, corpus: str, view: str, split: str, version: str | None, path: Path, batch: int
) -> None:
    """Embed the rows of a view; those that an earlier run of this model did are not done again.

    Args:
        folder: in which the embedder is saved.
        version: a release; the newest, or the sample, by default.
        path: the file of predictions, which is added to.
        batch: pictures embedded together.

    Raises:
        ValueError: there is no embedder in the folder.
        MmdataError: no such corpus, view, split or version, or the file cannot be written.
    """
    version = version or newest_or_sample(Corpus(corpus))
    rows = mmdata.view(corpus, view, split=split, version=version, streaming=False)
    rows = rows.cast_column("image", datasets.Image(decode=False))  # A picture that is broken must not end the run.
    model, collator = load(folder)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    with Path(folder, WEIGHTS).open("rb") as weights:
        revision = f"sha256:{hashlib.file_digest(weights, 'sha256').hexdigest()}"
    said = {"view": view, "split": split, "version": version, "model": str(folder), "revision": revision}
    with PredictionFile(path) as file:
        done = file.done(str(folder), revision)
        each_asked = (row | {"prompt": _asked(row, collator.text)} for row in rows)
        asked = (row for row in each_asked if (row["id"], row["prompt"]) not in done)
        while some := list(itertools.islice(asked, batch)):  # Never all: pictures are large.
            start = time.monotonic()
            found = _vectors(model, collator, some)
            each = (time.monotonic() - start) / len(some)
            for row, got in zip(some, found, strict=True):
                file.add(Prediction(id=row["id"], prompt=row["prompt"], seconds=each, **said, **got))


def _vectors(model: Embedder, collator: Collator, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each row a vector, or the error in its place."""
    opened, faults = {}, {}
    for number, row in enumerate(rows):
        try:
            picture = Image.open(io.BytesIO(row["image"]["bytes"]))
            opened[number] = row | {"image": ImageOps.exif_transpose(picture).convert("RGB")}
        except (OSError, ValueError, TypeError, Image.DecompressionBombError) as error:
            faults[number] = {"error": f"the picture cannot be read: {error}"}
    if not opened:
        return list(faults.values())
    inputs = collator(opened.values())
    device = next(model.parameters()).device
    with torch.inference_mode():
        vectors = model(**{name: value.to(device) for name, value in inputs.items()})["vectors"].tolist()
    found = {number: {"vector": vector} for number, vector in zip(opened, vectors, strict=True)}
    return [(found | faults)[number] for number in range(len(rows))]


def _asked(row: dict[str, Any], text: str | None) -> str:
    """What the model is shown, as a hash; how it sees it hangs on its revision."""
    picture = hashlib.sha256((row["image"] or {}).get("bytes") or b"").hexdigest()
    return hashlib.sha256(json.dumps([picture, row.get(text or "")]).encode()).hexdigest()

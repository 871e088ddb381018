"""Pictures and words as vectors of one length: by a small method of our own, or by a CLIP or SigLIP model.

"builtin" needs no download and counts in whole numbers, so that its vectors are the same on every machine. It sees
colours, where they are, and the directions of lines; of words it sees letters: 사과 is near 사과주스, not near fruit.
"""

import io
import math
import unicodedata
import zlib
from collections.abc import Sequence
from functools import lru_cache
from hashlib import file_digest, sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmdata.searching.builtin import REVISION, seen
from mmdata.searching.facts import BUILTIN as BUILTIN
from mmdata.searching.towers import Towers

Counts = np.ndarray[Any, Any]

LIBRARIES = ("torch", "transformers", "tokenizers")
DIGITS = 6
"""Decimals that are kept: what differs below them is the machine's."""
WANTED = "Give a CLIP or SigLIP model of the Hub that can be reached from here, the folder of one, or builtin"
LETTERS = 512
"""Places that parts of a word are counted in."""


def picture_vector(picture: bytes, embedding: str, state: str = "") -> list[float]:
    """A picture's vector of length 1.

    Args:
        state: of the embedding, as `state_of` has it; a model is loaded anew where it changes.
    """
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return _unit(seen(image)) if embedding == BUILTIN else _rounded(_model(embedding, state).pictures([image])[0])


def text_vector(text: str, embedding: str, state: str = "") -> list[float]:
    """A text's vector of length 1; of an empty one, zeros. Its arguments are those of `picture_vector`."""
    return _unit(_spelt(text)) if embedding == BUILTIN else _rounded(_model(embedding, state).texts([text])[0])


def both(picture: Sequence[float], text: Sequence[float], embedding: str) -> list[float]:
    """The mean of the two, of length 1. Those of "builtin" have no axis in common: they stand side by side."""
    return _rounded(np.concatenate([picture, text]) if embedding == BUILTIN else np.add(picture, text))


def similarity(one: Sequence[float], other: Sequence[float]) -> float:
    """(cosine + 1) / 2: 0.5 of texts that have nothing in common, 1 of the same."""
    return round((math.fsum(a * b for a, b in zip(one, other, strict=True)) + 1) / 2, DIGITS)


def state_of(embedding: str) -> str:
    """What decides vectors besides the embedding's name: the libraries' versions, and of a model's folder its files.

    Of "builtin", the revision of how it sees pictures. A model of the Hub is known by its name alone: another one under
    that name is not noticed.
    """
    if embedding == BUILTIN:
        return REVISION
    total = sha256()
    for name in LIBRARIES:
        try:
            total.update(f"{name} {version(name)}\0".encode())
        except PackageNotFoundError:  # Said when it is loaded.
            continue
    folder = Path(embedding)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file():
            with path.open("rb") as file:
                total.update(path.name.encode() + b"\0" + file_digest(file, "sha256").digest())
    return total.hexdigest()


def _spelt(text: str) -> Counts:
    """Counts of the parts of its words: of up to three letters, and of Hangul its jamo too."""
    counts = np.zeros(LETTERS, dtype=np.int64)
    for word in unicodedata.normalize("NFC", text).casefold().split():
        jamo = unicodedata.normalize("NFD", word)
        parts = [(f"^{word}$"[at : at + size], size) for size in (1, 2, 3) for at in range(len(word) + 3 - size)]
        parts += [(f"^{jamo}$"[at : at + 3], 1) for at in range(len(jamo))] if jamo != word else []
        for part, weight in [*parts, (f"^{word}$", 4)]:
            hashed = zlib.crc32(part.encode())
            counts[hashed % LETTERS] += weight if hashed >> 31 else -weight
    return counts


def _unit(counts: Counts) -> list[float]:
    """Exact until the one division: the same on every machine."""
    length = math.sqrt(sum(int(count) ** 2 for count in counts))
    return [round(int(count) / length, DIGITS) if length else 0.0 for count in counts]


def _rounded(vector: Any) -> list[float]:
    values = [float(value) for value in vector]
    length = math.sqrt(math.fsum(value * value for value in values))
    return [round(value / length, DIGITS) if length else 0.0 for value in values]


@lru_cache(1)
def _model(name: str, _: str) -> Towers:
    towers = Towers(name, "embedding", "`pip install torch transformers`", WANTED)
    towers.torch.set_num_threads(1)  # Sums in one order, and a worker a core.
    return towers

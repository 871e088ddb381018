"""Pictures and words as vectors of one length: by a small method of our own, or by a CLIP or SigLIP model.

"builtin" needs no download and counts in whole numbers, so that its vectors are the same on every machine. It sees
colours, where they are, and the directions of lines; of words it sees letters: 사과 is near 사과주스, not near fruit.
"""

import importlib
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

from mmdata import MmdataError

Counts = np.ndarray[Any, Any]

BUILTIN = "builtin"
LIBRARIES = ("torch", "transformers", "tokenizers")
DIGITS = 6
"""Decimals that are kept: what differs below them is the machine's."""
SIDE, CELLS, DIRECTIONS = 64, 4, 4
LETTERS = 512
"""Places that parts of a word are counted in."""


def picture_vector(picture: bytes, embedding: str, state: str = "") -> list[float]:
    """A picture's vector of length 1.

    Args:
        state: of the embedding, as `state_of` has it; a model is loaded anew where it changes.
    """
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return _unit(_seen(image)) if embedding == BUILTIN else _rounded(_model(embedding, state).picture(image))


def text_vector(text: str, embedding: str, state: str = "") -> list[float]:
    """A text's vector of length 1; of an empty one, zeros. Its arguments are those of `picture_vector`."""
    return _unit(_spelt(text)) if embedding == BUILTIN else _rounded(_model(embedding, state).text(text))


def both(picture: Sequence[float], text: Sequence[float], embedding: str) -> list[float]:
    """The mean of the two, of length 1. Those of "builtin" have no axis in common: they stand side by side."""
    return _rounded(np.concatenate([picture, text]) if embedding == BUILTIN else np.add(picture, text))


def similarity(one: Sequence[float], other: Sequence[float]) -> float:
    """(cosine + 1) / 2: 0.5 of texts that have nothing in common, 1 of the same."""
    return round((math.fsum(a * b for a, b in zip(one, other, strict=True)) + 1) / 2, DIGITS)


def state_of(embedding: str) -> str:
    """What decides vectors besides the embedding's name: the libraries' versions, and of a model's folder its files.

    "" of "builtin". A model of the Hub is known by its name alone: another one under that name is not noticed.
    """
    if embedding == BUILTIN:
        return ""
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


def _seen(image: Image.Image) -> Counts:
    """Mean colours of 8 × 8 places, and how much goes in which of 4 directions in each of 4 × 4 places."""
    side = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = 255 - np.asarray(side, dtype=np.int64)  # White is nothing.
    eight = SIDE // 8
    colours = pixels.reshape(8, eight, 8, eight, 3).sum(axis=(1, 3)).ravel() // (eight * eight)
    grey = pixels.sum(axis=2)
    across, down = grey[1:-1, 2:] - grey[1:-1, :-2], grey[2:, 1:-1] - grey[:-2, 1:-1]
    strength = np.abs(across) + np.abs(down)
    # Level, upright or one of the diagonals, found by comparing whole numbers: arctan differs between processors.
    flat, steep = 5 * np.abs(down) < 2 * np.abs(across), 2 * np.abs(down) > 5 * np.abs(across)
    direction = np.where(flat, 0, np.where(steep, 1, np.where((across > 0) == (down > 0), 2, 3)))
    lines = np.zeros((CELLS, CELLS, DIRECTIONS), dtype=np.int64)
    at = np.arange(SIDE - 2) * CELLS // (SIDE - 2)
    np.add.at(lines, (at[:, None], at[None, :], direction), strength)
    lines = lines.ravel() // 64
    # Each of the two weighs the same.
    return np.concatenate(
        [colours * (1 + math.isqrt(int((lines**2).sum()))), lines * (1 + math.isqrt(int((colours**2).sum())))]
    )


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


class _Model:
    """A model of transformers with a picture and a text tower."""

    def __init__(self, name: str):
        try:
            # By name, and only here: no one needs them for "builtin".
            self.torch: Any = importlib.import_module("torch")
            transformers: Any = importlib.import_module("transformers")
        except ImportError as error:
            raise MmdataError(
                f"embedding {name!r} needs {error.name}: `pip install torch transformers`, or use embedding=builtin"
            ) from None
        try:
            transformers.utils.logging.disable_progress_bar()
            self.model = transformers.AutoModel.from_pretrained(name).eval()
            self.pictures = transformers.AutoImageProcessor.from_pretrained(name)
            self.words = transformers.AutoTokenizer.from_pretrained(name)
        except (OSError, ValueError, ImportError) as error:
            first = str(error).strip().partition("\n")[0].rstrip(".")
            raise MmdataError(
                f"embedding {name!r} cannot be loaded: {first}. Give a CLIP or SigLIP model of the Hub that can be reached "
                "from here, the folder of one, or builtin"
            ) from None
        if not hasattr(self.model, "get_image_features") or not hasattr(self.model, "get_text_features"):
            raise MmdataError(
                f"embedding {name!r} is a {self.model.config.model_type} model; a CLIP or SigLIP is wanted"
            )
        self.torch.set_num_threads(1)  # Sums in one order, and a worker a core.

    def picture(self, image: Image.Image) -> Any:
        return self._features(self.model.get_image_features, self.pictures(images=image, return_tensors="pt"))

    def text(self, text: str) -> Any:
        longest = self.model.config.text_config.max_position_embeddings
        # SigLIP was trained on texts filled up to its longest; CLIP looks at the mask.
        words = self.words(text, padding="max_length", truncation=True, max_length=longest, return_tensors="pt")
        wanted = {name: words[name] for name in ("input_ids", "attention_mask") if name in words}
        if "siglip" in self.model.config.model_type:
            wanted.pop("attention_mask", None)
        return self._features(self.model.get_text_features, wanted)

    def _features(self, function: Any, inputs: Any) -> Any:
        with self.torch.inference_mode():
            made = function(**inputs)
        made = getattr(made, "pooler_output", made)
        return made[0].float().tolist()


@lru_cache(1)
def _model(name: str, _: str) -> _Model:
    return _Model(name)

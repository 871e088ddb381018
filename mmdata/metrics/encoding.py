"""Sentence encoders: a text's meaning as a vector."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import MmdataError
from .intervals import Floats

Encode = Callable[[Sequence[str]], Floats]
"""N texts → (N, D), each of length 1."""

MULTILINGUAL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
"""50 languages, Korean among them; 471 MB, Apache 2.0 (Reimers and Gurevych, EMNLP 2020)."""
NO_ENCODER = "none"


def encoder(name: str) -> Encode | None:
    """A model of sentence-transformers, by its name on the Hub or its folder; None for "none".

    Raises:
        MmdataError: it cannot be loaded.
    """
    if name == NO_ENCODER:
        return None
    without = f"or leave the comparison of meanings out with --set encoder={NO_ENCODER}"
    try:
        library = importlib.import_module("sentence_transformers")
    except ImportError as error:
        raise MmdataError(
            f"Please install {error.name} to compare meanings (`pip install 'mmdata-corpus[evaluate]'`), {without}"
        ) from None
    try:
        model: Any = library.SentenceTransformer(name)
    except (OSError, ValueError) as error:
        first = str(error).strip().partition("\n")[0].rstrip(".")
        raise MmdataError(
            f"the encoder {name!r} cannot be loaded: {first}. Give another by --set encoder=NAME, a model's name on the "
            f"Hub or its folder, {without}"
        ) from None

    def encode(texts: Sequence[str]) -> Floats:
        made = np.asarray(model.encode(list(texts), show_progress_bar=False), dtype=np.float64)
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True))

    return encode

"""Pictures and words as vectors of one space: by "builtin", or by a model by its name."""

import importlib
import json
import threading
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from ..errors import MmdataError
from ..sources.base import first_line
from .facts import BUILTIN, Vectors
from .towers import INSTALL, WANTED, Towers

SIDE = 1024
"""Pixels of a picture's longer side that a model is given at most: CLIP and its like look at a few hundred."""
DECIDE = {".safetensors", ".bin", ".pt", ".json", ".jinja", ".model", ".txt"}
"""Endings of a model's files that decide what it gives: weights, and how pictures and words are prepared for them."""
QWEN, PICTURE, WORDS = (
    "qwen3_vl",
    "Represent the user's input.",
    "Retrieve images or text relevant to the user's query.",
)
"""Qwen3-VL-Embedding, and what it was trained to be told of what is searched and of what is asked (its README)."""
Encode = Callable[[list[Any]], Any]


class Encoder(Protocol):
    """Gives vectors of length 1, which do not depend on what else is asked with them."""

    @property
    def name(self) -> str:
        """As `mmdata index --model` takes it; of a folder, its whole path."""
        ...

    @property
    def revision(self) -> str:
        """Hub commit, or sha256 of a folder's files; "1" and so on of builtin."""
        ...

    @property
    def dimensions(self) -> int: ...

    @property
    def side(self) -> int:
        """Pixels: of a larger picture it sees no more than of one this long."""
        ...

    def pictures(self, images: Sequence[Image.Image]) -> Vectors:
        """(N, D). Pictures are RGB and upright, as `decoding.decoded` gives them."""
        ...

    def texts(self, texts: Sequence[str]) -> Vectors:
        """(N, D). Raises MmdataError where the model has no words."""
        ...


def encoder(name: str) -> Encoder:
    """A model by its name on the Hub or its folder, or "builtin". It is loaded when this returns.

    Raises:
        MmdataError: what it needs is not installed, it cannot be loaded, or it sees no pictures.
    """
    if name == BUILTIN:
        from .builtin import Builtin

        return Builtin()
    folder = Path(name).expanduser()
    return _Model(str(folder.resolve()) if folder.is_dir() else name)


class _Model:
    """A model of sentence-transformers where it is one, else of transformers."""

    side = SIDE

    def __init__(self, name: str):
        self.name = name
        self._see: Encode
        self._read: Encode
        if _file(name, "modules.json") is not None or _kind(name) == QWEN:
            config, self._see, self._read = _sentence_transformer(name)
        else:
            towers = Towers(name)
            config, self._see, self._read = towers.model.config, towers.pictures, towers.texts
            if towers.filled_up:  # SigLIP has only read small letters.
                self._read = lambda texts: towers.texts([text.lower() for text in texts])
        self.revision = _revision(name, config)
        self._alone = threading.Lock()
        """A tokenizer cannot be asked by two threads at once."""
        self.dimensions = self.pictures([Image.new("RGB", (64, 64), "grey")]).shape[1]

    def pictures(self, images: Sequence[Image.Image]) -> Vectors:
        return self._asked(self._see, images)

    def texts(self, texts: Sequence[str]) -> Vectors:
        return self._asked(self._read, texts)

    def _asked(self, encode: Encode, what: Sequence[Any]) -> Vectors:
        if not what:
            return np.zeros((0, self.dimensions), np.float32)
        with self._alone:
            made = np.asarray(encode(list(what)), np.float32)
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def _sentence_transformer(name: str) -> tuple[Any, Encode, Encode]:
    """A model's config, and what it does with pictures and with texts."""
    try:
        library: Any = importlib.import_module("sentence_transformers")
        importlib.import_module("transformers").utils.logging.disable_progress_bar()
        cuda = importlib.import_module("torch").cuda.is_available()
    except ImportError as error:
        raise MmdataError(f"Please install {error.name} for the model {name!r} ({INSTALL}), or use builtin") from None
    settings = {"dtype": "auto" if cuda else "float32"}  # Half precision is no quicker on a processor.
    try:
        if _file(name, "modules.json") is not None:
            model = library.SentenceTransformer(name, model_kwargs=settings)
        else:  # A folder of the weights alone: the last place holds what was understood.
            parts: Any = importlib.import_module("sentence_transformers.sentence_transformer.modules")
            first = parts.Transformer(
                name, model_kwargs=settings, processing_kwargs={"chat_template": {"add_generation_prompt": True}}
            )
            model = library.SentenceTransformer(
                modules=[first, parts.Pooling(first.get_embedding_dimension(), "lasttoken")]
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise MmdataError(f"model {name!r} cannot be loaded: {first_line(error).rstrip('.')}. {WANTED}") from None
    if "image" not in model.modalities:
        raise MmdataError(f"model {name!r} sees no pictures: it takes {', '.join(model.modalities)}. {WANTED}")
    config = getattr(model[0], "config", None)
    if getattr(config, "model_type", "") == QWEN:
        see, read = partial(model.encode, prompt=PICTURE), partial(model.encode, prompt=WORDS)
    else:
        see, read = model.encode_document, model.encode_query
    return config, partial(see, show_progress_bar=False), partial(read, show_progress_bar=False)


def _kind(name: str) -> str:
    """The family that a model's config.json says it is of; "" where there is none, or it cannot be reached."""
    path = _file(name, "config.json")
    try:
        return str(json.loads(path.read_bytes()).get("model_type", "")) if path else ""
    except (ValueError, AttributeError):
        return ""


def _file(name: str, file: str) -> Path | None:
    """A file of a model, if it has it."""
    if Path(name).is_dir():
        path = Path(name, file)
        return path if path.is_file() else None
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(name, file))
    except (OSError, ValueError):  # No such file, model or name, or no network: loading the model says which.
        return None


def _revision(name: str, config: Any) -> str:
    folder = Path(name)
    if not folder.is_dir():
        return getattr(config, "_commit_hash", None) or _commit(name)
    total = sha256()
    for path in sorted(one for one in folder.rglob("*") if one.suffix in DECIDE and one.is_file()):
        with path.open("rb") as file:
            total.update(f"{path.relative_to(folder)} {file_digest(file, 'sha256').hexdigest()}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _commit(name: str) -> str:
    """The Hub's commit that a model is of, by where its files were put: `snapshots/<commit>/config.json`."""
    for file in ("config.json", "modules.json"):
        if (path := _file(name, file)) and path.parent.parent.name == "snapshots":
            return path.parent.name
    raise MmdataError(
        f"model {name!r}: which commit of the Hub it is cannot be told, so that a changed one would not be noticed. "
        "Download it and give its folder"
    )

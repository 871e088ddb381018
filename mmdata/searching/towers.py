"""CLIP, SigLIP and their like through transformers: a tower for pictures and one for texts."""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import MmdataError
from ..sources.base import first_line

INSTALL = "`pip install 'mmdata-corpus[search]'`"
WANTED = "Give a CLIP, SigLIP or Qwen3-VL embedding model of the Hub that can be reached from here, the folder of one, or builtin"
Features = npt.NDArray[np.float32]
"""(N, D), of any length."""


class Towers:
    """A model with `get_image_features` and `get_text_features`, on the machine's accelerator if it has one.

    sentence-transformers opens these too, but pads texts to the longest of a batch: SigLIP, which takes the last place for
    the text's meaning and was trained on texts filled up, then gives vectors that have nothing to do with the picture's.

    Args:
        name: on the Hub, or its folder.
        what: it is called in messages, such as "embedding".
        install: how to have the libraries.
        wanted: what would do instead, for messages.

    Raises:
        MmdataError: what it needs is not installed, it cannot be loaded, or it has not these towers.
    """

    def __init__(self, name: str, what: str = "model", install: str = INSTALL, wanted: str = WANTED):
        try:
            # By name, and only here: no one needs them for "builtin".
            self.torch: Any = importlib.import_module("torch")
            transformers: Any = importlib.import_module("transformers")
        except ImportError as error:
            raise MmdataError(f"{what} {name!r} needs {error.name}: {install}, or use builtin") from None
        try:
            transformers.utils.logging.disable_progress_bar()
            self.model = transformers.AutoModel.from_pretrained(name).eval()
            self._see = transformers.AutoImageProcessor.from_pretrained(name)
            self._read = transformers.AutoTokenizer.from_pretrained(name)
        except (OSError, ValueError, ImportError) as error:
            raise MmdataError(f"{what} {name!r} cannot be loaded: {first_line(error).rstrip('.')}. {wanted}") from None
        if not hasattr(self.model, "get_image_features") or not hasattr(self.model, "get_text_features"):
            kind = self.model.config.model_type
            raise MmdataError(
                f"{what} {name!r} is a {kind} model, without a tower for pictures and one for texts. {wanted}"
            )
        self.model = self.model.to("cuda" if self.torch.cuda.is_available() else "cpu")
        self.filled_up = "siglip" in self.model.config.model_type
        """Whether its texts are filled up without saying where they end."""

    def pictures(self, images: Sequence[Image.Image]) -> Features:
        """(N, D)."""
        return self._features(self.model.get_image_features, self._see(images=list(images), return_tensors="pt"))

    def texts(self, texts: Sequence[str]) -> Features:
        """(N, D). A text is cut where it is longer than the model reads."""
        longest = self.model.config.text_config.max_position_embeddings
        words = self._read(list(texts), padding="max_length", truncation=True, max_length=longest, return_tensors="pt")
        wanted = {name: words[name] for name in ("input_ids", "attention_mask") if name in words}
        if self.filled_up:
            wanted.pop("attention_mask", None)
        return self._features(self.model.get_text_features, wanted)

    def _features(self, function: Any, inputs: Any) -> Features:
        with self.torch.inference_mode():
            made = function(**{name: part.to(self.model.device) for name, part in inputs.items()})
        made = getattr(made, "pooler_output", made)
        return np.asarray(made.float().cpu().numpy())

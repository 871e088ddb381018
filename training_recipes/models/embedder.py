"""A picture as one vector: a backbone, the masked mean of what it says, and a small head.

What is not trained is not kept: a folder holds the head, the adapter if there is one, and the name of the backbone.
"""

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from peft import LoraConfig, inject_adapter_in_model
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModel, AutoProcessor

Mode = Literal["frozen", "lora", "full"]
SETTINGS, WEIGHTS = "embedder.json", "model.safetensors"


class Settings(BaseModel):
    """All that makes an embedder again, but its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    revision: str = "main"
    train: Mode
    """What of the backbone is trained, and so kept: nothing, an adapter, all."""
    dimensions: int = 128
    hidden: int = 512
    """Width of the head between its two layers."""
    lora_r: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    lora_targets: str | list[str] = "all-linear"
    dtype: str = "float32"
    """Of the backbone; the head is float32."""
    text: str | None = None
    """The column of a text that is read beside the picture; none by default."""
    processor: dict[str, Any] = {}
    """What the processor is given, such as the most pixels of a picture."""


class Embedder(nn.Module):
    """Vectors of length 1, by cosine nearer the more alike.

    The head is Linear-BatchNorm-ReLU-Linear, as the original's. CLIP and SigLIP give the picture's tower only.
    """

    def __init__(self, settings: Settings):
        super().__init__()
        whole = AutoModel.from_pretrained(settings.model, revision=settings.revision, dtype=settings.dtype)
        self.backbone = whole.vision_model if hasattr(whole, "text_model") else whole
        width = self.backbone.config.get_text_config().hidden_size
        self.head = nn.Sequential(
            nn.Linear(width, settings.hidden),
            nn.BatchNorm1d(settings.hidden),
            nn.ReLU(),
            nn.Linear(settings.hidden, settings.dimensions),
        )
        self.backbone.requires_grad_(settings.train == "full")
        if settings.train == "lora":
            inject_adapter_in_model(  # In place: the names in a state are those of PEFT.
                LoraConfig(r=settings.lora_r, lora_alpha=settings.lora_alpha, lora_dropout=settings.lora_dropout,
                           target_modules=settings.lora_targets),
                self.backbone,
            )  # fmt: skip

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """`vectors` (rows, dimensions), whatever else is in the batch: padding has no part in the mean."""
        tokens = self.backbone(**inputs).last_hidden_state.float()
        masks = (inputs[name] for name in ("attention_mask", "pixel_attention_mask") if name in inputs)
        mask = next(masks, tokens.new_ones(tokens.shape[:2])).unsqueeze(-1).to(tokens.dtype)
        pooled = (tokens * mask).sum(1) / mask.sum(1)
        return {"vectors": nn.functional.normalize(self.head(pooled), dim=-1)}

    def activation_checkpointing_enable(self, **settings: Any) -> None:
        """`gradient_checkpointing: true`; a frozen backbone keeps nothing that it could save."""
        if any(weight.requires_grad for weight in self.backbone.parameters()):
            self.backbone.activation_checkpointing_enable(**settings)

    def gradient_checkpointing_enable(self, **settings: Any) -> None:
        """Its name in transformers before 5.23."""
        if any(weight.requires_grad for weight in self.backbone.parameters()):
            self.backbone.gradient_checkpointing_enable(**settings)

    def state_dict(self, *arguments: Any, **options: Any) -> OrderedDict[str, Tensor]:
        """What training changes: the head with its running means, and of the backbone what is not frozen.

        The trainer's checkpoints are made of it, so that they too are small.
        """
        changed = {name for name, weight in self.named_parameters() if weight.requires_grad}
        every = super().state_dict(*arguments, **options)
        return OrderedDict(
            (name, value) for name, value in every.items() if name in changed or name.startswith("head.")
        )

    def load_state_dict(self, state: Mapping[str, Tensor], strict: bool = True, assign: bool = False) -> Any:
        """Take what `state_dict` gave. Raises ValueError: something lacks or is too much, so it is another model's."""
        if other := sorted(self.state_dict().keys() ^ state.keys()):
            raise ValueError(f"the weights are another model's: {len(other)} names do not fit, such as {other[0]}")
        super().load_state_dict(state, strict=False, assign=assign)
        return nn.modules.module._IncompatibleKeys([], [])


class Collator:
    """Rows as a batch.

    Args:
        label: the column of the class; None, where none is asked for.

    Raises:
        ValueError: a text is to be read, and the backbone has no words.
    """

    def __init__(self, settings: Settings, label: str | None = None):
        self.processor = AutoProcessor.from_pretrained(settings.model, revision=settings.revision, **settings.processor)
        self.settings, self.label = settings, label
        self.talks = bool(getattr(self.processor, "chat_template", None))
        if settings.text and not self.talks:
            raise ValueError("it reads pictures only, so leave text_column out, or choose a vision-language model")

    def __call__(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, Tensor]:
        rows = list(rows)
        labels = {"labels": torch.tensor([row[self.label] for row in rows])} if self.label else {}
        return {**self.batch([self._turn(row) for row in rows]), **labels}

    def batch(self, conversations: Sequence[list[dict[str, Any]]]) -> Mapping[str, Tensor]:
        """Of one turn each, whose content is the picture, and the text where one is read."""
        if not self.talks:
            pictures = [turns[0]["content"][0]["image"] for turns in conversations]
            return self.processor(images=pictures, return_tensors="pt")
        return self.processor.apply_chat_template(
            conversations, tokenize=True, return_dict=True, return_tensors="pt", processor_kwargs={"padding": True}
        )

    def _turn(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        text = self.settings.text
        words = [{"type": "text", "text": row[text]}] if text else []
        return [{"role": "user", "content": [{"type": "image", "image": row["image"]}, *words]}]


def load(folder: str | Path) -> tuple[Embedder, Collator]:
    """The embedder that a training run saved, ready to embed, and what makes its batches.

    Raises:
        ValueError: there is none in the folder, or its weights are of another model.
    """
    settings = kept(folder)
    try:
        state = load_file(Path(folder, WEIGHTS))
    except OSError as error:
        raise _none(folder, error) from None
    model = Embedder(settings)
    model.load_state_dict(state)
    return model.eval(), Collator(settings)


def kept(folder: str | Path) -> Settings:
    """The settings of the embedder that is saved there. Raises ValueError: there is none."""
    try:
        return Settings.model_validate_json(Path(folder, SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise _none(folder, error) from None


def _none(folder: str | Path, error: Exception) -> ValueError:
    return ValueError(
        f"{folder}: no embedder is saved here ({error}). metric_learning.py writes one; name its output_dir"
    )


def keep(settings: Settings, folder: str | Path) -> None:
    """Write the settings beside the weights that a trainer saves."""
    text = json.dumps(settings.model_dump(), ensure_ascii=False, indent=2)
    Path(folder, SETTINGS).write_text(text + "\n", encoding="utf-8")

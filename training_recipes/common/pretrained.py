"""What a model is, and what prepares its inputs: of the model itself nothing is loaded."""

import os
from pathlib import Path
from typing import Any

import transformers
import trl
from transformers.models.auto import modeling_auto

import mmdata
from mmdata.strict import read_text
from mmdata.training_recipes.common.arguments import DataArguments, stop

WRITING = {
    *modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
    *modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
}
"""Kinds of models that write text."""


def open_config(name: str | None, revision: str = "main") -> Any:
    """A model's config. Raises SystemExit: the model is neither here nor to be had, or is not whole."""
    if not name:
        stop("model_name_or_path: name a model's folder, or its name on the Hub")
    try:
        config = transformers.AutoConfig.from_pretrained(name, revision=revision)
    except (OSError, ValueError, ImportError) as error:
        stop(_not_opened(name, revision, error))
    if Path(name).is_dir() and not any(Path(name).glob("*.safetensors")) and not any(Path(name).glob("*.bin")):
        stop(f"{name}: holds a config, but no weights (*.safetensors). Fetch the model again")
    return config


def open_processor(name: str, revision: str = "main", template: str | None = None, **settings: Any) -> Any:
    """A model's processor; nothing of the model itself is loaded.

    Args:
        template: a `.jinja` file to take the place of its chat template.
        settings: of the processor.

    Raises:
        SystemExit: it is neither here nor to be had, or takes no pictures, or has no chat template.
    """
    try:
        processor = transformers.AutoProcessor.from_pretrained(name, revision=revision, **settings)
    except (OSError, ValueError, ImportError, TypeError) as error:
        stop(_not_opened(name, revision, error))
    if not hasattr(processor, "image_processor"):
        stop(
            f"{name}: takes no pictures (its processor is a {type(processor).__name__}). Choose a vision-language model"
        )
    if template:
        processor.chat_template = _text(Path(template))
    # AutoProcessor forgets the template of those whose __init__ does not name it, such as Phi-4's.
    processor.chat_template = processor.chat_template or processor.tokenizer.chat_template
    if not processor.chat_template:
        stop(f"{name}: has no chat template. Name one: chat_template_path: FILE.jinja")
    return processor


def chat_processor(args: DataArguments, training: Any, model: trl.ModelConfig) -> Any:
    """The processor of the model that is to be trained, as asked.

    Raises:
        SystemExit: as `open_config` and `open_processor`, or the model writes no text.
    """
    kind = open_config(model.model_name_or_path, model.model_revision).model_type
    if kind not in WRITING:  # CLIP and its like: a chat template would not help.
        stop(
            f"{model.model_name_or_path}: a {kind} model writes no text, so it cannot be taught answers. Choose a "
            "vision-language model, such as Qwen3-VL or Gemma 3. CLIP and SigLIP are for metric_learning.py"
        )
    # TRL takes a model's name there too, and then the model's tokens besides: that it does itself.
    template = getattr(training, "chat_template_path", None)
    own = template if str(template or "").endswith((".jinja", ".j2")) else None
    return open_processor(model.model_name_or_path, model.model_revision, own, **(args.processor_kwargs or {}))


def _not_opened(name: str, revision: str, error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    said = f"{name} (revision {revision}): cannot be opened: {first}"
    if name.startswith("out/tiny/"):
        return f"{said}. Make it: python training_recipes/models/tiny.py {Path(name).name} {name}"
    return f"{said}. HF_HUB_OFFLINE is set: the Hub was not asked" if os.environ.get("HF_HUB_OFFLINE") else said


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except mmdata.MmdataError as error:
        stop(str(error))

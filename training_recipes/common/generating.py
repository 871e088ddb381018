"""A model in a folder, or on the Hub: opened in the right class, asked in batches."""

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image, ImageOps

from mmdata.errors import MmdataError
from mmdata.training_recipes.common.predicting import Said, each
from mmdata.training_recipes.common.questions import Message, Question

WEIGHTS = (".safetensors", ".bin", ".pt")
PERSONA = "persona.json"
"""Beside an adapter of a conditioned model (models/aac.py); a whole one has the same in its config.json."""
NOT_WEIGHTS = {"training_args.bin", "optimizer.pt", "scheduler.pt", "scaler.pt"}
"""What a trainer leaves beside them."""
MARK = "⟦answer⟧"
"""Stands in the place of an answer, to see what the template puts behind it."""


class Model:
    """A model with its processor, and how its turns end."""

    def __init__(self, name: str, dtype: str = "auto", **kwargs: Any):
        """Opens it.

        Args:
            name: a folder of a whole model or of an adapter (its base is opened under it), or a name on the Hub.

        Raises:
            MmdataError: there is no model, or it cannot be opened; says why.
        """
        self.name = name
        self.model, self.processor = self._opened(dtype, **kwargs)
        self.tokenizer = self.processor.tokenizer
        # AutoProcessor forgets the template of those whose __init__ does not name it, such as Phi-4's.
        self.processor.chat_template = self.processor.chat_template or self.tokenizer.chat_template
        if not self.processor.chat_template:
            raise MmdataError(
                f"{name}: has no chat template, so it cannot be asked. Merge it with the one it was trained with"
            )
        self.tokenizer.padding_side = "left"
        self.end = self._end()
        self.picture_token: int | None = getattr(self.processor, "image_token_id", None)
        self.revision = revision_of(name, self.model)

    def _opened(self, dtype: str, **kwargs: Any) -> tuple[Any, Any]:
        """The model, on the machine's accelerator, and its processor."""
        name, base = self.name, base_of(self.name)
        if conditions_of(name):
            raise MmdataError(
                f"{name}: is conditioned on persons (aac_persona.py), which are not asked about here. Interpret by "
                "`aac_persona.py --predict`"
            )
        try:
            config = transformers.AutoConfig.from_pretrained(base)
            sees = type(config) in transformers.AutoModelForImageTextToText._model_mapping
            kind = transformers.AutoModelForImageTextToText if sees else transformers.AutoModelForCausalLM
            device = {"device_map": "auto"} if torch.cuda.is_available() else {}
            model = kind.from_pretrained(name, dtype=dtype, **device, **kwargs).eval()
            own = (Path(name) / "processor_config.json").exists() or not Path(name).is_dir()
            return model, transformers.AutoProcessor.from_pretrained(name if own else base)
        except (OSError, ValueError, KeyError, ImportError) as error:
            where = (
                "" if Path(name).is_dir() else "no such folder, and the Hub has none of this name, or cannot be asked: "
            )
            raise MmdataError(f"{name} cannot be opened: {where}{' '.join(str(error).split())[:300]}") from None

    def prefix(self, conversations: Sequence[list[Message]]) -> transformers.BatchFeature:
        """What comes before the answers, as tensors where the model is. Shorter ones are padded on the left.

        Where all end in a turn of the assistant's, that is how their answers begin.
        """
        begun = all(turns[-1]["role"] == "assistant" for turns in conversations)
        made = self.processor.apply_chat_template(
            list(conversations), add_generation_prompt=not begun, continue_final_message=begun, tokenize=True,
            return_dict=True, return_tensors="pt", processor_kwargs={"padding": True},
        )  # fmt: skip
        return made.to(self.model.device)

    def suffix(self, answer: str) -> list[int]:
        """The tokens of an answer and of the end of its turn."""
        return self.tokenizer.encode(answer + self.end, add_special_tokens=False)

    @torch.inference_mode()
    def answers(self, questions: Sequence[Question], max_new_tokens: int, temperature: float) -> list[str]:
        """A text for each question, as generated, without special tokens.

        Args:
            temperature: 0 takes the likeliest token each time.
        """
        inputs = self.prefix([filled(question) for question in questions])
        ends = {
            *_numbers(self.model.generation_config.eos_token_id),
            *self.tokenizer.encode(self.end, add_special_tokens=False)[:1],
        }
        chosen = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
        # Models come with settings for sampling, which would warn where there is none.
        plain = {"temperature": None, "top_p": None, "top_k": None} | chosen
        pad = self.tokenizer.pad_token_id
        made = self.model.generate(
            **inputs, max_new_tokens=max_new_tokens, eos_token_id=sorted(ends), pad_token_id=pad, **plain
        )  # fmt: skip
        return self.processor.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    def said(self, questions: Sequence[Question], **settings: Any) -> Iterator[tuple[Question, float, Said]]:
        """`each` of the questions with its output, or its error."""
        return each(lambda some: [{"output": text} for text in self.answers(some, **settings)], questions)

    def _end(self) -> str:
        """What the chat template puts behind an answer. (A tokenizer's `eos_token` often ends documents, not turns.)"""
        turns = [("user", "?"), ("assistant", MARK)]
        talk = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in turns]
        return self.processor.apply_chat_template(talk).rpartition(MARK)[2].strip()


def filled(question: Question) -> list[Message]:
    """The messages with the pictures in their places, upright and RGB as `datasets` gives them to a trainer."""
    pictures = iter(question.pictures)
    made = []
    for turn in question.messages:
        content = [
            block | {"image": _decoded(next(pictures))} if block["type"] == "image" else block
            for block in turn["content"]
        ]
        made.append(turn | {"content": content})
    return made


def conditions_of(name: str | Path) -> dict[str, Any] | None:
    """What a model that is told persons by number takes its tokens for (models/aac.py); None of any other.

    A plain class would open it, and forget the persons. A checkpoint's is where its run was.
    """
    folder = Path(name)
    for file in (folder / PERSONA, folder.parent / PERSONA)[: 1 + folder.name.startswith("checkpoint-")]:
        if file.exists():
            return dict(json.loads(file.read_text(encoding="utf-8")))
    config = folder / "config.json"
    return json.loads(config.read_text(encoding="utf-8")).get("persona") if config.exists() else None


def base_of(name: str) -> str:
    """The whole model's folder or name: another's, where this is an adapter. Raises MmdataError: the folder has neither."""
    folder = Path(name)
    if (folder / "adapter_config.json").exists():
        return str(json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"])
    if folder.is_dir() and not (folder / "config.json").exists():
        raise MmdataError(
            f"{name}: no model is there, neither whole (config.json) nor an adapter (adapter_config.json)"
        )
    if not folder.is_dir() and (name.count("/") != 1 or name.startswith((".", "/"))):
        raise MmdataError(f"{name}: no such folder, and no name of a model on the Hub (owner/name)")
    return name


def revision_of(name: str, model: Any = None, base: str | None = None) -> str:
    """ "sha256:…" over the weights in a folder, with those under an adapter; of a model of the Hub its commit.

    Args:
        base: the folder or name of the weights under these, where the folder does not say so as adapters do.
    """
    folder = Path(name)
    if not folder.is_dir():
        return str(getattr(model and model.config, "_commit_hash", None) or "")
    total = hashlib.sha256()
    held = (path for path in folder.iterdir() if path.suffix in WEIGHTS and path.name not in NOT_WEIGHTS)
    for path in sorted(held):
        with path.open("rb") as file:
            total.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    if (base := base or base_of(name)) != name:
        total.update(revision_of(base, model).encode())
    return f"sha256:{total.hexdigest()}"


def _decoded(picture: bytes) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(io.BytesIO(picture))).convert("RGB")


def _numbers(value: int | list[int] | None) -> list[int]:
    return [value] if isinstance(value, int) else list(value or [])

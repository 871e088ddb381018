"""What each row of a chat view is to a model: how many tokens, how many of its pictures, how many that carry loss."""

import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import datasets
import torch
from trl.chat_template_utils import get_training_chat_template, has_generation_markers
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

from mmdata.errors import MmdataError
from mmdata.evaluating.judging import judge
from mmdata.metrics.measures import NONE
from mmdata.training_recipes.common import opening

FOUND = {
    "id": "string", "tokens": "int32", "pictures": "int32", "answer": "int32", "pictures_end": "int32",
    "answer_ends": "int32", "fault": "string", "target": "string",
}  # fmt: skip
"""What is measured of a row: how many tokens, how many of its pictures and of its answer, and behind which the last is."""
MANY = 500
"""Rows from which on all cores work."""


@dataclass
class Fault:
    """Rows that training would lose, or may learn something wrong from."""

    what: str
    ids: list[str]
    example: str = ""
    """What the first of them says."""
    level: str = "error"


@dataclass
class Measured:
    """What is in one split, in tokens a row."""

    split: str
    rows: int
    tokens: list[int]
    pictures: list[int]
    answer: list[int]
    faults: list[Fault]


def measured(rows: Any, split: str, processor: Any, training: Any, args: opening.DataArguments) -> Measured:
    """Measures every row of a split as training would see it, nothing cut.

    Args:
        rows: as `opening.open_chat` gives them.
        training: trl.SFTConfig.
    """
    found = list(_each(rows, split, processor, training))
    whole = [one for one in found if not one["fault"]]
    limit = training.max_length or sys.maxsize
    kinds = {one["fault"].partition(": ")[0]: None for one in found if one["fault"]}
    faults = [_fault(kind, [one for one in found if (one["fault"] or "").startswith(kind)]) for kind in kinds]
    faults += [
        _fault("the answer is empty", [one for one in whole if not one["answer"] or one["target"] == ""]),
        _fault(f"max_length {limit} cuts a picture", [one for one in whole if one["pictures_end"] > limit]),
        _fault(
            f"max_length {limit} cuts the answer",
            [one for one in whole if one["answer_ends"] > limit >= one["pictures_end"]],
        ),
        *_judged({one["id"]: one["target"] for one in whole if one["target"]}, split, args),
    ]
    columns = {name: [one[name] for one in whole] for name in ("tokens", "pictures", "answer")}
    return Measured(split, len(found), **columns, faults=[fault for fault in faults if fault.ids])


def collator_of(processor: Any, training: Any, columns: list[str]) -> DataCollatorForVisionLanguageModeling:
    """The one that trl.SFTTrainer makes of the same settings, but cutting nothing.

    Raises:
        SystemExit: `assistant_only_loss`, and the chat template does not say what the assistant's is.
    """
    template, answers = None, {"prompt", "completion"} <= set(columns)
    if training.assistant_only_loss and not has_generation_markers(processor.chat_template):
        try:
            template = get_training_chat_template(processor)
        except ValueError:
            opening.stop(
                "assistant_only_loss: the model's chat template does not mark what the assistant says, and TRL knows no "
                "such form of it. Copy it, put {% generation %} and {% endgeneration %} around that, and name it: "
                "chat_template_path: FILE.jinja"
            )
    processor.tokenizer.pad_token = training.pad_token or processor.tokenizer.pad_token or processor.tokenizer.eos_token
    only = answers if training.completion_only_loss is None else training.completion_only_loss
    return DataCollatorForVisionLanguageModeling(
        processor, completion_only_loss=only, assistant_only_loss=training.assistant_only_loss, chat_template=template
    )


class _Measure:
    """A row's tokens. Goes to other processes with its processor."""

    def __init__(self, collator: DataCollatorForVisionLanguageModeling):
        self.collator = collator
        # Gemma's processor means the token that begins a picture, its tokenizer those that a picture consists of.
        of = [getattr(part, "image_token_id", None) for part in (collator.processor.tokenizer, collator.processor)]
        self.picture = next(number for number in of if number is not None)

    def __call__(self, row: Any, number: int) -> dict[str, Any]:
        if multiprocessing.parent_process():
            torch.set_num_threads(1)  # Each of them has a core.
        made: dict[str, Any] = dict.fromkeys(FOUND, 0) | {"fault": None, "target": None}
        made["id"] = str(row["id"]) if "id" in row else f"row {number}"
        try:
            whole = {name: row[name] for name in ("images", "prompt", "completion", "messages") if name in row}
        except Exception as error:  # Pillow's, of many kinds.
            return made | {"fault": f"a picture cannot be decoded: {error}"}
        made["target"] = _text(whole.get("completion"))
        try:
            batch = self.collator([dict(whole)])
        except Exception as error:  # What a processor says of a row that it cannot take, of any kind.
            return made | {"fault": f"the processor cannot take it: {type(error).__name__}: {error}"}
        pictures = (batch["input_ids"][0] == self.picture).nonzero().flatten()
        answer = (batch["labels"][0] != -100).nonzero().flatten()
        return made | {
            "tokens": int(batch["attention_mask"][0].sum()),
            "pictures": len(pictures),
            "answer": len(answer),
            "pictures_end": int(pictures[-1]) + 1 if len(pictures) else 0,
            "answer_ends": int(answer[-1]) + 1 if len(answer) else 0,
        }


def _each(rows: Any, split: str, processor: Any, training: Any) -> Iterator[dict[str, Any]]:
    measure = _Measure(collator_of(processor, training, opening.columns_of(rows)))
    if not isinstance(rows, datasets.Dataset):
        number = -1
        try:
            for number, row in enumerate(rows):
                yield measure(row, number)
        except Exception as error:
            opening.stop(f"{split}: after row {number} the stream ends: {error}")
        return
    settings = [
        rows._fingerprint,
        _digest(processor),
        training.assistant_only_loss,
        training.completion_only_loss,
        FOUND,
    ]
    cores = training.dataset_num_proc or (min(8, os.cpu_count() or 1) if len(rows) >= MANY else None)
    yield from rows.map(
        measure,
        with_indices=True,
        remove_columns=rows.column_names,
        features=datasets.Features({name: datasets.Value(kind) for name, kind in FOUND.items()}),
        new_fingerprint=sha256(json.dumps(settings).encode()).hexdigest()[:16],
        num_proc=cores,
        desc=f"preflight {split}",
    )


def _digest(processor: Any) -> str:
    parts = [processor.to_json_string(), str(processor.chat_template), processor.tokenizer.backend_tokenizer.to_str()]
    return sha256("\0".join(parts).encode()).hexdigest()


def _fault(what: str, found: list[dict[str, Any]]) -> Fault:
    return Fault(what, [one["id"] for one in found], (found[0]["fault"] or "").partition(": ")[2] if found else "")


def _judged(targets: dict[str, str], split: str, args: opening.DataArguments) -> Iterator[Fault]:
    """Targets that the corpus's own metrics cannot read, or would call wrong."""
    if not args.dataset_version or not targets:  # No release: not a corpus.
        return
    try:
        found = judge(args.dataset_name, args.dataset_config, split, targets, version=args.dataset_version).outcomes
    except MmdataError as error:
        yield Fault("the targets were not judged", [split], str(error), "warning")
        return
    for what, those, level in (
        ("the corpus's metrics cannot read the target", [one for one in found if one.said == NONE], "error"),
        ("the corpus's metrics would call the target wrong", [one for one in found if one.right is False and one.said != NONE], "warning"),
    ):  # fmt: skip
        first = ""
        if those:
            said, truth, note = those[0].said, those[0].truth, those[0].note
            first = f"{targets[those[0].id]!r:.200}: read as {said}, should be {truth}{note and f' ({note})'}"
        yield Fault(what, [one.id for one in those], first, level)


def _text(messages: Any) -> str | None:
    """What a completion says."""
    if not messages:
        return None
    content = messages[-1]["content"]
    return (content if isinstance(content, str) else "".join(part.get("text") or "" for part in content)).strip()

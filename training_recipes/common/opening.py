"""What every recipe opens first: rows, processor and output folder. A mistake ends it with one message."""

import importlib.metadata
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import trl

import mmdata
from mmdata.corpus import Corpus
from mmdata.training_recipes.common.arguments import DataArguments, SFTArguments, loading, parse, setting_up, stop
from mmdata.training_recipes.common.generating import revision_of
from mmdata.training_recipes.common.pretrained import chat_processor, open_config, open_processor
from mmdata.views import newest_or_sample

__all__ = [
    "DataArguments",
    "SFTArguments",
    "chat_processor",
    "class_names",
    "columns_of",
    "facts",
    "guard",
    "loading",
    "open_chat",
    "open_config",
    "open_processor",
    "open_rows",
    "parse",
    "read_json",
    "setting_up",
    "settings_of",
    "stop",
    "write_json",
]

CHANGES_NOTHING = {
    "output_dir", "resume_from_checkpoint", "logging_dir", "run_name", "hub_token", "disable_tqdm", "report_to",
    "logging_steps", "logging_strategy", "dataset_num_proc", "dataloader_num_workers", "dataloader_prefetch_factor",
    "save_total_limit", "log_level", "local_rank", "predict", "predictions",
}  # fmt: skip
"""Arguments that have no part in what model comes of a run."""
MAY_GROW = {
    "max_steps", "num_train_epochs", "save_steps", "save_strategy", "eval_steps", "eval_strategy", "eval_on_start",
    "per_device_eval_batch_size", "dataset_test_split", "patience", "load_best_model_at_end", "metric_for_best_model",
    # Said by the facts in words of their own:
    "model_name_or_path", "model_revision", "dataset_name", "dataset_config", "dataset_version", "dataset_train_split",
    "load_in_4bit", "load_in_8bit",
}  # fmt: skip
"""Arguments that a run may go on under another value of."""
LIBRARIES = ("mmdata-corpus", "torch", "transformers", "trl", "peft", "datasets", "bitsandbytes")


def open_rows(args: DataArguments, *columns: str, evaluate: bool = True) -> tuple[Any, Any]:
    """The rows to train on, and those to measure the loss on.

    Sets `args.dataset_version` to the release that was opened.

    Args:
        columns: that the rows must have.
        evaluate: whether the second are wanted.

    Returns: `datasets` objects, pictures decoded when a row is asked for; the second None where none are wanted.

    Raises:
        SystemExit: no such folder, view, version, split or column, or a row that the view cannot read.
    """
    splits = [args.dataset_train_split, args.dataset_test_split][: 1 + evaluate]
    opened = []
    for split in splits:
        rows = _rows(args, split)
        there = columns_of(rows)
        missing = [name for name in columns if name not in there]
        if missing:
            stop(f"{_named(args)}, {split} split: no column {', '.join(missing)}. It has: {', '.join(there)}")
        opened.append(rows)
    return opened[0], (opened[1] if evaluate else None)


def open_chat(args: DataArguments, training: trl.SFTConfig) -> tuple[Any, Any]:
    """`open_rows` for fine-tuning on answers: images with prompt and completion, or with messages.

    A prompt and its completion become messages where `assistant_only_loss` asks for them: some families, such as
    Llama 3.2 Vision, cannot be trained otherwise.
    """
    opened = open_rows(args, "images", evaluate=training.eval_strategy != "no")
    return tuple(rows and _as_chat(rows, args, training) for rows in opened)


def columns_of(rows: Any) -> list[str]:
    """Their names; of a stream, those of its first row."""
    return list(rows.column_names or next(iter(rows), {}))


def class_names(rows: Any, column: str, split: str, *, each: bool = False) -> list[str] | None:
    """Of a column of classes; None where the column says no names.

    Args:
        split: of the rows, to be named.
        each: whether every row must have a class.

    Raises:
        SystemExit: a row's number is no class's. (The rows of a stream are not looked at.)
    """
    names = getattr((rows.features or {}).get(column), "names", None)
    for at, number in enumerate([] if isinstance(rows, datasets.IterableDataset) else rows[column]):
        if (number is None and each) or (number is not None and names and not 0 <= number < len(names)):
            known = ", ".join(f"{n} {name}" for n, name in enumerate((names or [])[:20]))
            stop(
                f"{split} split, row {rows['id'][at] if 'id' in rows.column_names else at}: {column} is {number}, which is no "
                f"class. Known: {known or 'those of the other rows'}. Correct the row, or leave it out"
            )
    return names


def settings_of(*arguments: Any) -> dict[str, str]:
    """What a run was asked, but for what changes nothing about the model that comes of it."""
    asked = [one.to_dict() if hasattr(one, "to_dict") else vars(one) for one in arguments]
    return {key: str(value) for one in asked for key, value in one.items() if key not in CHANGES_NOTHING}


def facts(args: DataArguments, model: trl.ModelConfig, training: Any, rows: Any) -> dict[str, Any]:
    """What a run's checkpoints hang on, for `guard`: another value makes it another run."""
    name = model.model_name_or_path
    return {
        "model": name,
        "revision": revision_of(name) or model.model_revision,
        "dataset": args.dataset_name,
        "view": args.dataset_config,
        "version": args.dataset_version,
        "split": args.dataset_train_split,
        "rows": getattr(rows, "_fingerprint", None),
        "quantised": "4 bit" if model.load_in_4bit else "8 bit" if model.load_in_8bit else None,
        "settings": {k: v for k, v in settings_of(args, training, model).items() if k not in MAY_GROW},
    }


def guard(output: str | Path, facts: Mapping[str, Any], resume: str | None = None) -> str | None:
    """Makes a recipe's output folder its own, and says where to go on.

    Writes `recipe.json`: the facts, and the versions of the libraries.

    Args:
        facts: what the checkpoints hang on, such as the model and the data.
        resume: a checkpoint that was asked for, of this folder or another.

    Returns: that, or the newest checkpoint that was written to its end; None where there is none.

    Raises:
        SystemExit: the folder holds checkpoints, or a model, of other facts; or there is no such checkpoint.
    """
    output = Path(output)
    now = json.loads(json.dumps(facts, default=str))
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES if _installed(name)}
    for one in [*output.glob("checkpoint-*"), *output.glob("*.safetensors"), *output.glob("trained.json")][:1]:
        _refuse_another(one, now, "Choose another output_dir, or delete that one")
    if resume:
        if not read_json(Path(resume) / "trainer_state.json"):
            stop(f"resume_from_checkpoint: {resume} is no whole checkpoint: it has no trainer_state.json")
        _refuse_another(Path(resume), now, "Choose another checkpoint")
    write_json(output / "recipe.json", {"facts": now, "libraries": versions})
    ready = [one for one in output.glob("checkpoint-*") if read_json(one / "trainer_state.json")]
    newest = max(ready, key=lambda one: int(one.name.rpartition("-")[2]), default=None)
    return resume or (newest and str(newest))


def _refuse_another(held: Path, now: Mapping[str, Any], advice: str) -> None:
    """Stops where what a folder holds is not of a run with these facts."""
    before = read_json(held.parent / "recipe.json")
    if not before:
        stop(f"{held.parent}: holds {held.name}, but no recipe.json that says of what run. {advice}")
    then, now = ({**one, **(one.get("settings") or {}), "settings": None} for one in (before["facts"], now))
    differ = [
        "the rows are others than then"
        if name == "rows"
        else f"{name} was {then.get(name)!r}, is now {now.get(name)!r}"
        for name in dict.fromkeys([*now, *then])
        if then.get(name) != now.get(name)
    ]
    if differ:
        stop(f"{held.parent}: holds {held.name} of another run: {'; '.join(differ)}. {advice}")


def write_json(path: Path, value: Any) -> None:
    """Whole or not at all, whoever else writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n", encoding="utf-8")
    os.replace(aside, path)


def _rows(args: DataArguments, split: str) -> Any:
    folder = Path(args.dataset_name or stop("dataset_name: name a corpus folder, or a dataset"))
    try:
        if (folder / "builder.py").is_file():
            args.dataset_version = args.dataset_version or newest_or_sample(Corpus(folder))
            view = {"split": split, "version": args.dataset_version, "streaming": args.dataset_streaming}
            return mmdata.view(folder, args.dataset_config or "", **view)
        if args.dataset_version and not folder.is_dir():
            stop(f"dataset_name: there is no folder {folder}; paths are from where you are")
        if args.dataset_version:
            stop(
                f"dataset_version: {args.dataset_name} is no corpus folder (it has no builder.py), so it has no releases: leave it out"
            )
        return datasets.load_dataset(
            args.dataset_name, args.dataset_config, split=split, streaming=args.dataset_streaming
        )
    except mmdata.MmdataError as error:
        stop(str(error))
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        stop(f"{_named(args)}, {split} split: neither a corpus folder nor a dataset that can be loaded: {error}")


def _as_chat(rows: Any, args: DataArguments, training: trl.SFTConfig) -> Any:
    there = set(columns_of(rows))
    if {"prompt", "completion"} <= there:
        if not training.assistant_only_loss:
            return rows
        return rows.map(_joined, input_columns=["prompt", "completion"], remove_columns=["prompt", "completion"])
    if "messages" not in there:
        stop(
            f"{_named(args)}: rows for fine-tuning have prompt and completion, or messages; these have "
            f"{', '.join(sorted(there))}. Choose another view: dataset_config"
        )
    if not training.assistant_only_loss:
        stop(f"{_named(args)}: has messages: set assistant_only_loss: true, or the questions would be learnt too")
    return rows


def _joined(prompt: list[Any], completion: list[Any]) -> dict[str, list[Any]]:
    return {"messages": prompt + completion}


def _named(args: DataArguments) -> str:
    return " ".join(part for part in (args.dataset_name, args.dataset_config, args.dataset_version) if part)


def read_json(path: Path) -> Any:
    """What it holds; None where it is missing, or was cut by a kill."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _installed(name: str) -> bool:
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False

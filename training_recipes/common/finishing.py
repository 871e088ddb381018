"""How a run ends: what it came to, so that the same command run again does nothing more."""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

from transformers import TrainerState

from mmdata.training_recipes.common import opening

NOT_THE_MODEL = {
    "training_args.bin", "optimizer.pt", "scheduler.pt", "scaler.pt", "rng_state.pth", "trainer_state.json",
    "recipe.json", "trained.json", "README.md",
}  # fmt: skip
"""Files beside a trained model that are no part of it."""


def digest(*arguments: Any) -> str:
    """Of all that a run was asked."""
    return sha256(json.dumps(opening.settings_of(*arguments), sort_keys=True).encode()).hexdigest()


def finished(output: str | Path, asked: str) -> bool:
    """Whether the same run has come to its end there; says so."""
    done = opening.read_json(Path(output) / "trained.json")
    if not done or done["arguments"] != asked:
        return False
    print(f"{output}: trained already, {done['steps']} steps. Another output_dir trains anew")
    return True


def finish(training: Any, checkpoint: str | None, facts: dict[str, Any], asked: str) -> bool:
    """Ends a run that was killed between its last checkpoint and its end, without a model.

    The trainer would train a step more: it looks at max_steps only once it has made one.

    Returns: whether the checkpoint is the last one.
    """
    state = checkpoint and TrainerState.load_from_json(str(Path(checkpoint) / "trainer_state.json"))
    if not state or not 0 < training.max_steps <= state.global_step:
        return False
    if training.should_save:
        best = Path(training.output_dir, Path(state.best_model_checkpoint or checkpoint).name)
        chosen = best if training.load_best_model_at_end and best.is_dir() else Path(checkpoint)
        for path in chosen.iterdir():
            if path.is_file() and path.name not in NOT_THE_MODEL:
                shutil.copy2(path, training.output_dir)
        write(training.output_dir, state, facts, asked, checkpoint)
    return True


def write(
    output: str | Path,
    state: TrainerState,
    facts: dict[str, Any],
    asked: str,
    resumed: str | None,
    tokens: int | None = None,
) -> None:
    """Writes `trained.json`: steps, losses, and speeds, which are of this start only, evaluation and saving included.

    Args:
        asked: `digest` of the arguments.
        resumed: the checkpoint that this start went on from.
        tokens: trained on since this start, where they were counted.
    """
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    seconds = [entry["train_runtime"] for entry in state.log_history if "train_runtime" in entry]
    done = {
        "facts": facts,
        "arguments": asked,
        "steps": state.global_step,
        "epochs": state.epoch,
        "resumed_from": resumed,
        "loss": {"first": losses[0], "last": losses[-1]} if losses else None,
        "best": {"checkpoint": state.best_model_checkpoint, "metric": state.best_metric},
        "tokens": tokens,
        "seconds": seconds[-1] if seconds else None,
        "tokens_per_second": tokens / seconds[-1] if tokens and seconds else None,
        "history": state.log_history,
    }
    opening.write_json(Path(output) / "trained.json", done)
    loss = f", loss {losses[0]:.4g} → {losses[-1]:.4g}" if losses else ""
    best = f", best of the held-out {state.best_metric:.4g}" if state.best_metric is not None else ""
    print(f"{output}: {state.global_step} steps{loss}{best}")

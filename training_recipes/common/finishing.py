"""How a run begins and ends: in a folder of its own, and so that the same command run again does only what is left."""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from transformers import TrainerState

from mmdata.training_recipes.common import opening

NOT_THE_MODEL = {
    "training_args.bin", "optimizer.pt", "scheduler.pt", "scaler.pt", "rng_state.pth", "trainer_state.json",
    "recipe.json", "trained.json", "README.md",
}  # fmt: skip
"""Files beside a trained model that are no part of it."""


class Begun(NamedTuple):
    """A run that has steps left, in an output folder that is its own."""

    output: str
    facts: dict[str, Any]
    """What it hangs on."""
    asked: str
    """Digest of all that it was asked."""
    checkpoint: str | None
    """To go on at."""

    def end(self, trainer: Any, tokens: int | None = None) -> None:
        """Saves what was trained, and says what it came to.

        Args:
            tokens: trained on since this start, where they were counted.
        """
        trainer.save_model()  # The best, where load_best_model_at_end has loaded it.
        if trainer.is_world_process_zero():
            write(self, trainer.state, tokens)
        trainer.end()


def begin(args: Any, training: Any, model: Any, rows: Any) -> Begun | None:
    """None where nothing is left to train: the run is finished, or was killed after its last step, and is ended now.

    Args:
        args, training, model: as `opening.parse` gives them.
        rows: to train on.

    Raises:
        SystemExit: the output folder holds another run.
    """
    facts = opening.facts(args, model, training, rows)
    asked = digest(args, training, model)
    checkpoint = opening.guard(training.output_dir, facts, training.resume_from_checkpoint)
    run = Begun(training.output_dir, facts, asked, checkpoint)
    return None if finished(run.output, asked) or finish(training, run) else run


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


def finish(training: Any, run: Begun) -> bool:
    """Ends a run that was killed between its last checkpoint and its end, without a model.

    The trainer would train a step more: it looks at max_steps only once it has made one.

    Returns: whether the checkpoint is the last one.
    """
    checkpoint = Path(run.checkpoint) if run.checkpoint else None
    state = checkpoint and TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    if not state or not 0 < training.max_steps <= state.global_step:
        return False
    if training.should_save:
        best = Path(run.output, Path(state.best_model_checkpoint or checkpoint).name)
        chosen = best if training.load_best_model_at_end and best.is_dir() else checkpoint
        for path in chosen.iterdir():
            if path.is_file() and path.name not in NOT_THE_MODEL:
                shutil.copy2(path, run.output)
        write(run, state)
    return True


def write(run: Begun, state: TrainerState, tokens: int | None = None) -> None:
    """Writes `trained.json`: steps, losses, and speeds, which are of this start only, evaluation and saving included."""
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    seconds = [entry["train_runtime"] for entry in state.log_history if "train_runtime" in entry]
    done = {
        "facts": run.facts,
        "arguments": run.asked,
        "steps": state.global_step,
        "epochs": state.epoch,
        "resumed_from": run.checkpoint,
        "loss": {"first": losses[0], "last": losses[-1]} if losses else None,
        "best": {"checkpoint": state.best_model_checkpoint, "metric": state.best_metric},
        "tokens": tokens,
        "seconds": seconds[-1] if seconds else None,
        "tokens_per_second": tokens / seconds[-1] if tokens and seconds else None,
        "history": state.log_history,
    }
    opening.write_json(Path(run.output) / "trained.json", done)
    loss = f", loss {losses[0]:.4g} → {losses[-1]:.4g}" if losses else ""
    best = f", best of the held-out {state.best_metric:.4g}" if state.best_metric is not None else ""
    print(f"{run.output}: {state.global_step} steps{loss}{best}")

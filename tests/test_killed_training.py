"""A recipe that is killed by SIGKILL, run again by the same command, comes to the same step, loss and weights."""

import signal
from pathlib import Path

import pytest
import torch
from nest import Nest
from safetensors.torch import load_file
from tiny_models import tiny
from training import CONFIGS, RECIPES

from mmdata.corpus import HOME
from mmdata.training_recipes.common import opening

KILLED = {
    "sft": ("tiny_skin_gemma", "gemma3"),
    "aac_persona": ("tiny_aac_persona_qwen", "qwen3_vl"),
    "metric_learning": ("tiny_character_clip", "clip"),
}
"""Recipe → its config, and the family of its model."""
COMMAND = "import runpy; sys.argv[0] = {recipe!r}; runpy.run_path({recipe!r}, run_name='__main__'); sys.exit()"
DURING_STEP_5 = """
import transformers
step = transformers.Trainer.training_step
def killed(self, *given, **more):
    if self.state.global_step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *given, **more)
transformers.Trainer.training_step = killed
"""
"""There are a checkpoint at 3 and a step after it, which is lost."""


@pytest.fixture(scope="module")
def nest():
    """Forks runs that have torch and TRL imported."""
    with Nest("mmdata.training_recipes.aac_persona", "mmdata.training_recipes.metric_learning") as made:
        yield made


def command(nest: Nest, recipe: str, output: Path, before: str = "") -> int:
    """Runs it to its end, or to that of its process; gives the exit code."""
    config, family = KILLED[recipe]
    corpus = HOME / {"skin": "skin", "aac": "aac", "character": "character_style"}[config.split("_")[1]]
    given = {"model_name_or_path": tiny(family), "dataset_name": corpus, "output_dir": output, "disable_tqdm": "true",
             "max_steps": 6, "eval_steps": 3, "save_steps": 3, "logging_steps": 1, "lora_dropout": 0.1,
             "per_device_train_batch_size": 2}  # fmt: skip
    flags = [str(part) for name, value in given.items() for part in (f"--{name}", value)]
    run = COMMAND.format(recipe=str(RECIPES / f"{recipe}.py"))
    done = nest.run("--config", CONFIGS / f"{config}.yaml", *flags, code=f"import os, signal\n{before}\n{run}")
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode


def weights(output: Path) -> dict[str, torch.Tensor]:
    return load_file(next(output.glob("*.safetensors")))


@pytest.mark.slow
@pytest.mark.parametrize("recipe", KILLED)
def test_a_killed_run_goes_on_to_the_same_step_and_loss(recipe, nest, tmp_path):
    assert command(nest, recipe, tmp_path / "whole") == 0
    whole = opening.read_json(tmp_path / "whole" / "trained.json")
    output = tmp_path / "죽은 것"
    assert command(nest, recipe, output, DURING_STEP_5) == -signal.SIGKILL
    assert [one.name for one in output.glob("checkpoint-*")] == ["checkpoint-3"]
    assert not (output / "trained.json").exists()
    half = output / "checkpoint-999"  # As a kill leaves one while it is written: no trainer_state.json yet.
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    assert command(nest, recipe, output) == 0
    done = opening.read_json(output / "trained.json")
    assert Path(done["resumed_from"]).name == "checkpoint-3"
    assert done["steps"] == whole["steps"] == 6
    assert done["loss"] == pytest.approx(whole["loss"], rel=1e-5) and done["loss"]["last"] < done["loss"]["first"]
    assert done["best"]["metric"] == pytest.approx(whole["best"]["metric"], rel=1e-5)
    after = weights(output)
    for name, weight in weights(tmp_path / "whole").items():
        torch.testing.assert_close(after[name], weight)

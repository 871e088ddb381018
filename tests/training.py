"""Short runs of the recipes in this process, on tiny models."""

from pathlib import Path

import trl
from tiny_models import tiny

from mmdata.corpus import HOME
from mmdata.training_recipes import sft
from mmdata.training_recipes.common import opening

RECIPES = HOME.parent / "training_recipes"
CONFIGS = RECIPES / "configs"
FAMILIES = {"gemma": "gemma3", "qwen": "qwen3_vl", "llama": "mllama", "phi4": "phi4mm"}


def family(config: str) -> str:
    return next(name for part, name in FAMILIES.items() if part in config)


def flags(config: str, output: Path, **given) -> list[str]:
    """The flags of a tiny config, its paths as they are wherever the tests run."""
    corpus = config.split("_")[1]
    written = (CONFIGS / f"{config}.yaml").read_text(encoding="utf-8")
    given = {"model_name_or_path": tiny(family(config)), "dataset_name": HOME / corpus, "output_dir": output} | given
    for line in written.splitlines():
        if line.startswith("chat_template_path: "):
            given.setdefault("chat_template_path", HOME.parent / line.partition(": ")[2])
    found = [
        "--config",
        str(CONFIGS / f"{config}.yaml"),
        "--disable_tqdm",
        "true",
        "--per_device_eval_batch_size",
        "64",
    ]
    for name, value in given.items():
        found += [f"--{name}", *(map(str, value) if isinstance(value, list) else [str(value)])]
    return found


def arguments(config: str, output: Path, **given) -> tuple:
    return opening.parse(opening.SFTArguments, trl.SFTConfig, trl.ModelConfig, args=flags(config, output, **given))


def train(config: str, output: Path, **given) -> dict:
    """What its trained.json says."""
    sft.main(*arguments(config, output, **given))
    return opening.read_json(output / "trained.json")


def steps(count: int) -> dict:
    """A run of so many steps, looked at and saved half-way and at its end."""
    return {"max_steps": count, "eval_steps": count // 2, "save_steps": count // 2}

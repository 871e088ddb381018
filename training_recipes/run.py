"""The whole way of one corpus: build, annotate, check, release, train, merge, predict, evaluate.

    python training_recipes/run.py training_recipes/runs/skin.yaml --dry-run
    python training_recipes/run.py training_recipes/runs/skin.yaml

It runs the commands that you would type, and shows each. Every one of them does nothing where nothing is left to do,
and goes on where it was stopped: so does this one, run again. It ends where a command fails, with its exit code.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

RECIPES = Path(__file__).parent
STEPS = ("build", "annotate", "check", "release", "train", "merge", "predict", "evaluate")


class Part(BaseModel):
    """A part of the YAML: a key that is not here is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Build(Part):
    source: str
    config: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    """Of `--set`."""


class Ask(Part):
    prompt: str
    budget: float | None = None
    """US dollars for all answers under the prompt."""
    sample: int | None = None
    retry: list[str] = Field(default_factory=list)


class Train(Part):
    recipe: Literal["sft", "aac_persona", "dpo", "grpo", "metric_learning"] = "sft"
    config: Path
    launch: list[str] = Field(default_factory=lambda: [sys.executable])
    """Such as [accelerate, launch, --num_processes, "4"]."""


class Predict(Part):
    recipe: Literal["infer", "rank", "metric_learning"] = "infer"
    view: str
    split: str = "test"
    flags: dict[str, Any] = Field(default_factory=dict)
    """Of the recipe, such as max_new_tokens."""


class Run(Part):
    """What runs/*.yaml says. Paths are from where the command is run."""

    folder: Path
    build: Build | None = None
    annotate: list[Ask] = Field(default_factory=list)
    """In order; a release in between lets a prompt ask about the answers to the one before."""
    check: Literal["stop", "go on"] = "stop"
    """What errors in the report mean."""
    train: Train
    predict: list[Predict]


def commands(run: Run) -> Iterator[tuple[str, list[str]]]:
    """(step, command) in order."""
    folder, mmdata = str(run.folder), [sys.executable, "-m", "mmdata.cli"]
    out = Path(yaml.safe_load(run.train.config.read_text(encoding="utf-8"))["output_dir"])
    if run.build:
        chosen = _flags({"source": run.build.source, "config": run.build.config})
        options = [part for key, value in run.build.options.items() for part in ("--set", f"{key}={value}")]
        yield "build", [*mmdata, "build", folder, *chosen, *options]
    for number, ask in enumerate(run.annotate):
        if number:
            yield "annotate", [*mmdata, "release", folder]
        chosen = _flags({"prompt": ask.prompt, "budget": ask.budget, "sample": ask.sample, "retry": ask.retry})
        yield "annotate", [*mmdata, "annotate", folder, *chosen]
    yield "check", [*mmdata, "check", folder, "--html", str(out.with_name(f"{out.name}-check.html"))]
    if run.annotate:
        yield "release", [*mmdata, "release", folder]
    yield "train", [*run.train.launch, _recipe(run.train.recipe), "--config", str(run.train.config)]
    model = out
    if run.train.recipe != "metric_learning":  # Whose head and adapter stay apart.
        model = out / "merged"
        yield "merge", [sys.executable, _recipe("merge"), str(out), str(model)]
    for ask in run.predict:
        file = out / f"{ask.view}-{ask.split}.jsonl"
        if ask.recipe == "metric_learning":
            asked = {"config": run.train.config, "predict": ask.split, "predictions": file}
        else:
            asked = {"model": model, "folder": folder, "view": ask.view, "split": ask.split, "out": file}
        yield "predict", [sys.executable, _recipe(ask.recipe), *_flags(asked | ask.flags)]
        report = {"predictions": file, "html": file.with_suffix(".html")}
        yield "evaluate", [*mmdata, "evaluate", folder, *_flags(report)]


def read(path: Path) -> Run:
    """A runs/*.yaml. Exits with what is wrong in it, and where."""
    try:
        run = Run.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        known = ", ".join(sorted(str(p) for p in (RECIPES / "runs").glob("*.yaml")))
        raise SystemExit(f"{path} cannot be read: {error}. There are: {known}") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SystemExit(f"{path}: {faults}. The keys are those of the classes in {__file__}") from None
    if not run.train.config.is_file():
        raise SystemExit(f"{path}: train.config {run.train.config} is not there; paths are from where you are")
    return run


def walk(run: Run, steps: Sequence[str] = STEPS, execute: Callable[[list[str]], int] | None = None) -> int:
    """Runs the commands of these steps, each by `execute`, which returns its exit code; returns that of the one that failed."""
    for step, command in commands(run):
        if step not in steps:
            continue
        print(f"\n$ {shown(command)}", flush=True)
        code = execute(command) if execute else 0
        if code == 1 and (step == "predict" or (step == "check" and run.check == "go on")):
            continue  # Answers that failed are in the evaluation, whose code is then 1.
        if code:
            print(f"\n{step} ended with {code}. Put right what it says, and run the same again.", file=sys.stderr)
            return code
    return 0


def shown(command: list[str]) -> str:
    """As it is typed."""
    return shlex.join(command).replace(f"{sys.executable} -m mmdata.cli", "mmdata").replace(sys.executable, "python")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--start", choices=STEPS, default=STEPS[0], help="the first step; by default build")
    parser.add_argument("--until", choices=STEPS, default=STEPS[-1], help="the last step; by default evaluate")
    parser.add_argument("--dry-run", action="store_true", help="only show the commands")
    given = parser.parse_args()
    steps = STEPS[STEPS.index(given.start) : STEPS.index(given.until) + 1]
    execute = None if given.dry_run else lambda command: subprocess.run(command, check=False).returncode  # noqa: S603
    raise SystemExit(walk(read(given.config), steps, execute))


def _recipe(name: str) -> str:
    return str(RECIPES / f"{name}.py")


def _flags(given: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for name, value in given.items():
        if isinstance(value, list):
            found += [part for one in value for part in (f"--{name}", str(one))]
        elif value is not None:
            found += [f"--{name}", str(value)]
    return found


if __name__ == "__main__":
    main()

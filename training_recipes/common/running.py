"""What a runs/*.yaml says, and the commands that it comes to."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

RECIPES = Path(__file__).parent.parent
PREDICT = ("metric_learning", "aac_persona")
"""Recipes whose models are not whole ones of a known class: nothing is merged, and they predict themselves."""
FAILED = 4
"""Exit code where some rows have an error in place of an answer; 1 is a mistake, before anything was asked."""
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
    recipe: Literal["infer", "rank", "metric_learning", "aac_persona"] = "infer"
    view: str
    split: str = "test"
    flags: dict[str, Any] = Field(default_factory=dict)
    """Of the recipe, such as max-new-tokens."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Of the metrics, as `mmdata evaluate --set` has them."""


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

    @property
    def output(self) -> Path:
        """Where the recipe's YAML says that the model goes."""
        told = yaml.safe_load(self.train.config.read_text(encoding="utf-8"))
        if "output_dir" not in told:
            raise SystemExit(f"{self.train.config}: output_dir is missing: where the model goes, such as out/skin")
        return Path(told["output_dir"])

    @property
    def report(self) -> Path:
        """Of the check."""
        return self.output.with_name(f"{self.output.name}-check.html")


def commands(run: Run) -> Iterator[tuple[str, list[str]]]:
    """(step, command) in order."""
    folder, mmdata = str(run.folder), [sys.executable, "-m", "mmdata.cli"]
    out = run.output
    if run.build:
        given = {"source": run.build.source, "config": run.build.config, "set": _settings(run.build.options)}
        yield "build", [*mmdata, "build", folder, *_flags(given)]
    for number, ask in enumerate(run.annotate):
        if number:
            yield "annotate", [*mmdata, "release", folder]
        chosen = _flags({"prompt": ask.prompt, "budget": ask.budget, "sample": ask.sample, "retry": ask.retry})
        yield "annotate", [*mmdata, "annotate", folder, *chosen]
    yield "check", [*mmdata, "check", folder, "--html", str(run.report)]
    if run.annotate:
        yield "release", [*mmdata, "release", folder]
    yield "train", [*run.train.launch, _recipe(run.train.recipe), "--config", str(run.train.config)]
    model = out
    if run.train.recipe not in PREDICT:
        model = out / "merged"
        yield "merge", [sys.executable, _recipe("merge"), str(out), str(model)]
    for ask in run.predict:
        file = out / f"{ask.view}-{ask.split}.jsonl"
        if ask.recipe in PREDICT:
            asked = {"config": run.train.config, "predict": ask.split, "predictions": file}
        else:
            asked = {"model": model, "folder": folder, "view": ask.view, "split": ask.split, "out": file}
        yield "predict", [sys.executable, _recipe(ask.recipe), *_flags(asked | ask.flags)]
        report = {"predictions": file, "html": file.with_suffix(".html"), "set": _settings(ask.settings)}
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
        raise SystemExit(f"{path}: {faults}. The keys are those of {__file__}") from None
    if not run.train.config.is_file():
        raise SystemExit(f"{path}: train.config {run.train.config} is not there; paths are from where you are")
    return run


def _recipe(name: str) -> str:
    return str(RECIPES / f"{name}.py")


def _settings(given: dict[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in given.items()]


def _flags(given: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for name, value in given.items():
        if isinstance(value, list):
            found += [part for one in value for part in (f"--{name}", str(one))]
        elif value is not None:
            found += [f"--{name}", str(value)]
    return found

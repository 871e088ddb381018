"""A recipe's arguments: TRL's and ours, from a YAML file and flags, nothing in them overlooked."""

import argparse
import contextlib
import difflib
import importlib
import importlib.util
import json
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import trl
import trl.trainer.utils

import mmdata
from mmdata.strict import parse_yaml, read_text

TRACKERS = {"trackio": "trackio.context_vars", "wandb": "wandb", "tensorboard": "torch.utils.tensorboard"}
"""Name in `report_to` → what must be importable."""


@dataclass
class DataArguments(trl.ScriptArguments):
    """TRL's own, where `dataset_name` may be a corpus folder and `dataset_config` is then one of its views."""

    dataset_version: str | None = field(
        default=None, metadata={"help": "A release of the corpus, such as 1.2.0, or `sample`. The newest by default."}
    )
    processor_kwargs: dict[str, Any] | str | None = field(
        default=None, metadata={"help": 'Settings of the processor, as JSON: {"max_pixels": 602112} for Qwen\'s.'}
    )

    def __post_init__(self) -> None:
        if isinstance(self.processor_kwargs, str):
            self.processor_kwargs = json.loads(self.processor_kwargs)


@dataclass
class SFTArguments(DataArguments):
    """Those of sft.py, and so of preflight.py."""

    freeze: list[str] = field(
        default_factory=list,
        metadata={"help": "Regular expressions; parameters whose name one is found in are not trained: vision_tower."},
    )
    patience: int | None = field(
        default=None, metadata={"help": "Stop after so many evaluations in a row without a better one."}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.freeze = [self.freeze] if isinstance(self.freeze, str) else self.freeze


def stop(message: str) -> NoReturn:
    """Ends the recipe with a message and exit code 1."""
    raise SystemExit(message)


def loading(model: trl.ModelConfig, training: Any) -> dict[str, Any]:
    """How a model is loaded: as ModelConfig says, and above it `model_init_kwargs`."""
    asked = {"revision": model.model_revision, "attn_implementation": model.attn_implementation, "dtype": model.dtype}
    return asked | (training.model_init_kwargs or {})


@contextlib.contextmanager
def setting_up(name: str | None) -> Iterator[None]:
    """What cannot be made of a model as asked, by any library's word for it, becomes one message."""
    try:
        yield
    except (ValueError, ImportError, OSError) as error:
        stop(f"{name}: cannot be set up as asked: {error}")


def parse(*kinds: type, args: Iterable[str] | None = None) -> tuple[Any, ...]:
    """The arguments of a recipe, from `--config FILE.yaml` and flags, which count more.

    Args:
        kinds: dataclasses, as TrlParser takes them.
        args: by default those of the command line.

    Raises:
        SystemExit: a key or flag that no dataclass has, a value that cannot be.
    """
    given = [part for arg in (sys.argv[1:] if args is None else args) for part in _halves(arg)]
    parser = trl.TrlParser(kinds, allow_abbrev=False)
    parser.error = lambda message: stop(f"{message}. All flags: --help")  # argparse would print hundreds before it.
    known: dict[str, Any] = {}
    for action in parser._actions:
        known.setdefault(action.dest, action)
    for flag in (part for part in given if part.startswith("--") and part != "--config"):
        if flag not in parser._option_string_actions:
            stop(f"{flag}: no such flag.{_near(flag.removeprefix('--'), known)}")
    place = "the flags"
    if "--config" in given:
        place = (given[given.index("--config") + 1 :] or stop("--config: name a YAML file"))[0]
        _check_config(place, known)
    try:
        with warnings.catch_warnings():  # TRL's own default, by its old name.
            warnings.filterwarnings("ignore", "`gradient_checkpointing` is deprecated", FutureWarning)
            parsed = parser.parse_args_and_config(given)
    except (ValueError, TypeError, ImportError) as error:
        stop(f"{place}: {error}")
    for one in parsed:
        _check_trackers(getattr(one, "report_to", []))
    return parsed


def _check_config(place: str, known: Mapping[str, Any]) -> None:
    try:
        config = parse_yaml(read_text(Path(place)), place)
    except mmdata.MmdataError as error:
        stop(str(error))
    if not isinstance(config, dict):
        stop(f"{place}: should be keys and values, as `learning_rate: 2.0e-5`")
    for key, value in config.items():
        if key not in known and key != "env":
            stop(f"{place}: {key}: no argument takes this key.{_near(str(key), known)}")
        if key in known and not _fits(value, known[key]):
            stop(f"{place}: {key}: {value!r} cannot be; it should be {_kind(known[key])}. {known[key].help or ''}")


def _fits(value: Any, action: Any) -> bool:
    """Whether argparse would take it as a flag; TrlParser takes what YAML gives as it is."""
    if value is None or action.type is None:
        return True
    if action.nargs == "+" and isinstance(value, list):
        return all(_takes(action, str(one)) for one in value)
    return _takes(action, str(value)) and (action.nargs != "+" or isinstance(value, str))


def _takes(action: Any, text: str) -> bool:
    try:
        made = action.type(text)
    except (ValueError, TypeError, argparse.ArgumentTypeError):
        return False
    return not action.choices or made in action.choices


def _kind(action: Any) -> str:
    """What an argument takes, in words."""
    if action.choices:
        return f"one of {', '.join(map(str, action.choices))}"
    if action.nargs == "+":
        return "a list, as [one, another]"
    examples = {"true": "true or false", "1.5": "a number", "1": "a whole number"}
    return next((kind for text, kind in examples.items() if _takes(action, text)), "as its help says")


def _check_trackers(wanted: list[str]) -> None:
    """Those asked for must be there; trackio must not be there in halves, as TRL asks it whenever it saves."""
    for name, module in TRACKERS.items():
        try:
            if name in wanted or (name == "trackio" and importlib.util.find_spec(name)):
                importlib.import_module(module)
        except ImportError as error:
            if name in wanted:
                stop(f"report_to: {name} cannot be imported ({error}). Please install it: pip install {name}")
            trl.trainer.utils.is_trackio_available = lambda: False


def _halves(arg: str) -> list[str]:
    """`--flag=value` as two."""
    flag, equals, value = arg.partition("=")
    return [flag, value] if equals and flag.startswith("--") else [arg]


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 3, 0.6)
    return f" Is it {' or '.join(near)}?" if near else " All are listed by --help"

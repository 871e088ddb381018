"""Which of a builder's configs a build has, and which of its options were set to something else."""

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
from pydantic import TypeAdapter, ValidationError

from .corpus import Corpus
from .errors import BuildError
from .strict import explain

if TYPE_CHECKING:
    from .builder import CorpusBuilder


@dataclass(frozen=True)
class Config:
    """A config by its name, and options that are not as it has them. Sent to workers."""

    name: str | None
    """None: the builder has none."""
    options: dict[str, Any] = field(default_factory=dict)

    def builder(self, corpus: Corpus, work: Path) -> "CorpusBuilder":
        """The corpus's builder of this config; `work` is a folder for what need not stay."""
        return corpus.builder(config_name=self.name, cache_dir=str(work / "datasets"), **self.options)


def config_of(corpus: Corpus, name: str | None, options: Mapping[str, Any]) -> Config:
    """The config of this name, the builder's default without one, with options set as wanted.

    Args:
        options: texts, as the command line has them, or values.

    Raises:
        BuildError: no such config or option, or a value that the option cannot have.
    """
    configs = {config.name: config for config in corpus.builder.BUILDER_CONFIGS}
    if name is not None and name not in configs:
        raise BuildError(f"{corpus.name} has no config {name!r}. It has: {', '.join(configs) or 'none'}")
    name = name or corpus.builder.DEFAULT_CONFIG_NAME or next(iter(configs), None)
    # A builder without configs may have options: its config class says them.
    plain = configs[name] if name else corpus.builder.BUILDER_CONFIG_CLASS()
    kinds = _kinds(type(plain))
    values = {key: value_of(corpus, key, options[key], kinds) for key in sorted(options)}
    return Config(name, {key: value for key, value in values.items() if getattr(plain, key) != value})


def _kinds(config: type[datasets.BuilderConfig]) -> dict[str, Any]:
    """Option → its type: what the corpus adds to every builder's fields."""
    common = {one.name for one in dataclasses.fields(datasets.BuilderConfig)}
    hints = typing.get_type_hints(config)
    return {one.name: hints[one.name] for one in dataclasses.fields(config) if one.name not in common}


def value_of(corpus: Corpus, key: str, value: Any, kinds: Mapping[str, Any]) -> Any:
    """A value that was set, maybe as text, as its kind wants it. Raises BuildError: no such option, or not such a value."""
    if key not in kinds:
        raise BuildError(f"{corpus.name} has no option {key!r}. It has: {', '.join(kinds) or 'none'}")
    kind: TypeAdapter[Any] = TypeAdapter(kinds[key])
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        if isinstance(value, str):
            try:
                return kind.validate_json(value)  # A list, as '["동물", "음식"]'.
            except ValidationError:
                pass
        raise BuildError(f"{corpus.name}: {key}={value!r}: {explain(error)}") from None

"""What the rules make of one answer: terms replaced, label aliases written as their class. Pure."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import polars as pl
from pydantic import ValidationError

from ..annotation.prompt import Prompt
from .tags import LabelTag, apart
from .wording import Wording


@dataclass
class Fixed:
    """One answer after the rules."""

    value: str
    terms: Counter[str] = field(default_factory=Counter)
    """Replaced word → times."""
    aliases: int = 0
    """Labels that were written as an alias, and now are as the class."""
    named: dict[str, set[str]] = field(default_factory=dict)
    """Label field → classes that the answer names; without those that say they cannot tell."""
    unfit: str = ""
    """Why the fixed object does not fit the prompt's response class: then `value` is as it was."""

    def contradicts(self, row: Mapping[str, Any]) -> bool:
        """Whether it names another class than the row has."""
        return any(row[name] is not None and classes != {row[name]} for name, classes in self.named.items())


@dataclass(frozen=True)
class Rules:
    """The rules for the answers of one prompt."""

    prompt: Prompt
    wording: Wording
    tags: list[LabelTag]

    def suspects(self, answers: pl.DataFrame) -> pl.Series:
        """Which answers may need something: the others, mostly almost all, are not looked at one by one.

        Args:
            answers: columns value and the label fields of `tags`.
        """
        mask = self.wording.suspects(answers["value"])
        for tag in self.tags:
            mask |= tag.suspects(answers, self.prompt.response is not None)
        return mask

    def fix(self, value: str) -> Fixed:
        """The answer after the rules; the same again, if it is given what it returned."""
        fixed = Fixed(value)
        if self.prompt.response is None:
            fixed.value = self._text(value, fixed)
            return fixed
        made = map_object(value, lambda text: self._text(text, fixed), self._labels(fixed))
        if made == value:
            return fixed
        if why := misfit(self.prompt, made):
            return Fixed(value, named=fixed.named, unfit=why)
        fixed.value = made
        return fixed

    def _text(self, text: str, fixed: Fixed) -> str:
        return apart(
            text,
            self.tags,
            lambda part: self.wording.replace(part, fixed.terms),
            lambda tag, said: self._label(tag, fixed, said),
        )

    def _labels(self, fixed: Fixed) -> dict[str, Callable[[str], str]]:
        return {tag.tag: partial(self._label, tag, fixed) for tag in self.tags}

    def _label(self, tag: LabelTag, fixed: Fixed, said: str) -> str:
        if tag.none is not None and said.strip() == tag.none:
            return said
        words: Counter[str] = Counter()
        name = tag.class_of(said) or tag.class_of(self.wording.replace(said, words))
        if name is None:  # No class: `mmdata check` tells a person, who knows better than a term map.
            return said
        fixed.aliases += said != name
        fixed.named.setdefault(tag.field, set()).add(name)
        return name


def map_object(value: str, free: Callable[[str], str], labels: Mapping[str, Callable[[str], str]]) -> str:
    """An object as JSON with `free` applied to each of its strings, and `labels` to those of its own fields."""

    def walk(part: Any) -> Any:
        if isinstance(part, str):
            return free(part)
        if isinstance(part, list):
            return [walk(one) for one in part]
        return {name: walk(one) for name, one in part.items()} if isinstance(part, dict) else part

    try:
        whole = json.loads(value)
    except ValueError:
        return value
    if not isinstance(whole, dict):
        return value
    made = {
        name: labels[name](part) if name in labels and isinstance(part, str) else walk(part)
        for name, part in whole.items()
    }
    # As pydantic writes it; and an untouched object keeps its very bytes.
    return value if made == whole else json.dumps(made, ensure_ascii=False, separators=(",", ":"))


def misfit(prompt: Prompt, value: str) -> str:
    """Why an answer is no object of the prompt's response class; empty if it is one."""
    if prompt.response_schema is None:
        return ""
    try:
        prompt.response_schema.model_validate_json(value)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'value'}: {first['msg']}"
    return ""

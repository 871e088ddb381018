"""What an answer says of the row's own labels: `<label>건선증</label>`, or an object's "label"."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from ..annotation.prompt import Prompt
from ..labels import LabelMap


@dataclass(frozen=True)
class LabelTag:
    """A tag of the prompt that must agree with a label field of the row."""

    tag: str
    field: str
    none: str | None
    """What it says when the model cannot tell: no class, and no contradiction."""
    classes: LabelMap

    def class_of(self, said: str) -> str | None:
        """The class that the tag's text names, by any of its spellings; None for none."""
        return self.classes.named(said)

    def parts(self, text: str) -> list[tuple[int, int]]:
        """Where the text says it: from the end of the opening tag to the beginning of the closing one."""
        return [match.span(1) for match in re.finditer(self._pattern, text, re.IGNORECASE)]

    def suspects(self, answers: pl.DataFrame, as_object: bool) -> pl.Series:
        """Which answers do not say just the row's class in so many words."""
        value, label = answers["value"], answers[self.field]
        if as_object:
            # Not by a JSON path: a tag may have any name, and one answer in a thousand is broken JSON.
            plain = pl.concat_str(pl.lit(f'"{self.tag}":"'), pl.col(self.field), pl.lit('"'))
            return ~answers.select(pl.col("value").str.contains(plain, literal=True).fill_null(False)).to_series()
        said = value.str.extract(f"(?i){self._pattern}")
        many = value.str.count_matches(rf"(?i)<\s*{re.escape(self.tag)}\s*>") > 1
        return (said.is_not_null() & said.ne_missing(label)) | many.fill_null(False)

    @property
    def _pattern(self) -> str:
        name = re.escape(self.tag)
        return rf"<\s*{name}\s*>([^<>]*)<\s*/\s*{name}\s*>"


def label_tags(prompt: Prompt, labels: Mapping[str, LabelMap]) -> list[LabelTag]:
    """The tags of a prompt that name a label field of the corpus."""
    made = []
    for tag, rule in prompt.wanted.tags.items():
        if rule.field and rule.field in labels:
            made.append(LabelTag(tag, rule.field, rule.none, labels[rule.field]))
    return made


def apart(text: str, tags: list[LabelTag], free: Callable[[str], str], label: Callable[[LabelTag, str], str]) -> str:
    """The text with `free` applied to all that is not a label's, and `label` to what is."""
    spans = sorted((start, end, tag) for tag in tags for start, end in tag.parts(text)) if tags else []
    made, at = [], 0
    for start, end, tag in spans:
        made += [free(text[at:start]), label(tag, text[start:end])]
        at = end
    return "".join((*made, free(text[at:])))

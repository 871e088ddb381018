"""A question and an answer in words, from templates; Korean particles agree with what they follow."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from mmdata.errors import CorpusError
from mmdata.particles import agree
from mmdata.strict import explain, parse_yaml, read_text

from .splits import share

FIELDS = {"item", "season", "category", "sub_category", "color"}


def _checked(template: str) -> str:
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{error}; a field is its name in {{}}") from None
    fields = {field for _, field, _, _ in parts if field is not None}
    if any(spec or conversion for _, _, spec, conversion in parts):
        raise ValueError("a field is its name in {}, with nothing behind the name")
    if unknown := fields - FIELDS:
        raise ValueError(f"it uses {', '.join(sorted(unknown))}; there are {', '.join(sorted(FIELDS))}")
    if not fields & {"item", "category", "sub_category"}:
        raise ValueError("it says nothing of the item")
    return template


def _one_for_all(templates: list[str]) -> list[str]:
    if all("{color}" in one for one in templates):
        raise ValueError("one must be without {color}, for items that have none")
    return templates


class Templates(BaseModel):
    """What instructions.yaml says."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    templates: Annotated[list[Annotated[str, AfterValidator(_checked)]], AfterValidator(_one_for_all)]
    """Questions, with names of FIELDS in {}."""


def read_templates(path: Path) -> list[str]:
    """The templates of an instructions.yaml. Raises CorpusError where it is wrong."""
    try:
        return Templates.model_validate(parse_yaml(read_text(path), str(path))).templates
    except ValidationError as error:
        raise CorpusError(f"{path}: {explain(error)}. It is `templates:`, and below it a list of texts") from None


def instruction(
    templates: Sequence[str], key: str, season: str, category: str, sub_category: str, color: str | None
) -> str:
    """What the customer asks. It is made of the item alone: what is recommended is not known here.

    Args:
        key: chooses the template.
    """
    color = color if color and color not in sub_category else None
    fitting = [one for one in templates if color or "{color}" not in one]
    template = fitting[int(share(f"instruction {key}") * len(fitting))]
    item = described(sub_category, color)
    values = {"season": season, "category": category, "sub_category": sub_category, "color": color or "", "item": item}
    return filled(template, values)


def answer(recommend: Mapping[str, Sequence[str]], season: str, sub_category: str, color: str | None) -> str:
    """The recommendation, which is not empty, as a sentence."""
    parts = [f"{category}로 {'·'.join(names)}" for category, names in recommend.items() if names]
    return f"{season}에는 이 {described(sub_category, color)}에 {', '.join(parts)}" + agree(parts[-1], "를 추천해요.")


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with its values, the particle behind each made to agree with it."""
    text, last = "", ""
    for literal, field in _parts(template):
        text += agree(last, literal) if last else literal
        last = values[field] if field else ""
        text += last
    return text


@lru_cache(1 << 10)
def _parts(template: str) -> list[tuple[str, str | None]]:
    return [(literal, field) for literal, field, _, _ in Formatter().parse(template)]


def described(sub_category: str, color: str | None) -> str:
    """데님 데님 팬츠 is nobody's word."""
    return f"{color} {sub_category}" if color and color not in sub_category else sub_category

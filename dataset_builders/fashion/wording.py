"""A question and an answer in words, from templates; Korean particles agree with what they follow."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from string import Formatter

from mmdata import MmdataError
from mmdata.particles import agree
from mmdata.strict import parse_yaml, read_text

from .advice import share

FIELDS = {"item", "season", "category", "sub_category", "color"}


def read_templates(path: Path) -> list[str]:
    """The templates of an instructions.yaml. Raises MmdataError where it is wrong."""
    raw = parse_yaml(read_text(path), str(path))
    found = raw["templates"] if isinstance(raw, dict) and raw.keys() == {"templates"} else None
    if not isinstance(found, list) or not any("{color}" not in str(one) for one in found):
        raise MmdataError(
            f"{path}: it must be `templates:` and below it a list of texts, one of them without {{color}}"
        )
    for template in found:
        if fault := fault_of(template):
            raise MmdataError(f"{path}: {template!r}: {fault}")
    return found


def fault_of(template: object) -> str:
    """Why a text is no template; "" where it is one."""
    if not isinstance(template, str):
        return "it is no text; put it in quotes"
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        return str(error)
    fields = {field for _, field, _, _ in parts if field is not None}
    if any(spec or conversion for _, _, spec, conversion in parts):
        return "a field is its name in {}, with nothing behind the name"
    if unknown := fields - FIELDS:
        return f"it uses {', '.join(sorted(unknown))}; there are {', '.join(sorted(FIELDS))}"
    return "" if fields & {"item", "category", "sub_category"} else "it says nothing of the item"


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
    item = _item(sub_category, color)
    values = {"season": season, "category": category, "sub_category": sub_category, "color": color or "", "item": item}
    return filled(template, values)


def answer(recommend: Mapping[str, Sequence[str]], season: str, sub_category: str, color: str | None) -> str:
    """The recommendation, which is not empty, as a sentence."""
    parts = [f"{category}로 {'·'.join(names)}" for category, names in recommend.items() if names]
    return f"{season}에는 이 {_item(sub_category, color)}에 {', '.join(parts)}" + agree(parts[-1], "를 추천해요.")


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


def _item(sub_category: str, color: str | None) -> str:
    """데님 데님 팬츠 is nobody's word."""
    return f"{color} {sub_category}" if color and color not in sub_category else sub_category

"""Texts that people, or an earlier project, wrote for combinations that are drawn here: *interpreted*.jsonl."""

import json
import unicodedata
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, ValidationError

from mmdata import Finding, Listing, MmdataError
from mmdata.schemas import AacContext, AacItem

from .completed import ENDING, context_of, output_of
from .symbols import Lost, content, files_named

FILES = ("*interpreted*.jsonl",)
SAID = {
    "text unread": "{} lines of texts cannot be read, and are left out",
    "text unknown": (
        "{} texts are for cards that nobody laid so, and are left out. What is drawn hangs on the cards, seed and "
        "options: build as they were then, or remove the lines"
    ),
    "text twice": "{} texts are for cards that an earlier line is for, and are left out. Remove one of the two",
    "output": "{} outputs are not three texts; they are left out, to be written",
}
"""Check → what to say of so many lines."""

Laid = tuple[str, tuple[str, ...]]
"""A persona's id, and the ids of the cards in order."""
Texts = dict[str, Any]
"""The columns `context` and `output`."""


class _Line(BaseModel):
    """Columns of a release, so that rows of one may stand here as they are."""

    model_config = ConfigDict(frozen=True)

    persona_id: StrictStr | StrictInt
    card_ids: list[StrictStr]
    """In order, with or without .png."""
    context: Any = None
    output: Any = None


def interpreted(listing: Listing, laid: Collection[Laid]) -> tuple[dict[Laid, Texts], list[Finding]]:
    """The texts by the person and the cards in order that they are for, and what is wrong with the others.

    Args:
        laid: the combinations of this build. Neither rows' ids nor the order of lines says which one is meant: both
            hang on the draw.

    Raises:
        MmdataError: a file is not UTF-8, or too large.
    """
    texts: dict[Laid, Texts] = {}
    faults: dict[str, list[str]] = {}
    places: dict[Laid, str] = {}
    for place, text in _lines(listing):
        try:
            key, context, output = read(text)
        except ValueError as why:
            faults.setdefault("text unread", []).append(f"{place}: {why}")
            continue
        who = f"{', '.join(key[1])} of persona {key[0]}"
        if key not in laid:
            faults.setdefault("text unknown", []).append(f"{place}: {who}")
        elif key in places:
            faults.setdefault("text twice", []).append(f"{place}: {who}, as {places[key]}")
        else:
            places[key] = place
            said, fault = output_of(output)
            texts[key] = {"context": context, "output": said}
            if fault:
                faults.setdefault("output", []).append(f"{place}: {fault}")
    found = [
        Finding.warning(check, f"{text.format(len(at))}: {at[0]}", at, len(at))
        for check, text in SAID.items()
        if (at := faults.get(check))
    ]
    return texts, found


def read(text: str) -> tuple[Laid, Texts | None, Any]:
    """A line: whose cards, in what situation, and what it gives as output.

    Raises:
        ValueError: it is not of the form.
    """
    try:
        entry = json.loads(text)
        json.dumps(entry, ensure_ascii=False).encode()  # Half of a surrogate pair would cost the row its place.
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}") from None
    if not isinstance(entry, dict):
        raise ValueError(f"{text:.60} is no object with persona_id, card_ids, context, output")
    if unknown := entry.keys() - AacItem.model_fields.keys():
        raise ValueError(f"it has {', '.join(sorted(unknown)):.80}; read are persona_id, card_ids, context, output")
    try:
        line = _Line.model_validate(entry)
        context, failed = context_of(line.context)
        context = None if context is None else AacContext.model_validate(context).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part not in ("str", "int"))
        raise ValueError(f"{place or 'context'}: {first['msg']}, not {first['input']!r:.60}") from None
    if failed:
        raise ValueError("its context holds an error in the place of a text")
    ids = tuple(ENDING.sub("", unicodedata.normalize("NFC", name)) for name in line.card_ids)
    return (str(line.persona_id), ids), context, line.output


def _lines(listing: Listing) -> Iterator[tuple[str, str]]:
    for file in files_named(listing, *FILES):
        try:
            text = content(listing, file).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise MmdataError(f"{file.path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
        except Lost as why:
            raise MmdataError(f"{file.path}: {why}") from None
        for number, line in enumerate(text.split("\n"), 1):  # splitlines would cut texts at U+2028 too.
            if line.strip():
                yield f"{file.path}: line {number}", line

"""The original's dataset_completed.json, from before: items that are made already, with or without their texts."""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from mmdata import Listing, MmdataError
from mmdata.schemas import AacContext, AacPersona

from .personas import digest_of
from .symbols import files_named, json_in

FILES = ("*dataset_completed*.json",)
CONTEXT = tuple(AacContext.model_fields)
KEYS = {"id", "input", "output"}
INPUTS = {"persona", "context", "past_interpretation", "AAC_card_combination"}
FAILED = re.compile(
    r"""\W* (?: (?: (?:processing|api|internal|server|connection|timeout|parsing) \s )? (?:error|exception|failed|failure)
    | (?: (?:해석|생성|처리|응답|분석|호출|요청|통신|파싱|API) \s? (?:중\s)? )? (?:오류|에러|실패) (?:\s?(?:발생|입니다|했습니다))?
    | none | null | nan | n/a | timeout | timed\sout ) \W* (?: [:：(\[] .* )?""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
"""What the original, and others after it, wrote in the place of a text that they failed to get. 오류가 났어요 is a text."""
ENDING = re.compile(r"\.(?:png|jpe?g)$", re.IGNORECASE)
INTERPRETATIONS = 3

Values = dict[str, Any]


@dataclass
class Imported:
    """An item as it is read."""

    values: Values
    """Of its columns, and the `names` of its pictures."""
    failed: bool = False
    """The original failed on it: such a text is left to be written again."""
    fault: str = ""
    """Why its output is left out."""
    dropped: tuple[str, ...] = ()
    """Keys that no column is for."""


def entries(listing: Listing) -> Iterator[tuple[str, Any]]:
    """Each element of the files, with its place."""
    found = list(files_named(listing, *FILES))
    for file in found:
        said = json_in(listing, file)
        if not isinstance(said, list):
            raise MmdataError(f'{file.path}: no list of items, as [{{"id": 1, "input": {{…}}, "output": […]}}, …]')
        for at, entry in enumerate(said):
            yield f"{file.path}: item {at + 1}", entry
    if not found:
        raise MmdataError("the source has no dataset_completed.json, which the config `completed` reads")


def read(entry: Any) -> Imported:
    """An item of the file.

    Raises:
        ValueError: it is not of the original's form.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("input"), dict):
        raise ValueError("no object with an id, an input and an output")
    said, id = entry["input"], entry.get("id")
    if isinstance(id, bool) or not isinstance(id, int | str) or not str(id).strip():
        raise ValueError(f"its id is {id!r:.60}, which is no number and no text")
    names = said.get("AAC_card_combination")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"its AAC_card_combination is {names!r:.60}, which is no list of file names")
    persona = said.get("persona")
    if not isinstance(persona, dict):
        raise ValueError(f"its persona is {persona!r:.60}, which is no object")
    try:
        valid = AacPersona.model_validate(persona)
        persona, persona_id = valid.model_dump(), digest_of(valid)
    except ValidationError:  # The row is rejected for it, with its field.
        persona_id = sha256(json.dumps(persona, sort_keys=True).encode()).hexdigest()[:12]
    context, failed = context_of(said.get("context"))
    output, fault = output_of(entry.get("output"))
    values = {
        "id": str(id),
        "names": names,
        "card_ids": [ENDING.sub("", unicodedata.normalize("NFC", name)) for name in names],
        "persona_id": persona_id,
        "persona": persona,
        "context": context,
        "past_interpretation": said.get("past_interpretation"),
        "output": output,
    }
    dropped = (*sorted(entry.keys() - KEYS), *(f"input.{key}" for key in sorted(said.keys() - INPUTS)))
    return Imported(values, failed or fault == FAULT, fault if fault != FAULT else "", dropped)


FAULT = "the original failed"


def context_of(said: Any) -> tuple[Any, bool]:
    """A situation, None where nobody wrote one yet, and whether the original failed on it.

    Raises:
        ValueError: it says what no situation has.
    """
    if not isinstance(said, dict):
        return said, False
    if any(map(is_failure, said.values())):
        return None, True
    if not any(said.values()):
        return None, False
    if unknown := said.keys() - set(CONTEXT):
        raise ValueError(f"its context has {', '.join(sorted(unknown))}; known are {', '.join(CONTEXT)}")
    return said, False


def output_of(said: Any) -> tuple[list[str] | None, str]:
    """Three interpretations, or None and why they are none; without a reason, where nobody wrote them yet."""
    if said is None or said in ("", []):
        return None, ""
    texts = said if isinstance(said, list) else [said]
    if any(map(is_failure, texts)):
        return None, FAULT
    if not isinstance(said, list):
        return None, "no list"
    if len(said) != INTERPRETATIONS:
        return None, f"{len(said)}, not {INTERPRETATIONS}"
    if not all(isinstance(one, str) and one.strip() for one in said):
        return None, "one of them is empty, or no text"
    return said, ""


def is_failure(text: Any) -> bool:
    """Whether a program wrote it that had nothing to say."""
    return isinstance(text, str) and FAILED.fullmatch(text) is not None

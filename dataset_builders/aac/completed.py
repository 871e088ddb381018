"""The original's dataset_completed.json, from before: items that are made already, with or without their texts."""

import json
import unicodedata
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from mmdata import Listing, MmdataError
from mmdata.schemas import AacContext

from .symbols import files_named, json_in

FILES = ("*dataset_completed*.json",)
CONTEXT = tuple(AacContext.model_fields)
FAILED = {"오류", "Processing error"}
"""What the original wrote in the place of a text that it failed to get."""
PICTURE = ".png"

Values = dict[str, Any]


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


def values_of(entry: Any) -> tuple[Values, bool]:
    """The columns of an item, and whether the original failed on it: such a text is left to be written again.

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
    context, output = said.get("context"), entry.get("output")
    failed = False
    if isinstance(context, dict):
        if FAILED & {value for value in context.values() if isinstance(value, str)}:
            context, failed = None, True
        elif unknown := context.keys() - set(CONTEXT):
            raise ValueError(f"its context has {', '.join(sorted(unknown))}; known are {', '.join(CONTEXT)}")
    output = [output] if isinstance(output, str) and output else output or None
    if isinstance(output, list) and FAILED.intersection(one for one in output if isinstance(one, str)):
        output, failed = None, True
    return {
        "id": str(id),
        "card_ids": [unicodedata.normalize("NFC", name).removesuffix(PICTURE) for name in names],
        "persona_id": digest_of(persona),
        "persona": persona,
        "context": context,
        "past_interpretation": said.get("past_interpretation"),
        "output": output,
    }, failed


def digest_of(persona: Values) -> str:
    """A name for a persona of whom the file gives all but a name."""
    return sha256(json.dumps(persona, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:12]

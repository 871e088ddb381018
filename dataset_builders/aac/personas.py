"""Step `personas`: the people of the personas' files."""

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from mmdata import Finding, Listing, MmdataError
from mmdata.schemas import AacPersona, PersonaEntry
from mmdata.steps import step

from .symbols import clean, files_named, json_in

FILES = ("*personas*.json",)
KEYS = {"id", "persona", "items"}


@step(PersonaEntry, reads=FILES)
def personas(listing: Listing) -> Iterator[PersonaEntry | Finding]:
    """One for each `{"id", "persona"}` of personas*.json; `items` beside them says how many combinations it gets.

    Raises:
        MmdataError: an entry is not as the format has it: a person left out would be missed by nobody.
    """
    places: dict[str, str] = {}
    everyone: list[PersonaEntry] = []
    for file in files_named(listing, *FILES):
        said = json_in(listing, file)
        if not isinstance(said, list) or not said:
            raise MmdataError(f'{file.path}: no list of personas, as [{{"id": 1, "persona": {{…}}}}, …]')
        for at, entry in enumerate(said):
            place = f"{file.path}: persona {at + 1} of {len(said)}"
            made = entry_of(entry, place)
            if made.id in places:
                raise MmdataError(
                    f"{place}: its id {made.id} is also that of {places[made.id]}. Number one of them anew"
                )
            places[made.id] = place
            everyone.append(made)
            yield made
    if not places:
        raise MmdataError(
            "the source has no personas*.json, and without people there are no combinations. Add one, in any folder"
        )
    if same := [f"{id} (as {home})" for id, home in homes_of(everyone).items() if id != home]:
        text = f"{len(same)} personas are another one under another id; they share one side of the split: {same[0]}"
        yield Finding.warning("same persona", text, same, len(same))


def homes_of(everyone: Iterable[PersonaEntry]) -> dict[str, str]:
    """Of each persona, the first of those that say the same, by their ids: itself, where nobody else does."""
    firsts: dict[str, str] = {}
    digests = {one.id: digest_of(one.persona) for one in everyone}
    for id in sorted(digests):
        firsts.setdefault(digests[id], id)
    return {id: firsts[digest] for id, digest in digests.items()}


def digest_of(persona: AacPersona) -> str:
    """A name for what a persona says of a person, however it is spaced; clusters are no part of the person."""
    said = persona.model_dump(exclude={"preferred_category_types"})
    said = {
        key: [clean(one) for one in value] if isinstance(value, list) else clean(value) for key, value in said.items()
    }
    return sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:12]


def entry_of(entry: Any, place: str) -> PersonaEntry:
    """An element of the file. Raises MmdataError naming the persona and the field."""
    id = entry.get("id") if isinstance(entry, dict) else None
    if isinstance(id, bool) or not isinstance(id, int | str) or not str(id).strip():
        raise MmdataError(f'{place}: it needs an "id", a number or a text, and a "persona"')
    name = f"{place} ({id})"
    if unknown := sorted(entry.keys() - KEYS):
        raise MmdataError(f"{name}: it has {', '.join(unknown)}; known are id, persona, items")
    try:
        return PersonaEntry.model_validate({**entry, "id": str(id)})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise MmdataError(f"{name}: {field}: {_fault(first)}") from None


def _fault(error: Any) -> str:
    """What is wrong with a field, and what to do."""
    given, context = f"{error['input']!r:.80}", error.get("ctx") or {}
    match error["type"]:
        case "missing":
            return f"it is missing; add it. A persona has {', '.join(AacPersona.model_fields)}"
        case "extra_forbidden":
            return f"no such field; remove it. A persona has {', '.join(AacPersona.model_fields)}"
        case "literal_error":
            return f"it is {given}; choose {context['expected']}"
        case "too_short":
            return "it is empty; give one at least"
        case "string_too_short" | "value_error":
            return "it is empty; write something, or remove it"
        case "string_type":
            return f"it is {given}, which is no text; write it in quotes"
        case "list_type":
            return f"it is {given}, which is no list; write it in [ ]"
        case "int_type" | "int_parsing" | "int_from_float" | "greater_than_equal":
            least = context.get("ge", 0)
            return f"it is {given}; give a whole number of {least} or more"
    return f"it is {given}: {error['msg']}. Correct it"

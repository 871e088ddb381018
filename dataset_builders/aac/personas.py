"""Step `personas`: the people of the personas' files."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from mmdata import Listing, MmdataError
from mmdata.schemas import PersonaEntry
from mmdata.steps import step

from .symbols import files_named, json_in

FILES = ("*personas*.json",)
KEYS = {"id", "persona", "items"}


@step(PersonaEntry, reads=FILES)
def personas(listing: Listing) -> Iterator[PersonaEntry]:
    """One for each `{"id", "persona"}` of personas*.json; `items` beside them says how many combinations it gets.

    Raises:
        MmdataError: an entry is not as the format has it: a person left out would be missed by nobody.
    """
    places: dict[str, str] = {}
    for file in files_named(listing, *FILES):
        said = json_in(listing, file)
        if not isinstance(said, list) or not said:
            raise MmdataError(f'{file.path}: no list of personas, as [{{"id": 1, "persona": {{…}}}}, …]')
        for at, entry in enumerate(said):
            made = entry_of(entry, f"{file.path}: persona {at + 1} of {len(said)}")
            if made.id in places:
                raise MmdataError(
                    f"{file.path}: the persona {made.id} is also in {places[made.id]}. Number one of them anew"
                )
            places[made.id] = file.path
            yield made
    if not places:
        raise MmdataError(
            "the source has no personas*.json, and without people there are no combinations. Add one, in any folder"
        )


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
        raise MmdataError(f"{name}: {field}: {first['msg']}, got {first['input']!r:.80}") from None

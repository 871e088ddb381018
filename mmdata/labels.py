"""Label maps: ordered class names with their aliases, from a corpus's labels.yaml."""

import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import CorpusError, Reject
from .strict import explain, parse_yaml, read_text


class ClassEntry(BaseModel):
    """What labels.yaml says of one class."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    en: str = ""
    """English name, for cards and reports."""
    aliases: list[str] = []
    """Other spellings that mean this class."""


class LabelMap:
    """Class names in the order of their indices, and every spelling that leads to one."""

    def __init__(self, name: str, classes: Mapping[str, ClassEntry], place: str = "labels.yaml"):
        self.name, self.place = name, place
        self.classes = {nfc(cls): entry for cls, entry in classes.items()}
        self._index: dict[str, int] = {}
        for index, (cls, entry) in enumerate(self.classes.items()):
            for spelling in (cls, *map(nfc, entry.aliases)):
                if spelling in self._index:
                    other = self.names[self._index[spelling]]
                    raise CorpusError(
                        f"{place}: {name}: {spelling!r} stands for both {other!r} and {cls!r}; keep it under one class"
                    )
                self._index[spelling] = index

    @property
    def names(self) -> list[str]:
        return list(self.classes)

    def named(self, said: str) -> str | None:
        """The class that a person or a model means by a name or alias, in any case and spacing; None for neither."""
        return self._loose.get(_plain(said))

    @cached_property
    def _loose(self) -> dict[str, str]:
        return {_plain(spelling): self.names[index] for spelling, index in self._index.items()}

    def index(self, value: str) -> int:
        """The class index of a name or alias. Raises Reject("unknown label")."""
        found = self._index.get(nfc(value))
        if found is not None:
            return found
        near = get_close_matches(nfc(value), self._index, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise Reject(
            "unknown label",
            field=self.name,
            value=value,
            reason=f"{self.name} {value!r} is not in labels.yaml. Known: {', '.join(self.names)}."
            f"{hint} Add it there as an alias, or correct it in the source.",
        )


def read_label_maps(path: Path) -> dict[str, LabelMap]:
    """Every map of a labels.yaml: `{field: {class: {en: …, aliases: […]}}}`."""
    raw = parse_yaml(read_text(path), str(path))
    if not isinstance(raw, dict):
        raise CorpusError(f"{path}: expected `field:` and its classes below it, got {raw!r:.60}")
    return {name: _label_map(name, classes, path) for name, classes in raw.items()}


def _label_map(name: object, classes: object, path: Path) -> LabelMap:
    if not isinstance(name, str) or not isinstance(classes, dict) or not classes:
        raise CorpusError(
            f"{path}: {name!r}: expected the classes, one a line: `건선: {{en: psoriasis, aliases: [건선증]}}`"
        )
    entries = {}
    for cls, entry in classes.items():
        if not isinstance(cls, str) or not cls.strip() or cls != cls.strip():
            raise CorpusError(
                f"{path}: {name}: the class {cls!r} is not a clean piece of text; "
                "write it in quotes if YAML reads it as a number, a date or yes/no"
            )
        try:
            entries[cls] = ClassEntry.model_validate({} if entry is None else entry)
        except ValidationError as error:
            raise CorpusError(f"{path}: {name}: {cls}: {explain(error)}") from None
    return LabelMap(name, entries, str(path))


def _plain(text: str) -> str:
    return " ".join(nfc(text).split()).lower()


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)

"""Palettes: which colours are worn together, from palettes.yaml and the spellings of labels.yaml."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmdata.errors import CorpusError
from mmdata.labels import read_label_maps
from mmdata.strict import explain, parse_yaml, read_text

from .spellings import STROKES, key, spellings_of

TONE_ON_TONE = "톤온톤"
"""Not a table: the hue of the item itself."""
Colors = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
Keys = frozenset[str]
"""Of colours in their one spelling."""
_AND = re.compile(f"[{re.escape(STROKES)}]+")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Palette(_Strict):
    """Colours under one name."""

    en: str
    """Its English name, by which it may be asked for too."""
    colors: Colors


class _File(_Strict):
    """What palettes.yaml says."""

    palettes: dict[str, Palette]
    hues: dict[str, Colors]


class Palettes:
    """What colours have in common.

    Raises:
        CorpusError: the file is wrong.
    """

    def __init__(self, path: Path):
        try:
            said = _File.model_validate(parse_yaml(read_text(path), str(path)))
        except ValidationError as error:
            raise CorpusError(f"{path}: {explain(error)}") from None
        if TONE_ON_TONE in said.palettes:
            raise CorpusError(f"{path}: {TONE_ON_TONE} has no colours of its own: it takes those of `hues:`")
        labels = read_label_maps(path.with_name("labels.yaml"))
        self._spellings = spellings_of(labels["color"]) if "color" in labels else {}
        self._tables = {name: self._keys(palette.colors) for name, palette in said.palettes.items()}
        self._hues = [self._keys(colors) for colors in said.hues.values()]
        self._known = lru_cache(1 << 12)(self._parts)
        self.names = [*said.palettes, TONE_ON_TONE]
        self._named = {key(word): name for name, one in said.palettes.items() for word in (name, one.en)}
        self._named |= {key(word): TONE_ON_TONE for word in (TONE_ON_TONE, "tone on tone")}

    def named(self, said: str) -> str | None:
        """The palette that is meant by a name, Korean or English; None for neither."""
        return self._named.get(key(said))

    def colors(self, name: str, own: str | None) -> Keys | None:
        """What a palette allows; None for tone on tone where the item's own colour has no one hue.

        Args:
            own: the item's colour.
        """
        if name != TONE_ON_TONE:
            return self._tables[name]
        return next((hue for hue in self._hues if own and self.within(own, hue)), None)

    def within(self, color: str | None, colors: Keys) -> bool:
        """Whether a colour is among them; of 블랙/화이트, whether both are."""
        found = self._known(color)
        return bool(found) and found <= colors

    def agree(self, one: str | None, other: str | None) -> bool:
        """Whether two colours have a hue or a palette in common."""
        both = self._known(one) | self._known(other)
        return bool(one and other) and any(both <= table for table in (*self._hues, *self._tables.values()))

    def _parts(self, color: str | None) -> Keys:
        """Keys of the colours that a catalogue's word names."""
        if not color or key(color) in self._spellings:
            return self._keys([color] if color else [])
        return self._keys([part for part in _AND.split(color) if part.strip()])

    def _keys(self, colors: list[str]) -> Keys:
        return frozenset(key(self._spellings.get(key(color), color)) for color in colors)

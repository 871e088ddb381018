"""The words every corpus is written in: a record and the markers on its fields.

A schema is a pydantic model, one object a row. Markers say what a field *is*, so that
the engine can treat it rightly without knowing the corpus:

    class SkinLesion(Record):
        id: Annotated[str, Id()]
        image: Annotated[Picture, Image()]
        label: Annotated[str, Label()]
        subject: Annotated[str | None, Group()] = None
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True, slots=True)
class Id:
    """The row's name: given by the source, unique in the corpus, never a position."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, kept byte for byte."""

    mode: str | None = "RGB"
    """Pillow mode the reader decodes to (`datasets.Image(mode=)`); None leaves it as stored."""


@dataclass(frozen=True, slots=True)
class Label:
    """A class name out of `labels.yaml`; becomes a `datasets.ClassLabel`."""

    map: str | None = None
    """Which map of `labels.yaml`; by default the one named as the field."""


@dataclass(frozen=True, slots=True)
class Group:
    """What rows may have in common besides their class: a person, a lesion, a site."""

    one_split: bool = True
    """True (a person): may be in one split only, else the build reports a leak.
    False (a hospital): may be in all, but must not predict the class."""


Marker = TypeVar("Marker", Id, Image, Label, Group)


class Picture(BaseModel):
    """An encoded image file: its bytes and the path it had in the source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    bytes: bytes


class Part(BaseModel):
    """A struct inside a record (a box, a turn of a dialogue)."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Record(Part):
    """One row of a corpus. A subclass marks exactly one field `Id()`."""

    @classmethod
    def marked(cls, marker: type[Marker]) -> dict[str, Marker]:
        """Field name → marker, for the fields that carry one of this type."""
        return dict(_marked(cls, marker))

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        ids = list(cls.marked(Id))
        if len(ids) != 1:
            raise TypeError(
                f"{cls.__name__}: {len(ids)} fields are marked Id() ({', '.join(ids) or 'none'}); "
                "a record has exactly one"
            )


def _marked(schema: type[BaseModel], marker: type[Marker]) -> Iterator[tuple[str, Marker]]:
    for name, field in schema.model_fields.items():
        for found in field.metadata:
            if isinstance(found, marker):
                yield name, found

"""The words every corpus is written in: a record and the markers on its fields.

A schema is a pydantic model, one object a row. Markers say what a field *is*, so that
the engine can treat it rightly without knowing the corpus:

    class SkinLesion(Record):
        id: Annotated[str, Id()]
        image: Annotated[Picture, Image()]
        label: Annotated[str, Label()]
        subject: Annotated[str | None, Group()] = None
"""

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True, slots=True)
class Id:
    """The row's name: given by the source, unique in the corpus, never a position."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, kept byte for byte."""

    mode: str | None = "RGB"
    """Pillow mode the reader decodes to (`datasets.Image(mode=)`); None leaves it as stored."""
    shared: bool = False
    """Many rows have the same picture by nature (symbols on cards): in two splits it is no leak."""


@dataclass(frozen=True, slots=True)
class Label:
    """A class name out of `labels.yaml`; becomes a `datasets.ClassLabel`."""

    map: str | None = None
    """Which map of `labels.yaml`; by default the one named as the field."""
    several: bool = False
    """One picture may be of several classes, each in a row of its own (the seasons of a garment)."""


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

    @classmethod
    def markers(cls, field: str) -> tuple[Any, ...]:
        """The markers of a field, wherever in its type: `Annotated[str, Label()] | None`, `list[Annotated[…]]`."""
        return _markers(cls, field)


class Record(Part):
    """One row of a corpus. A subclass marks exactly one field `Id()`."""

    @classmethod
    def marked(cls, marker: type[Marker]) -> dict[str, Marker]:
        """Field name → marker, for the fields that carry one of this type, in a list or not."""
        return {name: mark for name, mark in _marks(cls) if isinstance(mark, marker)}

    @classmethod
    def id_field(cls) -> str:
        """The field marked `Id()`."""
        return next(iter(cls.marked(Id)))

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        ids = list(cls.marked(Id))
        if len(ids) != 1:
            raise TypeError(
                f"{cls.__name__}: {len(ids)} fields are marked Id() ({', '.join(ids) or 'none'}); "
                "a record has exactly one"
            )


@cache  # Asked for several times a row.
def _marks(model: type[Part]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, mark) for name in model.model_fields for mark in model.markers(name))


@cache
def _markers(model: type[BaseModel], field: str) -> tuple[Any, ...]:
    info = model.model_fields[field]
    return (*info.metadata, *_markers_in(info.annotation))


def _markers_in(kind: Any) -> tuple[Any, ...]:
    inner = get_args(kind)
    if get_origin(kind) is Annotated:
        return (*inner[1:], *_markers_in(inner[0]))
    return tuple(marker for part in inner for marker in _markers_in(part))

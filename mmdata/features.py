"""A pydantic schema as `datasets.Features`: types, class names, image columns."""

import datetime
import enum
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import datasets
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mmdata.schemas import Image, Label, Part, Picture

from .errors import CorpusError
from .labels import LabelMap

_SCALARS: dict[type, str] = {
    bool: "bool",
    int: "int64",
    float: "float64",
    str: "string",
    bytes: "large_binary",
    datetime.datetime: "timestamp[us, tz=UTC]",
    datetime.date: "date32",
}


def features_of(schema: type[BaseModel], labels: Mapping[str, LabelMap]) -> datasets.Features:
    """The features of a schema, columns in the order of its fields.

    str, int, float, bool, bytes, datetime, date, Literal of str, Enum of str → Value; `X | None` → X
    (Arrow columns are nullable); list[X] → List; a nested model → struct; a field marked
    Label → ClassLabel with the names of its map; marked Image → Image.

    Raises:
        CorpusError: a type that has no column, a Label without a map in labels.yaml.
    """
    return datasets.Features(_struct(schema, labels, schema.__name__))


def _struct(model: type[BaseModel], labels: Mapping[str, LabelMap], at: str) -> dict[str, Any]:
    return {name: _field(name, field, labels, f"{at}.{name}") for name, field in model.model_fields.items()}


def _field(name: str, field: FieldInfo, labels: Mapping[str, LabelMap], at: str) -> Any:
    return _feature(field.annotation, tuple(field.metadata), name, labels, at)


def _feature(kind: Any, markers: tuple[Any, ...], name: str, labels: Mapping[str, LabelMap], at: str) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _feature(args[0], (*markers, *args[1:]), name, labels, at)
    if origin in (Union, types.UnionType):
        kinds = [a for a in args if a is not type(None)]
        if len(kinds) == 1:
            return _feature(kinds[0], markers, name, labels, at)
    elif origin is list:
        return datasets.List(_feature(args[0], markers, name, labels, at))
    elif isinstance(kind, type):
        for marker in markers:
            if isinstance(marker, Label):
                return _class_label(marker, name, labels, at)
            if isinstance(marker, Image):
                if not issubclass(kind, Picture):
                    raise CorpusError(f"{at}: marked Image(), so its type must be Picture, not {kind.__name__}")
                return datasets.Image(mode=marker.mode)
        if issubclass(kind, Picture):
            raise CorpusError(f"{at}: a Picture needs a marker: Annotated[Picture, Image()]")
        if issubclass(kind, Part):
            return _struct(kind, labels, at)
        if issubclass(kind, enum.Enum) and all(isinstance(member.value, str) for member in kind):
            return datasets.Value("string")
        if kind in _SCALARS:
            return datasets.Value(_SCALARS[kind])
    elif origin is Literal and all(isinstance(a, str) for a in args):
        return datasets.Value("string")
    raise CorpusError(
        f"{at}: {kind} has no column type. Use str, int, float, bool, bytes, date, datetime, "
        "Literal of str, Enum of str, a list, `| None`, or a model derived from Part"
    )


def _class_label(marker: Label, name: str, labels: Mapping[str, LabelMap], at: str) -> datasets.ClassLabel:
    wanted = marker.map or name
    if wanted not in labels:
        raise CorpusError(
            f"{at}: marked Label(), but labels.yaml has no map {wanted!r}. "
            f"It has: {', '.join(labels) or 'none'}. Add `{wanted}:` and its classes"
        )
    return datasets.ClassLabel(names=labels[wanted].names)

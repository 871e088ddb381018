"""From an item and its bytes to a validated row, or to the reason why not. Pure: no disk here."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError

from mmdata.schemas import Group, Image, Label, Part, Picture, Record

from .errors import FileProblem, Reject
from .images import Decode, ImageCheck, check_image

if TYPE_CHECKING:
    from .builder import CorpusBuilder, Item
    from .corpus import Corpus

Fact = tuple[str, str, str]
"""(kind, field, value) of one row, for the checks over all rows: bytes (of a picture), look, shared (the bytes of one
that many rows have by nature), label, group, note."""

SMALLEST, LARGEST = -(2**63), 2**63 - 1


@dataclass(slots=True)
class Accepted:
    """A validated row, ready for Arrow."""

    row: dict[str, Any]
    facts: list[Fact]
    size: int
    """Bytes of its pictures, near enough to the row's size."""
    cells: int
    """Elements of all its lists."""


@dataclass(slots=True)
class RowMaker:
    """Makes rows of one corpus.

    Args:
        recall: gives the known check of a picture by sha256 and mode, or None. Checks made anew are
            left in `checked`.
    """

    builder: "CorpusBuilder"
    corpus: "Corpus"
    decode: Decode
    recall: Callable[[str, str | None], ImageCheck | None] = lambda digest, mode: None
    checked: dict[tuple[str, str | None], ImageCheck] = field(default_factory=dict)
    _cells: int = 0
    _bytes: int = 0

    def make(self, item: "Item", files: Sequence[bytes | FileProblem]) -> Accepted | Reject:
        """One row, or why there is none. Errors in the builder's own code are raised."""
        try:
            return self._make(item, files)
        except Reject as reason:
            return reason

    def _make(self, item: "Item", files: Sequence[bytes | FileProblem]) -> Accepted:
        named: dict[str, bytes] = {}
        for (name, file), data in zip(item.files.items(), files, strict=True):
            if isinstance(data, FileProblem):
                raise Reject("unreadable file", field=name, value=file.path, reason=str(data))
            named[name] = data
        schema = self.corpus.schema
        record = self._record(item, named)
        id_field = schema.id_field()
        if getattr(record, id_field) != item.id:
            raise Reject(
                "changed id",
                field=id_field,
                value=getattr(record, id_field),
                reason=f"record() gave another id than items() ({item.id!r}); keep item.id",
            )
        made = self.of(record)
        made.facts += [
            ("group", name, str(value)) for name in schema.marked(Group) if (value := getattr(record, name)) is not None
        ]
        return made

    def of(self, record: Record) -> Accepted:
        """A record as a row, its pictures checked. Raises Reject."""
        facts: list[Fact] = []
        self._cells = self._bytes = 0
        row = self._struct(record, "", facts)
        return Accepted(row, facts, self._bytes, self._cells)

    def _struct(self, model: Part, at: str, facts: list[Fact]) -> dict[str, Any]:
        row = {}
        for name, marks, kind in _fields(type(model)):
            value = getattr(model, name)
            if kind == "plain":
                if type(value) is list:
                    self._cells += _elements(value)
            elif kind == "marked" or not (value is None or (type(value) is int and SMALLEST <= value <= LARGEST)):
                value = self._value(at + name, value, marks, facts)
            row[name] = value
        return row

    def _value(self, name: str, value: Any, marks: Sequence[Any], facts: list[Fact]) -> Any:
        if value is None:
            return None
        if isinstance(value, list):
            self._cells += len(value)
            if value and {int}.issuperset(map(type, value)):
                for extreme in (min(value), max(value)):
                    self._value(name, extreme, (), facts)
                return value
            # Numbered, so that what is noted of one picture is not taken for another's.
            numbered = any(isinstance(mark, Image) for mark in marks)
            return [self._value(f"{name}[{n}]" if numbered else name, v, marks, facts) for n, v in enumerate(value)]
        for marker in marks:
            if isinstance(marker, Label):
                return self._label(name, value, marker, facts)
            if isinstance(marker, Image):
                return self._picture(name, value, marker, facts)
        if isinstance(value, Part):
            return self._struct(value, f"{name}.", facts)
        if isinstance(value, int) and not SMALLEST <= value <= LARGEST:
            raise Reject("invalid value", field=name, value=str(value), reason=f"{name}: {value} needs over 64 bits")
        return getattr(value, "value", value)  # An Enum's value.

    def _record(self, item: "Item", named: dict[str, bytes]) -> Record:
        try:
            made = self.builder.record(item, named)
            return made if isinstance(made, Record) else self.corpus.schema.model_validate(made)
        except ValidationError as error:
            raise _rejected(error) from None
        except Reject:
            raise
        except Exception as error:
            raise self.corpus.blame(error, f"record() of {item.place}") from error

    def _label(self, name: str, value: str, marker: Label, facts: list[Fact]) -> int:
        labels = self.corpus.labels[marker.map or name.rsplit(".", 1)[-1]]
        index = labels.index(value)
        facts.append(("label", name, labels.names[index]))
        return index

    def _picture(self, name: str, picture: Picture, marker: Image, facts: list[Fact]) -> dict[str, Any]:
        self._bytes += len(picture.bytes)
        digest = sha256(picture.bytes).hexdigest()
        key = digest, marker.mode
        check = self.checked.get(key) or self.recall(*key)
        if check is None:
            check = self.checked[key] = check_image(picture.bytes, self.decode, marker.mode)
        if check.kind:
            raise Reject(check.kind, field=name, value=picture.path, reason=check.reason)
        facts.append(("shared" if marker.shared else "bytes", name, digest))
        if check.look and not marker.shared:
            facts.append(("look", name, check.look))
        facts += [("note", name, note) for note in check.notes]
        return {"bytes": picture.bytes, "path": picture.path}


@cache
def _fields(model: type[Part]) -> tuple[tuple[str, tuple[Any, ...], Literal["marked", "plain", "other"]], ...]:
    """Name, markers and kind of each field: a class or a picture, values that are Arrow's as they are, or neither."""
    found: list[tuple[str, tuple[Any, ...], Literal["marked", "plain", "other"]]] = []
    for name, info in model.model_fields.items():
        marks = model.markers(name)
        marked = any(isinstance(mark, Label | Image) for mark in marks)
        found.append((name, marks, "marked" if marked else "plain" if _is_plain(info.annotation) else "other"))
    return tuple(found)


def _is_plain(kind: Any) -> bool:
    """Whether a type is made of texts, floats, truths, bytes and times only: nothing in it to look at one by one."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _is_plain(inner[0])
    if origin is Literal:
        return all(isinstance(one, str) for one in inner)
    if origin in (list, Union, UnionType):
        return all(map(_is_plain, inner))
    return kind in (str, float, bool, bytes, datetime.datetime, datetime.date, NoneType)


def _elements(value: list[Any]) -> int:
    return sum(map(_elements, value)) if value and isinstance(value[0], list) else len(value)


def _rejected(error: ValidationError) -> Reject:
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"])) or "record"
    more = f" ({error.error_count()} such faults in this row)" if error.error_count() > 1 else ""
    value = None if first["type"] == "missing" else first["input"]
    return Reject("invalid value", field=name, value=value, reason=f"{name}: {first['msg']}, got {value!r:.80}{more}")

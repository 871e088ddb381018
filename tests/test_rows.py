"""One row, from its bytes: what markers mean wherever they stand in a type."""

import enum
from types import SimpleNamespace
from typing import Annotated

import datasets
import pyarrow as pa
import pytest
from kit import encoded, photo
from pydantic import Field

from mmdata.builder import Item
from mmdata.errors import CorpusError, Reject
from mmdata.features import features_of
from mmdata.labels import ClassEntry, LabelMap
from mmdata.rows import Accepted, RowMaker
from mmdata.schemas import Group, Id, Image, Label, Part, Picture, Record
from mmdata.sources import SourceFile

MAPS = {"mood": LabelMap("mood", {"기쁨": ClassEntry(aliases=["joy"]), "슬픔": ClassEntry()})}


class Turn(Part):
    text: str
    mood: Annotated[str, Label()]


class Size(enum.Enum):
    SMALL = "small"


class Wrapped(Record):
    id: Annotated[str, Id()]
    pictures: list[Annotated[Picture, Image()]]
    mood: Annotated[str, Label()] | None = None
    person: Annotated[str, Group()] | None = None
    count: int | None = None
    turns: list[Turn] = Field(default_factory=list)
    places: list[int] = Field(default_factory=list)
    grid: list[list[float]] = Field(default_factory=list)
    texts: list[str] | None = None
    sizes: list[Size] = Field(default_factory=list)


def made(**values) -> Accepted | Reject:
    corpus = SimpleNamespace(schema=Wrapped, labels=MAPS)
    builder = SimpleNamespace(record=lambda item, files: {"id": item.id, **values})
    return RowMaker(builder, corpus, "full").make(Item("a", "train", {"p": SourceFile("p", "p", 1, "")}), [b""])


def picture(data: bytes) -> dict[str, object]:
    return {"path": "a.png", "bytes": data}


def test_markers_inside_a_type_are_found_and_obeyed():
    assert {name: type(m) for name, m in Wrapped.marked(Label).items()} == {"mood": Label}
    assert (list(Wrapped.marked(Image)), list(Wrapped.marked(Group))) == (["pictures"], ["person"])
    row = made(
        pictures=[picture(encoded(photo(1))), picture(encoded(photo(2)))],
        mood="joy",
        person="kim",
        turns=[{"text": "", "mood": "슬픔"}],
    )
    assert isinstance(row, Accepted), row
    assert (row.row["mood"], row.row["turns"]) == (0, [{"text": "", "mood": 1}])
    kinds = [(kind, field) for kind, field, _ in row.facts]
    assert ("bytes", "pictures[0]") in kinds and ("look", "pictures[1]") in kinds
    assert ("group", "person", "kim") in row.facts and ("label", "turns.mood", "슬픔") in row.facts
    table = pa.Table.from_pylist([row.row], schema=features_of(Wrapped, MAPS).arrow_schema)
    assert datasets.Dataset(table)[0]["mood"] == 0


def test_a_bad_picture_in_a_list_refuses_the_row():
    why = made(pictures=[picture(encoded(photo(1))), picture(b"no picture")])
    assert isinstance(why, Reject) and (why.kind, why.field) == ("not an image", "pictures[1]")


def test_a_number_over_64_bits_refuses_the_row():
    why = made(pictures=[], count=2**63)
    assert isinstance(why, Reject) and "count: 9223372036854775808 needs over 64 bits" in why.reason


@pytest.mark.parametrize("places", [[1, 2**63, 2], [-(2**63) - 1], [0] * 99 + [2**70]])
def test_a_number_over_64_bits_in_a_list_refuses_the_row(places):
    why = made(pictures=[], places=places)
    assert isinstance(why, Reject) and why.field == "places" and "needs over 64 bits" in why.reason


def test_lists_of_plain_values_come_as_they_are_and_are_counted():
    values = {
        "places": [-(2**63), 2**63 - 1],
        "grid": [[0.5, 1.0], [2.0]],
        "texts": ["가", ""],
        "turns": [{"text": "a", "mood": "joy"}],
    }
    row = made(pictures=[], sizes=["small"], **values)
    assert isinstance(row, Accepted), row
    assert {name: row.row[name] for name in values} == values | {"turns": [{"text": "a", "mood": 0}]}
    assert (row.row["sizes"], row.cells) == (["small"], 2 + 3 + 2 + 1 + 1)
    table = pa.Table.from_pylist([row.row], schema=features_of(Wrapped, MAPS).arrow_schema)
    assert table.to_pylist()[0] == row.row


def test_an_enum_of_numbers_has_no_column():
    class Grade(enum.Enum):
        LOW = 1

    class Graded(Record):
        id: Annotated[str, Id()]
        grade: Grade

    with pytest.raises(CorpusError, match=r"Graded\.grade: .* has no column type.*Enum of str"):
        features_of(Graded, {})

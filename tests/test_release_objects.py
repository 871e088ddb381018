"""`mmdata release` of answers that are objects: a prompt with a response class becomes a struct."""

import enum
from typing import Annotated

import datasets
import pyarrow.parquet as pq
import pytest
from answering import answer
from pydantic import Field

import mmdata
import mmdata.schemas
from mmdata.corpus import Corpus
from mmdata.errors import ReleaseError
from mmdata.releases import Releases
from mmdata.schemas import Label, Part
from mmdata.verbs.release import release


class Colour(enum.Enum):
    RED = "붉음"
    WHITE = "하양"


class Spot(Part):
    at: str
    colour: Colour | None


class Seen(Part):
    """What a model answers in parts."""

    label: Annotated[str, Label()]
    sure: float = Field(ge=0, le=1)
    spots: list[Spot]


@pytest.fixture
def parts(skin, monkeypatch):
    """skin, built as 1.0.0, with a prompt whose answers are objects."""
    mmdata.build(skin, skin / "tiny")
    monkeypatch.setattr(mmdata.schemas, "Seen", Seen, raising=False)
    text = "id: seen\nmodel: m\nfields: [label]\nuser: '{{ label }}?'\nresponse: Seen\n"
    (skin / "prompts/seen.yaml").write_text(text, encoding="utf-8")
    return skin


SEEN = '{"label": "건선증", "sure": 1, "spots": [{"at": "이마", "colour": "붉음"}, {"at": "코", "colour": null}]}'


def test_an_object_becomes_a_struct_with_class_names_and_null_where_there_is_none(parts):
    answer(parts, "seen", lambda row: SEEN if row.number else None)
    release(parts)
    loaded = datasets.load_dataset(str(parts))["train"]
    names = loaded.features["label"].names
    assert loaded.features["seen"] == {
        "label": datasets.ClassLabel(names=names),
        "sure": datasets.Value("float64"),
        "spots": datasets.List({"at": datasets.Value("string"), "colour": datasets.Value("string")}),
    }
    first, second = loaded["seen"][:2]
    spots = [{"at": "이마", "colour": "붉음"}, {"at": "코", "colour": None}]
    assert second == {"label": names.index("건선"), "sure": 1.0, "spots": spots}
    assert first is None or set(first.values()) == {None}
    column = pq.read_table(next((parts / "data/1.1.0").glob("train-*")), columns=["seen"])["seen"]
    assert column.null_count == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (SEEN.replace("건선증", "무좀"), r"row train/.*: its answer to seen does not fit Seen: label '무좀' is not in labels.yaml. Known: 건선"),
        (SEEN.replace("1", "7"), r"row train/.*: its answer to seen does not fit Seen: sure: Input should be less than"),
    ],
)  # fmt: skip
def test_an_object_that_does_not_fit_is_named(parts, value, said):
    answer(parts, "seen", lambda row: value if row.number == 3 else SEEN)
    with pytest.raises(ReleaseError, match=said):
        release(parts)
    assert Releases(Corpus(parts)).versions() == ["1.0.0"]

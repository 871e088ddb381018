"""The words: records, label maps, features, names."""

import datetime
import enum
import os
import unicodedata
from typing import Annotated, Literal

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdata.errors import CorpusError, Reject
from mmdata.features import features_of
from mmdata.labels import read_label_maps
from mmdata.names import is_garbled, printable, readable
from mmdata.schemas import Group, Id, Image, Label, Part, Picture, Record, SkinLesion


@pytest.fixture
def maps(tmp_path):
    def read(text: str):
        (tmp_path / "labels.yaml").write_text(text, encoding="utf-8")
        return read_label_maps(tmp_path / "labels.yaml")

    return read


# Label maps


def test_classes_keep_their_order_and_aliases_lead_to_them(maps):
    label = maps("label:\n  지루: {en: seborrheic, aliases: [지루성 피부염]}\n  건선:\n")["label"]
    assert label.names == ["지루", "건선"]
    assert [label.index(v) for v in ("지루", "지루성 피부염", "건선", unicodedata.normalize("NFD", "건선"))] == [
        0,
        0,
        1,
        1,
    ]


@pytest.mark.parametrize("value", ["건선증 ", "", "psoriasis"])
def test_an_unknown_label_is_refused_with_choices(maps, value):
    with pytest.raises(Reject, match=f"label '{value}' is not in labels.yaml. Known: 건선, 아토피"):
        maps("label:\n  건선:\n  아토피:\n")["label"].index(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label:\n  건선:\n  건선:\n", "line 3, column 3: the key '건선' is written twice"),
        ("label:\n  건선: {aliases: [a]}\n  아토피: {aliases: [a]}\n", "'a' stands for both '건선' and '아토피'"),
        ("label:\n  건선: {alias: [a]}\n", "건선: alias: Extra inputs are not permitted"),
        ("label:\n  건선: {en: 3}\n", "건선: en: Input should be a valid string"),
        ("label:\n  no:\n", "the class False is not a clean piece of text; write it in quotes"),
        ("label:\n  1:\n", "the class 1 is not a clean piece of text"),
        ("label:\n  ' 건선':\n", "the class ' 건선' is not a clean"),
        ("label: [건선]\n", "'label': expected the classes, one a line"),
        ("label:\n", "'label': expected the classes"),
        ("건선\n", "expected `field:` and its classes below it"),
        ("label: {건선: [}\n", "line 1, column"),
    ],
)
def test_labels_yaml_is_read_strictly(maps, text, words):
    with pytest.raises(CorpusError) as error:
        maps(text)
    assert words in str(error.value) and "labels.yaml" in str(error.value)


def test_a_label_file_that_is_not_utf_8_is_named(tmp_path):
    (tmp_path / "labels.yaml").write_bytes("label:\n  건선:\n".encode("cp949"))
    with pytest.raises(CorpusError, match=r"labels\.yaml: not UTF-8 at byte 9; save it as UTF-8"):
        read_label_maps(tmp_path / "labels.yaml")


# Records and features


class Mood(enum.Enum):
    GOOD = "good"


class Turn(Part):
    text: str
    tags: list[str]
    mood: Annotated[str, Label()]


class Everything(Record):
    id: Annotated[str, Id()]
    image: Annotated[Picture, Image(mode=None)]
    pictures: list[Annotated[Picture, Image()]]
    label: Annotated[str | None, Label("mood")]
    flag: bool
    count: int | None
    weight: float
    raw: bytes
    at: datetime.datetime
    day: datetime.date
    size: Literal["s", "m"]
    kind: Mood
    turns: list[Turn]
    boxes: list[list[float]]


def test_every_kind_of_field_has_its_feature(maps):
    value, names = datasets.Value, datasets.ClassLabel(names=["기쁨", "슬픔"])
    assert features_of(Everything, maps("mood:\n  기쁨:\n  슬픔:\n")) == datasets.Features(
        {
            "id": value("string"),
            "image": datasets.Image(),
            "pictures": datasets.List(datasets.Image(mode="RGB")),
            "label": names,
            "flag": value("bool"),
            "count": value("int64"),
            "weight": value("float64"),
            "raw": value("large_binary"),
            "at": value("timestamp[us, tz=UTC]"),
            "day": value("date32"),
            "size": value("string"),
            "kind": value("string"),
            "turns": datasets.List({"text": value("string"), "tags": datasets.List(value("string")), "mood": names}),
            "boxes": datasets.List(datasets.List(value("float64"))),
        }
    )


def test_a_type_without_a_column_is_named_with_what_there_is():
    class Odd(Record):
        id: Annotated[str, Id()]
        either: int | str

    with pytest.raises(CorpusError, match=r"Odd\.either: int \| str has no column type\. Use str, int"):
        features_of(Odd, {})


def test_a_label_without_its_map_is_named(maps):
    with pytest.raises(CorpusError, match=r"SkinLesion\.view: .* no map 'view'. It has: label. Add `view:`"):
        features_of(SkinLesion, maps("label:\n  건선:\n"))


def test_an_image_marker_and_a_picture_want_each_other():
    class Marked(Record):
        id: Annotated[str, Id()]
        image: Annotated[str, Image()]

    class Bare(Record):
        id: Annotated[str, Id()]
        image: Picture | None

    with pytest.raises(CorpusError, match=r"Marked\.image: .* its type must be Picture, not str"):
        features_of(Marked, {})
    with pytest.raises(CorpusError, match=r"Bare\.image: a Picture needs a marker: Annotated\[Picture, Image\(\)\]"):
        features_of(Bare, {})


def test_a_record_has_exactly_one_id():
    with pytest.raises(TypeError, match=r"NoId: 0 fields are marked Id\(\) \(none\)"):

        class NoId(Record):
            name: str

    with pytest.raises(TypeError, match=r"TwoIds: 2 fields are marked Id\(\) \(a, b\)"):

        class TwoIds(Record):
            a: Annotated[str, Id()]
            b: Annotated[str, Id()]


def test_markers_are_found_by_their_type():
    assert list(SkinLesion.marked(Image)) == ["image"]
    assert list(SkinLesion.marked(Label)) == ["label", "view"]
    assert {f: g.one_split for f, g in SkinLesion.marked(Group).items()} == {"site": False, "subject": True}


# Names

HANGUL = st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3)
KSX = st.sampled_from(
    [c for n in range(0xAC00, 0xD7A4) if len((c := chr(n)).encode("cp949")) == 2 and c.encode("cp949")[0] >= 0xB0]
)
PLAIN = st.sampled_from("abcXYZ0189_- .()")


@given(st.text(HANGUL | PLAIN, min_size=1))
def test_decomposed_korean_is_composed(name):
    assert readable(unicodedata.normalize("NFD", name)) == name


@given(st.text(HANGUL | PLAIN, min_size=1))
def test_undecodable_cp949_bytes_are_read(name):
    raw = os.fsdecode(name.encode("cp949"))
    # Some CP949 bytes happen to be valid UTF-8; those are taken as they are.
    if any("\udc80" <= c <= "\udcff" for c in raw):
        assert readable(raw) == name and is_garbled(raw)


@given(st.text(KSX | PLAIN, min_size=1))
def test_korean_that_a_tool_took_for_cp437_is_read(name):
    assert readable(name.encode("cp949").decode("cp437")) == name


@given(st.text(st.characters(max_codepoint=0x24FF, exclude_categories=["Cs"])))
def test_other_names_stay_as_they_are(name):
    assert readable(name) == unicodedata.normalize("NFC", name) and not is_garbled(name)


@pytest.mark.parametrize("name", ["café", "élan", "Ünal", "naïve/ÅÄÖ", "사진", "日本語", "photo.png"])
def test_european_and_other_names_are_not_garbled(name):
    assert readable(name) == name


@given(st.text(st.characters()))
def test_printable_is_one_line(text):
    assert all(c.isprintable() for c in printable(text))
    printable(text).encode()

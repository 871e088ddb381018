"""character_style: which picture a record gets is said by the record, and by nothing else."""

import json
import unicodedata

import pytest
from characters import FOLDER, builder_of, joined, lines, read, refused
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdata.corpus import Corpus

PICTURE = b"a picture"
Line = Corpus(FOLDER).module("records").Line
META = {"fashion_style": "Casual_Basic"}


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    return builder_of(tmp_path_factory.mktemp("cache"))


# Any record of any form, by number; its picture's path follows from the number alone.
FORMS = [
    lambda n: ({"id": f"identity_{n:04x}", "image_metadata": META}, f"who/identity_{n:04x}.png"),
    lambda n: ({"id": f"aug_{n:05d}", "image_filename": f"aug_{n:05d}.jpg", "filename": "aug_00000.jpg"},
               f"pictures/aug_{n:05d}.jpg"),
    lambda n: ({"conversations": [{"value": f"<img>chat/{n}/a.png</img> Who?"}]}, f"chat/{n}/a.png"),
    lambda n: ({"image_path": f"s3://bucket/drawn/{n}.png", "image_metadata": {"character_style": "micah"}}, f"drawn/{n}.png"),
    lambda n: ({"image_path": f"identity_{n}/aug_1.jpg"} | ({"id": "aug_1"} if n == 4 else {}), f"identity_{n}/aug_1.jpg"),
    lambda n: ({"image_path": f"/home/kim/{n}/b.png"}, f"{n}/b.png"),
]  # fmt: skip
RECORDS = [FORMS[n % len(FORMS)](n) for n in range(30)]
TRUTH = {record.get("id", path): path for record, path in RECORDS}
FILES = {path: PICTURE for _, path in RECORDS}
JUNK = [b"", b"{", b"null", b'{"id": "nobody"}', b'{"filename": "aug_00003.jpg"}', b"\xff", b'{"id": ["x"]}']


@settings(max_examples=80)
@given(
    st.permutations(RECORDS),
    st.integers(0, len(RECORDS)),
    st.lists(st.tuples(st.integers(0, len(RECORDS)), st.sampled_from(JUNK)), max_size=6),
    st.integers(0, len(RECORDS)),
    st.sets(st.sampled_from(sorted(FILES))),
)
def test_no_other_line_or_missing_picture_changes_the_picture_of_a_record(builder, order, kept, junk, cut, missing):
    """Some records in some order, with other lines between them, in two files; some pictures are not there."""
    chosen = [record for record, _ in order[:kept]]
    wanted = {record.get("id", path): path for record, path in order[:kept] if path not in missing}
    for at, line in junk:
        chosen.insert(at, line)
    there = dict.fromkeys(FILES.keys() - missing, PICTURE)
    items, _ = read(builder, {"a.jsonl": lines(*chosen[:cut]), "b/b.jsonl": lines(*chosen[cut:]), **there})
    assert joined(items) == wanted
    assert len(items) == kept + sum(bool(line) for _, line in junk)


@settings(max_examples=20)
@given(st.permutations(RECORDS))
def test_the_rows_come_in_one_order_and_split_however_the_lines_are_ordered(builder, order):
    first, _ = read(builder, {"a.jsonl": lines(*(r for r, _ in RECORDS)), **FILES})
    again, _ = read(builder, {"a.jsonl": lines(*(r for r, _ in order)), **FILES})
    assert [(i.id, i.split, i.data) for i in again] == [(i.id, i.split, i.data) for i in first]


def test_a_person_stays_on_its_side_when_others_come(builder):
    people = [{"id": f"aug_{n}", "identity": f"identity_{n // 3:x}"} for n in range(300)]
    files = {f"{one['id']}.png": PICTURE for one in people}
    some, _ = read(builder, {"a.jsonl": lines(*people[::2]), **files})
    every, _ = read(builder, {"a.jsonl": lines(*people), **files})
    side = {item.id: item.split for item in every}
    assert {item.id: item.split for item in some}.items() <= side.items()
    by_person = {}
    for item in every:
        by_person.setdefault(item.data["identity"], set()).add(item.split)
    assert len(by_person) == 100
    assert all(len(sides) == 1 for sides in by_person.values())
    shares = {split: list(side.values()).count(split) / 300 for split in ("train", "validation", "test")}
    assert 0.7 < shares["train"] < 0.9
    assert shares["validation"] > 0.03
    assert shares["test"] > 0.03


def one(builder, record, *paths):
    """What becomes of one record beside these pictures."""
    items, _ = read(builder, {"기록/a.jsonl": lines(record), **dict.fromkeys(paths, PICTURE)})
    return next(iter(joined(items).values()), None) or refused(items)[items[0].id]


@pytest.mark.parametrize(
    ("record", "paths", "wanted"),
    [
        ({"id": "a"}, ["x/a.jpeg"], "x/a.jpeg"),
        ({"id": 7}, ["7.PNG"], "7.PNG"),
        ({"id": "a", "image_filename": "b.png"}, ["a.png", "x/b.png"], "x/b.png"),
        ({"id": "a", "image_path": "/home/kim/out/b.png"}, ["out/b.png", "old/b.png"], "out/b.png"),
        ({"id": "a", "image_path": "out\\b.png"}, ["deep/out/b.png", "b/b.png"], "deep/out/b.png"),
        ({"id": "a", "image_path": "C:\\data\\out\\b.png"}, ["out/b.png"], "out/b.png"),
        ({"image_path": "p/b.png"}, ["기록/p/b.png", "p/b.png"], "기록/p/b.png"),
        ({"id": "가", "image_path": "../사진/가.png"}, ["사진/가.png"], "사진/가.png"),
        ({"conversations": [{"value": "<img>p/b.png</img>"}, {"value": "yes"}]}, ["p/b.png", "q/b.png"], "p/b.png"),
    ],
)
def test_a_picture_is_found_by_id_name_path_or_tag(builder, record, paths, wanted):
    assert one(builder, record, *paths) == wanted


@pytest.mark.parametrize(
    ("record", "paths", "kind", "said"),
    [
        ({"id": "a"}, ["b.png"], "no picture", "기록/a.jsonl:1: the source has no picture 'a'. Copy it"),
        ({"id": "a"}, ["x/a.png", "y/a.png"], "ambiguous picture", "may be any of x/a.png, y/a.png"),
        ({"id": "a"}, ["a.png", "a.jpg"], "ambiguous picture", "a.jpg, a.png"),
        ({"id": "q", "image_filename": "a.png"}, ["x/a.png", "y/a.png"], "ambiguous picture", "y/a.png"),
        ({"id": "q", "image_path": "z/a.png"}, ["x/a.png"], "no picture", "'z/a.png'"),
        ({"id": "a", "image_path": "z/a.png"}, ["x/a.png", "a.png"], "no picture", "'z/a.png'"),
        ({"image_path": "z/a.png", "image_filename": "b.png"}, ["z/a.png"], "two pictures", "a.png, b.png"),
        ({"conversations": [{"value": "<img>a.png</img><img>b.png</img>"}]}, ["a.png", "b.png"], "two pictures", "b.png"),
        ({"filename": "aug_00000.jpg"}, ["aug_00000.jpg"], "no picture", "'aug_00000.jpg' counts rows, and is not used"),
        ({}, ["a.png"], "no picture", "the record names no picture"),
    ],
)  # fmt: skip
def test_a_record_that_does_not_name_one_picture_is_refused(builder, record, paths, kind, said):
    found, reason = one(builder, record, *paths)
    assert found == kind
    assert said in reason


def test_a_filename_made_of_the_row_is_not_believed(builder):
    """In the original's files not one of 1,492 such names was the picture's."""
    people = [{"id": f"identity_{n}", "filename": f"aug_{n - 1:05d}.jpg"} for n in (1, 2)]
    files = {"identity_1.png": PICTURE, "identity_2.png": PICTURE, "aug_00000.jpg": PICTURE, "aug_00001.jpg": PICTURE}
    items, findings = read(builder, {"a.jsonl": lines(*people), **files})
    assert joined(items) == {"identity_1": "identity_1.png", "identity_2": "identity_2.png"}
    assert "2 records have a filename that is not their picture's" in findings[-1].message


def test_the_report_names_both_sides(builder):
    records = [{"id": f"p{n}"} for n in range(6)]
    files = {f"{n}.png": PICTURE for n in ("p0", "p1", "spare_a", "spare_b", "spare_c", "spare_d")}
    _, findings = read(builder, {"a.jsonl": lines(*records), "label_mapping.json": b"{}", **files})
    assert [(f.check, f.count, f.message) for f in findings] == [
        ("records without a picture", 4,
         "4 of 6 records have no picture in the source: p2 (a.jsonl:3), p3 (a.jsonl:4), p4 (a.jsonl:5), …"),
        ("pictures without a record", 4, "4 pictures have no record, left out: spare_a.png, spare_b.png, spare_c.png, …"),
    ]  # fmt: skip


@pytest.mark.parametrize("flip", [False, True])
def test_records_that_dispute_an_id_or_a_picture_are_all_refused(builder, flip):
    records = [
        {"id": "a", "image_metadata": {"fashion_style": "Street_Hip"}},
        {"id": "a", "image_metadata": {"fashion_style": "Casual_Basic"}},
        {"id": "b"},
        {"id": "b"},
        {"id": "c", "image_path": "c.png"},
        {"id": "d", "image_path": "c.png"},
    ]
    files = dict.fromkeys(("a.png", "b.png", "c.png"), PICTURE)
    items, findings = read(builder, {"r.jsonl": lines(*(records[::-1] if flip else records)), **files})
    assert [i.id for i in items if i.files] == ["b"]  # They say the same: the first is the row.
    found = {i.place: (i.data["refused"]["kind"], i.data["refused"]["reason"]) for i in items if not i.files}
    assert len({i.id for i in items}) == 6, "none is left to be refused as a mere duplicate id"

    def line(n):
        return f"r.jsonl:{7 - n if flip else n}"

    assert {place: kind for place, (kind, _) in found.items()} == {
        line(1): "contradicting records", line(2): "contradicting records", line(3 if flip else 4): "duplicate id",
        line(5): "disputed picture", line(6): "disputed picture",
    }  # fmt: skip
    for one, other in ((1, 2), (2, 1), (5, 6), (6, 5)):
        assert line(other) in found[line(one)][1]
    assert found[line(1)][1].startswith(f"{line(1)} and {line(2)} have the id 'a' and say different things")
    assert found["r.jsonl:4"][1].startswith("r.jsonl:4 and r.jsonl:3 have the id 'b' and say the same. Correct or")
    assert findings == []


@pytest.mark.parametrize(
    ("record", "person"),
    [
        ({"id": "identity_e1cda0a1"}, "identity_e1cda0a1"),
        ({"id": "x", "image_path": "identity_e1cda0a1_02.jpg"}, "identity_e1cda0a1"),
        ({"id": "x", "image_path": "identity_e1cda0a1/02.jpg"}, "identity_e1cda0a1"),
        ({"id": "identity_user_0001"}, "identity_user_0001"),
        ({"id": "x", "image_path": "a/identity_김철수/2.jpg"}, "identity_김철수"),
        ({"id": "x", "identity": "kim", "image_path": "identity_0a/2.jpg"}, "kim"),
        ({"id": "aug_00001"}, None),
        ({"conversations": [{"value": "<img>aug/identity_aaaa0001/c_0.png</img> Who?"}]}, "identity_aaaa0001"),
        ({"id": "identity_E1CDA0A1_00"}, "identity_e1cda0a1"),
        ({"id": "identity_12ab0-0"}, "identity_12ab0"),
        ({"id": "identity_12AB0_1"}, "identity_12ab0"),
        ({"id": "x", "identity": "identity_E1CDA0A1"}, "identity_e1cda0a1"),
        ({"id": "x", "identity": unicodedata.normalize("NFD", " 김철수")}, "김철수"),
        ({"id": "x", "identity": "김철수"}, "김철수"),
    ],
)
def test_a_person_is_told_by_the_record(record, person):
    assert Line.parse(json.dumps(record).encode()).person == person


@pytest.mark.parametrize("fence", ["{}", "```json\n{}\n```", "<img>a.png</img>\n```\n{}```"])
def test_an_answer_in_a_code_fence_is_read(fence):
    answer = fence.replace("{}", json.dumps(META))
    said = Line.parse(json.dumps({"conversations": [{"value": "<img>a.png</img> Who?"}, {"value": answer}]}).encode())
    assert said.metadata().fashion_style == "Casual_Basic"

"""Label files as people bring them. Each fault is said, with its place and what to do; the good rows are kept."""

import json

import datasets
import pytest
from kit import GOOD_IDS, encoded, ids, photo, put, refused, said

import mmdata

# Label files


def label_file(name: str, **more) -> bytes:
    info = {"diagnosis_name": name, "bodypart": "뺨", "desc": "붉은 판", "easi_score": {"iga_grade": 2}}
    one = {
        "identifier": "x",
        "diagnosis_info": info,
        "generated_parameters": {"gender": "F", "age_range": 30, "race": "asian"},
        "bbox": {"lesion_area": {"xpos": 1, "ypos": 2, "width": 3, "height": 4}, "lesions": []},
    }
    return json.dumps({"annotations": [one | more]}).encode()


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("Training/01.원천데이터/TS_아토피_정면", "Training/02.라벨링데이터/TL_아토피_정면"),
        ("Training/images/TS_아토피_정면", "Training/labels/TL_아토피_정면"),
    ],
)
def test_both_layouts_join_label_files_by_name(skin, tmp_path, images, labels):
    root = tmp_path / "원본"
    put(root, f"{images}/a.png", encoded(photo(1)))
    put(root, f"{images}/b.png", encoded(photo(2)))
    put(root, f"{labels}/a.json", label_file("아토피 피부염"))
    mmdata.build(skin, root)
    rows = {row["id"]: row for row in datasets.load_dataset(str(skin))["train"]}
    told, untold = rows["train/아토피/정면/a"], rows["train/아토피/정면/b"]
    assert (told["body_part"], told["iga_grade"], told["age_range"]) == ("뺨", 2, "30")
    assert told["lesion_area"] == {"xpos": 1.0, "ypos": 2.0, "width": 3.0, "height": 4.0}
    assert (untold["body_part"], untold["lesion_area"], untold["lesions"]) == (None, None, [])


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (label_file("여드름"), "contradicting label", "says '여드름', the folder says '건선'"),
        (label_file("건선종"), "unknown label", "label '건선종' is not in labels.yaml. Known: 건선, 아토피"),
        (b"{", "broken label file", "Correct the file or remove it"),
        (b"[" * 5000, "broken label file", "recursion limit exceeded"),
        (b'{"annotations": []}', "broken label file", "annotations: List should have at least 1 item"),
        (
            label_file("건선", bbox={"lesion_area": {"xpos": "left"}}),
            "broken label file",
            "annotations.0.bbox.lesion_area",
        ),
    ],
)
def test_a_wrong_label_file_refuses_its_row(skin, source, content, kind, words):
    put(source, "Training/labels/TL_건선_정면/good_0.json", content)
    build = mmdata.build(skin, source)
    row = refused(skin, build)["good_0.png"]
    assert row["kind"] == kind and words in row["reason"] and "good_0.json" in row["reason"]
    assert ids(skin) == GOOD_IDS - {"train/건선/정면/good_0"}


def test_a_grade_that_is_none_refuses_its_row(skin, source):
    info = {"diagnosis_name": "건선", "easi_score": {"iga_grade": 5}}
    put(source, "Training/labels/TL_건선_정면/good_0.json", label_file("건선", diagnosis_info=info))
    row = refused(skin, mmdata.build(skin, source))["good_0.png"]
    assert (row["kind"], row["field"]) == ("invalid value", "iga_grade") and "less than or equal to 4" in row["reason"]
    assert ids(skin) == GOOD_IDS - {"train/건선/정면/good_0"}


def test_label_files_with_a_byte_order_mark_or_an_upper_case_name_are_read(skin, source):
    put(source, "Training/labels/TL_건선_정면/good_0.json", b"\xef\xbb\xbf" + label_file("건선"))
    put(source, "Training/labels/TL_건선_정면/good_1.JSON", label_file("건선"))
    build = mmdata.build(skin, source)
    assert build.manifest.rejected == {}
    assert datasets.load_dataset(str(skin))["train"]["body_part"] == ["뺨", "뺨"]


def test_label_files_without_a_picture_are_counted_by_folder(skin, source):
    for name in ("good_0", "lost_1", "lost_2"):
        put(source, f"Training/labels/TL_건선_정면/{name}.json", label_file("건선"))
    build = mmdata.build(skin, source)
    assert said(build, "label files") == "Training/labels/TL_건선_정면: 2 label files have no picture, left out"
    assert ids(skin) == GOOD_IDS

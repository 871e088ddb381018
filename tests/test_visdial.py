"""VisDial: official files in any shape, pictures by their names, every fault with its place."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
from big_visdial import write
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import put
from visdial_files import PICTURE, VIEWS, findings_of, official, rows_of, saved

import mmdata
from mmdata.errors import MmdataError, Reject
from mmdata.verbs.export import export
from mmdata.views import view

# The files


@settings(max_examples=25)
@given(st.randoms(use_true_random=False), st.booleans())
def test_keys_may_come_in_any_order_and_the_file_packed(tmp_path_factory, r, packed):
    def shuffled(value):
        if isinstance(value, list):
            return [shuffled(one) for one in value]
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in r.sample(list(value), len(value))}
        return value

    content, root = official(), tmp_path_factory.mktemp("원본")
    raw = json.dumps(shuffled(content), indent=r.choice([None, 1])).encode()
    put(root, "말뭉치/visdial_1.0_val.json" + ".gz" * packed, gzip.compress(raw) if packed else raw)
    found = rows_of(root)
    assert list(found) == ["val/100", "val/101", "val/102"]
    data = content["data"]
    for dialogue in data["dialogs"]:
        row = found[f"val/{dialogue['image_id']}"]
        assert row["caption"] == dialogue["caption"]
        for turn, ranking, said in zip(row["turns"], row["rankings"], dialogue["dialog"], strict=True):
            assert turn == {
                "question": data["questions"][said["question"]],
                "answer": data["answers"][said["answer"]],
            }
            assert ranking["answer_options"] == [data["answers"][n] for n in said["answer_options"]]
            assert ranking["answer_options"][ranking["gt_index"]] == turn["answer"]


def test_a_dialogue_is_written_as_the_original_does_up_to_the_last_question(tmp_path):
    row = rows_of(saved(tmp_path, official(dialogues=1)))["val/100"]
    (q1, a1), (q2, a2), (q3, a3) = ((turn["question"], turn["answer"]) for turn in row["turns"])
    assert row["conversation"] == f"Q: {q1}\nA: {a1}\n\nQ: {q2}\nA: {a2}\n\nQ: {q3}"
    assert row["response"] == a3
    assert [one["conversation"] for one in VIEWS.rounds(row)][-1] == row["conversation"]


def test_a_test_dialogue_has_no_last_answer(tmp_path):
    content = official("test2018", dialogues=1)
    turns = content["data"]["dialogs"][0]["dialog"]
    for turn in turns[:-1]:
        del turn["answer_options"], turn["gt_index"]
    del turns[-1]["answer"], turns[-1]["gt_index"]
    row = rows_of(saved(tmp_path, content, "visdial_1.0_test.json"))["test/100"]
    assert (row["response"], row["turns"][-1]["answer"]) == (None, None)
    assert [len(ranking["answer_options"] or []) for ranking in row["rankings"]] == [0, 0, 100]
    assert row["image_file"] == "VisualDialog_test2018_000000000100.jpg"
    assert len(list(VIEWS.completion(row))) == 2 and len(list(VIEWS.ranking(row))) == 1


FAULTS = {
    "an index out of the pool": (lambda d: d["dialog"][1].update(question=20), "round 2: question 20 is no place in the pool of 20 questions"),
    "a negative index": (lambda d: d["dialog"][0].update(question=-1), "round 1: question -1 is no place"),
    "an option out of the pool": (lambda d: d["dialog"][2]["answer_options"].__setitem__(5, 500), "round 3: answer 500 is no place in the pool of 500 answers"),
    "an option below the pool": (lambda d: d["dialog"][0]["answer_options"].__setitem__(0, -3), "round 1: answer -3 is no place"),
    "an option that is true": (lambda d: d["dialog"][2]["answer_options"].__setitem__(0, True), "round 3: answer True is no place"),
    "an option that is no number": (lambda d: d["dialog"][0]["answer_options"].__setitem__(0, "yes"), "round 1: answer 'yes' is no place"),
    "99 options": (lambda d: d["dialog"][1]["answer_options"].pop(), "round 2: 99 answer options where there should be 100"),
    "another's gt_index": (lambda d: d["dialog"][1].update(gt_index=(d["dialog"][1]["gt_index"] + 1) % 100), "round 2: gt_index"),
    "a gt_index of 100": (lambda d: d["dialog"][0].update(gt_index=100), "it is no place among the 100 options"),
    "a gt_index alone": (lambda d: d["dialog"][0].pop("answer_options"), "round 1: a gt_index, but no options"),
    "no gt_index": (lambda d: d["dialog"][0].pop("gt_index"), "round 1: gt_index None should lead to the answer"),
    "an answer missing": (lambda d: [d["dialog"][0].pop(k) for k in ("answer", "gt_index")], "a round before the last has no answer"),
    "no caption": (lambda d: d.pop("caption"), "it has no caption"),
    "no rounds": (lambda d: d["dialog"].clear(), "it has no list `dialog`"),
    "no image_id": (lambda d: d.pop("image_id"), "`image_id` is no whole number"),
    "an image_id in words": (lambda d: d.update(image_id="one"), "`image_id` is no whole number"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "words"), FAULTS.values(), ids=FAULTS)
def test_a_fault_refuses_its_dialogue_and_no_other(tmp_path, spoil, words):
    content = official()
    spoil(content["data"]["dialogs"][1])
    found = rows_of(saved(tmp_path, content))
    (why,) = [row for row in found.values() if isinstance(row, Reject)]
    assert words in str(why) and str(why).startswith("visdial_1.0_val.json: dialogs[1]: ")
    assert {"val/100", "val/102"} < set(found) and len(found) == 3


def cut(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


WHOLE_FILES = {
    "cut": (cut, r"visdial_1\.0_val\.json: byte [\d,]+: the file ends within this value: it is cut short"),
    "not JSON": (lambda raw: b"<html>404", r"visdial_1\.0_val\.json: byte 0: no JSON object begins here\. Correct it, or copy or download it again"),
    "v0.9": (lambda raw: b'{"data": {"dialogs": []}, "split": "val"}', r"it has no data\.questions, data\.answers"),
    "no dialogs": (lambda raw: raw.replace(b'"dialogs"', b'"dialogues"'), r"it has no data\.dialogs, so it is no VisDial v1\.0"),
    "pool of numbers": (lambda raw: raw.replace(b'"question 3"', b"3"), r"data\.questions is no list of texts"),
    "another split": (lambda raw: raw.replace(b'"split": "val"', b'"split": "train"'), r'its split is "train", its name says val'),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "words"), WHOLE_FILES.values(), ids=WHOLE_FILES)
def test_a_file_that_is_not_visdial_is_said(tmp_path, spoil, words):
    put(tmp_path, "visdial_1.0_val.json", spoil(json.dumps(official()).encode()))
    with pytest.raises(MmdataError, match=words):
        rows_of(tmp_path)


# Pictures


def test_pictures_are_found_by_their_names_in_whatever_folder(tmp_path):
    saved(tmp_path, official("train"), "visdial_1.0_train.json")
    saved(tmp_path, official("val2018"))
    names = {
        "가/나/COCO_train2014_000000000100.jpg": "train/100",
        "COCO_val2014_000000000101.jpg": "train/101",
        "x/VisualDialog_val2018_000000000102.jpg": "val/102",
    }
    for name in names:
        put(tmp_path, name, PICTURE)
    for wrong in ("VisualDialog_val2018_100.jpg", "COCO_val2014_000000000102.jpg.txt"):
        put(tmp_path, wrong, PICTURE)
    found = rows_of(tmp_path, "with_images")
    assert {row["image"]["path"]: id for id, row in found.items() if isinstance(row, dict)} == names
    why = found["train/102"]
    assert (why.kind, why.field) == ("missing picture", "image")
    assert "dialogs[2]: the source has no picture COCO_train2014_000000000102.jpg or COCO_val2014_000" in str(why)
    assert "--config text_only" in str(why)
    without = rows_of(tmp_path)
    assert len(without) == 6 and {row["image"] for row in without.values()} == {None}
    assert without["train/100"]["image_file"] is None
    assert without["val/100"]["image_file"] == "VisualDialog_val2018_000000000100.jpg"


def test_two_pictures_of_one_name_are_refused(tmp_path):
    saved(tmp_path, official("val2018"))
    put(tmp_path, "가/VisualDialog_val2018_000000000102.jpg", PICTURE)
    put(tmp_path, "나/VisualDialog_val2018_000000000102.jpg", PICTURE)
    why = rows_of(tmp_path, "with_images")["val/102"]
    assert why.kind == "ambiguous picture"
    assert "가/VisualDialog_val2018_000000000102.jpg and 나/" in str(why)


def test_dense_annotations_join_by_picture_and_round(tmp_path):
    saved(tmp_path, official(), "a/visdial_1.0_val.json")
    saved(tmp_path, official("train"), "a/visdial_1.0_train.json")
    graded = [n / 100 for n in range(100)]
    dense = [
        {"image_id": 101, "round_id": 2, "gt_relevance": graded},
        {"image_id": 7, "round_id": 1, "gt_relevance": graded},
    ]
    saved(tmp_path, dense, "b/visdial_1.0_val_dense_annotations.json")
    saved(tmp_path, [{"image_id": 100, "round_id": 9, "relevance": graded}], "visdial_1.0_train_dense_sample.json")
    found = rows_of(tmp_path)
    assert [ranking["relevance"] for ranking in found["val/101"]["rankings"]] == [None, graded, None]
    assert [one["relevance"] for one in VIEWS.ranking(found["val/101"])] == [None, graded, None]
    assert {r["relevance"] for id in ("train/101", "val/100") for r in found[id]["rankings"]} == {None}
    other = [dense[0], {**dense[0], "gt_relevance": graded[::-1]}, {**dense[0], "round_id": 3}]
    saved(tmp_path, other, "visdial_1.0_val_more_dense.json")
    assert [r["relevance"] for r in rows_of(tmp_path)["val/101"]["rankings"]] == [None, None, graded]
    assert findings_of(tmp_path)[0].message.startswith(
        "4 dense annotations are wrong and left out, their dialogues are not: visdial_1.0_train_dense_sample.json: "
        "annotation 0 is of round 9, but a/visdial_1.0_train.json: dialogs[0] has 3 rounds"
    )
    (tmp_path / "visdial_1.0_train_dense_sample.json").unlink()
    assert (
        "annotation 0 and visdial_1.0_val_more_dense.json: annotation 1 are of round 2 of a/visdial_1.0_val.json: "
        "dialogs[1] and differ"
    ) in findings_of(tmp_path)[0].message
    (tmp_path / "visdial_1.0_val_more_dense.json").unlink()
    assert [one.message for one in findings_of(tmp_path)] == [
        "1 dense annotations are of no dialogue here, left out: b/visdial_1.0_val_dense_annotations.json: annotation 1: val/7"
    ]


def test_a_wrong_dense_annotation_is_left_out_and_said(tmp_path):
    right = {"image_id": 100, "round_id": 1, "gt_relevance": [1.0] * 100}
    spoilt = [
        ({"gt_relevance": None}, "has no gt_relevance (or relevance) of numbers from 0 to 1"),
        ({"gt_relevance": [2.0] * 100}, "has no gt_relevance (or relevance) of numbers from 0 to 1"),
        ({"gt_relevance": [float("nan")] * 100}, "has no gt_relevance (or relevance) of numbers from 0 to 1"),
        ({"gt_relevance": [1.0] * 99}, "is of 99 options where there should be 100"),
        ({"round_id": "1"}, ": image_id 100 and round_id '1' must be whole numbers"),
    ]
    dense = [right | wrong for wrong, _ in spoilt] + [right]
    saved(saved(tmp_path, official()), dense, "visdial_1.0_val_dense_annotations.json")
    assert rows_of(tmp_path)["val/100"]["rankings"][0]["relevance"] == [1.0] * 100
    assert findings_of(tmp_path)[0].places == [
        f"visdial_1.0_val_dense_annotations.json: annotation {n}{' ' * (words[0] != ':')}{words}"
        for n, (_, words) in enumerate(spoilt)
    ]
    saved(tmp_path, {"a": 1}, "visdial_1.0_val_dense_annotations.json")
    with pytest.raises(MmdataError, match=r"a list of annotations is wanted.*Give the official file, or remove it"):
        rows_of(tmp_path)


# The build


@pytest.fixture
def visdial(tmp_path):
    return mmdata.new("visdial", tmp_path / "내 말뭉치", like="visdial")


def test_a_picture_twice_is_refused_in_a_split_and_reported_in_two(visdial, tmp_path):
    root = saved(tmp_path / "원본", official())
    saved(root, official("val2018", dialogues=1), "again/visdial_1.0_val_b.json")
    saved(root, official("train", dialogues=2, seed=1), "visdial_1.0_train.json")
    with pytest.raises(MmdataError, match=r"all 6 rows were rejected.*:\n  5 × missing picture\n  1 × duplicate id\n"):
        mmdata.build(visdial, root, workers=1)
    build = mmdata.build(visdial, root, config="text_only", workers=1)
    assert build.manifest.splits == {"train": 2, "validation": 3}
    assert build.manifest.rejected == {"duplicate id": 1}
    (leak,) = [one.message for one in build.findings if one.level == "error"]
    assert (
        "the same image_id is in more than one split: 100: validation again/visdial_1.0_val_b.json: dialogs[0] and train"
        in leak
    )
    before, path = build.manifest.origin.sha256, root / "visdial_1.0_train.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"question ', '"another question '), encoding="utf-8")
    again = mmdata.build(visdial, root, config="text_only", workers=1)
    assert again.created and again.manifest.origin.sha256 != before, "a pool's text is part of the rows"


def test_many_dialogues_with_pools_of_their_own_build_and_stream_by_rounds(visdial, tmp_path):
    write(tmp_path / "원본", 40, questions=500, answers=1009)
    build = mmdata.build(visdial, tmp_path / "원본", config="text_only", workers=1)
    assert (build.manifest.rejected, build.manifest.splits) == ({}, {"train": 40})
    made = list(view(visdial, "rounds", split="train"))
    assert len(made) == 400 and made[1]["conversation"].startswith(
        f"Q: {made[0]['question']}\nA: {made[0]['response']}\n\nQ: "
    )


def test_the_base_set_is_exported_in_the_original_shape(visdial, tmp_path):
    mmdata.build(visdial, visdial / "tiny", workers=1)
    done = export(visdial, "base", into=tmp_path / "나감")
    assert done.files == [f"base_dataset_{split}.json" for split in ("test", "train", "validation")]
    first = json.loads((done.folder / "base_dataset_train.json").read_text(encoding="utf-8"))[0]
    assert list(first) == ["image_id", "image_url", "conversation", "response"]
    assert first["image_url"] == "http://images.cocodataset.org/train2014/COCO_train2014_000000185565.jpg"
    done = export(visdial, "evaluation", into=tmp_path / "평가")
    with pytest.raises(MmdataError, match=r"has none\. Run `mmdata annotate FOLDER --prompt answer`, then `mmdata rel"):
        export(visdial, "api", into=tmp_path / "없음")
    assert not (tmp_path / "없음").exists()
    first = json.loads((done.folder / "eval_dataset_validation.json").read_text(encoding="utf-8"))[0]
    assert list(first) == ["image_id", "image_path", "conversation", "response"]
    assert first["image_path"] == "VisualDialog_val2018_000000088394.jpg"


# The real thing

REAL = Path(__file__).parents[2] / "shared/data/visdial"


@pytest.mark.skipif(not REAL.exists(), reason="the real dialogues are not here")
def test_real_dialogues_are_all_read(tmp_path):
    for name in ("visdial_1.0_val_50_official_strings.json.gz", "visdial_1.0_test_50_reindexed.json"):
        shutil.copy(REAL / name, tmp_path)
    found = rows_of(tmp_path)
    assert len(found) == 98 and not [row for row in found.values() if isinstance(row, Reject)]
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(REAL / "visdial_1.0_val_50_reindexed.json", other)
    again = rows_of(other)
    assert again == {id: row for id, row in found.items() if id in again} and len(again) == 48

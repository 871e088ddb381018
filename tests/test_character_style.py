"""character_style: the original's records, words and files, and the faults that are not ours."""

import json
import zipfile
from hashlib import sha256

import datasets
import pytest
from characters import FOLDER, builder_of, lines, read
from hypothesis import given
from hypothesis import strategies as st
from kit import encoded, photo, put, refused, said

import mmdata
from mmdata.corpus import Corpus
from mmdata.verbs.export import export
from mmdata.views import view

CORPUS = Corpus(FOLDER)
VIEWS = CORPUS.module("views")
SAMPLE = str(FOLDER)
MERGED = {
    "style": {
        "Business_Casual": "Dandy_Minimal", "Elegant_Chic": "Chic_Modern", "Trendy_Fashion": "Chic_Modern",
        "Sporty_Active": "Sporty_Athleisure", "Street_Casual": "Street_Hip", "Traditional_Korean": "Street_Hip",
        "Vintage_Retro": "Street_Hip",
    },
    "vibe": {
        "Artistic_Creative": "Artistic_Unique", "Casual_Relaxed": "Warm_Friendly", "Romantic_Charming": "Warm_Friendly",
        "Cool_Mysterious": "Cool_Charismatic", "Energetic_Playful": "Energetic_Active",
        "Intellectual_Quiet": "Professional_Smart", "Professional_Confident": "Professional_Smart",
        "Sophisticated_Elegant": "Professional_Smart",
    },
    "shot": {
        "Action_Shot": "FullBody_Shot", "Casual_Snapshot": "Portrait_OtherTaken", "Half_Body": "Portrait_OtherTaken",
        "Outdoor_Natural": "Portrait_OtherTaken", "Professional_Studio": "Portrait_OtherTaken",
        "Portrait_Selfie": "Mirrored_Selfie",
    },
}  # fmt: skip
"""The original's merge table."""
FINAL = ["Casual_Basic", "Street_Hip", "Sporty_Athleisure", "Chic_Modern", "Classy_Elegant"]
"""The original's last classes, in the order of their numbers."""


@pytest.fixture
def folder(tmp_path):
    return mmdata.new("characters", tmp_path / "내 말뭉치", like="character_style")


def person(n: int, **metadata) -> dict:
    return {"id": f"identity_{n:x}", "image_metadata": {"fashion_style": "Casual_Basic"} | metadata}


def drawn(root, *records, content=None):
    """A source of these records, with a picture for each that has an id."""
    put(root, "records.jsonl", content or lines(*records))
    for record in records:
        if isinstance(record, dict):
            put(root, f"pictures/{record['id']}.png", encoded(photo(record["id"])))
    return root


def lines_in(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# Labels


@pytest.mark.parametrize("field", MERGED)
def test_the_merge_table_is_the_originals(field):
    labels = CORPUS.labels[field]
    assert {alias: labels.names[labels.index(alias)] for alias in MERGED[field]} == MERGED[field]
    assert {a for entry in labels.classes.values() for a in entry.aliases} == set(MERGED[field])
    assert CORPUS.labels["style"].names[:5] == FINAL


def test_a_merged_row_keeps_what_its_record_said(folder, tmp_path):
    source = drawn(
        tmp_path / "source",
        person(1, fashion_style="Vintage_Retro", vibe_category="Casual_Relaxed", shot_type="Half_Body"),
        person(2, fashion_style=None, visual_quality="Low"),
    )
    mmdata.build(folder, source, workers=1)
    rows = {row["id"]: row for split in datasets.load_dataset(str(folder)).values() for row in split}
    row, bare = rows["identity_1"], rows["identity_2"]
    labels = CORPUS.labels
    assert [labels[f].names[row[f]] for f in MERGED] == ["Street_Hip", "Warm_Friendly", "Portrait_OtherTaken"]
    assert [row[f"{f}_original"] for f in MERGED] == ["Vintage_Retro", "Casual_Relaxed", "Half_Body"]
    assert (bare["style"], bare["style_original"], bare["quality_original"]) == (None, None, "Low")


def test_what_is_broken_or_unknown_is_refused_with_its_file_and_line(folder, tmp_path):
    """No black picture for a missing one, no class -1, no line gone unsaid."""
    records = [
        person(1),
        person(2, fashion_style="Gothic"),
        person(3, visual_quality="high"),
        person(4, vibe_category=""),
        person(5) | {"sha256": "0" * 64},
        person(6, physical_features="long hair"),
        person(7),
    ]
    broken = lines(*records, b'{"id": "identity_8", ', b"[]", b'{"id": "\\ud800"}', b"\xed\xa0\x80")
    source = drawn(tmp_path / "source", *records, content=b"\xef\xbb\xbf" + broken.replace(b"\n", b"\r\n\n"))
    (source / "pictures/identity_7.png").unlink()
    build = mmdata.build(folder, source, workers=1)
    assert sum(build.manifest.splits.values()) == 1
    assert build.manifest.rejected == {
        "broken record": 5, "unknown label": 3, "another picture": 1, "no picture": 1,
    }  # fmt: skip
    why = {row["id"]: row for row in lines_in(folder / "data/1.0.0/rejected.jsonl")}
    assert "'Gothic' is not in labels.yaml" in why["identity_2"]["reason"]
    assert "Did you mean 'High'?" in why["identity_3"]["reason"]
    assert why["identity_3"]["place"] == "records.jsonl:5"
    assert why["identity_5"]["reason"].startswith("records.jsonl:9 says that pictures/identity_5.png has the sha256")
    assert {row["place"] for row in why.values() if row["kind"] == "broken record"} == {
        f"records.jsonl:{n}" for n in (11, 15, 17, 19, 21)
    }
    assert why["records.jsonl:15"]["reason"].startswith("line: Invalid JSON: EOF while parsing a value at line 1")
    assert why["records.jsonl:11"]["reason"].startswith("image_metadata.physical_features: Input should")
    assert "identity_7 (records.jsonl:13)" in said(build, "records without a picture")


def test_low_quality_is_left_out_by_a_config_and_said(folder, tmp_path):
    """The original announced it and never did it."""
    source = drawn(tmp_path / "source", *(person(n, visual_quality=q) for n, q in enumerate(("High", "Low", "Medium"))))
    every = mmdata.build(folder, source, workers=1)
    good = mmdata.build(folder, source, config="no_low_quality", workers=1)
    assert [sum(b.manifest.splits.values()) for b in (every, good)] == [3, 2]
    assert good.manifest.rejected == {"low quality": 1}
    (row,) = refused(folder, good).values()
    assert row["reason"] == ("its quality is Low, which the config no_low_quality leaves out; the config all has it")
    assert said(good, "pictures without a record") == ""


def test_a_zip_gives_what_its_folder_gives(folder, tmp_path):
    source = drawn(tmp_path / "source", *(person(n) for n in range(3)))
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as made:
        for path in sorted(source.rglob("*.*")):
            made.write(path, f"안/{path.relative_to(source)}")
    first = mmdata.build(folder, source, workers=1)
    again = mmdata.build(folder, tmp_path / "source.zip", workers=1)
    assert list(first.manifest.counts.values()) == list(again.manifest.counts.values())
    assert again.manifest.rejected == {}


# Forms of a record


def test_every_form_of_a_record_is_read_to_its_end(tmp_path):
    said = {"fashion_style": "Street_Hip", "physical_features": ["long hair"], "caption": "A person."}
    records = [
        {"id": "identity_1", "generation_timestamp": "2025-11-01", "image_metadata": said,
         "profile_info": {"Gender": "여성", "Age": 24, "관심사": "등산"}},
        {"id": "aug_00001", "image_path": "identity_a1/aug_00001.png", "image_filename": "aug_00001.png", "image_metadata": said},
        {"conversations": [{"from": "user", "value": "<img>c.png</img> Who?"}, {"from": "assistant", "value": json.dumps(said)}]},
        {"image_path": "d.png", "image_metadata": {"character_style": "micah", "fashion_style": "crew", "designer": "Micah Lanier",
         "license": "CC BY 4.0", "attributes": {"hair": "fonze"}}},
    ]  # fmt: skip
    files = dict.fromkeys(("identity_1.png", "identity_a1/aug_00001.png", "c.png", "d.png"), b"x")
    items, findings = read(builder_of(tmp_path), {"a.jsonl": lines(*records), **files})
    rows = {item.id: item.data for item in items}
    assert findings == []
    assert rows["identity_1"]["profile"] == [
        {"name": "Gender", "value": "여성"}, {"name": "Age", "value": "24"}, {"name": "관심사", "value": "등산"},
    ]  # fmt: skip
    assert rows["identity_1"]["generated"] == "2025-11-01"
    assert {id: row["identity"] for id, row in rows.items()} == {
        "identity_1": "identity_1", "aug_00001": "identity_a1", "c.png": None, "d.png": None,
    }  # fmt: skip
    people = ("identity_1", "aug_00001", "c.png")
    assert {(rows[id]["style"], *rows[id]["physical_features"], rows[id]["caption"]) for id in people} == {
        ("Street_Hip", "long hair", "A person.")
    }
    drawing = rows["d.png"]
    assert (drawing["style"], drawing["artwork"], drawing["garment"], drawing["designer"]) == (
        None, "micah", "crew", "Micah Lanier",
    )  # fmt: skip


# Words


def test_text_input_is_the_originals_to_the_letter():
    say = VIEWS.text_input
    assert say("Dandy_Minimal", ["a", "b"], "Warm_Friendly", None) == (
        "Style: Dandy_Minimal. Features: a, b. Vibe: Warm_Friendly."
    )
    assert say(None, [], None, "C.") == "Style: Unknown. Features: Unknown. Vibe: Unknown. Caption: C."


FEATURES = CORPUS.features
NAMED = sorted({name for table in CORPUS.labels.values() for name in table._index})


def test_the_words_of_the_views_are_those_of_labels_yaml():
    assert sorted(VIEWS.WORDS) == NAMED


SPELLINGS = st.sampled_from(
    [
        str,
        str.lower,
        str.upper,
        lambda n: n.replace("_", " "),
        lambda n: n.replace("_", ""),
        lambda n: n.replace("_", " - "),
    ]
)
FRAMES = st.sampled_from(["{}", "a {} look.", "({})", "{}한 느낌", "옷차림:{}"])
FREE = st.sampled_from(
    ["long hair", "round face", "highlights in the hair", "slow gait", "둥근 얼굴", "a mediumistic air"]
)
PARTS = FREE.map(lambda text: (text, False)) | st.builds(
    lambda name, spell, frame: (frame.format(spell(name)), True), st.sampled_from(NAMED), SPELLINGS, FRAMES
)


@given(st.lists(PARTS, max_size=4), PARTS)
def test_no_class_is_named_where_the_text_shall_be_free_of_labels(traits, caption):
    row = {"id": "a", "image": None, "style": 0, "physical_features": [t for t, _ in traits], "caption": caption[0]}
    kept = ", ".join(text for text, names in traits if not names) or "Unknown"
    wanted = f"Features: {kept}." + ("" if caption[1] else f" Caption: {caption[0]}")
    assert VIEWS.label_free(row, FEATURES)["text_input"] == wanted


def test_the_completion_alone_says_the_classes():
    for split in ("train", "validation", "test"):
        for row in view(SAMPLE, "chat", split=split, version="sample"):
            answer = json.loads(row["completion"][0]["content"])
            assert answer["fashion_style"] in CORPUS.labels["style"].names
            assert not any(str(value) in row["prompt"][0]["content"] for value in answer.values())


def test_training_on_labels_meets_no_row_without_one():
    train = list(view(SAMPLE, "labels", split="train", version="sample"))
    assert {row["style"] for row in train} == set(range(7))
    drawings = list(view(SAMPLE, "artworks", split="train", version="sample"))
    assert len(train) + len(drawings) == datasets.load_dataset(SAMPLE, "sample")["train"].num_rows


# The original's files


def test_the_export_has_the_originals_shape(folder, tmp_path):
    mmdata.build(folder, folder / "tiny")
    done = export(folder, "original", into=tmp_path / "out", pictures=True)
    mapping = json.loads((done.folder / "label_mapping.json").read_text())
    assert list(mapping.items()) == [(name, n) for n, name in enumerate(sorted(CORPUS.labels["style"].names))]
    lines_of = {p.name: lines_in(p) for p in done.folder.glob("*.jsonl")}
    rows = [row for name, found in lines_of.items() if name.endswith("_processed.jsonl") for row in found]
    assert set(lines_of) == {f"{s}_processed.jsonl" for s in ("train", "validation", "test")} | {"left_out.jsonl"}
    assert (len(rows), len(lines_of["left_out.jsonl"])) == (30, 10)
    for row in rows:
        assert list(row) == ["filename", "image_metadata", "text_input"]
        said = row["image_metadata"]
        assert said["fashion_style"] in mapping
        assert row["text_input"].startswith(
            f"Style: {said['fashion_style']}. Features: {said['physical_features'][0]}, "
        )
    kept = {p.name: p.read_bytes() for p in (done.folder / "images").iterdir()}
    source = {p.name: p.read_bytes() for p in (folder / "tiny").rglob("*.*") if p.suffix in {".png", ".jpg"}}
    assert {row["filename"] for row in rows} == set(kept)
    assert kept.items() <= source.items()


def test_two_pictures_of_one_name_are_not_taken_for_one_another(folder, tmp_path):
    """The original kept pictures by their last names."""
    source = tmp_path / "source"
    put(source, "r.jsonl", lines(*(person(n) | {"image_path": f"{n}/a.png"} for n in (1, 2))))
    for n in (1, 2):
        put(source, f"{n}/a.png", encoded(photo(n)))
    mmdata.build(folder, source, workers=1)
    with pytest.raises(mmdata.MmdataError, match=r"[12]/a.png and [12]/a.png have one file name.*--pictures"):
        export(folder, into=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    images = export(folder, into=tmp_path / "out", pictures=True).folder / "images"
    written = {p.name: p.read_bytes() for p in images.iterdir()}
    assert set(written.values()) == {(source / f"{n}/a.png").read_bytes() for n in (1, 2)}
    other = written.keys() - {"a.png"}
    assert all(written[name] == (source / name.replace("__", "/")).read_bytes() for name in other)


DRAWN = FOLDER.parents[2] / "shared/data/character_style"


@pytest.mark.skipif(not DRAWN.is_dir(), reason="the real drawings lie beside the project where its CI runs")
def test_the_real_drawings_build_each_with_its_own_picture(tmp_path):
    folder = mmdata.new("character_style", tmp_path, like="character_style")
    done = mmdata.build(folder, DRAWN)
    assert (sum(done.manifest.splits.values()), done.manifest.rejected) == (120, {})
    records = (DRAWN / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    said_of = {line["image_path"]: line for line in map(json.loads, records)}
    for rows in datasets.load_dataset(str(folder)).cast_column("image", datasets.Image(decode=False)).values():
        names = rows.features["artwork"].names
        for row in rows:
            told = said_of[row["image"]["path"]]
            assert sha256(row["image"]["bytes"]).hexdigest() == told["sha256"]
            assert names[row["artwork"]] == told["image_metadata"]["character_style"]

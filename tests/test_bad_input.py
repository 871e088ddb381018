"""What people really bring. Each fault is said, with its place and what to do; the good rows are kept."""

import io
import json
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import unicodedata
import zipfile
import zlib
from pathlib import Path

import datasets
import pytest
from PIL import Image

import mmdata
from mmdata.errors import BuildError, SourceError

GOOD = "Training/images/TS_건선_정면"


def photo(seed: int | str, size=(64, 64), mode="RGB") -> Image.Image:
    """A smooth random picture: it compresses like a photograph and looks like no other seed."""
    r = random.Random(seed)
    small = Image.frombytes("RGB", (16, 16), r.randbytes(768))
    return small.resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, kind="PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def put(root: Path, path: str, content: bytes) -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


def bomb() -> bytes:
    """A PNG of a few bytes whose header claims 60,000 × 60,000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def exif(**tags) -> Image.Exif:
    found = Image.Exif()
    if "orientation" in tags:
        found[0x0112] = tags["orientation"]
    if "gps" in tags:
        found.get_ifd(0x8825)[1] = "N"
        found.get_ifd(0x8825)[2] = (37.0, 33.0, 0.0)
    return found


@pytest.fixture
def skin(tmp_path):
    return mmdata.new("skin", tmp_path / "내 말뭉치", like="skin")


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "원본"
    for number in range(2):
        put(root, f"{GOOD}/good_{number}.png", encoded(photo(number)))
        put(root, f"Validation/images/VS_정상_측면/good_{number}.png", encoded(photo(f"v{number}")))
    return root


def ids(folder: Path) -> set[str]:
    return {row for rows in datasets.load_dataset(str(folder)).values() for row in rows["id"]}


GOOD_IDS = {"train/건선/정면/good_0", "train/건선/정면/good_1", "test/정상/측면/good_0", "test/정상/측면/good_1"}


def refused(folder: Path, build) -> dict[str, dict]:
    lines = (folder / "data" / build.version / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    return {Path(row["place"]).name: row for row in map(json.loads, lines)}


def said(build, check: str) -> str:
    return "\n".join(f.message for f in build.findings if f.check == check)


# Pictures: one tree with every fault, built once


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    tmp = tmp_path_factory.mktemp("나쁜 그림")
    root, skin = tmp / "원본", mmdata.new("skin", tmp / "내 말뭉치", like="skin")
    png, jpg = encoded(photo("p", (200, 200))), encoded(photo("j", (200, 200)), "JPEG")
    put(root, f"{GOOD}/good_0.png", encoded(photo(0)))
    put(root, f"{GOOD}/cut.png", png[: len(png) // 2])
    put(root, f"{GOOD}/cut_too.jpg", jpg[: len(jpg) // 2])
    put(root, f"{GOOD}/zero.png", b"")
    put(root, f"{GOOD}/text.png", "이것은 그림이 아닙니다".encode())
    put(root, f"{GOOD}/bomb.png", bomb())
    put(root, f"{GOOD}/cmyk.jpg", encoded(photo("c", mode="CMYK"), "JPEG"))
    put(root, f"{GOOD}/deep.png", encoded(photo("d", mode="L").convert("I;16")))
    put(root, f"{GOOD}/palette.png", encoded(photo("q").quantize(16)))
    put(root, f"{GOOD}/clear.png", encoded(photo("a", mode="RGBA")))
    put(root, f"{GOOD}/moving.png", encoded(photo(1), save_all=True, append_images=[photo(2)]))
    put(root, f"{GOOD}/moving2.png", encoded(photo(1), "GIF", save_all=True, append_images=[photo(2)]))
    put(root, f"{GOOD}/turned.jpg", encoded(photo("t", (60, 30)), "JPEG", exif=exif(orientation=6)))
    put(root, f"{GOOD}/where.jpg", encoded(photo("w"), "JPEG", exif=exif(gps=True)))
    put(root, f"{GOOD}/빈 칸 이름.png", encoded(photo("s")))
    put(root, f"{GOOD}/line\nbreak.png", encoded(photo("n")))
    build = mmdata.build(skin, root)
    return skin, build, refused(skin, build)


@pytest.mark.parametrize(
    ("name", "kind", "words", "next_step"),
    [
        ("cut.png", "truncated image", "truncated", "copy it again"),
        ("cut_too.jpg", "truncated image", "truncated", "copy it again"),
        ("zero.png", "empty file", "0 bytes", "copy it again"),
        ("text.png", "not an image", "not a picture that Pillow can read", "save it as PNG or JPEG"),
        ("bomb.png", "too many pixels", "claims 3,600,000,000 pixels, more than 89,478,485", "made smaller first"),
        ("deep.png", "16-bit image", "more than 8 bits a channel", "scale it to 8 bits first"),
        ("moving.png", "animated image", "2 frames; one picture is wanted", "save the frame you mean"),
        ("moving2.png", "animated image", "2 frames; one picture is wanted", "save the frame you mean"),
    ],
)
def test_a_bad_picture_is_refused_with_its_reason(pictures, name, kind, words, next_step):
    row = pictures[2][name]
    assert (row["kind"], row["field"], row["split"]) == (kind, "image", "train")
    assert words in row["reason"] and next_step in row["reason"]
    assert row["place"] == row["value"] == f"{GOOD}/{name}"


def test_the_good_pictures_beside_bad_ones_are_kept(pictures):
    skin, build, rows = pictures
    names = {i.removeprefix("train/건선/정면/") for i in ids(skin)}
    assert names == {"good_0", "cmyk", "palette", "clear", "turned", "where", "빈 칸 이름", "line\nbreak"}
    assert sum(build.manifest.rejected.values()) == len(rows) == 8


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cmyk.jpg", "mode CMYK is converted to RGB when loaded"),
        ("clear.png", "transparency, which is dropped when loaded as RGB"),
        ("turned.jpg", "it is turned upright when loaded"),
        ("where.jpg", "GPS position where it was taken; strip it before publishing"),
    ],
)
def test_a_picture_that_is_kept_with_a_catch_is_named(pictures, name, words):
    notes = said(pictures[1], "picture").splitlines()
    assert any(name in note and words in note for note in notes), notes


def test_every_kept_picture_loads_as_rgb_and_upright(pictures):
    notes = said(pictures[1], "picture")
    assert "palette.png" not in notes and "good_0.png" not in notes, "nothing is lost in these"
    rows = datasets.load_dataset(str(pictures[0]))["train"]
    by_id = {row["id"].rsplit("/", 1)[-1]: row["image"] for row in rows}
    assert {image.mode for image in by_id.values()} == {"RGB"}
    assert by_id["turned"].size == (30, 60)


# Names and folders


def test_a_message_stays_on_its_line_whatever_the_file_is_called(skin, tmp_path):
    root = tmp_path / "원본"
    for name in ("line\nbreak.png", "line\nbreak.jpg", "line\n\x1b[31mred.png"):
        put(root, f"{GOOD}/{name}", b"")
    with pytest.raises(BuildError) as error:
        mmdata.build(skin, root)
    assert f"The first: {GOOD}/line\\n\\x1b[31mred.png: the file has 0 bytes" in str(error.value)
    put(root, f"{GOOD}/good_0.png", encoded(photo(0)))
    build = mmdata.build(skin, root)
    assert f"already that of {GOOD}/line\\nbreak.jpg; rename" in refused(skin, build)["line\nbreak.png"]["reason"]
    assert ids(skin) == {"train/건선/정면/good_0"}


def test_folders_in_nfd_are_read_as_nfc(skin, tmp_path):
    root = tmp_path / "맥"
    put(root, unicodedata.normalize("NFD", f"{GOOD}/사진.png"), encoded(photo(1)))
    build = mmdata.build(skin, root)
    assert build.manifest.rejected == {}
    assert ids(skin) == {"train/건선/정면/사진"}


@pytest.mark.parametrize(
    "garble", [lambda n: os.fsdecode(n.encode("cp949")), lambda n: n.encode("cp949").decode("cp437")]
)
def test_folders_garbled_from_cp949_are_read_and_reported(skin, tmp_path, garble):
    root = tmp_path / "윈도"
    put(root, f"Training/images/{garble('TS_건선_정면')}/1.png", encoded(photo(1)))
    build = mmdata.build(skin, root)
    assert ids(skin) == {"train/건선/정면/1"}
    assert "a CP949 name, read as Training/images/TS_건선_정면" in said(build, "garbled name")


def test_an_unknown_class_is_refused_with_the_known_ones(skin, source):
    put(source, "Training/images/TS_건선종_정면/x.png", encoded(photo("x")))
    build = mmdata.build(skin, source)
    row = refused(skin, build)["x.png"]
    assert (row["kind"], row["value"]) == ("unknown label", "건선종")
    assert "Known: 건선, 아토피, 여드름, 주사, 지루, 정상." in row["reason"]
    assert "Did you mean '건선" in row["reason"] and "Add it there as an alias" in row["reason"]
    assert ids(skin) == GOOD_IDS


def test_an_alias_of_a_class_is_that_class(skin, source):
    put(source, "Training/images/TS_지루성 피부염_front/x.png", encoded(photo("x")))
    build = mmdata.build(skin, source)
    assert build.manifest.counts["label"]["지루"] == {"train": 1}
    assert build.manifest.rejected == {}


def test_a_folder_without_a_view_is_refused_and_an_absent_one_counted(skin, source):
    put(source, "Training/images/TS_건선/x.png", encoded(photo("x")))
    build = mmdata.build(skin, source)
    assert "view '' is not in labels.yaml. Known: 정면, 측면." in refused(skin, build)["x.png"]["reason"]
    assert "TS_건선_측면 0 of 800" in said(build, "folder count")
    assert ids(skin) == GOOD_IDS


def test_stray_files_are_counted_by_folder(skin, source):
    put(source, f"{GOOD}/Thumbs.db", b"x")
    put(source, "readme.txt", b"x")
    build = mmdata.build(skin, source)
    assert f"{GOOD}: 1 files that are no pictures" in said(build, "stray files")
    assert "the top folder: 1 files" in said(build, "stray files")


def test_a_symlink_loop_is_reported_and_not_followed(skin, source):
    (source / GOOD / "위로").symlink_to(source, target_is_directory=True)
    (source / GOOD / "self.png").symlink_to("self.png")
    (source / GOOD / "gone.png").symlink_to("nowhere.png")
    build = mmdata.build(skin, source)
    unlistable = said(build, "unlistable")
    assert f"{GOOD}/위로: a link that leads back to a folder above it" in unlistable
    assert f"{GOOD}/self.png: a link that leads to itself" in unlistable
    assert f"{GOOD}/gone.png: No such file" in unlistable
    assert ids(skin) == GOOD_IDS


def test_an_unreadable_file_and_folder_are_named(skin, source):
    put(source, f"{GOOD}/secret.png", encoded(photo("x"))).chmod(0)
    put(source, "Training/images/TS_정상_정면/hidden.png", encoded(photo("h")))
    (source / "Training/images/TS_정상_정면").chmod(0)
    # root may read anything, unless that right is taken away.
    without = "-dac_override,-dac_read_search"
    limited = ["setpriv", "--bounding-set", without, "--inh-caps", without] if os.geteuid() == 0 else []
    command = [*limited, sys.executable, "-m", "mmdata.cli", "build", skin, "--source", source]
    done = subprocess.run(command, capture_output=True, text=True)
    (source / "Training/images/TS_정상_정면").chmod(0o755)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((skin / "data/1.0.0/manifest.json").read_text(encoding="utf-8"))
    assert manifest["rejected"] == {"unreadable file": 1}
    row = json.loads((skin / "data/1.0.0/rejected.jsonl").read_text(encoding="utf-8"))
    assert row["place"] == f"{GOOD}/secret.png" and "cannot be read: Permission denied" in row["reason"]
    messages = [f["message"] for f in manifest["findings"]]
    assert "Training/images/TS_정상_정면/: the folder cannot be listed: Permission denied" in messages
    assert ids(skin) == GOOD_IDS


def test_a_duplicate_id_names_both_files(skin, source):
    put(source, f"{GOOD}/good_0.jpg", encoded(photo("other"), "JPEG"))
    build = mmdata.build(skin, source)
    (row,) = refused(skin, build).values()
    assert row["kind"] == "duplicate id" and row["place"] == f"{GOOD}/good_0.png"
    assert f"is already that of {GOOD}/good_0.jpg; rename or remove one of the two" in row["reason"]
    assert ids(skin) == GOOD_IDS


# What only all rows together show


def test_the_same_picture_in_both_splits_is_a_leak(skin, source):
    shutil.copy(source / GOOD / "good_0.png", source / "Validation/images/VS_정상_측면/copy.png")
    build = mmdata.build(skin, source)
    leak = said(build, "leak")
    assert [f.level for f in build.findings if f.check == "leak"] == ["error"]
    assert ids(skin) == GOOD_IDS | {"test/정상/측면/copy"}, "said, not removed"
    assert "the same picture, byte for byte, is in more than one split" in leak
    assert f"train {GOOD}/good_0.png and test Validation/images/VS_정상_측면/copy.png" in leak
    assert "equal perceptual hash" not in leak, "said once"


def test_the_same_look_in_both_splits_is_a_leak(skin, source):
    picture = photo("스타", (256, 256))
    put(source, f"{GOOD}/one.png", encoded(picture))
    put(source, "Validation/images/VS_건선_정면/two.jpg", encoded(picture, "JPEG", quality=95))
    leak = said(mmdata.build(skin, source), "leak")
    assert "the same-looking picture (equal perceptual hash) is in more than one split" in leak
    assert "one.png" in leak and "two.jpg" in leak


def test_one_subject_in_both_splits_is_a_leak(skin, source):
    put(source, f"{GOOD}/H2_0013_P1_L0.png", encoded(photo("a")))
    put(source, "Validation/images/VS_건선_정면/H2_0013_P2_L0.png", encoded(photo("b")))
    put(source, "Validation/images/VS_건선_정면/H1_0013_P2_L0.png", encoded(photo("c")))
    build = mmdata.build(skin, source)
    (leak,) = [f for f in build.findings if f.check == "leak"]
    assert "the same subject is in more than one split: H2_0013: train" in leak.message and leak.count == 1


def test_the_same_picture_with_two_labels_names_both(skin, source):
    shutil.copy(source / GOOD / "good_0.png", put(source, "Training/images/TS_주사_정면/again.png", b""))
    build = mmdata.build(skin, source)
    message = said(build, "two labels")
    assert [f.level for f in build.findings if f.check == "two labels"] == ["error"]
    assert ids(skin) == GOOD_IDS | {"train/주사/정면/again"}, "said, not removed"
    assert "the same picture has more than one label" in message
    assert "건선 (Training/images/TS_건선_정면/good_0.png)" in message and "주사 (" in message


def test_a_class_that_is_known_by_its_site_is_a_confounder(skin, tmp_path):
    root = tmp_path / "원본"
    for number in range(12):
        cls, site = (("정상", "H9"), ("여드름", "H2"), ("주사", "H1"))[number % 3]
        put(root, f"Training/images/TS_{cls}_정면/{site}_{number:04d}_P0_L0.png", encoded(photo(number)))
    message = said(mmdata.build(skin, root), "confounder")
    assert "site gives label away: guessing from site alone is right for 100% of the rows" in message
    assert "the commonest class for 33% (lambda 1.00); 여드름 only H2; 정상 only H9; 주사 only H1" in message


def test_sites_that_say_nothing_are_no_confounder(skin, tmp_path):
    root = tmp_path / "원본"
    for number in range(16):
        cls, site = ("정상", "여드름")[number % 2], ("H1", "H2")[number // 2 % 2]
        put(root, f"Training/images/TS_{cls}_정면/{site}_{number:04d}_P0_L0.png", encoded(photo(number)))
    assert said(mmdata.build(skin, root), "confounder") == ""


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


def test_a_number_that_no_column_holds_refuses_its_row(skin, source):
    info = {"diagnosis_name": "건선", "easi_score": {"iga_grade": 10**30}}
    put(source, "Training/labels/TL_건선_정면/good_0.json", label_file("건선", diagnosis_info=info))
    row = refused(skin, mmdata.build(skin, source))["good_0.png"]
    assert (row["kind"], row["field"]) == ("invalid value", "iga_grade") and "over 64 bits" in row["reason"]
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


# Sources


def test_an_empty_source_says_what_is_looked_for(skin, tmp_path):
    (tmp_path / "빈 폴더").mkdir()
    with pytest.raises(BuildError, match=r"빈 폴더: 0 files, none of which .* looks for folders named \{TS,VS\}_"):
        mmdata.build(skin, tmp_path / "빈 폴더")


def test_unopened_zips_are_to_be_unpacked(skin, tmp_path):
    put(tmp_path / "원본", "Training/01.원천데이터/TS_건선_정면.zip", b"PK")
    with pytest.raises(BuildError, match=r"There are 1 \.zip files in it: unpack them first"):
        mmdata.build(skin, tmp_path / "원본")


def test_a_source_that_is_a_file_is_told_what_to_give(skin, source):
    with pytest.raises(SourceError, match=r"good_0\.png' is a file, not a folder of raw files"):
        mmdata.build(skin, source / GOOD / "good_0.png")


def test_a_missing_source_is_named(skin, tmp_path):
    with pytest.raises(SourceError, match=r"없음': no such file or folder"):
        mmdata.build(skin, tmp_path / "없음")


def test_a_source_of_bad_rows_only_makes_no_release(skin, tmp_path):
    put(tmp_path / "원본", f"{GOOD}/zero.png", b"")
    with pytest.raises(
        BuildError, match=r"all 1 rows were rejected(.|\n)*1 × empty file(.|\n)*zero\.png: the file has 0 bytes"
    ):
        mmdata.build(skin, tmp_path / "원본")
    assert not (skin / "data").exists() and not (skin / ".staging").exists()


class Cp949Name(zipfile.ZipInfo):
    """As Windows writes it: the name's bytes are CP949, and no flag says UTF-8."""

    def _encodeFilenameFlags(self):  # noqa: N802
        return self.filename.encode("cp949"), self.flag_bits & ~0x800


@pytest.mark.parametrize("name", [zipfile.ZipInfo, Cp949Name])
def test_a_zip_builds_to_the_shards_of_its_folder(skin, source, tmp_path, name):
    with zipfile.ZipFile(tmp_path / "원본.zip", "w") as out:
        for path in sorted(source.rglob("*.png")):
            out.writestr(name(str(path.relative_to(source))), path.read_bytes())
    assert ("건선".encode("cp949") in (tmp_path / "원본.zip").read_bytes()) == (name is Cp949Name)
    folder, packed = mmdata.build(skin, source), mmdata.new("skin", tmp_path / "zip", like="skin")
    assert mmdata.build(packed, tmp_path / "원본.zip").manifest.files == folder.manifest.files


def test_a_damaged_zip_loses_the_rows_that_it_damaged(skin, source, tmp_path):
    path = tmp_path / "원본.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for number in range(2):
            out.writestr(f"{GOOD}/{number}.bmp.png", encoded(photo(number), "BMP"))
    content = bytearray(path.read_bytes())
    content[200:260] = b"\xff" * 60
    path.write_bytes(content)
    row = refused(skin, mmdata.build(skin, path))["0.bmp.png"]
    assert row["kind"] == "unreadable file"
    assert "cannot be read from the zip: Error -3 while decompressing" in row["reason"]
    assert "copy or download the zip again" in row["reason"]
    assert ids(skin) == {"train/건선/정면/1.bmp"}


def test_a_zip_that_is_cut_short_is_no_folder_but_a_bad_zip(skin, tmp_path):
    with zipfile.ZipFile(tmp_path / "원본.zip", "w") as out:
        out.writestr(f"{GOOD}/0.png", encoded(photo(0)))
    content = (tmp_path / "원본.zip").read_bytes()
    (tmp_path / "원본.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceError, match=r"원본\.zip' is not a zip that can be opened: .*copy or download it again"):
        mmdata.build(skin, tmp_path / "원본.zip")


# The disk and the command line


def run(*arguments: str | Path, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "mmdata.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def big(root: Path) -> Path:
    for number in range(4):
        put(root, f"{GOOD}/{number}.png", encoded(Image.frombytes("RGB", (700, 700), os.urandom(1_470_000))))
    return root


def assert_recovers(skin: Path, source: Path, done: subprocess.CompletedProcess) -> None:
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "error: " in done.stderr and "disk space" in done.stderr
    assert not (skin / ".staging").exists()
    assert str(datasets.load_dataset(str(skin))["train"].info.version) == "1.0.0"


def test_a_file_size_limit_while_writing_leaves_the_old_release(skin, source, tmp_path):
    mmdata.build(skin, source)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))  # noqa: E731
    done = run("build", skin, "--source", big(tmp_path / "큰"), preexec_fn=limit)
    assert_recovers(skin, source, done)
    assert mmdata.build(skin, tmp_path / "큰").version == "1.1.0"


FULL_DISK = """
import shutil, sys
from collections import namedtuple
if sys.argv.pop(1) == "unforeseen":
    shutil.disk_usage = lambda path: namedtuple("usage", "total used free")(0, 0, 1 << 60)
from mmdata.cli import main
main()
"""


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root may mount a tmpfs; the file size limit above is the same fault"
)
@pytest.mark.parametrize("when", ["foreseen", "unforeseen"])
def test_a_full_disk_leaves_the_old_release(source, tmp_path, when):
    small = tmp_path / "작은 디스크"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", small], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here; the file size limit above is the same fault")
    try:
        skin = mmdata.new("skin", small, like="skin")
        mmdata.build(skin, source)
        command = [sys.executable, "-c", FULL_DISK, when, "build", skin, "--source", big(tmp_path / "큰")]
        assert_recovers(skin, source, subprocess.run(command, capture_output=True, text=True, timeout=120))
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        assert mmdata.build(skin, tmp_path / "큰").version == "1.1.0"
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_two_builds_at_once_the_second_says_who_writes(skin, source, tmp_path):
    many = big(tmp_path / "큰")
    first = subprocess.Popen([sys.executable, "-m", "mmdata.cli", "build", skin, "--source", many])
    while not (skin / ".staging").exists():
        assert first.poll() is None
    second = run("build", skin, "--source", source)
    assert first.wait(60) == 0
    assert second.returncode == 1
    assert f"skin is being written by another process (process {first.pid}, since" in second.stderr
    assert "Wait until it ends, or stop it" in second.stderr
    assert len(datasets.load_dataset(str(skin))["train"]) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["build", "nowhere", "--source", "x"], "nowhere: not a corpus folder (it has no builder.py)"),
        (["build", "{skin}"], "which source?"),
        (["build", "{skin}", "--source", "nowhere"], "no such file or folder"),
        (["build", "{skin}", "--source", "floppy://a"], "source floppy://a"),
        (["new", "새"], "named in lower case letters"),
        (["new", "birds", "--like", "bird"], "no corpus 'bird' ships with mmdata. There are: skin"),
        (["new", "skin", "--under", "{under}"], "already exists"),
        (["prune", "nowhere"], "not a corpus folder"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_message(skin, arguments, words):
    filled = [a.format(skin=skin, under=skin.parent) for a in arguments]
    done = run(*filled, cwd=skin.parent)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and words in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1

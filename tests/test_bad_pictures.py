"""Pictures as people bring them. Each fault is said, with its place and what to do; the good rows are kept."""

import shutil
import struct
import zlib

import datasets
import pytest
from kit import GOOD, GOOD_IDS, encoded, ids, photo, put, refused, said
from PIL import Image

import mmdata


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


def test_what_a_fuller_check_of_the_same_rows_finds_is_said_and_kept(skin, source):
    """A header check cannot see look-alikes; the full one makes no new release, but says them, each time."""
    image = photo(7, (256, 256))
    put(source, f"{GOOD}/same.png", encoded(image))
    put(source, "Validation/images/VS_건선_정면/same.jpg", encoded(image, "JPEG", quality=95))
    assert said(mmdata.build(skin, source, decode="header"), "leak") == ""
    for _ in range(2):
        full = mmdata.build(skin, source)
        assert not full.created and "same-looking picture" in said(full, "leak")

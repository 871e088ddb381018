"""The check of one picture: garbage in, an answer out."""

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from mmdata.images import check_image


def picture(kind: str) -> bytes:
    out = io.BytesIO()
    Pillow.frombytes("RGB", (24, 24), random.Random(1).randbytes(1728)).save(out, kind)
    return out.getvalue()


@given(st.binary(max_size=300), st.sampled_from(["full", "header"]))
def test_garbage_is_refused_not_raised(data, decode):
    assert check_image(data, decode).kind


@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]),
    st.integers(1, 2000),
    st.sampled_from(["full", "header"]),
)
def test_a_picture_cut_anywhere_never_raises(kind, keep, decode):
    data = picture(kind)
    check_image(data[:keep], decode)
    if keep < 8:
        assert check_image(data[:keep], decode).kind


@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "DDS"]),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=6),
)
def test_a_picture_with_flipped_bytes_never_raises(kind, flips):
    data = bytearray(picture(kind))
    for at, value in flips:
        data[at % len(data)] = value
    check_image(bytes(data), "full")


@pytest.mark.parametrize("flags", [16, 129])
def test_a_decoder_that_raises_an_odd_error_is_a_broken_picture(flags):
    data = bytearray(picture("DDS"))  # Its decoder answers an unknown pixel format with NotImplementedError.
    data[80] = flags
    check = check_image(bytes(data), "full")
    assert check.kind == "broken image" and "cannot be decoded: Un" in check.reason and "copy it again" in check.reason


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_that_lacks_its_last_tenth_is_refused(kind):
    data = picture(kind)
    for keep in range(len(data) * 9 // 10):
        assert check_image(data[:keep], "full").kind, keep


@pytest.mark.parametrize(
    ("mode", "kind", "note"),
    [
        ("I;16", "16-bit image", ""),
        ("F", "16-bit image", ""),
        ("CMYK", "", "mode CMYK is converted to RGB"),
        ("LAB", "", "mode LAB is converted to RGB"),
        ("RGBA", "", "transparency, which is dropped"),
        ("L", "", ""),
        ("P", "", ""),
        ("1", "", ""),
    ],
)
def test_a_mode_is_refused_noted_or_fine(mode, kind, note):
    out = io.BytesIO()
    image = Pillow.new("L", (8, 8), 90)
    image = (
        Pillow.new("LAB", (8, 8)) if mode == "LAB" else image.convert("RGB" if mode == "CMYK" else "L").convert(mode)
    )
    image.save(out, "TIFF")
    check = check_image(out.getvalue(), "full")
    assert check.kind == kind
    assert note in " ".join(check.notes) and bool(check.notes) == bool(note)
    assert check_image(out.getvalue(), "full", mode=None).kind == "", "as stored, any mode will do"


def test_a_whole_picture_is_good_and_has_a_look():
    check = check_image(picture("PNG"), "full")
    assert (check.kind, len(check.look)) == ("", 16)
    assert check_image(picture("PNG"), "header").look == ""


def test_a_phones_two_frame_jpeg_is_one_picture():
    out = io.BytesIO()
    frames = [Pillow.new("RGB", (8, 8), c) for c in ("red", "blue")]
    frames[0].save(out, "MPO", save_all=True, append_images=frames[1:])
    assert check_image(out.getvalue(), "full").kind == ""

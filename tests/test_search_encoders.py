"""Encoders: builtin, which is always there, and tiny models of three families."""

import hashlib
import shutil
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import encoded, photo
from PIL import Image, ImageDraw, ImageOps
from tiny_models import tiny

import mmdata
from mmdata import MmdataError
from mmdata.corpus import HOME, Corpus
from mmdata.searching import encoders
from mmdata.searching.builtin import Builtin, coarse, looked_at, thing
from mmdata.searching.decoding import Unreadable, decoded
from mmdata.searching.encoders import encoder
from mmdata.searching.local import LocalIndex


def shape(kind: str, colour: str, ground: str, at=(40, 30, 150, 120)) -> Image.Image:
    image = Image.new("RGB", (200, 160), ground)
    getattr(ImageDraw.Draw(image), kind)(at, fill=colour)
    return image


def cosine(one: Image.Image, other: Image.Image) -> float:
    two = Builtin().pictures([one, other])
    return float(two[0] @ two[1])


# Builtin


def test_builtin_tells_the_thing_from_the_ground():
    likely, (left, top, right, bottom) = thing(shape("ellipse", "red", "olive"))
    assert likely[30, 30] > 200 and likely[3, 3] < 60
    assert left < 40 and right > 150 and right - left == bottom - top
    same_shape = cosine(shape("ellipse", "red", "olive"), shape("ellipse", "navy", "silver", (60, 40, 170, 130)))
    other_shape = cosine(shape("ellipse", "red", "olive"), shape("rectangle", "navy", "silver", (90, 5, 110, 155)))
    assert same_shape > other_shape + 0.2
    assert cosine(shape("ellipse", "red", "olive"), shape("ellipse", "brown", "olive")) > same_shape


def test_builtin_is_the_same_on_any_machine():
    """Whole numbers up to the last division. Changed on purpose, it is a new REVISION: every index is made anew."""
    drawn = [shape("ellipse", "#c03", "#9a8"), shape("rectangle", "#222", "#eee"), photo("천")]
    total = hashlib.sha256(np.array([looked_at(one) for one in drawn], np.int64).tobytes()).hexdigest()
    assert total[:16] == "18df86f6b0d78f5a"


@settings(max_examples=30)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 9), st.booleans())
def test_builtin_gives_every_picture_a_direction(width, height, seed, plain):
    image = Image.new("RGB", (width, height), (25 * seed,) * 3) if plain else photo(seed, (width, height))
    (vector,) = Builtin().pictures([image])
    assert vector.dtype == np.float32 and abs(np.linalg.norm(vector) - 1) < 1e-5
    (small,) = coarse(vector[None])
    assert small.shape == (256,) and (abs(np.linalg.norm(small) - 1) < 1e-5 or not small.any())  # White is nothing.


def test_builtin_has_no_words_and_names_who_has():
    with pytest.raises(MmdataError, match=r"knows no words.*--model google/siglip2-base-patch16-224"):
        encoder("builtin").texts(["파란 원피스"])


# Decoding


def test_pictures_are_upright_on_white_and_no_larger_than_is_looked_at():
    turned = Image.new("RGB", (60, 20), "blue")
    exif = Image.Exif()
    exif[274] = 6
    for kind in ("JPEG", "PNG"):
        assert decoded(encoded(turned, kind, exif=exif.tobytes()), 30).size == (10, 30)
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert decoded(encoded(clear), 64).getpixel((3, 3)) == (255, 255, 255)
    palette = ImageOps.invert(photo(1)).quantize(8)
    assert decoded(encoded(palette), 32).mode == "RGB"
    large = decoded(encoded(photo(2, (1200, 900)), "JPEG"), 256)
    assert large.size == (256, 192)


@pytest.mark.parametrize(
    "data, why",
    [
        (b"", "no picture that Pillow can read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "cannot be decoded|no picture"),
        (encoded(photo(1))[:-90], "cannot be decoded: .*truncated"),
    ],
)
def test_what_is_no_picture_is_said(data, why):
    with pytest.raises(Unreadable, match=why):
        decoded(data, 64)


def test_a_bomb_is_not_decoded():
    good = encoded(photo(1))
    claimed = b"IHDR" + (10_000).to_bytes(4) + (9_000).to_bytes(4) + good[24:29]
    with pytest.raises(Unreadable, match=r"10000 × 9000 pixels are more than 89,478,485"):
        decoded(good[:12] + claimed + zlib.crc32(claimed).to_bytes(4) + good[33:], 64)


# Models


@pytest.mark.parametrize("family", ["clip", "siglip2", "qwen3_vl"])
def test_a_vector_does_not_depend_on_what_else_is_asked(family):
    model = encoder(tiny(family))
    images = [photo(n, (40 + 30 * n, 64)) for n in range(3)]
    texts = ["a", "파란 여름 원피스를 찾아 주세요 " * 9, "red coat"]
    for encode, asked in ((model.pictures, images), (model.texts, texts)):
        whole, alone = encode(asked), np.concatenate([encode([one]) for one in asked])
        assert whole.shape == (3, model.dimensions) and whole.dtype == np.float32
        assert np.allclose(whole, alone, atol=1e-5) and np.allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)
        assert abs(whole[0] @ whole[2]) < 0.9999
    assert model.revision.startswith("sha256:") and Path(model.name).is_absolute()
    assert model.texts([]).shape == (0, model.dimensions)


def test_siglip_reads_small_letters_filled_up_to_the_length_it_was_trained_on():
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, asked = encoder(tiny("siglip2")), "A Red Coat"
    assert np.array_equal(model.texts([asked]), model.texts([asked.lower()]))
    words = AutoTokenizer.from_pretrained(tiny("siglip2"))(
        asked.lower(), padding="max_length", max_length=64, return_tensors="pt"
    )
    with torch.inference_mode():
        made = AutoModel.from_pretrained(tiny("siglip2")).get_text_features(input_ids=words["input_ids"]).pooler_output
    assert np.allclose(model.texts([asked])[0], torch.nn.functional.normalize(made)[0].numpy(), atol=1e-5)


def test_qwen_is_told_what_it_was_trained_to_be_told_and_the_last_place_counts():
    import torch
    from transformers import AutoModel, AutoProcessor

    processor, model = AutoProcessor.from_pretrained(tiny("qwen3_vl")), AutoModel.from_pretrained(tiny("qwen3_vl"))
    for told, what, made in (
        ("Represent the user's input.", {"type": "image", "image": photo(1)}, "pictures"),
        ("Retrieve images or text relevant to the user's query.", {"type": "text", "text": "파란 외투"}, "texts"),
    ):
        turns = [
            {"role": "system", "content": [{"type": "text", "text": told}]},
            {"role": "user", "content": [what]},
        ]
        inputs = processor.apply_chat_template(
            [turns], tokenize=True, add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        with torch.inference_mode():
            last = model.float()(**inputs).last_hidden_state[:, -1]
        found = getattr(encoder(tiny("qwen3_vl")), made)([what.get("image") or what["text"]])
        assert np.allclose(found[0], torch.nn.functional.normalize(last)[0].numpy(), atol=1e-4)


def test_other_weights_in_the_same_folder_are_another_revision(tmp_path):
    folder = Path(shutil.copytree(tiny("clip"), tmp_path / "내 모델"))
    before = encoder(str(folder)).revision
    shutil.copytree(folder, tmp_path / "other")
    assert encoder(str(tmp_path / "other")).revision == before
    settings = folder / "tokenizer_config.json"
    settings.write_text(settings.read_text() + "\n")
    assert encoder(str(folder)).revision != before


def test_a_model_of_the_hub_is_known_by_its_commit_or_refused(tmp_path, monkeypatch):
    file = tmp_path / "models--a--b" / "snapshots" / ("0f" * 20) / "config.json"
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda name, asked: str(file.with_name(asked)))
    assert encoders._revision("a/b", SimpleNamespace()) == "0f" * 20
    assert encoders._revision("a/b", SimpleNamespace(_commit_hash="1e")) == "1e"
    file = tmp_path / "config.json"
    with pytest.raises(MmdataError, match="which commit of the Hub it is cannot be told"):
        encoders._revision("a/b", None)


def test_an_index_by_a_model_is_searched_by_words(tmp_path):
    folder = tmp_path / "skin"
    shutil.copytree(HOME / "skin", folder, ignore=shutil.ignore_patterns("data", ".*", "__pycache__", "*.sqlite"))
    done = mmdata.index(folder, model=tiny("clip"), batch=3)
    assert done.facts.dimensions == 32 and done.facts.model == tiny("clip") and done.embedded == done.facts.pictures
    index = LocalIndex(Corpus(folder))
    assert len(index.nearest(encoder(tiny("clip")).texts(["붉은 판"])[0], 3)) == 3
    assert mmdata.index(folder, model=tiny("clip")).embedded == 0


def test_a_model_that_cannot_be_had_is_said(monkeypatch):
    with pytest.raises(MmdataError, match=r"model 'nobody/nothing' cannot be loaded: .*the folder of one, or builtin"):
        encoder("nobody/nothing")
    with pytest.raises(MmdataError, match="is a gemma3 model, without a tower for pictures"):
        encoder(tiny("gemma3"))
    for name, wanted in (("transformers", "clip"), ("sentence_transformers", "qwen3_vl")):
        folder = tiny(wanted)  # Made while all is there.
        with monkeypatch.context() as missing:
            missing.setitem(sys.modules, name, None)
            with pytest.raises(MmdataError, match=rf"{name}.*pip install 'mmdata-corpus\[search\]'.*or use builtin"):
                encoder(folder)

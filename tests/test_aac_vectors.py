"""aac: pictures and words as vectors, by "builtin" or by a model, and the clusters that are made of them."""

import hashlib
import math
import random
import sys

import numpy as np
import pytest
from aac_files import CORPUS, Rows
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import encoded, photo
from PIL import Image, ImageDraw

from mmdata import Finding, MmdataError
from mmdata.schemas import AacCard, CardVector, Picture

EMBEDDING = CORPUS.module("embedding")
CLUSTERS = CORPUS.module("clusters")
PREFERENCES = CORPUS.module("preferences")
VECTORS = CORPUS.module("vectors")


def drawn(colour, shape="ellipse", at=8) -> bytes:
    image = Image.new("RGB", (64, 64), "white")
    getattr(ImageDraw.Draw(image), shape)((at, at, 56, 56), fill=colour)
    return encoded(image)


def alike(one: str, other: str) -> float:
    return EMBEDDING.similarity(*(EMBEDDING.text_vector(text, "builtin") for text in (one, other)))


def near(one: bytes, other: bytes) -> float:
    return EMBEDDING.similarity(*(tuple(EMBEDDING.picture_vector(data, "builtin")) for data in (one, other)))


# Builtin


def test_words_are_near_that_are_spelt_alike_in_hangul_and_latin():
    assert alike("음식", "음식") == 1
    assert alike("가족 여행", "여행") > 0.75 < alike("food", "food fruit")
    assert alike("사과", "사과주스") > alike("사과", "자동차")
    assert alike("먹다", "먹어") > alike("먹다", "자다")  # The same first syllable, and jamo.
    assert abs(alike("바나나", "자동차") - 0.5) < 0.1
    assert EMBEDDING.text_vector("Ａpple", "builtin") != EMBEDDING.text_vector("", "builtin")
    assert set(EMBEDDING.text_vector("", "builtin")) == {0.0}


def test_pictures_are_near_that_have_colours_and_lines_alike():
    red = drawn("red")
    assert near(red, drawn("#e00000", at=10)) > near(red, drawn("blue")) > 0.5
    assert near(drawn("black", "rectangle"), drawn("black", "rectangle", 10)) > near(
        drawn("black", "rectangle"), drawn("black", "ellipse")
    )


@settings(max_examples=40)
@given(st.text(max_size=20))
def test_vectors_have_length_one_or_are_nothing(text):
    vector = EMBEDDING.text_vector(text, "builtin")
    length = math.sqrt(sum(value**2 for value in vector))
    assert abs(length - 1) < 1e-4 or (not any(vector))
    assert all(value == round(value, 6) for value in vector)


def test_the_builtin_vectors_are_what_they_were_on_any_machine():
    """Whole numbers up to the last division. Changed on purpose, this is a new version for everybody's clusters."""
    made = [tuple(EMBEDDING.text_vector(word, "builtin")) for word in ("사과", "apple pie", "먹다")]
    lines = Image.frombytes(
        "RGB",
        (96, 96),
        bytes((x * y // 31 + 40 * (c + x // 24)) % 256 for y in range(96) for x in range(96) for c in range(3)),
    )
    made.append(tuple(EMBEDDING.picture_vector(encoded(lines), "builtin")))
    assert hashlib.sha256(repr(made).encode()).hexdigest()[:16] == "7fbe364a5d911dc0"


def card(id: str, picture: bytes, **more) -> AacCard:
    return AacCard(
        id=id,
        image=Picture(path="a.png", bytes=picture),
        source="own",
        attribution="a",
        place=id,
        **{"keyword": id} | more,
    )


def test_a_card_lies_between_its_picture_and_its_word():
    (one,) = VECTORS.vectors(card("공", drawn("red"), categories=["play"]), embedding="builtin", embedding_state="")
    seen, said = EMBEDDING.picture_vector(drawn("red"), "builtin"), EMBEDDING.text_vector("공 play play", "builtin")
    assert np.allclose(one.vector, np.concatenate([seen, said]) / math.sqrt(2), atol=1e-5)


# Clusters


def spread(count: int, groups: int, seed=0) -> Rows:
    r = np.random.default_rng(seed)
    centres = r.normal(size=(groups, 12))
    found = centres[np.arange(count) % groups] + 0.02 * r.normal(size=(count, 12))
    return Rows(CardVector(id=f"c{n:03}", vector=[round(x, 6) for x in row]) for n, row in enumerate(found.tolist()))


def clustered(vectors: Rows, wanted=64, seed=42):
    cards = Rows(card(one.id, encoded(photo(one.id, (4, 4)))) for one in vectors)
    made = list(CLUSTERS.clusters(cards, vectors, clusters_wanted=wanted, seed=seed))
    return [one for one in made if not isinstance(one, Finding)], [
        one.message for one in made if isinstance(one, Finding)
    ]


def test_cards_that_lie_together_are_a_cluster_with_the_nearest_as_medoids():
    vectors = spread(60, 5)
    found, said = clustered(vectors, wanted=5)
    assert said == []
    assert [sorted(one.card_ids) for one in found] == [[f"c{n:03}" for n in range(g, 60, 5)] for g in range(5)]
    held = {one.id: np.array(one.vector) for one in vectors}
    for one in found:
        centre = np.mean([held[id] for id in one.card_ids], axis=0)
        far = [float(np.linalg.norm(held[id] - centre)) for id in one.card_ids]
        assert far == sorted(far)
        assert one.keywords == one.card_ids[:3] and len(one.medoids) == 3
        assert one.medoids[0].bytes == encoded(photo(one.card_ids[0], (4, 4)))


def test_the_order_of_the_cards_is_nothing():
    vectors = spread(40, 4, seed=1)
    shuffled = Rows(random.Random(2).sample(vectors, len(vectors)))
    assert clustered(vectors, 9) == clustered(shuffled, 9)


@pytest.mark.parametrize(("count", "clusters"), [(1, 1), (2, 1), (22, 7), (200, 64)])
def test_few_cards_make_few_clusters_and_it_is_said(count, clusters):
    found, said = clustered(spread(count, min(count, 20)))
    assert len(found) == clusters
    assert sorted(id for one in found for id in one.card_ids) == [f"c{n:03}" for n in range(count)]
    assert bool(said) == (clusters < 64)


def test_cards_that_are_all_alike_are_one_cluster():
    same = Rows(CardVector(id=f"c{n}", vector=[1.0, 0.0]) for n in range(9))
    assert [len(one.card_ids) for one in clustered(same)[0]] == [9]


def test_clusters_are_made_by_one_thread_however_many_cores_there_are(monkeypatch):
    """Several add up in another order, and then the last digits differ."""
    import sklearn.cluster
    from threadpoolctl import threadpool_info, threadpool_limits

    counts = []

    class Counting(sklearn.cluster.KMeans):
        def fit(self, *arguments):
            counts.extend(one["num_threads"] for one in threadpool_info())
            return super().fit(*arguments)

    monkeypatch.setattr(sklearn.cluster, "KMeans", Counting)
    found = np.array(spread(30, 3).column("vector"))
    with threadpool_limits(4):
        many = CLUSTERS.nearest(found, 3, 42)
        assert 4 in {one["num_threads"] for one in threadpool_info()}
    assert set(counts) == {1}
    assert CLUSTERS.nearest(found, 3, 42) == many


# Models


@pytest.fixture(scope="module", params=["clip", "siglip"])
def model(request, tmp_path_factory):
    """A model of random weights, with its processor."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        CLIPConfig,
        CLIPImageProcessor,
        CLIPModel,
        PreTrainedTokenizerFast,
        SiglipConfig,
        SiglipImageProcessor,
        SiglipModel,
    )

    folder = tmp_path_factory.mktemp(request.param)
    words = {"<pad>": 0, "<unk>": 1, "<eos>": 2, "사과": 3, "공": 4, "play": 5}
    raw = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="<unk>", pad_token="<pad>", eos_token="<eos>"
    ).save_pretrained(folder)
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    seen = size | {"image_size": 16, "patch_size": 8}
    said = size | {
        "vocab_size": 6,
        "max_position_embeddings": 8,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "bos_token_id": 2,
    }
    import torch

    torch.manual_seed(0)
    if request.param == "clip":
        CLIPModel(CLIPConfig(text_config=said, vision_config=seen, projection_dim=12)).save_pretrained(folder)
        CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}).save_pretrained(folder)
    else:
        SiglipModel(SiglipConfig(text_config=said | {"projection_size": 16}, vision_config=seen)).save_pretrained(
            folder
        )
        SiglipImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    return str(folder)


def test_a_model_gives_the_mean_of_its_two_vectors(model):
    one, again, other = (
        next(VECTORS.vectors(made, embedding=model, embedding_state="1"))
        for made in (
            card("공", drawn("red"), categories=["play"]),
            card("공", drawn("red")),
            card("사과", drawn("blue")),
        )
    )
    assert one == again  # A model is told the keyword alone.
    seen, said = EMBEDDING.picture_vector(drawn("red"), model, "1"), EMBEDDING.text_vector("공", model, "1")
    mean = np.add(seen, said) / np.linalg.norm(np.add(seen, said))
    assert len(one.vector) in (12, 16) and np.allclose(one.vector, mean, atol=1e-5)
    assert one.vector != other.vector
    assert EMBEDDING.similarity(said, said) == pytest.approx(1, abs=1e-5)


def test_another_model_in_the_same_folder_or_another_library_is_noticed(tmp_path, monkeypatch):
    options = CORPUS.builder.BUILDER_CONFIG_CLASS
    before = options().embedding_state
    monkeypatch.setattr(EMBEDDING, "REVISION", "another")
    assert options().embedding_state == "another" != before
    assert {"embedding", "embedding_state"} <= {*VECTORS.vectors.options} & {*PREFERENCES.preferences.options}
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"1")
    chosen = options(embedding=str(tmp_path))
    states = [chosen.embedding_state]
    assert chosen.embedding_state == states[0]
    (tmp_path / "model.safetensors").write_bytes(b"2")
    states.append(chosen.embedding_state)
    monkeypatch.setattr(EMBEDDING, "version", lambda name: "0")
    states.append(chosen.embedding_state)
    assert len(set(states)) == 3


def test_the_two_vectors_of_a_model_are_added_and_those_of_builtin_stand_side_by_side():
    assert EMBEDDING.both([0.6, 0.8], [0.6, 0.8], "a/b") == [0.6, 0.8]
    assert len(EMBEDDING.both([0.6, 0.8], [0.6, 0.8], "builtin")) == 4


def test_a_model_that_cannot_be_had_is_said(tmp_path, monkeypatch):
    with pytest.raises(MmdataError, match=r"embedding 'nobody/nothing' cannot be loaded: .*or builtin"):
        EMBEDDING.text_vector("사과", "nobody/nothing")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MmdataError, match="embedding 'a/b' needs transformers: `pip install torch transformers`"):
        EMBEDDING.text_vector("사과", "a/b")

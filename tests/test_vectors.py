"""An embedder and what it writes: a vector hangs on its row alone, a fault is its row's, and another way is another prediction."""

import shutil
from pathlib import Path

import pytest
import torch
from kit import encoded, photo
from safetensors.torch import load_file, save_file
from tiny_models import tiny

from mmdata.corpus import HOME
from mmdata.errors import MmdataError
from mmdata.predictions import read_predictions
from mmdata.training_recipes.common import questions, vectors
from mmdata.training_recipes.models.embedder import Collator, Embedder, Settings, keep

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


@pytest.mark.parametrize("family", ["qwen3_vl", "clip", "siglip2"])
def test_a_vector_hangs_on_nothing_else_in_its_batch(family):
    asked = Settings(model=tiny(family), train="frozen", text="text" if family == "qwen3_vl" else None)
    torch.manual_seed(0)
    model, collator = Embedder(asked).eval(), Collator(asked)
    sizes = [(64, 64), (32, 96), (100, 40), (200, 200)]
    rows = [{"image": photo(n, size), "text": "붉은 판 red plaque " * (6 * n + 1)} for n, size in enumerate(sizes)]
    with torch.inference_mode():
        together = model(**collator(rows))["vectors"]
        alone = torch.cat([model(**collator([row]))["vectors"] for row in rows])
    assert (together - alone).abs().max() < 1e-5
    assert torch.cdist(alone, alone).fill_diagonal_(9).min() > 1e-3, "and it does hang on the row"


@pytest.mark.parametrize("family", ["qwen3_vl", "clip", "siglip2"])
def test_checkpointing_changes_no_gradient_and_is_left_out_where_nothing_is_trained(family):
    def gradients(train: str, saving: bool) -> tuple[Embedder, dict[str, torch.Tensor]]:
        torch.manual_seed(0)
        asked = Settings(model=tiny(family), train=train)
        model = Embedder(asked).train()
        if saving:
            model.activation_checkpointing_enable(activation_checkpointing_kwargs=None)
        rows = [{"image": photo(n, (64, 64))} for n in range(4)]
        model(**Collator(asked)(rows))["vectors"][:, 0].sum().backward()
        return model, {name: one.grad for name, one in model.named_parameters() if one.grad is not None}

    (_, plain), (saved, again) = gradients("lora", False), gradients("lora", True)
    assert saved.backbone.is_activation_checkpointing and any("lora_" in name for name in plain)
    assert plain.keys() == again.keys() and all(torch.allclose(plain[n], again[n], atol=1e-6) for n in plain)
    assert not gradients("frozen", True)[0].backbone.is_activation_checkpointing


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    """One that has learned nothing, as a folder."""
    folder, asked = tmp_path_factory.mktemp("embedder"), Settings(model=tiny("clip"), train="frozen")
    save_file(Embedder(asked).state_dict(), folder / "model.safetensors")
    keep(asked, folder)
    return folder


def embedded(folder: Path, file: Path) -> int:
    return vectors.write_vectors(folder, str(HOME / "character_style"), "labels", "test", "sample", file, 2)


def test_a_broken_picture_or_batch_is_an_error_and_the_others_are_embedded(embedder, tmp_path, monkeypatch):
    data, left = encoded(photo(1)), questions._of_row
    pictures = iter(
        [{"bytes": b"no picture"}, {"bytes": data[:300]}, None, {"bytes": data}, {"bytes": encoded(photo(2))}]
    )
    monkeypatch.setattr(questions, "_of_row", lambda row: left(row | {"image": next(pictures)}))
    batch = Collator.batch

    def once(self, conversations):
        if len(conversations) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return batch(self, conversations)

    monkeypatch.setattr(Collator, "batch", once)
    assert embedded(embedder, tmp_path / "said.jsonl") != 0
    said = read_predictions(tmp_path / "said.jsonl")
    assert [one.vector is not None for one in said] == [False, False, False, True, True]
    assert all(one.error for one in said[:3])


def test_how_a_vector_was_made_is_part_of_what_was_asked(embedder, tmp_path):
    file, folder = tmp_path / "said.jsonl", shutil.copytree(embedder, tmp_path / "embedder")
    assert embedded(folder, file) == embedded(folder, file) == 0
    said = read_predictions(file)
    assert len(file.read_text().splitlines()) == len(said) == 5
    keep(vectors.kept(folder).model_copy(update={"processor": {"do_normalize": False}}), folder)
    embedded(folder, file)
    again = read_predictions(file)
    assert len(file.read_text().splitlines()) == 10, "other settings make other vectors"
    assert all(one.vector != other.vector for one, other in zip(said, again, strict=True))


def test_the_revision_is_of_the_weights_and_of_those_under_them(embedder, tmp_path):
    one = vectors.Embedded(embedder).revision
    backbone = shutil.copytree(tiny("clip"), tmp_path / "clip")
    folder = shutil.copytree(embedder, tmp_path / "embedder")
    keep(vectors.kept(folder).model_copy(update={"model": str(backbone)}), folder)
    assert vectors.Embedded(folder).revision == one
    weights = load_file(backbone / "model.safetensors")
    save_file(weights | {"logit_scale": weights["logit_scale"] + 1}, backbone / "model.safetensors", {"format": "pt"})
    assert vectors.Embedded(folder).revision != one, "what is frozen is another"


def test_a_text_that_the_view_lacks_is_one_message(embedder, tmp_path):
    folder = shutil.copytree(embedder, tmp_path / "embedder")
    keep(Settings(model=tiny("qwen3_vl"), train="frozen", text="caption"), folder)
    with pytest.raises(MmdataError, match="no column caption, which is read beside the picture"):
        embedded(folder, tmp_path / "said.jsonl")

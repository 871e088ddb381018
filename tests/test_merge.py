"""Merging: the merged model says what base and adapter say, in the right class, or is not written."""

import shutil

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny_models import tiny
from transformers import AutoConfig, AutoModelForImageTextToText

from mmdata.training_recipes import merge
from mmdata.training_recipes.common import opening, probing
from mmdata.training_recipes.common.generating import revision_of

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


@pytest.fixture(scope="module")
def _adapter(tmp_path_factory):
    """Of random weights, so that it says something."""
    folder = tmp_path_factory.mktemp("어댑터") / "out"
    model = AutoModelForImageTextToText.from_pretrained(tiny("gemma3"))
    made = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
    made.save_pretrained(folder)
    opening.open_processor(tiny("gemma3")).save_pretrained(folder)
    return folder


@pytest.fixture
def adapter(_adapter, tmp_path):
    return shutil.copytree(_adapter, tmp_path / "out")


def test_the_merged_model_says_the_same_in_its_own_class(adapter):
    (adapter / ".merged.12345").mkdir()  # As a kill leaves it.
    done = merge.merge(adapter, adapter / "merged")
    assert done["differs"] < 1e-5 and done["same_token"] == 1 and done["class"] == "Gemma3ForConditionalGeneration"
    assert opening.read_json(adapter / "merged/merged.json") == done
    assert AutoConfig.from_pretrained(adapter / "merged").architectures == ["Gemma3ForConditionalGeneration"]
    asked = probing.probe(opening.open_processor(str(adapter / "merged")))
    models = [AutoModelForImageTextToText.from_pretrained(where) for where in (adapter / "merged", tiny("gemma3"))]
    merged, base = (probing.logits(model, asked) for model in models)
    assert (merged - base).abs().max() > 0.1, "the adapter is in it"
    ends = models[0].generation_config.eos_token_id
    assert ends == models[1].generation_config.eos_token_id, "it still ends its turns"
    assert merge.merge(adapter, adapter / "merged") == done, "run again, it does nothing"
    assert not list(adapter.glob(".merged*"))


def test_half_precision_is_told_with_what_it_costs(adapter):
    done = merge.merge(adapter, adapter / "merged", dtype="bfloat16")
    assert done["dtype"] == "torch.bfloat16" and 0 < done["differs"] <= done["tolerance"]


def test_a_model_that_says_something_else_is_not_written(adapter, monkeypatch):
    real, calls = probing.logits, []
    monkeypatch.setattr(merge, "logits", lambda *asked: calls.append(1) or real(*asked) + len(calls))
    with pytest.raises(SystemExit, match=r"the merged model differs from .* Nothing was written. Try --dtype float32"):
        merge.merge(adapter, adapter / "merged")
    assert not [path for path in adapter.iterdir() if "merged" in path.name]


def test_a_wrong_folder_or_base_is_said(adapter, tmp_path):
    with pytest.raises(SystemExit, match="neither an adapter nor a model"):
        merge.merge(tmp_path / "없음", tmp_path / "merged")
    (tmp_path / "taken").mkdir()
    with pytest.raises(SystemExit, match="taken: exists already, and is not what"):
        merge.merge(adapter, tmp_path / "taken")
    with pytest.raises(SystemExit, match=r"models/없음 .* cannot be opened"):
        merge.merge(adapter, tmp_path / "merged", base="models/없음")
    with pytest.raises(SystemExit, match=r"was not trained on .*mllama.* --base"):
        merge.merge(adapter, tmp_path / "merged", base=tiny("mllama"))
    assert not (tmp_path / "merged").exists()


def test_another_adapter_does_not_take_the_place_of_a_merged_model(adapter):
    merge.merge(adapter, adapter / "merged")
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(SystemExit, match="exists already, and is not what"):
        merge.merge(adapter, adapter / "merged")


def test_nothing_is_lost_where_links_are_not_known(tmp_path, monkeypatch):
    def unknown(*paths):
        raise OSError("no links here")

    monkeypatch.setattr(merge.os, "link", unknown)
    done = merge.merge(shutil.copytree(tiny("gemma3"), tmp_path / "whole"), tmp_path / "into")
    assert done["merged"] is False
    one, two = (AutoModelForImageTextToText.from_pretrained(tmp_path / name).state_dict() for name in ("whole", "into"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_other_weights_in_the_same_shape_are_not_its_base(adapter, tmp_path):
    base = shutil.copytree(tiny("gemma3"), tmp_path / "밑")
    opening.write_json(adapter / "recipe.json", {"facts": {"revision": revision_of(str(base))}})
    assert merge.merge(adapter, tmp_path / "good", base=str(base))["merged"]
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(SystemExit, match=r"밑: its weights are not those that .* was trained on"):
        merge.merge(adapter, tmp_path / "merged", base=str(base))

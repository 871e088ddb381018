"""Metric learning: what is trained is what was asked for, is kept, is found again, and hangs on nothing else."""

import json
import shutil
from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file
from tiny_models import tiny

import mmdata
from mmdata.corpus import HOME
from mmdata.predictions import read_predictions
from mmdata.training_recipes import metric_learning
from mmdata.training_recipes.models.embedder import Embedder, Settings, load
from mmdata.training_recipes.models.triplets import Collapse, PerClass

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
CONFIGS = Path(__file__).parent.parent / "training_recipes" / "configs"
CLASSES = ["아래", "위", "오른쪽", "왼쪽"]


def garment(kind: int, seed: int) -> Image.Image:
    """Light falls upon it from one of four sides; its colour says nothing."""
    random = np.random.default_rng(seed)
    light = np.linspace(-1, 1, 32)
    shade = [light[:, None], -light[:, None], light[None, :], -light[None, :]][kind] * np.ones((32, 32))
    pixels = random.integers(60, 196, 3) + 60 * shade[..., None] + random.integers(-20, 20, (32, 32, 3))
    return Image.fromarray(pixels.clip(0, 255).astype("uint8"))


@pytest.fixture(scope="module")
def patterns(tmp_path_factory):
    """A dataset of no corpus: 48 pictures to learn from, 32 others to find again."""
    folder = tmp_path_factory.mktemp("무늬") / "data"
    features = datasets.Features(
        {"id": datasets.Value("string"), "image": datasets.Image(), "style": datasets.ClassLabel(names=CLASSES)}
    )
    for split, count, first in (("train", 48, 0), ("validation", 32, 1000)):
        rows = [{"id": f"{split}/{n}", "image": garment(n % 4, first + n), "style": n % 4} for n in range(count)]
        datasets.Dataset.from_list(rows, features=features).to_parquet(folder / f"{split}.parquet")
    return folder


def flags(config: str, family: str, output: Path, data: Path | None = None, **more) -> list[str]:
    own = {
        "dataset_name": data,
        "dataset_config": "default",
        "dataset_version": None,
        "dataset_test_split": "validation",
    }
    given = {
        "model_name_or_path": tiny(family),
        "output_dir": output,
        "disable_tqdm": True,
        **(own if data else {}),
        **more,
    }
    file = output.parent / "config.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        line
        for line in (CONFIGS / f"{config}.yaml").read_text(encoding="utf-8").splitlines()
        if ":" in line.partition("#")[0]
    ]
    kept = [line for line in lines if line.partition(":")[0] not in given]
    said = [f"{name}: {json.dumps(str(value) if isinstance(value, Path) else value)}" for name, value in given.items()]
    file.write_text("\n".join([*kept, *(line for line in said if not line.endswith("null"))]), encoding="utf-8")
    return ["--config", str(file)]


def history(output: Path) -> list[dict]:
    newest = max(output.glob("checkpoint-*"), key=lambda one: int(one.name.partition("-")[2]))
    return json.loads((newest / "trainer_state.json").read_text())["log_history"]


@pytest.mark.parametrize("mode", ["frozen", "lora", "full"])
def test_only_what_was_asked_for_is_trained_and_kept(mode, tmp_path, patterns):
    output = tmp_path / "결과"
    metric_learning.main(
        flags("tiny_character_clip", "clip", output, patterns, train=mode, max_steps=6, eval_steps=6, save_steps=6)
    )
    state = load_file(output / "model.safetensors")
    assert {name.partition(".")[0] for name in state} == ({"head"} if mode == "frozen" else {"head", "backbone"})
    plain = Embedder(Settings(model=tiny("clip"), train="frozen")).backbone.state_dict()
    trained = load(output)[0].backbone
    if mode == "full":
        changed = {name for name, weight in trained.state_dict().items() if not torch.equal(weight, plain[name])}
        # What is behind the last hidden state has no part in the mean.
        assert plain.keys() - changed == {"post_layernorm.weight", "post_layernorm.bias"}
        assert state.keys() >= {f"backbone.{name}" for name in plain}
        return
    base = {
        name.replace(".base_layer", ""): weight for name, weight in trained.state_dict().items() if "lora_" not in name
    }
    assert base.keys() == plain.keys() and all(torch.equal(base[name], plain[name]) for name in plain)
    adapter = [name for name in state if name.startswith("backbone.")]
    assert all("lora_" in name for name in adapter)
    assert all(state[name].abs().max() > 0 for name in adapter if "lora_B" in name), "the adapter learns, everywhere"
    sizes = {path.name: path.stat().st_size for path in output.glob("checkpoint-*/model.safetensors")}
    assert max(sizes.values()) < (200_000 if mode == "frozen" else 600_000)
    assert not {path.name for path in output.iterdir()} & {"config.json", "tokenizer.json", "pytorch_model.bin"}


def test_likes_are_found_again_and_the_best_is_what_is_saved(tmp_path, patterns):
    output = tmp_path / "out"
    metric_learning.main(
        flags("tiny_character_clip", "clip", output, patterns, train="full", max_steps=40, learning_rate=3e-3)
    )
    found = [entry["eval_recall_at_1"] for entry in history(output) if "eval_recall_at_1" in entry]
    assert max(found) >= 0.9, "chance is 0.25"
    best = 10 * (1 + found.index(max(found)))
    assert_same(load_file(output / "model.safetensors"), load_file(output / f"checkpoint-{best}" / "model.safetensors"))
    model, collator = load(output)
    rows = datasets.load_dataset(str(patterns), split="validation")
    with torch.inference_mode():
        vectors = model(**collator(rows))["vectors"]
    assert torch.allclose(vectors.norm(dim=1), torch.ones(len(rows)), atol=1e-5)
    near = (vectors @ vectors.T).fill_diagonal_(-1).argmax(1)
    right = [a == b for a, b in zip(rows["style"], torch.tensor(rows["style"])[near].tolist(), strict=True)]
    macro = np.mean([np.mean(right[kind::4]) for kind in range(4)])
    assert macro == pytest.approx(max(found)), "counted here as the trainer counted"


def test_a_killed_run_goes_on_as_if_it_had_not_been(tmp_path, patterns):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    same = {
        "train": "lora",
        "max_steps": 8,
        "eval_steps": 4,
        "save_steps": 4,
        "logging_steps": 1,
        "per_class": 4,
        "lora_dropout": 0.1,
    }
    metric_learning.main(flags("tiny_character_clip", "clip", whole, patterns, **same))
    metric_learning.main(flags("tiny_character_clip", "clip", cut, patterns, **same))
    shutil.rmtree(cut / "checkpoint-8")  # Killed after step 4, in the second of epochs of 3 steps.
    (cut / "model.safetensors").unlink()
    (cut / "trained.json").unlink()
    metric_learning.main(flags("tiny_character_clip", "clip", cut, patterns, **same))
    assert_same(
        load_file(whole / "checkpoint-8" / "model.safetensors"), load_file(cut / "checkpoint-8" / "model.safetensors")
    )
    assert [e["loss"] for e in history(whole) if "loss" in e] == [e["loss"] for e in history(cut) if "loss" in e]


def test_a_finished_one_does_nothing_and_one_killed_at_its_end_is_ended_without_a_model(
    tmp_path, patterns, monkeypatch, capsys
):
    output = tmp_path / "out"
    asked = flags("tiny_character_clip", "clip", output, patterns, max_steps=4, eval_steps=2, save_steps=2)
    metric_learning.main(asked)
    before = load_file(output / "model.safetensors")
    monkeypatch.setattr(metric_learning, "Embedder", None)
    for name in ("trained.json", "model.safetensors"):  # As a kill after the last checkpoint leaves it.
        (output / name).unlink()
    metric_learning.main(asked)
    assert_same(before, load_file(output / "model.safetensors"))
    assert load(output)
    metric_learning.main(asked)
    assert "trained already, 4 steps" in capsys.readouterr().out


def assert_same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=60), st.integers(1, 4), st.integers(0, 9), st.integers(0, 3))
def test_a_batch_has_p_classes_of_k_pictures_and_hangs_on_seed_and_epoch(labels, k, seed, epoch):
    p = min(3, len(set(labels)))
    made = PerClass(labels, k, p * k, seed, lambda: epoch + 0.5)
    order = list(made)
    assert len(order) == len(made) and len(order) % (p * k) == 0 and order
    for first in range(0, len(order), p * k):
        assert sorted(Counter(labels[n] for n in order[first : first + p * k]).values()) == [k] * p
    assert order == list(made) == list(PerClass(labels, k, p * k, seed, lambda: float(epoch)))


def test_the_order_is_another_in_another_epoch():
    labels = [n % 5 for n in range(100)]
    first, second = (list(PerClass(labels, 4, 20, 0, lambda at=at: at)) for at in (0.0, 1.0))
    assert first != second


def test_collapse_is_said_once(capsys):
    watch = Collapse(0.2)
    for loss in (0.2, 0.2, 0.1, 0.2, 0.2002, 0.1999, 0.2, 0.2):
        watch.on_log(None, None, None, {"loss": loss})
    assert capsys.readouterr().err.count("all pictures become one vector") == 1


@pytest.mark.parametrize("config", ["tiny_character_clip", "tiny_character_qwen"])
def test_the_corpus_own_sample_is_learned_embedded_and_evaluated(config, tmp_path, monkeypatch):
    output = tmp_path / "out"
    given = flags(
        config,
        "clip" if config.endswith("clip") else "qwen3_vl",
        output,
        dataset_name=HOME / "character_style",
        max_steps=10,
    )
    metric_learning.main(given)
    losses = [entry["loss"] for entry in history(output) if "loss" in entry]
    assert losses[-1] < losses[0]
    file = tmp_path / "vectors.jsonl"
    for _ in range(2):  # The second time there is nothing left to embed.
        metric_learning.main([*given, "--predict", "test", "--predictions", str(file)])
        said = read_predictions(file)
        assert len(file.read_text().splitlines()) == len(said) == 5
    assert {len(one.vector) for one in said} == {16} and said[0].revision.startswith("sha256:")
    judged = mmdata.evaluate(HOME / "character_style", file)
    assert "R@1" in {score.name for score in judged.measures.scores}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"label_column": "vibe"}, "no column vibe. It has: id, image, style"),
        ({"dataset_test_split": "valid"}, "valid"),
        ({"learning_rat": 1}, "learning_rat: no argument takes this key. Is it learning_rate"),
        ({"miner": "easy"}, "miner: 'easy' cannot be; it should be one of semihard, all, hard"),
        ({"model_name_or_path": "nowhere/at-all"}, "nowhere/at-all (revision main): cannot be opened"),
        ({"train": "lora", "lora_target_modules": ["nonesuch"]}, "cannot be set up as asked: .*nonesuch"),
        ({"text_column": "id"}, "it reads pictures only, so leave text_column out"),
    ],
)
def test_a_mistake_is_one_message(changes, message, tmp_path, patterns):
    with pytest.raises(SystemExit, match=message.replace("(", r"\(").replace(")", r"\)")):
        metric_learning.main(flags("tiny_character_clip", "clip", tmp_path / "out", patterns, **changes))


def test_what_cannot_be_learned_or_measured_is_said_before_a_model_is_loaded(tmp_path, patterns, monkeypatch):
    monkeypatch.setattr(metric_learning, "Embedder", None)
    rows = datasets.load_dataset(str(patterns), split="train")
    rows.filter(lambda style: style == 0, input_columns="style").to_parquet(tmp_path / "data/train.parquet")
    rows.select(range(3)).to_parquet(tmp_path / "data/validation.parquet")
    asked = ("tiny_character_clip", "clip", tmp_path / "out", tmp_path / "data")
    with pytest.raises(SystemExit, match="has 1 class of style: nothing is to be told apart"):
        metric_learning.main(flags(*asked))
    with pytest.raises(SystemExit, match=r"has no two pictures of one style.*eval_strategy to no"):
        metric_learning.main(flags(*asked, dataset_train_split="validation"))


def test_another_models_checkpoints_are_refused(tmp_path, patterns):
    output = tmp_path / "out"
    asked = {"max_steps": 2, "eval_strategy": "no", "save_steps": 2, "load_best_model_at_end": False}
    metric_learning.main(flags("tiny_character_clip", "clip", output, patterns, **asked))
    with pytest.raises(SystemExit, match=r"of another run: .*dimensions was '16', is now '8'"):
        metric_learning.main(flags("tiny_character_clip", "clip", output, patterns, dimensions=8, **asked))
    settings = json.loads((output / "embedder.json").read_text())
    (output / "embedder.json").write_text(json.dumps(settings | {"train": "lora"}))
    with pytest.raises(ValueError, match=r"another model's: .* names do not fit"):
        load(output)
    with pytest.raises(ValueError, match="no embedder is saved here"):
        load(tmp_path)
    with pytest.raises(SystemExit, match="no embedder is saved here"):
        metric_learning.main(
            [
                *flags("tiny_character_clip", "clip", tmp_path / "none", dataset_name=HOME / "character_style"),
                "--predict",
                "test",
            ]
        )

"""Fine-tuning: each tiny config learns, is saved, reloaded and merged; a killed run goes on as if it had not been."""

import sys
import warnings

import pytest
import torch
import transformers
import trl
import yaml
from peft import PeftModel
from safetensors.torch import load_file
from tiny_models import tiny
from training import CONFIGS, RECIPES, arguments, family, flags, steps, train

from mmdata.corpus import HOME, Corpus
from mmdata.training_recipes import merge, preflight, sft
from mmdata.training_recipes.common import opening, tokens
from mmdata.written_view import write_view

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


def losses(done) -> list[float]:
    return [entry["loss"] for entry in done["history"] if "loss" in entry]


def loss_of(model, args, training, model_args) -> float:
    """Of the held-out rows in one batch, apart from any trainer."""
    _, held_out = opening.open_chat(args, training)
    processor = opening.chat_processor(args, training, model_args)
    wanted = [name for name in held_out.column_names if name in {"images", "prompt", "completion", "messages"}]
    batch = tokens.collator_of(processor, training, wanted)([{name: row[name] for name in wanted} for row in held_out])
    with torch.no_grad():
        return model(**batch).loss.item()


def base_of(config):
    kind = transformers.AutoModelForCausalLM if "phi4" in config else transformers.AutoModelForImageTextToText
    return kind.from_pretrained(tiny(family(config)), dtype=torch.float32)


REAL = [
    "skin_qwen",
    "skin_gemma",
    "visdial_gemma3_4b",
    "aac_qwen",
    "aac_gemma",
    "aac_phi4",
    "fashion_qwen",
    "fashion_llama",
]


@pytest.mark.parametrize("config", REAL)
def test_a_config_of_the_original_says_only_what_an_argument_takes(config, tmp_path):
    given = ["--config", str(CONFIGS / f"{config}.yaml"), "--use_cpu"]
    args, training, model = opening.parse(preflight.PreflightArguments, trl.SFTConfig, trl.ModelConfig, args=given)
    assert training.load_best_model_at_end is (training.eval_strategy != "no") and model.use_peft
    if training.load_best_model_at_end:
        assert training.metric_for_best_model == "eval_loss" and args.dataset_test_split == "validation"
        runs = [yaml.safe_load(path.read_text("utf-8")) for path in (RECIPES / "runs").glob("*.yaml")]
        reported = {
            one.get("split", "test") for run in runs if config in run["train"]["config"] for one in run["predict"]
        }
        assert "validation" not in reported, "what is reported chooses no model"
    real, twin = (yaml.safe_load((CONFIGS / f"{name}.yaml").read_text("utf-8")) for name in (config, f"tiny_{config}"))
    for key in ("dataset_name", "dataset_config", "assistant_only_loss", "chat_template_path", "use_peft"):
        assert twin.get(key) == real.get(key), f"tiny_{config}.yaml: {key}"


@pytest.mark.parametrize("config", [f"tiny_{name}" for name in REAL])
def test_a_tiny_config_learns_on_the_sample_is_saved_reloaded_and_merged(config, tmp_path):
    given = steps(2 if "phi4" in config else 4) | {"per_device_train_batch_size": 1 if "phi4" in config else 2}
    if "aac" in config or "visdial" in config:  # Rows of some hundred tokens.
        given |= {"dataset_train_split": "train[:2]", "dataset_test_split": "validation[:1]"}
    done = train(config, tmp_path / "out", **given)
    assert losses(done)[-1] < losses(done)[0]
    assert done["steps"] == given["max_steps"] and done["tokens"] > 0 and done["tokens_per_second"] > 0
    asked = arguments(config, tmp_path / "out", **given)
    saved = PeftModel.from_pretrained(base_of(config), tmp_path / "out").eval()
    assert loss_of(saved, *asked) == pytest.approx(done["best"]["metric"], rel=1e-3)
    made = merge.merge(tmp_path / "out", tmp_path / "out" / "merged")
    assert made["differs"] < 1e-5 and made["same_token"] == 1


def learnt(folder) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def test_a_finished_run_does_nothing_and_one_killed_at_its_very_end_only_ends(tmp_path, capsys, monkeypatch):
    out, given = tmp_path / "out", steps(4)
    before = train("tiny_skin_gemma", out, **given)
    weights = learnt(out)
    monkeypatch.setattr(trl, "SFTTrainer", None)  # No model is loaded from here on.
    train("tiny_skin_gemma", out, **given, report_to="none")
    assert "trained already, 4 steps" in capsys.readouterr().out
    (out / "trained.json").unlink()
    (out / "adapter_model.safetensors").write_bytes(b"half")
    after = train("tiny_skin_gemma", out, **given)
    assert (after["steps"], after["loss"], after["best"]) == (4, before["loss"], before["best"])
    assert all(torch.equal(weight, learnt(out)[name]) for name, weight in weights.items())


def test_the_same_yaml_trains_the_same_by_trl_sft_over_a_written_view(tmp_path):
    from trl.scripts.sft import main, make_parser

    for config in ("tiny_skin_gemma", "tiny_visdial_gemma3_4b"):
        ours = train(config, tmp_path / config, **steps(2))
        corpus = Corpus(HOME / config.split("_")[1])
        written = tmp_path / f"{config}_view"
        written.mkdir()
        write_view(corpus, "chat", "sample", written)
        given = flags(config, tmp_path / f"{config}_trl", dataset_name=written, **steps(2))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`gradient_checkpointing` is deprecated", FutureWarning)
            main(*make_parser().parse_args_and_config(given, fail_with_unknown_args=False))
        theirs = opening.read_json(tmp_path / f"{config}_trl" / "checkpoint-2" / "trainer_state.json")
        assert losses({"history": theirs["log_history"]}) == pytest.approx(losses(ours), rel=1e-6)


def test_a_frozen_tower_stays_and_the_rest_of_the_whole_model_learns(tmp_path):
    given = steps(2) | {"use_peft": False, "learning_rate": 1e-3, "freeze": ["vision_tower", "multi_modal_projector"]}
    train("tiny_skin_gemma", tmp_path / "out", **given)
    before = base_of("tiny_skin_gemma").state_dict()
    kind = transformers.AutoModelForImageTextToText
    after = kind.from_pretrained(tmp_path / "out").state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and not [name for name in moved if "vision_tower" in name or "projector" in name]
    assert any("language_model" in name for name in moved)
    made = merge.merge(tmp_path / "out", tmp_path / "merged")
    assert made["merged"] is False
    assert torch.equal(
        kind.from_pretrained(tmp_path / "merged").state_dict()[sorted(moved)[0]], after[sorted(moved)[0]]
    )
    assert not (tmp_path / "merged/recipe.json").exists() and not list((tmp_path / "merged").glob("checkpoint-*"))


def test_a_pattern_that_freezes_nothing_or_all_is_said(tmp_path):
    model = base_of("tiny_skin_gemma")
    with pytest.raises(SystemExit, match=r"freeze: no parameter's name has 'vison'.*vision_tower"):
        sft.freeze(model, ["vison"])
    with pytest.raises(SystemExit, match="leaves nothing to train"):
        sft.freeze(model, [""])


def test_qlora_trains_on_a_cpu_and_merges_into_full_weights(tmp_path):
    done = train("tiny_skin_gemma", tmp_path / "out", **steps(2), load_in_4bit=True)
    assert done["facts"]["quantised"] == "4 bit"
    made = merge.merge(tmp_path / "out", tmp_path / "merged")
    assert made["dtype"] == "torch.float32" and made["differs"] < 1e-5


def test_each_tracker_is_written_to_and_half_an_installed_trackio_harms_none(tmp_path, monkeypatch):
    from trackio.utils import TRACKIO_DIR  # Below HF_HOME, which is the tests' own.

    config = tmp_path / "tracked.yaml"
    written = (CONFIGS / "tiny_skin_gemma.yaml").read_text(encoding="utf-8")
    config.write_text(written.replace("report_to: none", "report_to: [trackio, tensorboard]"), encoding="utf-8")
    given = flags("tiny_skin_gemma", tmp_path / "out", **steps(2))
    sft.main(
        *opening.parse(opening.SFTArguments, trl.SFTConfig, trl.ModelConfig, args=["--config", str(config), *given[2:]])
    )
    assert list(TRACKIO_DIR.rglob("*.db"))
    assert list(tmp_path.rglob("events.out.tfevents*"))
    (tmp_path / "half/trackio").mkdir(parents=True)
    (tmp_path / "half/trackio/__init__.py").touch()
    for name in [name for name in sys.modules if name.partition(".")[0] == "trackio"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path / "half")
    known = trl.trainer.utils.is_trackio_available
    monkeypatch.setattr(trl.trainer.utils, "is_trackio_available", known)  # Put back after the test.
    train("tiny_skin_gemma", tmp_path / "again", **steps(2))
    with pytest.raises(SystemExit, match=r"report_to: trackio cannot be imported .* pip install trackio"):
        arguments("tiny_skin_gemma", tmp_path / "third", report_to="trackio")

"""The recipe of AAC's persona conditioning: persons are learned in TRL's own loss, a kill loses nothing, strangers are judged."""

import json
import shutil
from pathlib import Path

import datasets
import interpreted
import pytest
import trl
from mmdata.training_recipes.generating import Model
from mmdata.training_recipes.models import aac
from safetensors.torch import load_file
from tiny_models import tiny
from training import CONFIGS

import mmdata
from mmdata.corpus import HOME
from mmdata.errors import MmdataError
from mmdata.predictions import read_predictions
from mmdata.training_recipes import aac_persona, merge, opening

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return interpreted.corpus(tmp_path_factory.mktemp("aac"))


def arguments(corpus: Path, output: Path, *more: str, config: str = "tiny_aac_persona_qwen") -> tuple:
    given = [
        "--config",
        str(CONFIGS / f"{config}.yaml"),
        "--model_name_or_path",
        tiny("qwen3_vl"),
        "--disable_tqdm",
        "true",
    ]
    given += ["--dataset_name", str(corpus), "--output_dir", str(output), "--per_device_eval_batch_size", "16", *more]
    return opening.parse(aac_persona.Recipe, trl.SFTConfig, trl.ModelConfig, args=given)


STEPS = ("--max_steps", "8", "--eval_steps", "4", "--save_steps", "4")


def losses(checkpoint: Path) -> list[float]:
    history = json.loads((checkpoint / "trainer_state.json").read_text())["log_history"]
    return [entry["loss"] for entry in history if "loss" in entry]


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    output = tmp_path_factory.mktemp("학습") / "out"
    aac_persona.main(*arguments(corpus, output, *STEPS))
    return output


def test_the_recipe_trains_persons_and_the_stranger_in_trls_own_loss(trained, corpus):
    found = losses(trained / "checkpoint-8")
    assert found[-1] < found[0] - 0.5
    about = aac.Conditions.model_validate_json((trained / aac.PERSONA).read_text(encoding="utf-8"))
    people = {
        split: set(mmdata.view(corpus, "references", split=split, streaming=False)["persona_id"])
        for split in ("train", "test")
    }
    assert set(about.people) == people["train"] and not people["train"] & people["test"]
    before, after = (load_file(trained / f"checkpoint-{n}" / "adapter_model.safetensors") for n in (4, 8))
    moved = (
        (before["base_model.model.persona.people.weight"] - after["base_model.model.persona.people.weight"])
        .abs()
        .amax(1)
    )
    assert moved.shape == (3,) and moved.min() > 0, "the stranger too: it was drawn for some rows"
    assert not [name for name in after if "lora" not in name and "persona" not in name], "an adapter, nothing else"


def test_a_killed_run_comes_to_the_same_loss(trained, corpus, tmp_path):
    output = shutil.copytree(trained, tmp_path / "out")
    shutil.rmtree(output / "checkpoint-8")
    aac_persona.main(*arguments(corpus, output, *STEPS))
    assert losses(output / "checkpoint-8") == pytest.approx(losses(trained / "checkpoint-8"), abs=1e-4)
    with pytest.raises(SystemExit, match=r"of another run: .*slots was 4, is now 2"):
        aac_persona.main(*arguments(corpus, output, *STEPS, "--slots", "2"))


@pytest.mark.parametrize("conditioned", [True, False])
def test_strangers_cards_are_interpreted_and_judged_and_so_by_the_baseline(
    conditioned, trained, corpus, tmp_path, monkeypatch
):
    output = trained
    if not conditioned:
        output = tmp_path / "words alone"
        aac_persona.main(*arguments(corpus, output, "--conditioned", "false", "--max_steps", "2", "--eval_strategy", "no",
                                    "--load_best_model_at_end", "false", "--save_steps", "2"))  # fmt: skip
        assert not (output / aac.PERSONA).exists()
        assert not any("persona" in name for name in load_file(output / "adapter_model.safetensors"))
    monkeypatch.setattr(aac_persona.aac, "interpret", shorter(aac.interpret))
    file = tmp_path / "said.jsonl"
    asked = arguments(
        corpus, output, "--predict", "test", "--predictions", str(file), "--conditioned", str(conditioned)
    )
    aac_persona.main(*asked)
    said = read_predictions(file)
    assert len(said) == 5 and all(one.output is not None and one.view == "references" for one in said)
    monkeypatch.setattr(aac_persona.aac, "interpret", None)
    aac_persona.main(*asked)  # All is answered: nobody is asked.
    judged = mmdata.evaluate(corpus, file, options={"encoder": "none"})
    assert judged.measures.scores and "<most_likely>" not in "".join(one.output for one in said)


def shorter(interpret):
    def first_words(*given, **options):
        return interpret(*given, **(options | {"max_new_tokens": 3}))

    return first_words


def test_nothing_opens_it_as_a_plain_model_which_would_forget_the_persons(trained, corpus, tmp_path):
    with pytest.raises(SystemExit, match="is conditioned on persons"):
        merge.merge(trained, tmp_path / "merged")
    with pytest.raises(MmdataError, match="is conditioned on persons"):
        Model(str(trained))
    with pytest.raises(SystemExit, match="is conditioned on persons"):
        aac_persona.main(*arguments(corpus, trained, "--predict", "test", "--conditioned", "false"))


@pytest.mark.parametrize("config, conditioned", [("aac_persona_qwen", True), ("aac_text_qwen", False)])
def test_the_ablation_differs_in_the_conditioning_alone(config, conditioned, tmp_path):
    args, training, model = opening.parse(
        aac_persona.Recipe,
        trl.SFTConfig,
        trl.ModelConfig,
        args=["--config", str(CONFIGS / f"{config}.yaml"), "--use_cpu"],
    )
    assert args.conditioned is conditioned and args.dataset_config == "persona_interpretations"
    assert (training.learning_rate, training.num_train_epochs, model.lora_r) == (2e-5, 10, 16)
    assert training.max_length is None and training.load_best_model_at_end


def test_answers_begin_with_their_style_and_prompts_do_not_say_it(corpus):
    made = mmdata.view(corpus, "persona_interpretations", split="train", streaming=False)
    asked = mmdata.view(corpus, "references", split="train", streaming=False)
    tags = [row["completion"][0]["content"][0]["text"].partition(">")[0] + ">" for row in made]
    assert tags[:3] == ["<most_likely>", "<alternative>", "<creative>"] and len(made) == 3 * len(asked)
    assert made[0]["prompt"] == asked[0]["prompt"], "a model is asked as it was taught"
    assert not any(tag in json.dumps(made[0]["prompt"], ensure_ascii=False) for tag in tags)
    assert made[0]["context"] in made[0]["prompt"][0]["content"][0]["text"], "so that it can be marked"
    shipped = datasets.load_dataset(str(HOME / "aac"), "sample", split="train").column_names
    assert {"persona_id", "clusters"} <= set(shipped)

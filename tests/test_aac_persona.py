"""The recipe of AAC's persona conditioning: persons are learned in TRL's own loss, a kill loses nothing, strangers are judged."""

import contextlib
import io
import json
import shutil
from pathlib import Path

import datasets
import interpreted
import pytest
import trl
from safetensors.torch import load_file
from tiny_models import tiny
from training import CONFIGS

import mmdata
from mmdata.corpus import HOME
from mmdata.errors import MmdataError
from mmdata.predictions import read_predictions
from mmdata.training_recipes import aac_persona, interpret, merge
from mmdata.training_recipes.common import opening, questions
from mmdata.training_recipes.common.generating import Model
from mmdata.training_recipes.models import aac

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
    version = "sample" if corpus == HOME / "aac" else "1.2.0"
    given += ["--dataset_name", str(corpus), "--dataset_version", version, "--output_dir", str(output)]
    given += ["--per_device_eval_batch_size", "16", *more]
    return opening.parse(aac_persona.Recipe, trl.SFTConfig, trl.ModelConfig, args=given)


STEPS = ("--max_steps", "8", "--eval_steps", "4", "--save_steps", "4")


def losses(checkpoint: Path) -> list[float]:
    history = json.loads((checkpoint / "trainer_state.json").read_text())["log_history"]
    return [entry["loss"] for entry in history if "loss" in entry]


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    output, said = tmp_path_factory.mktemp("학습") / "out", io.StringIO()
    with contextlib.redirect_stdout(said):
        aac_persona.main(*arguments(corpus, output, *STEPS))
    assert "validation: no person of it is in train: all are strangers" in said.getvalue()
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


def test_a_fresh_clones_sample_is_learned(tmp_path):
    few = ("--per_device_train_batch_size", "2", "--max_steps", "4", "--eval_strategy", "no", "--save_steps", "4")
    aac_persona.main(*arguments(HOME / "aac", tmp_path / "out", *few, "--load_best_model_at_end", "false"))
    found = losses(tmp_path / "out" / "checkpoint-4")
    assert found[-1] < found[0]


def test_a_killed_run_comes_to_the_same_loss(trained, corpus, tmp_path):
    output = shutil.copytree(trained, tmp_path / "out")
    shutil.rmtree(output / "checkpoint-8")
    (output / "trained.json").unlink()
    aac_persona.main(*arguments(corpus, output, *STEPS))
    assert losses(output / "checkpoint-8") == pytest.approx(losses(trained / "checkpoint-8"), abs=1e-4)
    with pytest.raises(SystemExit, match=r"of another run: .*slots was '4', is now '2'"):
        aac_persona.main(*arguments(corpus, output, *STEPS, "--slots", "2"))


def test_what_is_known_of_a_situation_is_what_the_corpus_says(corpus, tmp_path):
    folder = shutil.copytree(corpus, tmp_path / "aac")
    views = (folder / "views.py").read_text(encoding="utf-8")
    (folder / "views.py").write_text(views.replace('CONTEXT = {"time"', 'CONTEXT = {"mood": "기분", "time"'), "utf-8")

    class Listener:
        def said(self, questions, **_):
            return ((one, 0.0, {"output": one.messages[0]["content"][0]["text"]}) for one in questions)

    persona = dict.fromkeys(("age", "gender", "disability_type", "communication_characteristics"), "?")
    seen = interpret.generate_interpretation(
        [], persona | {"interesting_topics": []}, {"mood": "신남", "place": "학교"}, model=Listener(), corpus=folder
    )
    assert len(seen) == 3 and all("- 기분: 신남\n- 장소: 학교" in one for one in seen)


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
    asked, seen = few_words(monkeypatch), []
    file = tmp_path / "said.jsonl"
    given = arguments(
        corpus, output, "--predict", "test", "--predictions", str(file), "--conditioned", str(conditioned)
    )
    assert aac_persona.main(*given) == 0
    said = read_predictions(file)
    rows = mmdata.view(corpus, "references", split="test", streaming=False)
    assert [one.id for one in said] == rows["id"] and len(said) == 15
    assert all(one.output is not None and one.view == "references" for one in said)
    assert all(one.messages[-1]["content"][0]["text"] == f"<{one.id.rpartition('/')[2]}>" for one in asked)
    assert all(("<persona_0>" in one.messages[0]["content"][0]["text"]) is conditioned for one in asked)
    monkeypatch.setattr(Model, "answers", lambda *given: seen.append(given))
    assert aac_persona.main(*given) == 0 and not seen, "all is answered: nobody is asked"
    judged = mmdata.evaluate(corpus, file, options={"encoder": "none"})
    assert judged.measures.scores and "<most_likely>" not in "".join(one.output for one in said)


def few_words(monkeypatch) -> list:
    """Answers of three tokens, in the first of which there is what was asked."""
    answers, asked = Model.answers, []

    def first_words(self, questions, max_new_tokens, temperature):
        asked.extend(questions)
        return answers(self, questions, 3, temperature)

    monkeypatch.setattr(Model, "answers", first_words)
    return asked


def test_a_broken_card_is_an_error_and_the_others_are_interpreted(trained, corpus, tmp_path, monkeypatch):
    few_words(monkeypatch)
    broken = questions._of_row

    def of_row(row):
        first = row["id"].startswith(rows["id"][0].rpartition("/")[0])
        return broken(row | {"images": [{"bytes": b"no picture"}] * len(row["images"])} if first else row)

    rows = mmdata.view(corpus, "references", split="test", streaming=False)
    monkeypatch.setattr(questions, "_of_row", of_row)
    file = tmp_path / "said.jsonl"
    assert aac_persona.main(*arguments(corpus, trained, "--predict", "test", "--predictions", str(file))) != 0
    errors = [one.id for one in read_predictions(file) if one.error]
    assert errors == rows["id"][:3] and all(one.output for one in read_predictions(file)[3:])


def test_it_is_asked_on_the_machines_accelerator(trained, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(aac, "load", lambda folder, **options: pytest.fail(f"at {options['device_map']}"))
    with pytest.raises(pytest.fail.Exception, match="at cuda"):
        aac.Interpreter(str(trained))


def test_a_finished_one_does_nothing_and_one_killed_at_its_end_is_ended_without_a_model(
    trained, corpus, tmp_path, monkeypatch, capsys
):
    output = shutil.copytree(trained, tmp_path / "out")
    monkeypatch.setattr(trl, "SFTTrainer", None)
    monkeypatch.setattr(aac, "condition", None)
    for name in ("trained.json", "adapter_model.safetensors"):  # As a kill after the last checkpoint leaves it.
        (output / name).unlink()
    aac_persona.main(*arguments(corpus, output, *STEPS))
    assert load_file(output / "adapter_model.safetensors") and aac.conditions(output) == aac.conditions(trained)
    aac_persona.main(*arguments(corpus, output, *STEPS))
    assert "trained already, 8 steps" in capsys.readouterr().out


def test_how_the_user_loads_the_model_counts_and_what_cannot_be_is_one_message(corpus, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(aac, "condition", lambda *_, **options: seen.append(options) or pytest.fail("enough"))
    more = ("--model_init_kwargs", '{"attn_implementation": "eager"}', "--dtype", "float32", "--max_steps", "1")
    with pytest.raises(pytest.fail.Exception, match="enough"):
        aac_persona.main(*arguments(corpus, tmp_path / "out", *more))
    assert (seen[0]["attn_implementation"], seen[0]["dtype"]) == ("eager", "float32")
    with pytest.raises(SystemExit, match=r"cannot be set up as asked: .*attention"):
        monkeypatch.undo()
        aac_persona.main(*arguments(corpus, tmp_path / "other", "--attn_implementation", "nonesuch"))


def test_nothing_opens_it_as_a_plain_model_which_would_forget_the_persons(trained, corpus, tmp_path):
    with pytest.raises(SystemExit, match="is conditioned on persons"):
        merge.merge(trained, tmp_path / "merged")
    for folder in (trained, trained / "checkpoint-8"):
        with pytest.raises(MmdataError, match="is conditioned on persons"):
            Model(str(folder))
    with pytest.raises(SystemExit, match="is conditioned on persons"):
        aac_persona.main(*arguments(corpus, trained, "--predict", "test", "--conditioned", "false"))


def test_the_ablation_differs_in_the_conditioning_alone():
    given = ["--config", str(CONFIGS / "aac_persona_qwen.yaml"), "--use_cpu", "--conditioned", "false"]
    args, training, model = opening.parse(aac_persona.Recipe, trl.SFTConfig, trl.ModelConfig, args=given)
    assert args.conditioned is False and args.dataset_config == "persona_interpretations"
    assert (training.learning_rate, training.num_train_epochs, model.lora_r) == (2e-5, 10, 16)
    assert training.max_length is None and training.load_best_model_at_end


def test_answers_begin_with_their_style_and_a_model_is_asked_as_it_was_taught(corpus):
    made = mmdata.view(corpus, "persona_interpretations", split="train", streaming=False)
    asked = mmdata.view(corpus, "references", split="train", streaming=False)
    tags = [row["completion"][0]["content"][0]["text"].partition(">")[0] + ">" for row in made]
    assert tags == [f"<{style}>" for style in asked["style"]]
    for one, other in zip(made, asked, strict=True):
        assert all(one[name] == other[name] for name in ("id", "prompt", "persona_id", "clusters", "context"))
    assert made[0]["context"] in made[0]["prompt"][0]["content"][0]["text"], "so that it can be marked"
    shipped = datasets.load_dataset(str(HOME / "aac"), "sample", split="train").column_names
    assert {"persona_id", "clusters"} <= set(shipped)

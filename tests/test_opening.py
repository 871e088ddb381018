"""A mistake ends a recipe with one message, before a model is loaded."""

import json

import datasets
import pyarrow as pa
import pytest
import trl
import yaml
from tiny_models import tiny
from training import arguments, flags, steps, train

from mmdata.corpus import HOME
from mmdata.training_recipes import sft
from mmdata.training_recipes.common import opening

WHAT = (opening.SFTArguments, trl.SFTConfig, trl.ModelConfig)


@pytest.fixture(autouse=True)
def no_model(monkeypatch):
    """Whatever comes as far as a model fails."""
    monkeypatch.setattr(trl, "SFTTrainer", None)


@pytest.fixture
def config(tmp_path):
    def write(text: str, **changes) -> list[str]:
        path = tmp_path / "학습.yaml"
        path.write_text(text or yaml.safe_dump({"output_dir": "x", "use_cpu": True} | changes), encoding="utf-8")
        return ["--config", str(path)]

    return write


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learning_rat: 3", r"학습.yaml: learning_rat: no argument takes this key. Is it learning_rate"),
        ("모델: 3", "모델: no argument takes this key. All are listed by --help"),
        ("max_steps: ten", "max_steps: 'ten' cannot be; it should be a whole number. Overrides"),
        ("max_steps: [1]", r"max_steps: \[1\] cannot be; it should be a whole number"),
        ("max_steps: true", "max_steps: True cannot be; it should be a whole number"),
        ("patience: 1.5", "patience: 1.5 cannot be; it should be a whole number"),
        ("learning_rate: quick", "learning_rate: 'quick' cannot be; it should be a number. The initial"),
        ("use_peft: perhaps", "use_peft: 'perhaps' cannot be; it should be true or false"),
        ("lora_target_modules: 3", r"lora_target_modules: 3 cannot be; it should be a list, as \[one, another\]"),
        ("dtype: bfloat", "dtype: 'bfloat' cannot be; it should be one of auto, bfloat16"),
        ("eval_strategy: no", "eval_strategy: False cannot be; it should be one of no, steps, epoch"),
        ("max_steps: 1\nmax_steps: 2", "line 2, column 1: the key 'max_steps' is written twice"),
        ("- 1", "should be keys and values"),
        ("x: [", "line 2, column 1|line 1, column"),
        ("eval_strategy: steps\nsave_strategy: epoch\nload_best_model_at_end: true", "requires the save and eval strategy"),
        ("report_to: wandb", "report_to: wandb cannot be imported .* pip install wandb"),
    ],
)  # fmt: skip
def test_a_wrong_key_or_value_of_the_yaml_is_said_with_its_place(text, said, config):
    with pytest.raises(SystemExit, match=said):
        opening.parse(*WHAT, args=[*config(text), "--output_dir", "x", "--use_cpu"])


def test_a_wrong_flag_or_file_is_said_in_one_line():
    for args, said in (
        (["--max_step", "3"], "--max_step: no such flag. Is it max_steps"),
        (["--max_steps", "ten"], "invalid int value: 'ten'. All flags: --help"),
        (["--config"], "name a YAML file"),
        (["--config", "없음.yaml"], "없음.yaml: no such file"),
    ):
        with pytest.raises(SystemExit) as stopped:
            opening.parse(*WHAT, args=args)
        assert said in str(stopped.value) and "\n" not in str(stopped.value)


def test_flags_count_more_than_the_yaml_and_numbers_may_be_written_as_people_do(config):
    given = config("learning_rate: 2e-4\nmax_steps: 3\nreport_to: none\noutput_dir: out\nuse_cpu: true\nbf16: false")
    args, training, _ = opening.parse(*WHAT, args=[*given, "--max_steps=7", "--freeze", "a", "b"])
    assert (training.learning_rate, training.max_steps, args.freeze, training.output_dir) == (
        2e-4,
        7,
        ["a", "b"],
        "out",
    )
    args, *_ = opening.parse(*WHAT, args=[*given, "--processor_kwargs", '{"max_pixels": 9}'])
    assert args.processor_kwargs == {"max_pixels": 9}
    args, *_ = opening.parse(*WHAT, args=[*config("freeze: vision\noutput_dir: out\nuse_cpu: true\nbf16: false")])
    assert args.freeze == ["vision"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dataset_train_split": "trian"}, "skin, version sample, split 'trian': .*train.*test"),
        ({"dataset_config": "chatt"}, r"skin has no view 'chatt'. There are:\n  .*chat: For fine-tuning"),
        ({"dataset_version": "9.9.9"}, "version 9.9.9.*Available"),
        ({"dataset_name": "dataset_builders/피부"}, "there is no folder dataset_builders/피부"),
        ({"dataset_config": "diagnosis"}, "rows for fine-tuning have prompt and completion, or messages; these have"),
        ({"model_name_or_path": "models/없음"}, r"models/없음 \(revision main\): cannot be opened"),
        ({"model_name_or_path": "out/tiny/gemma3"}, "Make it: python training_recipes/models/tiny.py gemma3 out/tiny/gemma3"),
        ({"chat_template_path": "없음.jinja"}, "없음.jinja: no such file"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_with_what_is(given, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=f"(?s){said}"):
        train("tiny_skin_gemma", tmp_path / "out", **given)


def test_rows_of_messages_want_their_questions_left_out_of_the_loss(tmp_path):
    with pytest.raises(SystemExit, match="visdial chat sample: has messages: set assistant_only_loss: true"):
        train("tiny_visdial_gemma3_4b", tmp_path / "out", assistant_only_loss=False)


def test_missing_columns_are_named_with_those_there(tmp_path):
    args, _, _ = arguments("tiny_skin_gemma", tmp_path / "out")
    with pytest.raises(
        SystemExit, match=r"chat sample, train split: no column chosen, rejected. It has: id, images, prompt"
    ):
        opening.open_rows(args, "images", "chosen", "rejected")


def test_a_model_without_weights_or_eyes_is_said(tmp_path):
    import shutil

    model = shutil.copytree(tiny("gemma3"), tmp_path / "모델")
    (model / "model.safetensors").unlink()
    with pytest.raises(SystemExit, match="holds a config, but no weights"):
        opening.open_config(str(model))
    for name in ("processor_config.json", "chat_template.jinja"):
        (model / name).unlink()
    with pytest.raises(SystemExit, match="모델"):
        opening.open_processor(str(model))


@pytest.mark.parametrize("template", [None, HOME.parent / "training_recipes/configs/phi4_multimodal.jinja"])
def test_a_model_that_writes_nothing_is_said(template, tmp_path):
    given = {"model_name_or_path": tiny("clip")} | ({"chat_template_path": template} if template else {})
    with pytest.raises(SystemExit, match=r"clip: a clip model writes no text, .* Choose a vision-language model"):
        train("tiny_skin_gemma", tmp_path / "out", **given)


@pytest.mark.parametrize("wrong", [2, -1])
def test_a_number_that_no_class_has_is_said_with_its_row(wrong):
    features = datasets.Features({"id": datasets.Value("string"), "종류": datasets.ClassLabel(names=["건선", "정상"])})
    numbers = pa.array([0, 1, None, wrong], pa.int64())  # As another program may write them.
    table = pa.table({"id": ["a", "b", "c", "d"], "종류": numbers}, features.arrow_schema)
    rows = datasets.Dataset(table, fingerprint="x")
    said = f"train split, row d: 종류 is {wrong}, which is no class. Known: 0 건선, 1 정상. Correct the row"
    with pytest.raises(SystemExit, match=said):
        opening.class_names(rows, "종류", "train")
    assert opening.class_names(rows.select(range(3)), "종류", "train") == ["건선", "정상"]
    with pytest.raises(SystemExit, match="row c: 종류 is None, which is no class"):
        opening.class_names(rows, "종류", "train", each=True)
    assert opening.class_names(rows, "id", "train") is None


FACTS = {"model": "gemma", "version": "1.0.0", "lora": {"lora_r": 16}}


def checkpoint(output, step, whole=True):
    folder = output / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "trainer_state.json").write_text("{}" if whole is True else whole)


def test_a_run_goes_on_at_its_newest_whole_checkpoint(tmp_path):
    assert opening.guard(tmp_path, FACTS) is None
    for step, whole in ((900, True), (1000, '{"x": 1}'), (1100, '{"x"'), (1200, "")):
        checkpoint(tmp_path, step, whole)
    assert opening.guard(tmp_path, FACTS) == str(tmp_path / "checkpoint-1000")
    assert json.loads((tmp_path / "recipe.json").read_text())["libraries"]["trl"]


def test_checkpoints_of_another_run_are_refused_and_kept(tmp_path):
    opening.guard(tmp_path, FACTS)
    opening.guard(tmp_path, FACTS | {"version": "1.1.0"})  # Nothing was trained yet.
    checkpoint(tmp_path, 10)
    with pytest.raises(SystemExit, match=r"holds checkpoint-10 of another run: version was '1.1.0', is now '1.0.0'"):
        opening.guard(tmp_path, FACTS)
    (tmp_path / "recipe.json").unlink()
    with pytest.raises(SystemExit, match=r"holds checkpoint-10, but no recipe.json"):
        opening.guard(tmp_path, FACTS)
    assert (tmp_path / "checkpoint-10").is_dir()


def test_a_checkpoint_that_is_asked_for_must_be_whole_and_of_this_run(tmp_path):
    for name, facts in (("one", FACTS), ("other", FACTS | {"model": "qwen"})):
        opening.guard(tmp_path / name, facts)
        checkpoint(tmp_path / name, 5, '{"x": 1}')
    asked = str(tmp_path / "one/checkpoint-5")
    assert opening.guard(tmp_path / "new", FACTS, asked) == asked
    with pytest.raises(SystemExit, match="other: holds checkpoint-5 of another run: model was 'qwen', is now 'gemma'"):
        opening.guard(tmp_path / "new", FACTS, str(tmp_path / "other/checkpoint-5"))
    with pytest.raises(SystemExit, match="없음 is no whole checkpoint"):
        opening.guard(tmp_path / "new", FACTS, "없음")


def test_sft_refuses_a_checkpoint_of_another_model_or_other_rows(tmp_path):
    out = tmp_path / "out"
    args, training, model = arguments("tiny_skin_gemma", out, **steps(2))
    opening.guard(out, opening.facts(args, model, training, opening.open_chat(args, training)[0]))
    checkpoint(out, 1)
    for given, said in (
        ({"model_name_or_path": tiny("qwen3_vl")}, "model was .*gemma3', is now .*qwen3_vl'"),
        ({"dataset_name": HOME / "fashion", "dataset_config": "sft"}, "dataset was .*skin', is now .*fashion'"),
        ({"lora_r": 8}, "lora_r was '16', is now '8'"),
        ({"learning_rate": 1e-3}, "learning_rate was '0.*', is now '0.001'"),
    ):
        given |= {"dataset_test_split": "validation"} if "dataset_name" in given else {}
        with pytest.raises(SystemExit, match=f"holds checkpoint-1 of another run: .*{said}"):
            sft.main(*opening.parse(*WHAT, args=flags("tiny_skin_gemma", out, **steps(2), **given)))

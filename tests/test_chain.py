"""From a folder of pictures to an evaluated model in one command; a model that can only have learnt it by looking."""

import json
import runpy
import shutil
import sys
import warnings

import pytest
import yaml
from tiny_models import tiny  # A model's folder, made once.

import mmdata
from mmdata.corpus import HOME
from mmdata.training_recipes import run as recipe
from mmdata.training_recipes.common.running import read

PICTURES = 16


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = mmdata.new("skin", tmp_path / "내 말뭉치", like="skin")
    train = sorted((folder / "tiny" / "Training").rglob("*.png"))
    for path in [path for number, path in enumerate(train) if number % 3 < 2][:PICTURES]:
        to = tmp_path / "원본 16장" / path.relative_to(folder / "tiny")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)
    return folder


def config(folder, **changes):
    """tiny_skin_gemma.yaml, for long enough to learn sixteen pictures by heart."""
    told = yaml.safe_load((HOME.parent / "training_recipes/configs/tiny_skin_gemma.yaml").read_text(encoding="utf-8"))
    for key in ("dataset_version", "eval_steps", "load_best_model_at_end", "metric_for_best_model"):
        del told[key]
    told |= {
        "dataset_name": str(folder), "model_name_or_path": str(tiny("gemma3")), "max_steps": 130, "learning_rate": 3.0e-3,
        "per_device_train_batch_size": 8, "lr_scheduler_type": "constant", "eval_strategy": "no", "save_steps": 65,
        "logging_steps": 10, "disable_tqdm": True,
    }  # fmt: skip
    return told | changes


def here(command):
    """Runs a command of the walk in this process, which has imported torch already."""
    script, arguments = (command[2], command[3:]) if command[1] == "-m" else (command[1], command[2:])
    before, sys.argv = sys.argv, [script, *arguments]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # The trainers' own.
            if command[1] == "-m":
                runpy.run_module(script, run_name="__main__", alter_sys=True)
            else:
                runpy.run_path(script, run_name="__main__")
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code)
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        sys.argv = before
    return 0


@pytest.mark.slow
def test_sixteen_pictures_are_learnt_by_heart_through_the_whole_chain(corpus, tmp_path, capfd):
    (tmp_path / "sft.yaml").write_text(yaml.safe_dump(config(corpus), allow_unicode=True), encoding="utf-8")
    told = {
        "folder": str(corpus),
        "build": {"source": "원본 16장"},
        "check": "go on",
        "train": {"config": "sft.yaml"},
        "predict": [{"view": "diagnosis", "split": "train", "flags": {"max-new-tokens": 24}}],
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(told, allow_unicode=True), encoding="utf-8")
    run = read(tmp_path / "run.yaml")
    assert recipe.walk(run, execute=here) == 0
    said = tmp_path / "out/tiny_skin_gemma/diagnosis-train.jsonl"
    judged = mmdata.evaluate(corpus, said)
    scores = {score.name: score.value for score in judged.measures.scores}
    assert judged.counts.answered == PICTURES
    assert scores["label accuracy"] >= 0.9 > 3 * scores["label majority accuracy"]
    assert said.with_suffix(".html").stat().st_size > 10_000

    # Again: nothing is left to do, and nothing is done.
    trained = json.loads((tmp_path / "out/tiny_skin_gemma/trained.json").read_text(encoding="utf-8"))
    lines, merged = said.read_bytes(), (tmp_path / "out/tiny_skin_gemma/merged/merged.json").stat().st_mtime_ns
    capfd.readouterr()
    assert recipe.walk(run, execute=here) == 0
    shown = capfd.readouterr().out
    assert "trained already" in shown and f"{PICTURES} answered before" in shown
    assert json.loads((tmp_path / "out/tiny_skin_gemma/trained.json").read_text(encoding="utf-8")) == trained
    assert said.read_bytes() == lines
    assert (tmp_path / "out/tiny_skin_gemma/merged/merged.json").stat().st_mtime_ns == merged
    assert list(mmdata.Corpus(corpus).folder.glob("data/*")) == [corpus / "data/1.0.0"]

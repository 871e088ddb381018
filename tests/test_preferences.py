"""Preferences of people, and rewards: where they come from, what they say, and that both recipes learn by them."""

import json

import interpreted
import pytest
import trl
from answering import newest
from tiny_models import tiny
from training import CONFIGS

import mmdata
from mmdata.annotation.prompt import read_prompt
from mmdata.annotation.questions import key_of
from mmdata.annotation.rejected import Judged, rejected
from mmdata.annotation.store import Answer, writing
from mmdata.corpus import HOME, Corpus
from mmdata.errors import MmdataError
from mmdata.labels import ClassEntry, LabelMap
from mmdata.training_recipes import dpo, grpo
from mmdata.training_recipes.common import opening
from mmdata.verbs.fix import set_answer

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
PROMPTS = ["situation", "interpretations"]


def said_of(folder, id: str) -> dict:
    rows = mmdata.view(folder, "references", split="train", streaming=False)
    return {row["style"]: row["references"][0] for row in rows if row["combination"] == id}


def correct(folder, id: str, **changes: str) -> None:
    set_answer(folder, "interpretations", id, json.dumps(said_of(folder, id) | changes, ensure_ascii=False))


def preferences(folder) -> dict[str, tuple[str, str]]:
    rows = mmdata.view(folder, "preferences", split="train", streaming=False)
    return {row["id"]: tuple(row[side][0]["content"][0]["text"] for side in ("chosen", "rejected")) for row in rows}


@pytest.fixture(scope="module")
def corrected(tmp_path_factory):
    folder = interpreted.corpus(tmp_path_factory.mktemp("aac"))
    correct(folder, "2/0001", most_likely="위로해 주세요.")
    correct(folder, "2/0002", alternative="같이 가요.", creative="하늘을 날아요.")
    mmdata.release(folder, prompts=PROMPTS)
    return folder


def test_what_a_person_wrote_is_chosen_over_what_stood_there(corrected):
    found = preferences(corrected)
    assert found.keys() == {"2/0001/most_likely", "2/0002/alternative", "2/0002/creative"}
    assert found["2/0001/most_likely"][0] == "위로해 주세요."
    assert found["2/0001/most_likely"][1].endswith("주세요. most_likely")
    taught = {row["id"]: row for row in mmdata.view(corrected, "interpretations", split="train", streaming=False)}
    for row in mmdata.view(corrected, "preferences", split="train", streaming=False):
        assert row["prompt"] == taught[row["id"]]["prompt"], "asked as it was taught"
        assert len(row["images"]) == len(taught[row["id"]]["images"])


def test_only_judgements_count_and_none_is_kept_when_it_is_taken_back(tmp_path):
    folder = interpreted.corpus(tmp_path)
    with pytest.raises(MmdataError, match="preferences gives nothing for the train split"):
        preferences(folder)
    before = said_of(folder, "2/0003")
    rule(folder, "2/0004", "규칙이 고쳤어요.")
    correct(folder, "2/0003", most_likely="사람이 고쳤어요.")
    rule(folder, "2/0003", "사람이, 그리고 규칙이 고쳤어요.")
    mmdata.release(folder, prompts=PROMPTS)
    assert preferences(folder) == {"2/0003/most_likely": ("사람이, 그리고 규칙이 고쳤어요.", before["most_likely"])}
    correct(folder, "2/0003", **before)
    mmdata.release(folder, prompts=PROMPTS)
    # What stood there is what a person now took away: the same rows under datasets' cache, another truth.
    assert preferences(folder) == {"2/0003/most_likely": (before["most_likely"], "사람이, 그리고 규칙이 고쳤어요.")}
    correct(folder, "2/0003", most_likely="더 낫게 고쳤어요.")
    correct(folder, "2/0003", most_likely="가장 낫게 고쳤어요.")
    with pytest.raises(MmdataError, match="preferences gives nothing"):  # The release's text is the worst of the three.
        preferences(folder)


def test_an_answer_that_was_discarded_is_rejected_once_there_is_another(tmp_path):
    folder = interpreted.corpus(tmp_path)
    corpus = Corpus(folder)
    before = put(folder, "2/0005", None, status="discarded", kind="reannotate", made_by="rule")
    assert rejected(corpus) == {}
    after = json.dumps(dict.fromkeys(interpreted.STYLES, "다시 물었어요."), ensure_ascii=False)
    put(folder, "2/0005", after)
    assert rejected(corpus) == {"2/0005": {"interpretations": Judged(before, after)}}
    (folder / "annotations.sqlite").unlink()
    assert rejected(corpus) == {}, "a corpus that was pulled has no store"


def rule(folder, id: str, text: str) -> None:
    put(folder, id, json.dumps(said_of(folder, id) | {"most_likely": text}, ensure_ascii=False), made_by="rule")


def put(folder, id: str, value: str | None, **more) -> str | None:
    """Add a row to the store behind what holds now, and give what that was."""
    release = newest(folder)
    asked = read_prompt(folder, "interpretations", release.kinds)
    key = next(key_of(asked, row)[0] for row in release.rows(asked.fields) if row.id == id)
    with writing(folder) as store:
        held = store.held(key)
        edits = held.seq if more else None
        store.add(
            asked.id,
            asked.sha256,
            asked.model,
            [Answer(key, id, **({"status": "ok"} | more), value=value, edits=edits)],
        )
    return held.value


def flags(config: str, output, **more) -> list[str]:
    given = {"model_name_or_path": tiny("qwen3_vl"), "output_dir": output, "disable_tqdm": "true", **more}
    return [
        "--config",
        str(CONFIGS / f"{config}.yaml"),
        *(part for name, value in given.items() for part in (f"--{name}", str(value))),
    ]


def preferring(output, folder, **more) -> tuple:
    given = flags("tiny_aac_dpo", output, dataset_name=folder, **more)
    return opening.parse(opening.DataArguments, trl.DPOConfig, trl.ModelConfig, args=given)


def rewarding(output, **more) -> tuple:
    given = flags("tiny_skin_grpo", output, dataset_name=HOME / "skin", **more)
    return opening.parse(grpo.Recipe, trl.GRPOConfig, trl.ModelConfig, args=given)


def logged(output) -> list[dict]:
    return json.loads((output / "checkpoint-3" / "trainer_state.json").read_text())["log_history"]


def test_three_steps_of_dpo_turn_to_what_was_chosen(corrected, tmp_path, monkeypatch):
    seen = []
    loss = trl.DPOTrainer.compute_loss
    monkeypatch.setattr(
        trl.DPOTrainer,
        "compute_loss",
        lambda self, model, given, **more: seen.append(given) or loss(self, model, given, **more),
    )
    dpo.main(*preferring(tmp_path / "out", corrected))
    steps = [entry for entry in logged(tmp_path / "out") if "loss" in entry]
    assert steps[0]["loss"] == pytest.approx(0.6931, abs=1e-3), "ln 2: it begins at its own reference"
    assert steps[-1]["rewards/margins"] > steps[0]["rewards/margins"] and steps[-1]["loss"] < steps[0]["loss"]
    assert all(given["pixel_values"].abs().max() > 0 for given in seen), "the cards are seen"
    assert (tmp_path / "out" / "adapter_model.safetensors").exists()


def test_what_no_preference_can_be_learned_from_is_refused_before_a_model_is_opened(corrected, tmp_path, monkeypatch):
    monkeypatch.setattr(trl, "DPOTrainer", None)
    with pytest.raises(SystemExit, match=r"no column chosen, rejected\. It has: id, images, prompt"):
        dpo.main(*preferring(tmp_path / "out", corrected, dataset_config="interpretations"))
    with pytest.raises(SystemExit, match="max_length: null is the only safe value"):
        dpo.main(*preferring(tmp_path / "out", corrected, max_length=64))
    with pytest.raises(SystemExit, match="preferences gives nothing for the train split"):
        dpo.main(*preferring(tmp_path / "out", HOME / "aac", dataset_version="sample"))
    rows = mmdata.view(corrected, "preferences", split="train", streaming=False)
    rows.remove_columns("rejected").add_column("rejected", rows["chosen"]).to_parquet(tmp_path / "data/train.parquet")
    with pytest.raises(SystemExit, match="3 rows have one text as chosen and rejected"):
        dpo.main(*preferring(tmp_path / "out", tmp_path / "data", dataset_config="default"))


@pytest.mark.parametrize("recipe", ["dpo", "grpo"])
def test_a_finished_one_does_nothing_and_what_cannot_be_set_up_is_one_message(
    recipe, corrected, tmp_path, monkeypatch, capsys
):
    output, more = tmp_path / "out", {"max_steps": 1, "save_steps": 1}
    if recipe == "dpo":
        trainer = ("DPOTrainer", lambda **changes: dpo.main(*preferring(output, corrected, **more, **changes)))
    else:
        trainer = ("GRPOTrainer", lambda **changes: grpo.main(*rewarding(output, **more, **changes)))
    name, train = trainer
    with pytest.raises(SystemExit, match=r"cannot be set up as asked: .*attention"):
        train(attn_implementation="nonesuch")
    train()
    monkeypatch.setattr(trl, name, None)
    for left in ("trained.json", "adapter_model.safetensors"):  # As a kill after the last checkpoint leaves it.
        (output / left).unlink()
    train()
    assert (output / "adapter_model.safetensors").exists()
    train()
    assert "trained already, 1 steps" in capsys.readouterr().out


NAMES = ["건선", "아토피", "정상"]
GOOD = "<label>건선</label>\n<summary>경계가 분명한 붉은 판이 보입니다.</summary>"


@pytest.mark.parametrize(
    "text, right, formed",
    [
        (GOOD, 1, 1),
        (f"  {GOOD}\n", 1, 1),
        (GOOD.replace("건선", "흑색종"), 0, 1),
        (GOOD.replace("건선", "Psoriasis"), 1, 1),
        (GOOD.replace("건선", "건선증"), 1, 1),
        (GOOD.replace("건선", "정상"), 0, 1),
        (GOOD.replace("건선", "진단불가"), 0, 1),
        (GOOD + " 이상입니다.", 1, 0),
        ("진단: " + GOOD, 1, 0),
        (GOOD + GOOD, 1, 0),
        (GOOD + "<label>정상</label>", 0, 0),
        ("\n".join(reversed(GOOD.split("\n"))), 1, 0),
        ("<label>건선</label>", 1, 0),
        ("<label>건선</label><summary> </summary>", 1, 0),
        ("<label>건선</label><summary><b>판</b></summary>", 1, 0),
        ("<label>건선<summary>판</summary></label>", 0, 0),
        ("건선입니다.", 0, 0),
        ("", 0, 0),
    ],
)
def test_rewards_of_hand_made_answers(text, right, formed):
    labels = Corpus(HOME / "skin").labels["label"]
    told = [[{"role": "assistant", "content": text}]]
    assert grpo.right_class("label", NAMES, labels)(told, label=[0], prompts=[None]) == [right]
    assert grpo.well_formed(["label", "summary"])(told, label=[0], prompts=[None]) == [formed]
    assert grpo.well_formed(["label", "summary"])([text]) == [formed], "a completion may be a text"


def test_a_class_that_was_renamed_since_the_release_is_right_by_either_name_and_one_that_went_by_its_own():
    now = LabelMap("label", {"심상성 건선": ClassEntry(aliases=["건선"]), "정상": ClassEntry()})
    told = [
        [{"role": "assistant", "content": GOOD.replace("건선", name)}]
        for name in ("건선", "심상성 건선", "정상", "아토피")
    ]
    assert grpo.right_class("label", NAMES, now)(told, label=[0, 0, 0, 0]) == [1, 1, 0, 0]
    assert grpo.right_class("label", NAMES, now)(told, label=[1, 1, 2, 1]) == [0, 0, 1, 1]


def test_without_a_label_map_the_classes_names_count_and_no_class_is_never_right():
    told = [[{"role": "assistant", "content": GOOD.replace("건선", name)}] for name in ("건선", "건선증", "건선")]
    assert grpo.right_class("label", NAMES, None)(told, label=[0, 0, None]) == [1, 0, 0]
    assert grpo.label_map("someone/data", "label") is None
    assert grpo.label_map(str(HOME / "skin"), "label").named("건선증") == "건선"


def test_three_steps_of_grpo_reward_the_rows_own_class(tmp_path, monkeypatch):
    seen = []
    made = grpo.right_class

    def watched(label, names, labels):
        inner = made(label, names, labels)

        def right_class(completions, **columns):
            seen.append((names, columns))
            return [
                float(number) for number, _ in enumerate(inner(completions, **columns))
            ]  # One is better than another.

        return right_class

    monkeypatch.setattr(grpo, "right_class", watched)
    grpo.main(*rewarding(tmp_path / "out"))
    truth = {
        row["id"]: row["label"]
        for row in mmdata.view(HOME / "skin", "diagnosis", split="train", version="sample", streaming=False)
    }
    assert len(seen) == 3 and seen[0][0] == list(Corpus(HOME / "skin").labels["label"].names)
    for _, columns in seen:
        assert [truth[id] for id in columns["id"]] == columns["label"]
    steps = [entry for entry in logged(tmp_path / "out") if "loss" in entry]
    assert all(entry["rewards/right_class/mean"] == 1.5 and entry["grad_norm"] > 0 for entry in steps), "0, 1, 2 and 3"


def test_a_class_without_names_is_refused_before_a_model_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(trl, "GRPOTrainer", None)
    asked = [*flags("tiny_skin_grpo", tmp_path / "out", dataset_name=HOME / "skin"), "--tags", "id", "summary"]
    with pytest.raises(SystemExit, match="the column id has no classes' names"):
        grpo.main(*opening.parse(grpo.Recipe, trl.GRPOConfig, trl.ModelConfig, args=asked))


@pytest.mark.parametrize(
    "config, kinds",
    [("aac_dpo_qwen", (opening.DataArguments, trl.DPOConfig)), ("skin_grpo_qwen", (grpo.Recipe, trl.GRPOConfig))],
)
def test_a_config_says_only_what_an_argument_takes(config, kinds):
    args, _, model = opening.parse(
        *kinds, trl.ModelConfig, args=["--config", str(CONFIGS / f"{config}.yaml"), "--use_cpu"]
    )
    assert model.use_peft and args.dataset_config in {"preferences", "diagnosis"}

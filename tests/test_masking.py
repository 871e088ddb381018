"""Exactly what the assistant says, and the end of its turn, carries loss; a picture is never cut."""

import functools

import pytest
import trl
from datasets import Dataset, Features, Image, List, Value
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import photo
from tiny_models import tiny
from training import CONFIGS, train
from transformers import AutoModelForImageTextToText

from mmdata.training_recipes.common import opening, tokens

pytestmark = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing`:FutureWarning", "ignore:`gradient_checkpointing`:FutureWarning"
)
ENDS = {
    "gemma3": "<end_of_turn>\n",
    "qwen3_vl": "<|im_end|>\n",
    "mllama": "<|eot_id|>",
    "phi4mm": "<|end|>",
}
"""How each family ends a turn."""
PICTURE_TOKENS = {"gemma3": 4, "qwen3_vl": 4, "mllama": 1, "phi4mm": 545}
"""Of one of 64 × 64 pixels."""
SINGLE, DIALOGUE = False, True
CASES = [(family, kind) for family in ENDS for kind in (SINGLE, DIALOGUE) if (family, kind) != ("mllama", SINGLE)]
said = st.text("가각힣 abc<>[]{}.,!?\n0123456789é漢", min_size=1, max_size=30).map(str.strip).filter(bool)


@functools.cache
def collator(family: str, dialogue: bool):
    training = trl.SFTConfig("unused", assistant_only_loss=dialogue, use_cpu=True, bf16=False)
    columns = ["images", "messages"] if dialogue else ["images", "prompt", "completion"]
    return tokens.collator_of(opening.open_processor(tiny(family)), training, columns)


def row(questions: list[str], answers: list[str], dialogue: bool, pictures: int = 1) -> dict:
    turns = []
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        blocks = [{"type": "image"}] * (0 if number else pictures) + [{"type": "text", "text": question}]
        turns += [{"role": "user", "content": blocks}]
        turns += [{"role": "assistant", "content": [{"type": "text", "text": answer}]}]
    images = [photo(number) for number in range(pictures)]
    return {"images": images} | ({"messages": turns} if dialogue else {"prompt": turns[:1], "completion": turns[1:]})


@pytest.mark.parametrize(("family", "dialogue"), CASES)
def test_exactly_the_answers_and_the_ends_of_their_turns_carry_loss(family, dialogue):
    made = collator(family, dialogue)
    tokenizer, picture = made.processor.tokenizer, tokens._Measure(made).picture

    @settings(max_examples=3 if family == "phi4mm" else 25)
    @given(st.lists(st.tuples(said, said), min_size=1, max_size=4 if dialogue else 1))
    def holds(turns):
        questions, answers = zip(*turns, strict=True)
        batch = made([row(questions, answers, dialogue)])
        ids, labels = batch["input_ids"][0], batch["labels"][0]
        carries = labels != -100
        assert (labels[carries] == ids[carries]).all()
        learnt = tokenizer.decode(ids[carries])
        assert learnt == "".join(answer + ENDS[family] for answer in answers)
        assert int((ids == picture).sum()) == PICTURE_TOKENS[family]
        assert not carries[ids == picture].any()
        starts = (carries[1:] & ~carries[:-1]).sum() + int(carries[0])
        assert starts == len(answers), "each answer is one stretch"

    holds()


def test_several_rows_of_several_pictures_are_masked_as_each_alone():
    made = collator("gemma3", SINGLE)
    rows = [row(["몇 장?"], ["한 장."], SINGLE), row(["그럼 이번에는 모두 몇 장?"], ["세 장입니다."], SINGLE, 3)]
    batch = made([dict(one) for one in rows])
    for labels, one in zip(batch["labels"], rows, strict=True):
        (alone,) = made([dict(one)])["labels"]
        assert labels[labels != -100].tolist() == alone[alone != -100].tolist()


@pytest.mark.parametrize("dialogue", [SINGLE, DIALOGUE])
def test_the_trainer_makes_the_batches_that_were_measured(dialogue, tmp_path):
    training = trl.SFTConfig(
        str(tmp_path), assistant_only_loss=dialogue, use_cpu=True, bf16=False, max_length=None, report_to="none"
    )
    one = row(["이게 뭐야?", "왜?"][: 1 + dialogue], ["빨간 판.", "red"][: 1 + dialogue], dialogue)
    rows = Dataset.from_list([one], features=_features(one))
    model = AutoModelForImageTextToText.from_pretrained(tiny("qwen3_vl"))
    processor = opening.open_processor(tiny("qwen3_vl"))
    trainer = trl.SFTTrainer(model, training, train_dataset=rows, processing_class=processor)
    theirs, ours = trainer.data_collator([rows[0]]), collator("qwen3_vl", dialogue)([rows[0]])
    assert theirs.keys() == ours.keys()
    assert all((theirs[name] == ours[name]).all() for name in ours)


def _features(one: dict) -> Features:
    part = {"type": Value("string"), "text": Value("string")}
    turns = List({"role": Value("string"), "content": List(part)})
    return Features({name: List(Image()) if name == "images" else turns for name in one})


@pytest.mark.parametrize(("limit", "what"), [(8, "cuts a picture"), (36, "cuts the answer")])
def test_a_length_that_cuts_a_picture_or_an_answer_stops_before_the_model_is_loaded(limit, what, tmp_path, monkeypatch):
    monkeypatch.setattr(trl, "SFTTrainer", None)
    with pytest.raises(SystemExit) as stopped:
        train("tiny_skin_gemma", tmp_path / "out", max_length=limit)
    assert f"train: max_length {limit} {what}: 24 rows: " in str(stopped.value)
    assert (
        "TS_" not in str(stopped.value)
        and "train/건선" in str(stopped.value)
        and "Nothing was started" in str(stopped.value)
    )


def test_the_templates_say_what_the_families_say():
    """Ours carry marks for the loss; else they are what the family's processor was given."""
    for family, name in (("mllama", "llama3_2_vision"), ("phi4mm", "phi4_multimodal")):
        processor = opening.open_processor(tiny(family), template=str(CONFIGS / f"{name}.jinja"))
        shown = processor.apply_chat_template(
            row(["왜?"], ["그냥."], DIALOGUE)["messages"][:1], add_generation_prompt=True
        )
        assert shown.index("왜?") > shown.index("<|image|>") and shown.rstrip().endswith(
            ("assistant<|end_header_id|>", "<|assistant|>")
        )

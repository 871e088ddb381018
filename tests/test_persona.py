"""AAC's persona conditioning: it is in the loss, it says something, it is saved, and strangers have a place in it."""

import json

import pytest
import torch
import transformers
from kit import photo
from peft import LoraConfig, get_peft_model
from tiny_models import tiny

from mmdata.errors import MmdataError
from mmdata.training_recipes import merge
from mmdata.training_recipes.common.generating import Model
from mmdata.training_recipes.models import aac

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
FAMILIES = ["qwen3_vl", "gemma3"]
ABOUT = aac.Conditions(people=["민수", "지우"], clusters=8, width=16)
SITUATION = "- 장소: 학교"
ROW = {
    "images": [photo(1, (32, 32)), photo(2, (32, 32))],
    "persona_id": "지우",
    "clusters": [3, 5],
    "context": SITUATION,
    "prompt": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": f"상황\n{SITUATION}\n\n카드 순서"},
                {"type": "image", "text": None},
                {"type": "image", "text": None},
                {"type": "text", "text": "뜻은? 장소: 학교"},
            ],
        }
    ],
}


def fresh(family: str, about: aac.Conditions = ABOUT):
    torch.manual_seed(0)
    processor = transformers.AutoProcessor.from_pretrained(tiny(family))
    model, about = aac.condition(tiny(family), processor, about)
    return model.eval(), processor, about


def inputs(processor, about: aac.Conditions | None, *rows, answers=None):
    """A batch of questions, or of questions and their answers with loss on these."""
    texts = []
    for row in rows:
        prompt = about.told(row) if about else row["prompt"]
        turns = [
            {"role": "user", "content": [{k: v for k, v in b.items() if v is not None} for b in prompt[0]["content"]]}
        ]
        texts.append(processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))
    texts = [text + answer for text, answer in zip(texts, answers or [""] * len(texts), strict=True)]
    made = processor(
        text=texts, images=[row["images"] for row in rows], padding=True, return_tensors="pt", add_special_tokens=False
    )
    if answers:
        lengths = [len(processor.tokenizer(answer, add_special_tokens=False).input_ids) for answer in answers]
        made["labels"] = torch.full_like(made["input_ids"], -100)
        for number, length in enumerate(lengths):
            places = made["attention_mask"][number].nonzero()[-length:, 0]
            made["labels"][number, places] = made["input_ids"][number, places]
    return made


def said(model, processor, about, **changes):
    """Logits of the first token of an answer."""
    with torch.inference_mode():
        return model(**inputs(processor, about, ROW | changes)).logits[0, -1]


def test_a_prompt_is_told_by_tokens_and_otherwise_left_as_it_was():
    first, *others = ABOUT.told(ROW)[0]["content"]
    told = "<persona_2>" * 4 + "<cluster_3><cluster_5>"
    assert first["text"] == f"{told}상황\n<ctx>{SITUATION}</ctx>\n\n카드 순서"
    assert others == ROW["prompt"][0]["content"][1:]
    stranger = ABOUT.told(ROW | {"persona_id": "처음 보는 사람", "clusters": [8, 2], "context": ""})[0]["content"][0][
        "text"
    ]
    assert stranger.startswith("<persona_0>" * 4 + "<cluster_2>상황") and "ctx" not in stranger
    assert ROW["prompt"][0]["content"][0]["text"].startswith("상황"), "the row itself is not changed"


@pytest.mark.parametrize("family", FAMILIES)
def test_who_which_and_where_change_what_is_said(family):
    model, processor, about = fresh(family)
    base = said(model, processor, about)
    assert torch.equal(base, said(model, processor, about)), "nothing is hidden but in training"
    for changes in ({"persona_id": "민수"}, {"persona_id": "누구"}, {"clusters": [3, 4]}):
        assert (said(model, processor, about, **changes) - base).abs().max() > 1e-2, changes
    assert torch.equal(
        said(model, processor, about, persona_id="누구"), said(model, processor, about, persona_id="또 누구")
    )


def test_a_slot_attends_over_its_own_rows_situation_and_over_nothing_else():
    model, processor, about = fresh("gemma3")
    seen = []
    hook = model.persona.register_forward_hook(lambda _, given, made: seen.append((given[0], made)))
    other = ROW | {"context": "- 장소: 병원", "prompt": json.loads(json.dumps(ROW["prompt"]).replace("학교", "병원"))}
    elsewhere = json.loads(
        json.dumps(ROW["prompt"], ensure_ascii=False).replace("카드 순서", "다른 말과 더 긴 말이 여기에")
    )
    with torch.inference_mode():
        for rows in ([ROW], [other], [ROW | {"prompt": elsewhere}], [ROW, ROW | {"prompt": elsewhere}]):
            model(**inputs(processor, about, *rows))
    hook.remove()
    first = about.first + 2 + 2
    here, there, longer, both = (made[0][ids[0] == first] for ids, made in seen)
    assert here.shape == (4, 64) and torch.cdist(here, here).fill_diagonal_(9).min() > 1e-3, "slots differ"
    assert (here - there).abs().max() > 1e-3
    assert torch.allclose(here, longer, atol=1e-5) and torch.allclose(here, both, atol=1e-5), "padding has no part"
    assert here.pow(2).mean().sqrt().item() == pytest.approx(about.scale, rel=0.05), "as loud as the model's own"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradient_of_the_answer_reaches_all_of_it(family):
    model, processor, about = fresh(family, ABOUT.model_copy(update={"unknown": 0.0}))
    model.train()
    model(**inputs(processor, about, ROW, answers=["<most_likely> 물 주세요."])).loss.backward()
    for name, weight in model.persona.named_parameters():
        assert weight.grad is not None and weight.grad.abs().max() > 0, name
    rows = model.persona.people.weight.grad.abs().amax(1) > 0
    assert rows.tolist() == [False, False, True], "the person of this row alone"


def test_strangers_are_learned_from_rows_whose_person_is_hidden():
    model, processor, about = fresh("gemma3", ABOUT.model_copy(update={"unknown": 1.0}))
    model.train()
    model(**inputs(processor, about, ROW, answers=["물"])).loss.backward()
    assert (model.persona.people.weight.grad.abs().amax(1) > 0).tolist() == [True, False, False]
    model.eval()
    assert not torch.equal(said(model, processor, about), said(model, processor, about, persona_id="누구"))


def test_what_only_the_person_tells_is_learned_and_words_alone_cannot():
    rows, answers = [ROW, ROW | {"persona_id": "민수"}], ["물", "집"]

    def after(about: aac.Conditions | None) -> float:
        model, processor, numbered = fresh("gemma3", ABOUT.model_copy(update={"unknown": 0.0}))
        batch = inputs(processor, numbered if about else None, *rows, answers=answers)
        learning = torch.optim.Adam(model.parameters(), 1e-2)
        for _ in range(12):
            learning.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            learning.step()
        return loss.item()

    told, untold = after(ABOUT), after(None)
    tokens = len(fresh("gemma3")[1].tokenizer("물", add_special_tokens=False).input_ids)
    assert told < 0.1 < 0.6 / tokens < untold, "two answers to one question: at least ln 2 for each pair"


@pytest.mark.parametrize("family", FAMILIES)
def test_saved_whole_or_as_an_adapter_it_says_the_same(family, tmp_path):
    model, processor, about = fresh(family)
    before = said(model, processor, about)
    for one in (model, processor):
        one.save_pretrained(tmp_path / "전체")
    with pytest.raises(MmdataError, match="is conditioned on persons"):
        Model(str(tmp_path / "전체"))
    with pytest.raises(SystemExit, match="is conditioned on persons"):
        merge.merge(tmp_path / "전체", tmp_path / "merged")
    again, theirs, meant = aac.load(tmp_path / "전체", device_map="cpu")
    assert meant == about and torch.allclose(said(again, theirs, meant), before, atol=1e-5)
    assert again.generate(**inputs(theirs, meant, ROW), max_new_tokens=3).shape[0] == 1

    adapted = get_peft_model(
        model, LoraConfig(r=4, target_modules="all-linear", modules_to_save=["persona"], task_type="CAUSAL_LM")
    )
    assert not [name for name, _ in adapted.named_parameters() if "persona" in name and "lora" in name]
    learning = torch.optim.Adam([weight for weight in adapted.parameters() if weight.requires_grad], 1e-2)
    adapted(**inputs(processor, about, ROW, answers=["물 주세요."])).loss.backward()
    learning.step()
    adapted.eval()
    after = said(adapted, processor, about)
    assert (after - before).abs().max() > 1e-2
    for one in (adapted, processor):
        one.save_pretrained(tmp_path / "adapter")
    with pytest.raises(ValueError, match=r"no conditioned model: no persona\.json is there"):
        aac.load(tmp_path / "adapter")
    (tmp_path / "adapter" / aac.PERSONA).write_text(about.model_dump_json(), encoding="utf-8")
    again, theirs, meant = aac.load(tmp_path / "adapter", device_map="cpu")
    assert torch.allclose(said(again, theirs, meant), after, atol=1e-5)
    assert torch.allclose(said(again.merge_and_unload(), theirs, meant), after, atol=1e-4)
    with pytest.raises(ValueError, match=r"no config\.json with a persona"):
        aac.load(tiny(family))

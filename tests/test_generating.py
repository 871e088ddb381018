"""A model opened and asked: in batches as alone, in the class and words of its training, known by its weights."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit import encoded, photo, put
from tiny_models import opened, tiny
from trl.data_utils import prepare_multimodal_messages

from mmdata.corpus import HOME, Corpus
from mmdata.errors import MmdataError
from mmdata.training_recipes import interpret
from mmdata.training_recipes.common import generating
from mmdata.training_recipes.common.questions import messages_of, question

ASK = "이 정면 사진의 진단명과 소견을 작성해 주세요."
PERSONA = {
    "age": "adolescent", "gender": "female", "disability_type": "지적장애", "communication_characteristics": "짧은 말",
    "interesting_topics": ["음식"],
}  # fmt: skip


@given(st.lists(st.sampled_from(["user", "assistant", "system"]), max_size=4), st.integers(0, 3), st.booleans())
def test_pictures_take_the_places_that_they_have_in_training(roles, pictures, blocks):
    talk = [{"role": role, "content": f"말 {n}"} for n, role in enumerate([*roles, "user"])]
    if blocks:
        places = [part for n in range(pictures) for part in ({"type": "text", "text": f"카드 {n}:"}, {"type": "image"})]
        talk[-1:] = [{"role": "user", "content": [*places, {"type": "text", "text": "뜻?"}]}]
    try:
        wanted = prepare_multimodal_messages(talk, ["picture"] * pictures)
    except ValueError:
        with pytest.raises(ValueError, match="places for pictures"):
            messages_of(talk, pictures)
        return
    plain = [
        turn | {"content": [{k: v for k, v in b.items() if k != "image"} for b in turn["content"]]} for turn in wanted
    ]
    assert messages_of(talk, pictures) == plain
    assert messages_of("뜻?", 1) == messages_of([{"role": "user", "content": "뜻?"}], 1)


@pytest.mark.parametrize("family", ["gemma3", "qwen3_vl"])
def test_a_batch_says_what_each_alone_says_and_looks_at_the_picture(family):
    model = opened(family)
    asked = [question(str(n), [encoded(photo(n, (40 + 9 * n, 64)))], "무엇? " * (1 + 3 * n)) for n in range(4)]
    asked.append(question("red", [encoded(photo("other"))], "무엇? "))
    together = model.answers(asked, 8, 0.0)
    assert together == [model.answers([one], 8, 0.0)[0] for one in asked]
    assert len(set(together)) > 1
    assert all(model.end not in text for text in together)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's.
def test_the_revision_is_that_of_the_weights_and_of_those_under_an_adapter(tmp_path):
    from peft import LoraConfig, get_peft_model

    model = opened("gemma3")
    copy = shutil.copytree(tiny("gemma3"), tmp_path / "딴 곳")
    assert generating.revision_of(str(copy)) == model.revision
    adapted = generating.Model(str(copy)).model
    get_peft_model(adapted, LoraConfig(target_modules=["q_proj"])).save_pretrained(tmp_path / "adapter")
    one = generating.Model(str(tmp_path / "adapter"))
    assert one.answers([question("1", [encoded(photo(1))], ASK)], 6, 0.0) == model.answers(
        [question("1", [encoded(photo(1))], ASK)], 6, 0.0
    ), "an untrained adapter changes nothing"
    other = bytearray((copy / "model.safetensors").read_bytes())
    other[-1] ^= 1
    (copy / "model.safetensors").write_bytes(other)
    assert generating.revision_of(str(copy)) != model.revision
    assert generating.revision_of(str(tmp_path / "adapter")) != one.revision


def test_three_interpretations_of_cards(tmp_path):
    class Stub:
        def said(self, questions, **settings):
            self.questions = questions
            yield from ((one, 0.1, {"output": one.id}) for one in questions)

    cards, stub = [put(tmp_path, f"{n}.png", encoded(photo(n))) for n in range(2)], Stub()
    context = {"time": "아침", "place": "집"}
    assert interpret.generate_interpretation(cards, PERSONA, context, model=stub) == [
        "most_likely", "alternative", "creative",
    ]  # fmt: skip
    row = {"id": "1", "cards": [1, 2], "persona": PERSONA, "persona_id": "1", "keywords": [], "attributions": []}
    row |= {"context": context | {"interaction_partner": None, "current_activity": None}, "output": ["가", "나", "다"]}
    trained = [one["prompt"] for one in Corpus(HOME / "aac").module("views").interpretations(row)]
    assert [one.messages for one in stub.questions] == trained
    assert all(isinstance(text, str) for text in interpret.generate_interpretation(cards, PERSONA, {}, model=opened("gemma3"), max_new_tokens=4))  # fmt: skip
    with pytest.raises(MmdataError, match="the persona lacks 'gender'"):
        interpret.generate_interpretation(cards, {"age": "adult"}, {}, model=stub)

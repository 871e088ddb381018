"""No view of VisDial, and no question to a model, holds the answer that is wanted, or hangs on it."""

import copy

from hypothesis import given
from hypothesis import strategies as st
from visdial_files import VIEWS, official, rows_of, saved

from mmdata.annotation.prompt import parse_prompt
from mmdata.corpus import HOME

WORD = st.text("abc ?.:QA\n", min_size=1, max_size=8)


@st.composite
def dialogues(draw):
    """A row; its answers are words that may well come again, its options hold each round's answer."""
    turns, rankings = [], []
    for _ in range(draw(st.integers(1, 5))):
        answer, gold = draw(WORD), draw(st.integers(0, 99))
        options = [f"option {n}" for n in range(100)]
        options[gold] = answer
        turns.append({"question": draw(WORD), "answer": answer})
        rankings.append({"answer_options": options, "gt_index": gold, "relevance": None})
    return finished({"id": "train/1", "image_id": 1, "caption": draw(WORD), "turns": turns, "rankings": rankings})


def finished(row: dict) -> dict:
    last = list(VIEWS.rounds({"image": None, **row}))[-1]
    row |= {"conversation": last["conversation"], "response": last["response"]}
    return row | {"image": {"path": "a.jpg", "bytes": b"."}, "image_file": "COCO_val2014_1.jpg"}


def prompts(row: dict) -> list[list[str]]:
    """What each view lets a model see of each round, before its answer is wanted."""
    made = []
    for number, (one, pair, rank) in enumerate(
        zip(VIEWS.rounds(row), VIEWS.completion(row), VIEWS.ranking(row), strict=True)
    ):
        (chat,) = VIEWS.chat(row)
        seen = {key: value for key, value in one.items() if key != "response"}
        before = chat["messages"][: 2 * number + 1]
        made.append([repr(seen), repr(pair["prompt"]), repr(rank["prompt"]), repr(before)])
    last = [
        repr({key: value for key, value in one.items() if key != "response"})
        for one in (VIEWS.base(row), VIEWS.evaluation(row))
    ]
    made[-1] += last
    return made


@given(dialogues(), st.data())
def test_no_prompt_hangs_on_its_rounds_answer_or_on_what_comes_later(row, data):
    number = data.draw(st.integers(0, len(row["turns"]) - 1))
    other = copy.deepcopy(row)
    gold = other["rankings"][number]["gt_index"]
    other["turns"][number]["answer"] = other["rankings"][number]["answer_options"][gold] = "quite another answer"
    kept = data.draw(st.integers(number + 1, len(row["turns"])))
    for turn in other["turns"][number + 1 :]:
        turn |= {"question": "another question", "answer": "and its answer"}
    del other["turns"][kept:], other["rankings"][kept:]
    finished(other)
    # The base and eval sets' prompts are of the last round alone, which may be another one now.
    assert [one[:4] for one in prompts(other)[: number + 1]] == [one[:4] for one in prompts(row)[: number + 1]]
    if number == len(row["turns"]) - 1:
        assert prompts(other)[-1] == prompts(row)[-1]


@given(dialogues())
def test_an_answer_that_is_nowhere_else_is_in_no_prompt_of_its_round(row):
    for number, (turn, ranking) in enumerate(zip(row["turns"], row["rankings"], strict=True)):
        turn["answer"] = ranking["answer_options"][ranking["gt_index"]] = f"<gold {number}>"
    row = finished(row)
    for number, seen in enumerate(prompts(row)):
        assert not [text for text in seen if any(f"<gold {n}>" in text for n in range(number, len(row["turns"])))]
        assert all(f"<gold {n}>" in text for n in range(number) for text in seen), "earlier answers are told"
    assert [one["completion"][0]["content"] for one in VIEWS.completion(row)] == [t["answer"] for t in row["turns"]]
    (chat,) = VIEWS.chat(row)
    assert [m["content"] for m in chat["messages"] if m["role"] == "assistant"] == [t["answer"] for t in row["turns"]]


def test_the_question_to_a_model_holds_no_answer_to_it(tmp_path):
    row = rows_of(saved(tmp_path, official(dialogues=1)))["val/100"]
    asked = parse_prompt(HOME / "visdial/prompts/answer.yaml").render(row)
    assert row["response"] not in asked.user + asked.system
    assert row["turns"][0]["answer"] in asked.user and asked.user.endswith("\nA:")

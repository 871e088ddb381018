"""No view of VisDial, and no question to a model, holds the answer that is wanted, or hangs on it."""

import copy

from hypothesis import given
from hypothesis import strategies as st
from visdial_files import CORPUS, VIEWS, official, rows_of, saved

from mmdata.annotation.prompt import parse_prompt
from mmdata.corpus import HOME
from mmdata.functions import functions_in

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
    return row | {
        "image": {"path": "a.jpg", "bytes": b"."},
        "image_file": "COCO_val2014_1.jpg",
        "answer": {"reasoning": "r", "answer": "a"},
    }


def _told(made, *answers: str) -> str:
    return repr({key: value for key, value in made.items() if key not in answers})


# Each view: what it lets a model see of each round before its answer is wanted; of the last round alone, where it has
# no other. `answer` and `reasoning` are a model's, which saw the question.
SEEN = {
    "rounds": lambda row: [_told(one, "response") for one in VIEWS.rounds(row)],
    "completion": lambda row: [_told(one, "completion") for one in VIEWS.completion(row)],
    "ranking": lambda row: [_told(one, "answer_options", "gt_index", "relevance") for one in VIEWS.ranking(row)],
    "chat": lambda row: [
        repr(chat["messages"][: 2 * number + 1]) for chat in VIEWS.chat(row) for number in range(len(row["turns"]))
    ],
    "replies": lambda row: [_told(one, "response") for one in VIEWS.replies(row)],
    "base": lambda row: [_told(VIEWS.base(row), "response")],
    "evaluation": lambda row: [_told(VIEWS.evaluation(row), "response")],
    "api": lambda row: [_told(one, "response", "reasoning", "answer") for one in VIEWS.api(row)],
}


def prompts(row: dict) -> list[list[str]]:
    """What the views let a model see of each round; the last one's of more views."""
    assert SEEN.keys() == functions_in(CORPUS, "views", "row").keys(), "say what a new view shows"
    made: list[list[str]] = [[] for _ in row["turns"]]
    for name, of in SEEN.items():
        seen = of(row)
        assert len(seen) == (1 if name in {"base", "evaluation", "api"} else len(made)), name
        for texts, one in zip(made[len(made) - len(seen) :], seen, strict=True):
            texts.append(one)
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
    assert [one[:5] for one in prompts(other)[: number + 1]] == [one[:5] for one in prompts(row)[: number + 1]]
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


@given(dialogues())
def test_what_is_judged_is_asked_in_the_words_that_are_trained(row):
    (chat,) = VIEWS.chat(row)
    trained = [chat["messages"][: 2 * number + 1] for number in range(len(row["turns"]))]
    for view in (VIEWS.completion, VIEWS.replies, VIEWS.ranking):
        assert [one["prompt"] for one in view(row)] == trained
    assert trained[0][0]["content"] == f"{row['caption']}\n\n{row['turns'][0]['question']}"


def test_the_question_to_a_model_holds_no_answer_to_it(tmp_path):
    row = rows_of(saved(tmp_path, official(dialogues=1)))["val/100"]
    asked = parse_prompt(HOME / "visdial/prompts/answer.yaml").render(row)
    assert row["response"] not in asked.user + asked.system
    assert row["turns"][0]["answer"] in asked.user and asked.user.endswith("\nA:")

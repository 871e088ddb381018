"""BLEU and ROUGE against sacrebleu, rouge_score and figures worked out by hand, in Korean too; likeness by any encoder."""

import math
from collections import Counter

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from mmdata import MmdataError
from mmdata.metrics.encoding import encoder
from mmdata.metrics.generation import bleu, generate, rouge, similarity, tokens_of

TEXTS = ["물을 주세요", "사과를 먹고 싶어요", "엄마와 집에 가고 싶어요.", "yes, it is a red bus"]
REFERENCES = [
    ["물 주세요", "물을 좀 주세요"],
    ["사과가 먹고 싶어요", "사과 주세요"],
    ["엄마랑 집에 갈래요.", "집에 가고 싶어요."],
    ["it is a red bus", "yes"],
]
WORDS = st.lists(st.sampled_from("a b red bus 물을 주세요 집 .".split()), max_size=8).map(" ".join)  # noqa: SIM905
ROWS = st.lists(st.tuples(WORDS, st.tuples(WORDS, WORDS)), min_size=1, max_size=8)


def letters(texts):
    """An encoder that needs no model: counts of letters."""
    found = np.array([[1 + text.count(letter) for letter in "abcde물주가요"] for text in texts], dtype=float)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize("tokenize", ["13a", "char", "intl", "zh"])
@settings(max_examples=40)
@given(ROWS)
def test_bleu_is_sacrebleus(tokenize, rows):
    texts, references = [text for text, _ in rows], [list(of) for _, of in rows]
    metric = sacrebleu.BLEU(tokenize=tokenize, effective_order=True)
    wanted = metric.corpus_score(texts, list(map(list, zip(*references, strict=True)))).score
    found = bleu(texts, references, tokenize=tokenize, rounds=5)
    assert found.value == pytest.approx(wanted, abs=1e-9)
    assert f"tok:{tokenize}|" in found.note and f"sacrebleu {sacrebleu.__version__}" in found.note


def test_bleu_of_letters_worked_out_by_hand():
    """Papineni's formula over all n-grams of letters, clipped by the reference that has most."""

    def grams(text, n):
        return Counter(text.replace(" ", "")[at : at + n] for at in range(len(text.replace(" ", "")) - n + 1))

    pairs = list(zip(TEXTS[:3], REFERENCES[:3], strict=True))
    logs = []
    for n in range(1, 5):
        most = [{gram: max(grams(one, n)[gram] for one in of) for gram in grams(text, n)} for text, of in pairs]
        said = [grams(text, n) for text, _ in pairs]
        clipped = sum(
            min(count, limit[gram]) for one, limit in zip(said, most, strict=True) for gram, count in one.items()
        )
        logs.append(math.log(clipped / sum(sum(one.values()) for one in said)))
    length = {text: len(text.replace(" ", "")) for text in [*TEXTS, *(one for of in REFERENCES for one in of)]}
    nearest = sum(min((abs(length[one] - length[text]), length[one]) for one in of)[1] for text, of in pairs)
    penalty = min(0.0, 1 - nearest / sum(length[text] for text, _ in pairs))
    assert bleu(TEXTS[:3], REFERENCES[:3], tokenize="char").value == pytest.approx(
        100 * math.exp(penalty + sum(logs) / 4)
    )


@settings(max_examples=40)
@given(ROWS)
def test_rouge_is_rouge_scores_where_all_is_a_to_z(rows):
    def latin(text):
        return "".join(letter for letter in text if letter.isascii())

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    texts, references = [latin(text) for text, _ in rows], [list(map(latin, of)) for _, of in rows]
    found = rouge(texts, references)
    for at, (text, of) in enumerate(zip(texts, references, strict=True)):
        wanted = scorer.score_multi(of, text)
        for name, key in {"ROUGE-1": "rouge1", "ROUGE-2": "rouge2", "ROUGE-L": "rougeL"}.items():
            if not np.isnan(found[name][at]):
                assert found[name][at] == pytest.approx(wanted[key].fmeasure)


def test_rouge_of_korean_worked_out_by_hand():
    words = rouge(["물을 주세요"], [["물 주세요"]])
    assert {name: float(of[0]) for name, of in words.items()} == {"ROUGE-1": 0.5, "ROUGE-2": 0.0, "ROUGE-L": 0.5}
    # 물을주세요 and 물주세요: 4 of 5 and 4 of 4 letters; 주세, 세요 of 4 and of 3 pairs.
    spelt = rouge(["물을 주세요"], [["물 주세요"]], tokenize="char")
    assert {name: float(of[0]) for name, of in spelt.items()} == pytest.approx(
        {"ROUGE-1": 8 / 9, "ROUGE-2": 4 / 7, "ROUGE-L": 8 / 9}
    )
    nearest = rouge(["물을 주세요"], [["밥", "물을 주세요.", "물"]])
    assert {float(of[0]) for of in nearest.values()} == {1.0}
    assert tokens_of("Ａ-b, 물을!", "13a") == ["ａ", "b", "물을"] and tokens_of("물을!", "zh") == ["물을"]
    assert tokens_of("물을 A", "char") == ["물", "을", "a"]


@settings(max_examples=40)
@given(ROWS, st.lists(WORDS, min_size=8, max_size=8))
def test_references_alone_decide_which_rows_have_a_rouge_2(rows, others):
    texts, references = [text for text, _ in rows], [list(of) for _, of in rows]
    ours, theirs = (np.isnan(rouge(said, references)["ROUGE-2"]) for said in (texts, others[: len(rows)]))
    assert ours.tolist() == theirs.tolist()
    assert ours.tolist() == [all(len(tokens_of(one, "13a")) < 2 for one in of) for of in references]


def test_a_wrong_answer_of_one_word_has_no_rouge_2_of_1():
    references = [["빨간 버스"], ["it is red"], ["네"]]
    made = generate(["빨간 버스", "bus", "아니요"], references)
    (score,) = (one for one in made.scores if one.name == "ROUGE-2")
    assert (score.value, score.n) == (1 / 2, 2)
    assert made.notes == ["ROUGE-2 leaves out 1 of 3 texts: no reference of theirs has two tokens"]


@pytest.mark.parametrize("tokenize", ["13a", "char"])
@pytest.mark.parametrize("texts", [TEXTS, ["네"], ["yes", "no", "아니요"]])
def test_equal_texts_have_100_and_1(texts, tokenize):
    made = generate(texts, [["다른 말", text] for text in texts], tokenize=tokenize, encode=letters, ids=texts)
    found = {score.name: score.value for score in made.scores}
    assert found.pop("BLEU-4") == 100
    # One token has no pair: of it there is no ROUGE-2 above 0.
    of_two = [len(tokens_of(text, tokenize)) > 1 for text in texts]
    assert found.pop("ROUGE-2") == pytest.approx(sum(of_two) / len(texts))
    assert set(found) >= {"ROUGE-1", "ROUGE-L", "exact", "similarity"}
    assert all(value == pytest.approx(1) for value in found.values())
    assert all(one.right for one in made.outcomes)


def test_what_has_nothing_in_common_has_nothing():
    made = generate(["가나다라", "", "마바사아"], [["abcd"], ["efgh"], ["ijkl"]], tokenize="char", ids=["1", "2", "3"])
    assert {score.name: score.value for score in made.scores} == dict.fromkeys(
        ("BLEU-4", "ROUGE-1", "ROUGE-2", "ROUGE-L", "exact"), 0.0
    )
    assert made.notes == ["1 of 3 texts are empty; they count as they are"]
    assert [one.right for one in made.outcomes] == [None] * 3, "other words need not be wrong"
    assert generate([], []).notes == ["there is no text to judge"]


@settings(max_examples=15)
@given(st.permutations(range(4)))
def test_the_order_of_rows_is_nothing(order):
    ours = generate(TEXTS, REFERENCES, tokenize="char", encode=letters, rounds=50)
    theirs = generate(
        [TEXTS[at] for at in order], [REFERENCES[at] for at in order], tokenize="char", encode=letters, rounds=50
    )
    for one, other in zip(ours.scores, theirs.scores, strict=True):
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))
        assert one.low <= one.value <= one.high or one.name == "BLEU-4"


def test_similarity_is_the_cosine_of_the_nearest():
    vectors = {"a": [1.0, 0.0], "b": [0.6, 0.8], "c": [0.0, 1.0]}
    found = similarity(["a", "c"], [["b", "c"], ["c"]], lambda texts: np.array([vectors[text] for text in texts]))
    assert found.tolist() == [0.6, 1.0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: bleu(["a"], [["a"]], tokenize="word"), "tokenize is 'word'; choose 13a, char"),
        (lambda: encoder("nobody/no such model"), "the encoder 'nobody/no such model' cannot be loaded"),
    ],
)
def test_what_cannot_be_had_is_said(wrong, message, monkeypatch):
    class Library:
        @staticmethod
        def SentenceTransformer(name):  # noqa: N802
            raise OSError("there is no such model.\nand more")

    monkeypatch.setattr("importlib.import_module", _instead("sentence_transformers", Library))
    with pytest.raises(MmdataError, match=message):
        wrong()


@pytest.mark.parametrize("missing", ["sacrebleu.metrics", "rouge_score.rouge_scorer", "sentence_transformers"])
def test_a_missing_library_is_named_with_how_to_get_it(missing, monkeypatch):
    monkeypatch.setattr("importlib.import_module", _instead(missing, None))
    monkeypatch.setattr("mmdata.metrics.generation._METRICS", {})
    with pytest.raises(MmdataError, match=rf"Please install {missing.partition('.')[0]}.*mmdata-corpus\[evaluate\]"):
        bleu(["a"], [["a"]])
        rouge(["a"], [["a"]])
        encoder("any")
    assert encoder("none") is None


def _instead(name, library):
    from importlib import import_module

    def load(module, *more):
        if module == name and library is None:
            raise ImportError(f"No module named {name!r}", name=name.partition(".")[0])
        return library if module == name else import_module(module, *more)

    return load

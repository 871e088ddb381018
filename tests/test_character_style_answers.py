"""character_style: what a model says of a picture is checked, class by class and word by word."""

import json
from typing import get_args

import pytest
from characters import FOLDER

import mmdata
from mmdata.annotation.prompt import parse_prompt
from mmdata.annotation.verdict import judge_completion
from mmdata.corpus import Corpus
from mmdata.replay import replaying
from mmdata.schemas import Label, StyleAnswer
from mmdata.verbs.annotate import annotate
from mmdata.verbs.check import check

CORPUS = Corpus(FOLDER)
GOOD = {
    "fashion_style": "Street_Hip",
    "shot_type": "Mirrored_Selfie",
    "visual_quality": "High",
    "physical_features": ["long dark hair", "well-suited fringe", "café-crème skin"],
    "caption": "A person smiles – at 8 o’clock.",
}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, ""),
        ({"fashion_style": "Street_Casual"}, "fashion_style: Input should be"),
        ({"shot_type": "Selfie"}, "shot_type: Input should be"),
        ({"visual_quality": None}, "visual_quality: Input should be"),
        ({"physical_features": ["a", "b"]}, "physical_features: List should have at least 3"),
        ({"physical_features": list("abcdef")}, "physical_features: List should have at most 5"),
        ({"physical_features": ["tall", "slim", "black Dresses"]}, "physical_features.2: Value error, must be a trait"),
        ({"caption": "웃는 사람"}, "caption: Value error, must be English, without '웃'"),
        ({"vibe_category": "Pure_Natural"}, "vibe_category: Extra inputs"),
    ],
)
def test_an_answer_is_checked(change, kind):
    content = json.dumps(GOOD | change, ensure_ascii=False)
    body = json.dumps({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}).encode()
    reply = judge_completion(body, StyleAnswer)
    assert reply.status == ("invalid" if kind else "ok")
    assert reply.kind.startswith(kind)


def test_the_answers_classes_are_those_of_labels_yaml_and_the_prompt_names_them():
    text = parse_prompt(FOLDER / "prompts/label.yaml").system
    for name, marker in (("fashion_style", "style"), ("shot_type", "shot"), ("visual_quality", "quality")):
        assert list(get_args(StyleAnswer.model_fields[name].annotation)) == CORPUS.labels[marker].names
        assert Label(marker) in StyleAnswer.markers(name)
        assert all(cls in text for cls in CORPUS.labels[marker].names)


def test_the_recorded_answers_are_taken_but_for_those_with_a_fault(tmp_path):
    folder = mmdata.new("characters", tmp_path, like="character_style")
    mmdata.build(folder, folder / "tiny")
    with replaying(folder / "tiny_answers.jsonl", faults=False) as url:
        first = annotate(folder, base_url=url)
        again = annotate(folder, base_url=url, retry=["invalid", "refused"])
    assert (first.states, again.states) == ({"ok": 35, "invalid": 4, "refused": 1}, {"ok": 40})
    report = check(folder, pictures=False)
    (found,) = [one for one in report.checks if one.name == "tag contradicts"]
    assert found.found == 1  # Drawn characters have no style that an answer could contradict.

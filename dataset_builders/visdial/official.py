"""The official v1.0 files: their names, and what is in them."""

import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from pydantic_core import from_json

from mmdata import Reject

FILE = re.compile(r"visdial_1\.0_(?P<split>train|val|test)(?!.*dense)[^/]*\.json(\.gz)?")
DENSE = re.compile(r"visdial_1\.0_(?P<split>train|val|test)[^/]*dense[^/]*\.json(\.gz)?")
SPLITS = {"train": "train", "val": "validation", "test": "test"}
PICTURES = {
    "train": ("COCO_train2014_{:012d}.jpg", "COCO_val2014_{:012d}.jpg"),
    "val": ("VisualDialog_val2018_{:012d}.jpg",),
    "test": ("VisualDialog_test2018_{:012d}.jpg",),
}
"""The training dialogues are about pictures of both of COCO's halves."""
OPTIONS = 100

IMAGE_ID = re.compile(rb'"image_id"[ \t\r\n]*:[ \t\r\n]*(\d{1,12})[ \t\r\n]*[,}]')
"""A quote within a text is written \\", so that this is found only where it is a key."""


def image_id_of(dialogue: bytes) -> int | None:
    """The picture's number in a dialogue's JSON, without reading all of it."""
    found = IMAGE_ID.search(dialogue)
    return int(found[1]) if found else None


class Dialogue:
    """One element of `data.dialogs`, made of its JSON and the two pools that it points into.

    Raises:
        Reject: something in it is not as the format has it.
    """

    def __init__(self, raw: bytes, place: str, questions: list[str], answers: list[str]):
        self.place, self.questions, self.answers = place, questions, answers
        # Python takes true for 1, and -1 for the last: options are looked at one by one where there may be such.
        self._may_be_odd = b"-" in raw or b"true" in raw or b"false" in raw
        try:
            said = from_json(raw)
        except ValueError as error:
            raise self._fault("broken dialogue", "dialog", None, f"no JSON: {error}") from None
        rounds = said.get("dialog") if isinstance(said, dict) else None
        if not (isinstance(rounds, list) and rounds and all(isinstance(one, dict) for one in rounds)):
            raise self._fault("broken dialogue", "dialog", None, "it has no list `dialog` of one or more rounds")
        self.image_id = said.get("image_id")
        if type(self.image_id) is not int:
            raise self._fault("broken dialogue", "image_id", self.image_id, "`image_id` is no whole number")
        self.caption = said.get("caption")
        if not (isinstance(self.caption, str) and self.caption.strip()):
            raise self._fault("broken dialogue", "caption", self.caption, "it has no caption")
        self.turns = [self._turn(number, one) for number, one in enumerate(rounds, 1)]
        self.rankings = [
            self._ranking(number, one, turn)
            for number, (one, turn) in enumerate(zip(rounds, self.turns, strict=True), 1)
        ]
        if any(turn["answer"] is None for turn in self.turns[:-1]):
            raise self._fault("broken dialogue", "answer", None, "a round before the last has no answer")

    def _turn(self, number: int, said: dict[str, Any]) -> dict[str, Any]:
        answer = said.get("answer")
        return {
            "question": self._text(number, "question", said.get("question"), self.questions),
            "answer": None if answer is None else self._text(number, "answer", answer, self.answers),
        }

    def _text(self, number: int, field: str, index: Any, pool: list[str]) -> str:
        if type(index) is not int or not 0 <= index < len(pool):
            raise self._fault(
                "unknown text",
                field,
                index,
                f"round {number}: {field} {index!r} is no place in the pool of {len(pool):,} {field}s",
            )
        return pool[index]

    def _ranking(self, number: int, said: dict[str, Any], turn: dict[str, Any]) -> dict[str, Any]:
        options, gold = said.get("answer_options"), said.get("gt_index")
        if options is None:
            if gold is not None:
                raise self._fault("wrong options", "gt_index", gold, f"round {number}: a gt_index, but no options")
            return {"answer_options": None, "gt_index": None, "relevance": None}
        if not isinstance(options, list) or len(options) != OPTIONS:
            found = len(options) if isinstance(options, list) else type(options).__name__
            raise self._fault(
                "wrong options",
                "answer_options",
                found,
                f"round {number}: {found} answer options where there should be 100",
            )
        try:
            odd = self._may_be_odd and (min(options) < 0 or bool in map(type, options))
            texts = [] if odd else list(itemgetter(*options)(self.answers))
        except (IndexError, TypeError):
            texts = []
        if not texts:
            wrong = next((o for o in options if type(o) is not int or not 0 <= o < len(self.answers)), options)
            self._text(number, "answer", wrong, self.answers)
        if gold is not None or turn["answer"] is not None:
            right = type(gold) is int and 0 <= gold < OPTIONS
            if not right or options[gold] != said.get("answer"):
                at = f"option {gold} is {texts[gold]!r}" if right else "it is no place among the 100 options"
                raise self._fault(
                    "wrong gt_index",
                    "gt_index",
                    gold,
                    f"round {number}: gt_index {gold!r} should lead to the answer {turn['answer']!r}, but {at}",
                )
        return {"answer_options": texts, "gt_index": gold, "relevance": None}

    def annotate(self, number: int, relevance: list[float]) -> None:
        """Add a dense annotation that is known to fit: of round `number`, from 1, how relevant each option is."""
        self.rankings[number - 1]["relevance"] = relevance

    def conversation(self) -> str:
        """As the original writes it, up to the last question."""
        told = [f"Q: {turn['question']}\nA: {turn['answer']}" for turn in self.turns[:-1]]
        return "\n\n".join([*told, f"Q: {self.turns[-1]['question']}"])

    def _fault(self, kind: str, field: str, value: Any, reason: str) -> Reject:
        return Reject(
            kind, field=field, value=value, reason=f"{self.place}: {reason}. Correct the file, or remove the dialogue"
        )


class Dense(NamedTuple):
    """One dense annotation: how relevant each option of a round is."""

    round: int
    """From 1."""
    relevance: list[float]
    place: str


def dense_annotations(content: bytes, place: str) -> Iterator[tuple[int, Dense] | str]:
    """(image_id, annotation) for each one of a dense annotations file, or what is wrong with it.

    Raises:
        ValueError: the file is none.
    """
    listed = from_json(content)
    if not isinstance(listed, list):
        raise ValueError("a list of annotations is wanted, each with image_id, round_id and gt_relevance")
    for number, one in enumerate(listed):
        at = f"{place}: annotation {number}"
        said = one if isinstance(one, dict) else {}
        relevance = said.get("gt_relevance", said.get("relevance"))
        image_id, round_id = said.get("image_id"), said.get("round_id")
        if not isinstance(relevance, list) or not all(type(r) in (int, float) and 0 <= r <= 1 for r in relevance):
            yield f"{at} has no gt_relevance (or relevance) of numbers from 0 to 1"
        elif len(relevance) != OPTIONS:
            yield f"{at} is of {len(relevance)} options where there should be {OPTIONS}"
        elif type(image_id) is not int or type(round_id) is not int:
            yield f"{at}: image_id {image_id!r} and round_id {round_id!r} must be whole numbers"
        else:
            yield image_id, Dense(round_id, [float(r) for r in relevance], at)


def misfits(dialogue: bytes, place: str, annotated: Sequence[Dense]) -> dict[str, str]:
    """Which annotations of a dialogue do not fit it: place → why. Those of a dialogue that is itself broken all fit."""
    try:
        rounds = [one.get("answer_options") for one in from_json(dialogue)["dialog"]]
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}
    wrong = {}
    for one in annotated:
        others = [o.place for o in annotated if o.round == one.round and o.relevance != one.relevance]
        if not 1 <= one.round <= len(rounds):
            wrong[one.place] = f"{one.place} is of round {one.round}, but {place} has {len(rounds)} rounds"
        elif rounds[one.round - 1] is None:
            wrong[one.place] = f"{one.place} is of round {one.round}, which in {place} has no answer options"
        elif others:
            wrong[one.place] = f"{one.place} and {others[0]} are of round {one.round} of {place} and differ"
    return wrong

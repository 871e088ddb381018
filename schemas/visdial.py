"""Visual dialogues: questions and answers about a picture, VisDial v1.0."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from .base import Group, Id, Image, Part, Picture, Record


class DialogueTurn(Part):
    """One round: a question about the picture and what a person answered."""

    question: str
    answer: str | None = None
    """Null in the test split."""


class DialogueRanking(Part):
    """What a model ranks in one round."""

    answer_options: list[str] | None = None
    """The 100 answers to choose from; null where the source has none (the test split, but for the last round)."""
    gt_index: int | None = None
    """Which of them is the person's, from 0."""
    relevance: list[float] | None = None
    """Of each option, 0 to 1: the share of annotators who found it right. Of one round a dialogue, where annotated."""


class VisualDialogue(Record):
    """One picture, its caption, and ten rounds of questions and answers about it."""

    id: Annotated[str, Id()]
    """`{train|val|test}/{image_id}`."""
    image: Annotated[Picture, Image()] | None = None
    """Null in a build of the config text_only."""
    image_id: Annotated[int, Group()]
    """COCO's number of the picture."""
    image_file: str | None = None
    """Its official file name; null where the picture is not there and the name could be one of two (train)."""
    caption: str
    """Known to both speakers before the first question."""
    conversation: str
    """All rounds as the original writes them, up to the last question, without its answer: `Q: …\\nA: …\\n\\nQ: …`."""
    response: str | None = None
    """The answer to that last question; null in the test split."""
    turns: list[DialogueTurn]
    rankings: list[DialogueRanking]
    """As many as turns, in their order. A column of its own, for it is most of the bytes and few need it."""


class ReasonedAnswer(BaseModel):
    """A model's answer to the last question of a dialogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reasoning: Annotated[str, Field(min_length=1)]
    """What in the picture and the dialogue the answer rests on."""
    answer: Annotated[str, Field(min_length=1)]
    """In the words that a person would say it in: short."""

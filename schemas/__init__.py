"""One pydantic model a corpus. Import as `from mmdata.schemas import SkinLesion`."""

from .base import Group, Id, Image, Label, Part, Picture, Record
from .character_style import StyleAnswer, StyledCharacter, Trait
from .skin import AcneLesion, Box, SkinLesion
from .visdial import DialogueRanking, DialogueTurn, ReasonedAnswer, VisualDialogue

__all__ = [
    "AcneLesion",
    "Box",
    "DialogueRanking",
    "DialogueTurn",
    "Group",
    "Id",
    "Image",
    "Label",
    "Part",
    "Picture",
    "ReasonedAnswer",
    "Record",
    "SkinLesion",
    "StyleAnswer",
    "StyledCharacter",
    "Trait",
    "VisualDialogue",
]

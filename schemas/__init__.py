"""One pydantic model a corpus. Import as `from mmdata.schemas import SkinLesion`."""

from .aac import (
    AacCard,
    AacContext,
    AacItem,
    AacPersona,
    CardCluster,
    CardCombination,
    CardVector,
    ClusterTopics,
    InterpretationsAnswer,
    PersonaEntry,
    PersonaPreference,
    SituationAnswer,
    TopicsAnswer,
)
from .base import Group, Id, Image, Label, Part, Picture, Record
from .character_style import StyleAnswer, StyledCharacter, Trait
from .fashion import CustomerInstruction, Outfit, OutfitAdvice, StylistAnswer
from .skin import AcneLesion, Box, SkinLesion
from .visdial import DialogueRanking, DialogueTurn, ReasonedAnswer, VisualDialogue

__all__ = [
    "AacCard",
    "AacContext",
    "AacItem",
    "AacPersona",
    "AcneLesion",
    "Box",
    "CardCluster",
    "CardCombination",
    "CardVector",
    "ClusterTopics",
    "CustomerInstruction",
    "DialogueRanking",
    "DialogueTurn",
    "Group",
    "Id",
    "Image",
    "InterpretationsAnswer",
    "Label",
    "Outfit",
    "OutfitAdvice",
    "Part",
    "PersonaEntry",
    "PersonaPreference",
    "Picture",
    "ReasonedAnswer",
    "Record",
    "SituationAnswer",
    "SkinLesion",
    "StyleAnswer",
    "StyledCharacter",
    "StylistAnswer",
    "TopicsAnswer",
    "Trait",
    "VisualDialogue",
]

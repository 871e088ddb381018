"""Character style: pictures of people, photographed or drawn, with their style of dress and their air."""

import re
import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from .base import Group, Id, Image, Label, Part, Picture, Record

WORN = re.compile(
    r"\b(?:apron|blazer|blouse|boot|cardigan|clothe|clothing|coat|denim|dress|gown|heel|hoodie|jacket|jean|jersey|"
    r"legging|loafer|outfit|pants|pullover|sandal|scarf|shirt|shoe|shorts|skirt|sneaker|suit|sweater|sweatshirt|"
    r"trousers|turtleneck|uniform|vest)(?:e?s)?\b",
    re.IGNORECASE,
)
"""What a trait of a person does not speak of: what is worn is said by the style."""


class Trait(Part):
    """One named thing that a record says of its person: `관심사`, `hairColor`."""

    name: str
    value: str


class StyledCharacter(Record):
    """One picture of one person."""

    id: Annotated[str, Id()]
    """The record's own; where it has none, its picture's path in the source."""
    image: Annotated[Picture, Image()]
    style: Annotated[str | None, Label()] = None
    """Of dress: `fashion_style` by the merge table of labels.yaml. Null where the record says none."""
    vibe: Annotated[str | None, Label()] = None
    """The air about the person: `vibe_category`, merged likewise."""
    shot: Annotated[str | None, Label()] = None
    """How the picture was taken: `shot_type`, merged likewise."""
    quality: Annotated[str | None, Label()] = None
    """Of the picture: `visual_quality`."""

    # What the record said before the merge.
    style_original: str | None = None
    vibe_original: str | None = None
    shot_original: str | None = None
    quality_original: str | None = None

    physical_features: list[str] = Field(default_factory=list)
    """Of the person, not of what is worn: `long dark hair`."""
    caption: str | None = None
    identity: Annotated[str | None, Group()] = None
    """The person, `identity_e1cda0a1`, who is in one split only. Null where the record does not say."""
    profile: list[Trait] = Field(default_factory=list)
    """`profile_info`: Gender, Age, MBTI, 관심사 and others, in the record's order."""
    generated: str | None = None
    """When the record was made, as it says itself."""

    # Of drawn characters, which have no style of the kind above.
    artwork: Annotated[str | None, Label()] = None
    """The drawing style: `character_style` of the record."""
    garment: str | None = None
    """What is drawn as worn: `fashion_style` of a drawn character, such as `turtleNeck`."""
    attributes: list[Trait] = Field(default_factory=list)
    """The drawing's own options."""
    title: str | None = None
    designer: str | None = None
    licence: str | None = None
    """Title, designer and licence of the artwork: to be named wherever it is shown."""


def _english(text: str) -> str:
    foreign = next((c for c in text if c.isalpha() and "LATIN" not in unicodedata.name(c, "")), None)
    if foreign:
        raise ValueError(f"must be English, without {foreign!r}")
    return text


def _not_worn(text: str) -> str:
    if worn := WORN.search(text):
        raise ValueError(f"must be a trait of the person, not clothing ({worn[0]!r})")
    return text


English = Annotated[str, Field(min_length=1), AfterValidator(_english)]


class StyleAnswer(Part):
    """What a model says of a picture: one class each of style, shot and quality; 3 to 5 traits; a caption."""

    fashion_style: Annotated[
        Literal[
            "Casual_Basic",
            "Street_Hip",
            "Sporty_Athleisure",
            "Chic_Modern",
            "Classy_Elegant",
            "Dandy_Minimal",
            "Feminine_Romantic",
        ],
        Label("style"),
    ]
    shot_type: Annotated[
        Literal["Selfie_CloseUp", "Mirrored_Selfie", "Others_Cam", "FullBody_Shot", "Portrait_OtherTaken"],
        Label("shot"),
    ]
    visual_quality: Annotated[Literal["High", "Medium", "Low"], Label("quality")]
    physical_features: list[Annotated[English, AfterValidator(_not_worn)]] = Field(min_length=3, max_length=5)
    """Traits of the person, in English."""
    caption: English

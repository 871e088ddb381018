"""AAC: combinations of pictogram cards, who lays them, in what situation, and what is meant by them."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from .base import Group, Id, Image, Part, Picture, Record


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


Said = Annotated[str, Field(min_length=1), AfterValidator(_said)]
"""A text with something in it."""
Shared = Annotated[Picture, Image(shared=True)]
"""A card's picture, which is in many rows by nature."""
Origin = Literal["arasaac", "mulberry", "openmoji", "obf", "own"]
"""Where a card is from; `own`: its record names author and licence itself, or they are not known."""


def _unspaced(value: object) -> object:
    return re.sub(r"\s", "", value) if isinstance(value, str) else value


class AacPersona(Part):
    """Who lays the cards: the `persona` of the original's files."""

    age: Literal["adolescent", "adult"]
    gender: Said
    disability_type: Annotated[Literal["지적장애", "자폐스펙트럼장애", "의사소통장애"], BeforeValidator(_unspaced)]
    """Also written with spaces (`지적 장애`)."""
    communication_characteristics: Said
    """How the person speaks and understands."""
    selection_complexity: Literal["simple", "moderate", "complex"]
    """How many cards are laid at once: 1–2, 1–3, 2–4."""
    preferred_category_types: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list)
    """Numbers of preferred clusters. Where a file gives none, those that the step `preferences` found."""
    interesting_topics: list[Said] = Field(min_length=1)


class AacContext(Part):
    """The situation in which cards are laid; empty or null where nobody wrote it yet."""

    time: str | None = None
    place: str | None = None
    interaction_partner: str | None = None
    current_activity: str | None = None


class AacItem(Record):
    """One combination of cards, laid by one person."""

    id: Annotated[str, Id()]
    """`{persona_id}/{number from 0001}`; of an imported item, its own id."""
    cards: list[Shared] = Field(min_length=1)
    """In the order in which they are laid."""
    card_ids: list[str]
    """`{number}_{keyword}`, the original's file names without .png."""
    keywords: list[str]
    sources: list[Origin]
    """Of each card."""
    attributions: list[str]
    """Author and licence of these cards, each once: to be named wherever they are shown."""
    persona_id: str
    """As in the personas' file; of an imported item, a digest of its persona, for its file names none."""
    persona: AacPersona
    group: Annotated[str, Group()]
    """What is in one split only: the persona, or the set of cards. The config says which."""
    clusters: list[int] | None = None
    """Of each card. Null in an imported item."""
    preferred: bool | None = None
    """Whether these cards are of the persona's preferred clusters. Null in an imported item."""

    # What comes with the source; null where nobody wrote it yet, for models to write.
    context: AacContext | None = None
    past_interpretation: str | None = None
    output: list[str] | None = None
    """Three interpretations: most likely, alternative, creative."""


# The tables of the steps.


class AacCard(Record):
    """A pictogram and what it stands for."""

    id: Annotated[str, Id()]
    """`{number}_{keyword}`."""
    image: Shared
    """On white: what has transparency is laid upon it, for black lines on nothing would become black on black."""
    keyword: str
    """May be empty where cards are not filtered."""
    keywords: list[str] = Field(default_factory=list)
    """Other words for it."""
    categories: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    source: Origin
    attribution: str
    place: str
    """Its file, and for a card of a board its button."""
    excluded: str = ""
    """Why it is left out where cards are filtered; "" where nothing is said against it."""


class CardVector(Record):
    """Where a card lies among the others: the mean of its picture's and its keyword's vector."""

    id: Annotated[str, Id()]
    vector: list[float]


class CardCluster(Record):
    """Cards that lie near each other."""

    id: Annotated[str, Id()]
    number: int
    card_ids: list[str]
    """From the nearest to the centre to the farthest."""
    keywords: list[str]
    """Of the medoids."""
    medoids: list[Shared]
    """The three cards nearest to the centre."""


class ClusterTopics(Record):
    """What a cluster is about."""

    id: Annotated[str, Id()]
    number: int
    topics: list[str]


class PersonaEntry(Record):
    """One person of a personas' file."""

    id: Annotated[str, Id()]
    persona: AacPersona
    items: Annotated[int, Field(ge=1)] | None = None
    """How many combinations; null: as many as the config says."""


class PersonaPreference(Record):
    """Which clusters a persona prefers. Holds all of the persona that its combinations hang on."""

    id: Annotated[str, Id()]
    """The persona's."""
    selection_complexity: Literal["simple", "moderate", "complex"]
    items: int
    clusters: list[int]
    """The most similar first, or as the persona's file gives them."""
    similarities: list[float]
    """Of each; empty where the file gave the clusters."""
    reached: int
    """How many of them are as similar as is asked for. The others are the nearest below, taken to have enough cards."""


class CardCombination(Record):
    """Cards that a persona lays together."""

    id: Annotated[str, Id()]
    persona_id: str
    card_ids: list[str]
    clusters: list[int]
    preferred: bool
    size_drawn: int
    """How many cards were to be laid. Others than these are laid where no combination of so many was left."""


# What models answer.


class TopicsAnswer(BaseModel):
    """What a cluster of cards is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topics: list[Said] = Field(min_length=1, max_length=3)


class SituationAnswer(BaseModel):
    """A situation of daily life in which somebody lays these cards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time: Said
    """Such as 오후 3시, 점심시간."""
    place: Said
    interaction_partner: Said
    current_activity: Said


class InterpretationsAnswer(BaseModel):
    """Three things that the same cards may mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    most_likely: Said
    alternative: Said
    creative: Said

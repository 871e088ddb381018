"""Fashion: an item of a shop, a season it is worn in, a question about it, and what goes with it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from .base import Group, Id, Image, Label, Part, Picture, Record


class Outfit(Part):
    """What is recommended, by category: names of sub-categories, sorted. Empty where nothing is."""

    상의: list[str] = Field(default_factory=list)
    아우터: list[str] = Field(default_factory=list)
    하의: list[str] = Field(default_factory=list)
    신발: list[str] = Field(default_factory=list)


class OutfitAdvice(Record):
    """One question about one item in one season, with its answer."""

    id: Annotated[str, Id()]
    """`{item_id}/{season}`."""
    image: Annotated[Picture, Image()]
    item_id: Annotated[str, Group()]
    """The catalogue's `image_id`; styles.csv's `id`. In one split only, with all its seasons."""
    season: Annotated[str, Label(several=True)]
    """That is asked for; one of those the item is worn in."""
    category: Annotated[str, Label()]
    sub_category: str
    """In the one spelling that the filter's entries have too."""
    sub_category_original: str
    """As the catalogue spells it."""
    seasons: list[str]
    """All that the item is worn in, those first that it has rows for."""

    color: str | None = None
    style: str | None = None
    """Of clothes; `usage` of styles.csv. Shoes have neither style nor fit."""
    fit: str | None = None
    gender: str | None = None
    """Of styles.csv."""
    goods_name: str | None = None
    brand: str | None = None
    normal_price: int | None = None
    """In won, before reductions."""
    price: int | None = None
    sold_out: bool | None = None
    """When the catalogue was made."""
    goods_url: str | None = None
    thumbnail_url: str | None = None
    """Without user, password and signature."""
    s3_path: str | None = None
    """Where the original kept the picture."""

    instruction: str
    """In a customer's words, from a template; no recommendation is in it."""
    answer: str
    """The recommendation as a sentence."""
    recommend: Outfit
    """By rule: nothing of the item's own category, no 아우터 in 여름, else some of the filter's for the season."""


class CustomerInstruction(BaseModel):
    """A model's wording of a row's instruction. It was not shown what the answer is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instruction: Annotated[str, Field(min_length=1)]
    """One question or wish, in Korean, as a customer would say it."""


class StylistAnswer(BaseModel):
    """A model's wording of a row's answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: Annotated[str, Field(min_length=1)]
    """Two or three sentences, in Korean, that name what is recommended and say why it goes together."""

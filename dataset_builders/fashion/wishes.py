"""What a customer may wish of a recommendation, and what a model must answer."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mmdata.labels import LabelMap, read_label_maps
from mmdata.schemas import Outfit

from .facts import CATEGORIES
from .palettes import Palettes

_HOME = Path(__file__).parent
LABELS = read_label_maps(_HOME / "labels.yaml")
PALETTES = Palettes(_HOME / "palettes.yaml")
SEASONS = tuple(LABELS["season"].names)


def _meant(names: LabelMap | Palettes) -> BeforeValidator:
    """Takes other spellings, English ones too."""
    return BeforeValidator(lambda said: (names.named(said) or said) if isinstance(said, str) else said)


Season = Annotated[Literal[SEASONS], _meant(LABELS["season"])]  # type: ignore[valid-type]
Category = Annotated[Literal[CATEGORIES], _meant(LABELS["category"])]  # type: ignore[valid-type]
PaletteName = Annotated[Literal[tuple(PALETTES.names)], _meant(PALETTES)]  # type: ignore[misc]


def _said(title: str, about: str, hint: str, default: Any = None, **limits: Any) -> Any:
    """A field of a form, whose title and hint are Korean on a Korean page."""
    return Field(default, description=about, json_schema_extra={"x-ko": title, "x-ko-hint": hint}, **limits)


class Wish(BaseModel):
    """What a customer may ask for beside the picture. Nothing of it must be said."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    season: Season | None = _said("계절", "The outfits are for; else the model chooses.", "비우면 모델이 고릅니다.")
    category: Category | None = _said(
        "사진 속 상품의 카테고리",
        "Of the item in the picture; else the model looks.",
        "비우면 모델이 사진을 보고 정합니다.",
    )
    palette: PaletteName | None = _said("색조", "The colours that all items have.", "모든 상품이 이 색조입니다.")
    style: str | None = _said(
        "스타일", "That is preferred, such as 캐주얼.", "캐주얼처럼. 있으면 먼저 고릅니다.", max_length=40
    )
    gender: str | None = _said(
        "성별", "Items for another are left out, if they say so.", "다른 성별이라고 적힌 상품을 뺍니다.", max_length=40
    )
    in_stock: bool = _said("품절 제외", "Leave out what is known to be sold out.", "품절로 알려진 상품을 뺍니다.", True)
    max_total: int | None = _said(
        "총액", "Won that an outfit may cost, without the item itself.", "사진 속 상품을 뺀 코디의 값, 원.", ge=0
    )
    outfits: int = _said("코디 수", "How many, at most.", "많아야 이만큼 만듭니다.", 3, ge=1, le=10)


class Advice(BaseModel):
    """A model's answer."""

    model_config = ConfigDict(frozen=True)

    season: Season
    """That it recommends for."""
    category: Category
    """Of the item in the picture."""
    answer: str = Field(min_length=1, max_length=1000)
    recommend: Outfit

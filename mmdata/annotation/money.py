"""What a call will cost, before it is made: tokens by the model's own rule, prices by a table that a user can correct."""

import math
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import AnnotationError
from ..strict import explain, parse_yaml, read_text

TILES = {  # (for the picture, for each tile of 512 × 512)
    "gpt-4o-mini": (2833, 5667), "gpt-4o": (85, 170), "gpt-4.1": (85, 170), "gpt-4.5": (85, 170),
    "gpt-5": (70, 140), "o1": (75, 150), "o3": (75, 150),
}  # fmt: skip
PATCHES = {  # tokens for each patch of 32 × 32, of which there are at most 1,536
    "gpt-4.1-mini": 1.62, "gpt-4.1-nano": 2.46, "o4-mini": 1.72, "gpt-5-mini": 1.2, "gpt-5-nano": 1.5,
}  # fmt: skip
"""OpenAI's images-and-vision guide; the two gpt-5 factors as measured by users on the API in 2026
(the guide's 1.62 and 2.46 overstate them). A model's rule is that of the longest name it begins with."""
ELSE_TOKENS_A_PIXEL = 1 / (28 * 28)
"""Any other model: one token for 28 × 28 pixels, as Qwen2.5-VL has it."""
BATCH_FACTOR = 0.5
MILLION = 1_000_000


class Price(BaseModel):
    """US dollars for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float
    output: float

    def of(self, tokens_in: float, tokens_out: float) -> float:
        """US dollars."""
        return (self.input * tokens_in + self.output * tokens_out) / MILLION


@dataclass
class Purse:
    """What has been spent, what is on its way, and how much may be. In US dollars."""

    price: Price | None
    budget: float | None = None
    spent: float = 0.0
    """All answers under the prompt, of earlier runs too, so that a run taken up again keeps to its budget."""
    promised: float = 0.0

    def may_promise(self, cost: float) -> bool:
        """Whether a call of about this cost still fits; if so it is set aside."""
        if self.budget is not None and self.spent + self.promised + cost > self.budget:
            return False
        self.promised += cost
        return True

    def settle(self, promised: float, cost: float | None) -> None:
        self.promised -= promised
        self.spent += cost or 0.0


def price_of(model: str, folder: Path) -> Price | None:
    """The price in the corpus's prices.yaml (`model: {input: USD, output: USD}` a million tokens), else
    that of the genai-prices package, else None.

    Raises:
        AnnotationError: prices.yaml is wrong.
    """
    path = folder / "prices.yaml"
    if path.exists():
        table = parse_yaml(read_text(path), str(path))
        if isinstance(table, dict) and model in table:
            try:
                return Price.model_validate(table[model])
            except ValidationError as error:
                raise AnnotationError(f"{path}: {model}: {explain(error)}") from None
    from genai_prices import Usage, calc_price

    try:
        into, out = (
            calc_price(Usage(**{f"{kind}_tokens": MILLION}), model_ref=model, provider_id="openai").total_price
            for kind in ("input", "output")
        )
    except LookupError:
        return None
    return Price(input=float(into), output=float(out))


def text_tokens(text: str) -> int:
    """About: four ASCII letters a token, 0.7 tokens for any other (Korean in o200k_base)."""
    plain = sum(c.isascii() for c in text)
    return math.ceil(plain / 4 + 0.7 * (len(text) - plain))


def picture_tokens(model: str, width: int, height: int) -> int:
    """By the model's own rule.

    Tiles: fit into 2048 × 2048, shortest side to 768, count tiles of 512. Patches: count those of
    32 × 32, scaled down to 1,536 of them. Never enlarged.
    """
    name = model.rsplit("/", 1)[-1].lower()
    rule = max((known for known in (*TILES, *PATCHES) if name.startswith(known)), key=len, default=None)
    if rule in PATCHES:
        patches = math.ceil(width / 32) * math.ceil(height / 32)
        return math.ceil(min(patches, 1536) * PATCHES[rule])
    if rule in TILES:
        scale = min(1.0, 2048 / max(width, height))
        scale = min(scale, 768 / min(width, height))
        tiles = math.ceil(round(width * scale) / 512) * math.ceil(round(height * scale) / 512)
        base, each = TILES[rule]
        return base + each * tiles
    return math.ceil(width * height * ELSE_TOKENS_A_PIXEL)

"""What a build or a check noticed."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from .names import printable

PLACES_KEPT = 5


class Finding(BaseModel):
    """One thing that a person should know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Literal["warning", "error"]
    check: str
    """Which check found it, such as "leak"."""
    message: str
    places: list[str] = []
    """Where, the first few."""
    count: int = 1
    """How many times."""

    @classmethod
    def warning(cls, check: str, message: str, places: Sequence[str] = (), count: int = 1) -> "Finding":
        return cls(level="warning", check=check, message=message, places=_shown(places), count=count)

    @classmethod
    def error(cls, check: str, message: str, places: Sequence[str] = (), count: int = 1) -> "Finding":
        return cls(level="error", check=check, message=message, places=_shown(places), count=count)


def _shown(places: Sequence[str]) -> list[str]:
    return [printable(p) for p in places[:PLACES_KEPT]]

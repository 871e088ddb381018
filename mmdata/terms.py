"""terms.yaml: foreign words and what to write instead, and those that may stay."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import CorpusError
from .strict import explain, parse_yaml, read_text


class Terms(BaseModel):
    """A corpus's term map."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    replace: dict[str, str | None] = {}
    """Foreign word or phrase → what to write instead; null until a person fills it in."""
    keep: list[str] = []
    """Units, names and abbreviations that may stay, such as cm or IGA. Any case."""


def read_terms(folder: Path) -> Terms:
    """A corpus folder's terms.yaml, or an empty map.

    Raises:
        CorpusError: it is no such map, contradicts itself, or would change what it wrote.
    """
    from .fixing.wording import Wording

    path = folder / "terms.yaml"
    if not path.exists():
        return Terms()
    raw = parse_yaml(read_text(path), str(path)) or {}
    if isinstance(raw, dict):  # `replace:` with nothing below it yet.
        raw = {name: part for name, part in raw.items() if part is not None}
    try:
        terms = Terms.model_validate(raw)
    except ValidationError as error:
        raise CorpusError(f"{path}: {explain(error)}") from None
    Wording(terms, str(path))
    return terms

"""What a corpus's card says of its licence, and what may therefore be published."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from ..corpus import Corpus
from ..errors import CorpusError
from ..strict import explain

Thing = Literal["rows", "images"]
NEEDS = {
    "by": "the source must be named",
    "nc": "not for commercial use",
    "sa": "what is made from it must carry the same licence",
    "nd": "no changed copies may be passed on",
}
"""Part of a Creative Commons id → what it means."""
WORDS = {
    "cc0-1.0": [],
    "mit": [NEEDS["by"]],
    "apache-2.0": [NEEDS["by"]],
    "bsd-3-clause": [NEEDS["by"]],
    "cdla-permissive-1.0": [NEEDS["by"]],
    "cdla-permissive-2.0": [],
    "cdla-sharing-1.0": [NEEDS["by"], NEEDS["sa"]],
    "odc-by": [NEEDS["by"]],
    "odbl": [NEEDS["by"], NEEDS["sa"]],
}
"""Ids of other licences, as the Hub spells them."""


class Licence(BaseModel):
    """The keys of a card's front matter that say what may be done with the data."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    license: tuple[str, ...] = ()
    """Ids as the Hub spells them, such as cc-by-nc-sa-4.0; mostly one."""
    license_name: str | None = None
    license_link: str | None = None
    may_redistribute: tuple[Thing, ...] | None = None
    """What may be passed on to anybody; empty: neither. None: the card does not say, so neither."""
    attribution: str | None = None
    """One line to be printed wherever the data is shown."""

    @field_validator("license", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        if value is None:
            return ()
        return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value

    @field_validator("may_redistribute", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("attribution")
    @classmethod
    def _on_one_line(cls, value: str | None) -> str | None:
        return " ".join(value.split()) or None if value else None

    @property
    def name(self) -> str:
        """What it is called: its own name, else its id."""
        return self.license_name or ", ".join(self.license) or "no licence"

    @property
    def words(self) -> list[str]:
        """What a known licence asks for, each in a few words; of several licences, all of it."""
        return list(dict.fromkeys(word for one in self.license for word in _words(one)))

    def allows(self, thing: Thing) -> bool:
        """Whether anybody may be given it."""
        return thing in (self.may_redistribute or ())

    def refusal(self, corpus: str, *, pictures: bool = True) -> str | None:
        """Why whole rows may not be made public, and what to do; None where they may.

        Args:
            corpus: its name.
            pictures: whether the rows hold any.
        """
        wanted: list[Thing] = ["rows", "images"] if pictures else ["rows"]
        forbidden = [thing for thing in wanted if not self.allows(thing)]
        if not forbidden:
            return None
        what = " and ".join({"rows": "rows", "images": "pictures"}[thing] for thing in forbidden)
        if self.may_redistribute is None:
            why = f"its README.md does not say that its licence ({self.name}) allows it"
        else:
            said = f"[{', '.join(self.may_redistribute)}]"
            why = f"its licence is {self.name}, and its README.md says `may_redistribute: {said}`"
        return (
            f"{corpus}: the {what} may not be made public: {why}. Push to a private repository (--private), or only ids, "
            "hashes, labels and answers (--annotations-only); if the licence allows it, put "
            f"`may_redistribute: [{', '.join(wanted)}]` into README.md"
        )


def licence_of(corpus: Corpus) -> Licence:
    """What the card says. Raises CorpusError naming a key that will not do, and what it may be."""
    said = {key: corpus.card[key] for key in Licence.model_fields if key in corpus.card}
    try:
        return Licence.model_validate(said)
    except ValidationError as error:
        keys = {str(fault["loc"][0]) for fault in error.errors()}
        how = "; ".join(HOW[key] for key in Licence.model_fields if key in keys)
        raise CorpusError(f"{corpus.folder / 'README.md'}: {explain(error)}. Write {how}") from None


HOW = {
    "license": "`license:` as an id of the Hub's list, such as cc-by-4.0, or `other`",
    "license_name": "`license_name:` as one line of text",
    "license_link": "`license_link:` as an address",
    "may_redistribute": "`may_redistribute:` as a list of rows, images: [rows, images], [rows], or [] for neither",
    "attribution": "`attribution:` as one line of text",
}
"""Key → how to write it."""


def _words(licence: str) -> list[str]:
    one = licence.lower()
    if one.startswith("cc-"):
        return [NEEDS[part] for part in one.split("-") if part in NEEDS]
    return WORDS.get(one, [])

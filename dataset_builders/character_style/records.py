"""The generations of records that there are, and how each names its picture."""

import json
import posixpath
import re
import unicodedata
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from mmdata import Listing, Reject, SourceFile

from .views import KEYS

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
PERSON = re.compile(r"identity_(?:([0-9a-f]{6,}(?![^\W_])|[0-9a-f]+(?=[-_]\d+(?![^\W_])))|[^/.\s]+)", re.IGNORECASE)
"""The original's are hexadecimal, which the group is, with a picture's number behind; another name is taken whole."""
IMG = re.compile(r"<img>(.*?)</img>", re.S)
FENCE = re.compile(r"^\s*```(?:json)?\s*(.*?)\s*```\s*$", re.S)
"""What models like to put an object into."""


class _Loose(BaseModel):
    """A part of a record; it may hold more than is kept here."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


class Metadata(_Loose):
    """`image_metadata`."""

    fashion_style: str | None = None
    vibe_category: str | None = None
    shot_type: str | None = None
    visual_quality: str | None = None
    physical_features: list[str] | None = None
    caption: str | None = None
    # Of drawn characters.
    character_style: str | None = None
    attributes: dict[str, Any] | None = None
    style_title: str | None = None
    designer: str | None = None
    license: str | None = None


class Turn(_Loose):
    """One of `conversations`."""

    value: str | None = None


class Line(_Loose):
    """One line of a records file, of any generation."""

    id: str | None = None
    generation_timestamp: str | None = None
    image_path: str | None = None
    image_filename: str | None = None
    filename: str | None = None
    """Made of the row's number by the original's preprocessing: never asked for the picture."""
    identity: str | None = None
    image_metadata: Metadata | None = None
    profile_info: dict[str, Any] | None = None
    conversations: list[Turn] | None = None
    sha256: str | None = None

    @classmethod
    def parse(cls, line: bytes) -> "Line":
        """Raises Reject where it is no record."""
        try:
            return cls.model_validate_json(line.strip())
        except ValidationError as error:
            first = error.errors()[0]
        at = ".".join(map(str, first["loc"])) or "line"
        value = first["input"].decode("utf-8", "replace") if isinstance(first["input"], bytes) else first["input"]
        reason = f"{at}: {first['msg']}. Correct the line, or remove it"
        raise Reject("broken record", field=at, value=str(value).strip(), reason=reason)

    def digest(self) -> bytes:
        """Equal for two lines that say the same."""
        return sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).digest()

    @property
    def person(self) -> str | None:
        """What the field `identity` says, else `identity_…` wherever the record has it; one spelling a person."""
        if self.identity:
            said = unicodedata.normalize("NFC", self.identity.strip())
            return _person(said) or said
        return next(filter(None, map(_person, (self.id, *self.paths, self.image_filename))), None)

    @property
    def paths(self) -> list[str]:
        """Every path by which it names its picture."""
        inside = [path for turn in self.conversations or () for path in IMG.findall(turn.value or "")]
        return [clean for path in (self.image_path, *inside) if path and (clean := _clean(path))]

    def metadata(self) -> Metadata:
        """`image_metadata`, or the object that a turn of the conversation answers."""
        if self.image_metadata:
            return self.image_metadata
        for turn in self.conversations or ():
            try:
                return Metadata.model_validate_json(FENCE.sub(r"\1", IMG.sub("", turn.value or "")).strip())
            except ValidationError:
                continue
        return Metadata()

    def values(self) -> dict[str, Any]:
        """The row's columns, labels as they were said. A drawn character's `fashion_style` is a garment."""
        said = self.metadata()
        labels = {name: getattr(said, key) for name, key in KEYS.items()}
        garment = None
        if said.character_style is not None:
            garment, labels["style"] = labels["style"], None
        return {
            **labels,
            **{f"{name}_original": value for name, value in labels.items()},
            "physical_features": said.physical_features or [],
            "caption": said.caption,
            "identity": self.person,
            "profile": _traits(self.profile_info),
            "generated": self.generation_timestamp,
            "artwork": said.character_style,
            "garment": garment,
            "attributes": _traits(said.attributes),
            "title": said.style_title,
            "designer": said.designer,
            "licence": said.license,
        }


def pictures_of(said: Line, listing: Listing, folder: str) -> list[SourceFile]:
    """The files that may be a record's picture, by what it says of it; one, if all is well.

    A path is found beside the records, from the top of the source, or by its last folders; a bare name, or the id of a
    record without a path, in whatever folder. Where a path leads nowhere its last part is not looked for elsewhere:
    other people's folders may hold that name too.

    Args:
        folder: of the records file.

    Raises:
        Reject: the record names two pictures.
    """
    bare = _clean(said.image_filename or "")
    names = sorted({posixpath.basename(path) for path in (*said.paths, bare) if path})
    if len(names) > 1:
        named = ", ".join(names)
        reason = f"the record names more than one picture: {named}. A row has one: correct the record"
        raise Reject("two pictures", field="image", value=named, reason=reason)
    if names:
        (name,) = names
        found = [file for path in said.paths for file in _at(path, listing, folder)]
        if not said.paths:
            found = listing.named(name)
    else:
        stem = _clean(said.id or "")
        ends = [end for suffix in IMAGES for end in (suffix, suffix.upper())] if stem else []
        found = [file for end in ends for file in listing.named(stem + end)]
    return [file for _, file in sorted({file.path: file for file in found}.items())]


def the_one(pictures: list[SourceFile], said: Line) -> SourceFile:
    """The one picture of a record. Raises Reject where there is none, or more."""
    if len(pictures) == 1:
        return pictures[0]
    named = next(iter(said.paths), None) or said.image_filename or said.id
    if pictures:
        paths = ", ".join(file.path for file in pictures)
        reason = f"{named!r} may be any of {paths}. Give its path in the source as image_path, or remove the others"
    elif named:
        reason = f"the source has no picture {named!r}. Copy it there, or remove the record"
    else:
        reason = "the record names no picture. Give it an id, image_path or image_filename" + (
            f" (its filename {said.filename!r} counts rows, and is not used)" if said.filename else ""
        )
    kind = "ambiguous picture" if pictures else "no picture"
    raise Reject(kind, field="image", value=named or said.filename, reason=reason)


def _person(text: str | None) -> str | None:
    """Who is named in a text: hexadecimal in lower case, as NFC."""
    found = PERSON.search(unicodedata.normalize("NFC", text)) if text else None
    return found and (found[0].lower() if found[1] else found[0])


def _at(path: str, listing: Listing, folder: str) -> list[SourceFile]:
    for whole in (posixpath.join(folder, path), path):
        if file := listing.find(whole):
            return [file]
    return [
        file
        for file in listing.named(posixpath.basename(path))
        if f"/{file.path}".endswith(f"/{path}") or (file.folder and f"/{path}".endswith(f"/{file.path}"))
    ]


def _clean(path: str) -> str:
    """A path as a listing has it: no bucket, drive or leading dots, `/` between parts, NFC."""
    path = unicodedata.normalize("NFC", path.strip()).replace("\\", "/")
    path = re.sub(r"^(?:[A-Za-z][A-Za-z0-9+.-]+://[^/]*|[A-Za-z]:)/", "", path)
    return re.sub(r"^(?:\.{1,2}/)+", "", posixpath.normpath(path).lstrip("/")) if path else ""


def _traits(said: dict[str, Any] | None) -> list[dict[str, str]]:
    return [
        {"name": name, "value": value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}
        for name, value in (said or {}).items()
    ]

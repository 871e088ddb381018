"""What a client may ask: the fields of each form."""

import json
from contextlib import suppress
from typing import Annotated, Any, Self

from fastapi import UploadFile
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator

from ..errors import MmdataError
from ..searching.facts import Index
from ..searching.grammar import quoted
from ..searching.where import FilterError, parse

SHA256 = r"^[0-9a-f]{64}$"
Filter = Annotated[str, Field(max_length=2_000, pattern=r"^[^\u0000]*$")]
"""PostgreSQL knows no text with a zero in it."""
Words = Annotated[str, Field(max_length=2_000, pattern=r"^[^\u0000]*[^\s\u0000][^\u0000]*$")]
NEAREST = 100
"""Hits, at most."""
LETTERS = 40
"""Of a value in an example, at most."""


def _may(**said: Any) -> Any:
    """A field that may be left out, and is None then. It may not be said to be null: a form has no null."""
    return Field(default_factory=lambda: None, **said)


def _one_of(*names: str) -> dict[str, Any]:
    return {"oneOf": [{"required": [name]} for name in names]}


class Asked(BaseModel):
    """By a picture."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_one_of("image", "picture"))

    image: UploadFile = _may(description="A JPEG, PNG or WebP. Its name is not read.")
    picture: Annotated[str, Field(pattern=SHA256)] = _may(
        description="Or a picture of the corpus: the sha256 of its bytes, as hits have it."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        names = [name for name in ("image", "text", "picture") if name in type(self).model_fields]
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1:
            there = "both " * (len(given) > 1) + (" and ".join(given) or "none")
            raise ValueError(f"give exactly one of {', '.join(names)}; there is {there}")
        return self


class AskedAnyhow(Asked):
    """By a picture, or by words."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_one_of("image", "text", "picture"))

    text: Words = _may(
        description="Or words, where the index's model has any.", examples=["파란 여름 원피스", "a blue summer dress"]
    )


class Search(AskedAnyhow):
    """By a picture, or by words, among those that pass a filter."""

    where: Filter = _may()
    k: int = Field(10, ge=1, le=NEAREST, description="How many pictures, at most.")


class Wished(Asked):
    """By a picture, its neighbours and what the client wishes."""

    where: Filter = _may()
    k: int = Field(20, ge=1, le=NEAREST, description="How many neighbours are looked at.")
    wish: Any = _may()


def search_form(index: Index) -> type[Search]:
    """The form of a search in this index."""
    return create_model("SearchForm", __base__=Search, __doc__=Search.__doc__, where=_where(index))


def wish_form(index: Index, wish: type[BaseModel]) -> type[Wished]:
    """The form of a recommendation from this index."""
    wanted: Any = Annotated[wish, BeforeValidator(_json)], _may(description="What is wished for, as JSON.")
    return create_model("WishForm", __base__=Wished, __doc__=Wished.__doc__, where=_where(index), wish=wanted)


def multipart(*names: str) -> dict[str, Any]:
    """For OpenAPI: which kinds of content the parts of these names have."""
    kinds = {"image": "image/jpeg, image/png, image/webp", "wish": "application/json"}
    encoding = {name: {"contentType": kinds[name]} for name in names}
    return {"requestBody": {"content": {"multipart/form-data": {"encoding": encoding}}}}


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("it is no JSON") from None


def _where(index: Index) -> Any:
    columns = ", ".join(f"{column.name} ({column.kind})" for column in index.facts.askable)
    return Filter, _may(
        description="Only entries for which this holds: columns and values with =, !=, <, <=, >, >=, in, between, like, "
        f"is null, and, or, not. Columns: {columns}.",
        examples=_examples(index),
        json_schema_extra={"format": "where"},
    )


def _examples(index: Index) -> list[str]:
    """Filters that this index understands, of its first entry's values."""
    made: dict[str, str] = {}
    with suppress(OSError, MmdataError):  # Whether it answers, /ready says.
        for row in index.rows(limit=1):
            for column in index.facts.columns:
                value = row[column.name]
                one = value[0] if isinstance(value, list) and value else value
                if isinstance(one, str) and len(one) <= LETTERS:
                    made.setdefault(column.kind, f"{quoted(column.name)} = {_literal(one)}")
                elif isinstance(one, int | float) and not isinstance(one, bool):
                    made.setdefault("number", f"{quoted(column.name)} <= {one}")
    return [one for one in made.values() if _is_filter(one, index)] or ["id is not null"]


def _is_filter(text: str, index: Index) -> bool:
    """A column may be called as a word of SQL is."""
    try:
        return bool(parse(text, index.facts.askable))
    except FilterError:
        return False


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

"""`--where`: rows by what their fields hold, in the grammar of searching/where.py."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from .errors import AnnotationError, MmdataError
from .reading import Release

if TYPE_CHECKING:
    from .searching.facts import Kind

INDEX = ("split", "id", "place")
"""Texts that each row has beside its fields."""


def ids_where(release: Release, expression: str) -> Iterator[str]:
    """Ids of the rows for which the expression holds, such as "label = '건선' and view = '정면'".

    It may name split, id, place and every field but pictures; of a field that is neither text nor number, nor a list of
    texts, it may ask whether it is null.

    Raises:
        AnnotationError: it is no expression, or compares a field with what it cannot be.
    """
    from .searching.facts import Column
    from .searching.where import parse

    fields = {name: kind for name, kind in _kinds(release).items() if name not in INDEX}
    columns = [Column(name=name, kind="text") for name in INDEX]
    columns += [Column(name=name, kind=kind) for name, kind in fields.items()]
    try:
        where = parse(expression, columns)
    except MmdataError as error:
        raise AnnotationError(f"--{error}") from None
    rows = pl.DataFrame(pl.from_arrow(release.table([name for name in fields if name in where.names])))
    yield from rows.filter(where.polars)["id"]


def _kinds(release: Release) -> "dict[str, Kind]":
    """Of every field but pictures, what its values are to a filter: a label is its class's name."""
    dtypes = {feature["name"]: feature.get("dtype") for feature in release.manifest.features}
    of_lists = {feature["name"]: feature.get("list") for feature in release.manifest.features}
    found: dict[str, Kind] = {}
    for name, kind in release.kinds.items():
        if kind == "number":
            dtype = str(dtypes[name])
            found[name] = "flag" if dtype == "bool" else "real" if dtype.startswith("float") else "whole"
        elif kind in ("label", "text"):
            found[name] = "text"
        elif kind == "other":
            found[name] = "texts" if of_lists[name] in ("string", "large_string") else "other"
    return found

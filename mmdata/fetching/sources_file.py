"""A corpus's sources.yaml: the files its source consists of."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import CorpusError
from ..strict import explain, parse_yaml, read_text
from .addresses import address, key_of_url
from .faults import Refused
from .names import Names, name_fault
from .wanted import ARCHIVES, FETCHED, Wanted, kind_of

SOURCES = "sources.yaml"


class Listed(BaseModel):
    """One file of sources.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    url: str
    name: str
    """The local file's, below source/. By its ending its content is checked; an archive becomes a folder."""
    bytes: Annotated[int, Field(ge=0)] | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    split: str | None = None
    """The split it is for; without one, it is for all."""


def read_sources(folder: Path) -> list[Listed]:
    """The corpus's sources.yaml.

    Raises:
        CorpusError: there is none, or something in it is wrong.
    """
    path = folder / SOURCES
    if not path.exists():
        raise CorpusError(
            f"{folder} has no {SOURCES}, which lists what to fetch: a list of `url`, `name` and, where known, "
            "`bytes`, `sha256`, `split`. Or give a column of URLs: --urls FILE:COLUMN"
        )
    value = parse_yaml(read_text(path), str(path))
    if not isinstance(value, list) or not value:
        raise CorpusError(f"{path}: a list of files is wanted, as `- {{url: https://…, name: train.zip}}`")
    listed = []
    for number, one in enumerate(value, 1):
        try:
            listed.append(Listed.model_validate(one))
        except ValidationError as error:
            known = ", ".join(Listed.model_fields)
            raise CorpusError(
                f"{path}, file {number}: {explain(error)}. Correct it; a file may have: {known}"
            ) from None
    names = Names()
    for one in listed:
        fault = name_fault(one.name)
        if fault or one.name.startswith(".") or one.name == FETCHED:
            why = fault or "it is kept for mmdata itself"
            raise CorpusError(f"{path}: the name {one.name!r} will not do: {why}. Name it as train.zip or images/a.jpg")
        places = [one.name, folder_of(one.name)] if is_archive(one.name) else [one.name]
        for place in places:
            if (earlier := names.clash(place)) is not None:
                raise CorpusError(f"{path}: {place!r} and {earlier!r} would be one place on disk. Name one otherwise")
        try:
            address(one.url)
        except Refused as refused:
            raise CorpusError(f"{path}: {one.name}: {refused.reason}. Correct its `url`") from None
    return listed


def is_archive(name: str) -> bool:
    """By its ending."""
    return name.lower().endswith(ARCHIVES)


def folder_of(name: str) -> str:
    """Where an archive of this name is unpacked to: train2014.zip → train2014."""
    ending = max((e for e in ARCHIVES if name.lower().endswith(e)), key=len)
    return name[: -len(ending)]


def wanted_of(
    folder: Path, listed: Sequence[Listed], split: str | None, only: Sequence[str] | None, unpack: bool
) -> list[Wanted]:
    """The files to get.

    Args:
        split: only files for it, and those for all splits.
        only: names, or patterns such as "*.json".
        unpack: whether archives are.

    Raises:
        CorpusError: there is no such split or name.
    """
    splits = sorted({one.split for one in listed if one.split is not None})
    if split is not None and split not in splits:
        raise CorpusError(f"{folder}: no file is for split {split!r}. Splits: {', '.join(splits) or 'none'}")
    for pattern in only or ():
        if not any(fnmatch.fnmatchcase(one.name, pattern) for one in listed):
            raise CorpusError(f"{folder}: no file is called {pattern!r}. Files: {', '.join(o.name for o in listed)}")
    return [
        Wanted(
            url=one.url.strip(),
            name=one.name,
            kind=kind_of(one.name),
            place=f"{SOURCES}: {one.name}",
            key=key_of_url(one.url),
            bytes=one.bytes,
            sha256=one.sha256,
            unpack=unpack and is_archive(one.name),
        )
        for one in listed
        if (split is None or one.split in {None, split})
        and (not only or any(fnmatch.fnmatchcase(one.name, pattern) for pattern in only))
    ]

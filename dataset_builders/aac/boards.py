"""Open Board Format: `.obf` boards and `.obz` packages of them, read without unpacking anything."""

import base64
import binascii
import io
import json
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes

from mmdata import Finding, Listing, SourceFile

from .symbols import LARGEST, Lost, Symbol, clean, content

BOARDS = ("*.obf", "*.OBF")
PACKAGES = ("*.obz", "*.OBZ")
LARGEST_PACKAGE = 512 << 20
LARGEST_PICTURE = 20 << 20
MOST_UNPACKED = 1 << 30
"""Bytes that are read out of one package in all: a zip of some kilobytes may claim any number."""
UNSTATED = "author and licence are not stated in the board"

Find = Callable[[str], Callable[[], bytes] | None]
"""From the path that a board gives of a picture to what reads it; None where it is not there."""


def symbols(listing: Listing) -> Iterator[Symbol | Finding]:
    """A symbol for each button that has a label and a picture; a Finding for boards that cannot be read."""
    broken: list[str] = []
    for file, board in _read(listing, broken):
        yield from _buttons(board, file.path, partial(_beside, listing, file))
    for file in listing.files(*PACKAGES):
        try:
            yield from _Package(listing, file).symbols(broken)
        except Lost as why:
            broken.append(f"{file.path}: {why}")
    if broken:
        yield Finding.warning("board", f"{len(broken)} boards cannot be read: {broken[0]}", broken, len(broken))


def claimed(listing: Listing) -> set[str]:
    """Paths of the source's pictures that boards point to: they are no ARASAAC pictures of their own."""
    return {
        _joined(file.folder, image["path"])
        for file, board in _read(listing, [])
        for image in _dicts(board.get("images"))
        if isinstance(image.get("path"), str)
    }


def _read(listing: Listing, broken: list[str]) -> Iterator[tuple[SourceFile, dict[str, Any]]]:
    """Each .obf, one at a time: with their pictures in them, all may not fit into memory."""
    for file in listing.files(*BOARDS):
        try:
            board = _board(content(listing, file))
        except Lost as why:
            broken.append(f"{file.path}: {why}")
        else:
            yield file, board


def _board(data: bytes) -> dict[str, Any]:
    try:
        board = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Lost(f"no JSON: {error}") from None
    if not (isinstance(board, dict) and str(board.get("format", "")).startswith("open-board-")):
        raise Lost("no board: its format is not open-board-…")
    return board


def _buttons(board: dict[str, Any], place: str, find: Find) -> Iterator[Symbol]:
    images = {str(one.get("id")): one for one in _dicts(board.get("images"))}
    for button in _dicts(board.get("buttons")):
        image = images.get(str(button.get("image_id")))
        licence = (image or {}).get("license") or board.get("license")
        yield Symbol(
            f"{clean(board.get('id'))}-{clean(button.get('id'))}",
            clean(button.get("label") or button.get("vocalization")),
            "obf",
            _terms(licence),
            f"{place}: button {button.get('id')}",
            partial(_picture, image, find),
            keywords=[clean(button["vocalization"])] if button.get("label") and button.get("vocalization") else [],
            categories=[clean(board["name"])] if board.get("name") else [],
        )


def _picture(image: dict[str, Any] | None, find: Find) -> bytes:
    if image is None:
        raise Lost("a button of a board has no picture")
    data, path = image.get("data"), image.get("path")
    if isinstance(data, str) and data.startswith("data:"):
        return _inline(data)
    if isinstance(path, str):
        if read := find(path):
            return read()
        raise Lost("a board's picture is not where its path says")
    raise Lost("a board's picture is given by its address or a symbol set's name only, which is not fetched")


def _inline(uri: str) -> bytes:
    head, _, body = uri.partition(",")
    if len(body) > 2 * LARGEST_PICTURE:
        raise Lost(f"a picture is larger than {LARGEST_PICTURE:,} bytes")
    if not head.endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error:
        raise Lost("a board's picture is not the base64 that it says it is") from None


def _terms(licence: object) -> str:
    """`license` of an image or a board, as the format has it."""
    said = licence if isinstance(licence, dict) else {}
    parts = [clean(said.get(key)) for key in ("author_name", "type", "source_url")]
    return ", ".join(part for part in parts if part) or UNSTATED


def _beside(listing: Listing, board: SourceFile, path: str) -> Callable[[], bytes] | None:
    found = listing.find(_joined(board.folder, path))
    return partial(content, listing, found, LARGEST_PICTURE) if found else None


def _joined(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


class _Package:
    """One .obz: a zip with manifest.json. Members are read by their names, in memory, and nothing is written."""

    def __init__(self, listing: Listing, file: SourceFile):
        self.path = file.path
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content(listing, file, LARGEST_PACKAGE)))
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise Lost(f"no zip: {error}") from None
        self._left = MOST_UNPACKED

    def symbols(self, broken: list[str]) -> Iterator[Symbol]:
        for name in self._boards():
            try:
                yield from _buttons(_board(self._read(name, LARGEST)), f"{self.path}: {name}", self._find)
            except Lost as why:
                broken.append(f"{self.path}: {name}: {why}")

    def _boards(self) -> list[str]:
        """By the manifest; all of them, where it is missing or says nothing."""
        there = [name for name in self._zip.namelist() if name.lower().endswith(".obf")]
        try:
            said = json.loads(self._read("manifest.json", LARGEST))["paths"]["boards"].values()
            named = [name for name in said if isinstance(name, str)]
        except (Lost, ValueError, RecursionError, KeyError, TypeError, AttributeError):
            named = []
        return sorted(dict.fromkeys(named or there))

    def _find(self, path: str) -> Callable[[], bytes] | None:
        name = posixpath.normpath(path.lstrip("/"))
        return partial(self._read, name, LARGEST_PICTURE) if name in self._zip.namelist() else None

    def _read(self, name: str, largest: int) -> bytes:
        largest = min(largest, self._left)
        try:
            with self._zip.open(name) as opened:
                data = opened.read(largest + 1)
        except KeyError:
            raise Lost(f"its package has no {name!r}") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            raise Lost(f"a member of its package cannot be read: {error}") from None
        self._left -= len(data)
        if len(data) > largest:
            raise Lost(f"a member of its package unpacks to more than {largest:,} bytes")
        return data

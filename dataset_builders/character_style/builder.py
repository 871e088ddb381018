"""Character style: records of people in JSONL, each joined to the one picture that it names."""

import pickle
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import datasets

from mmdata import CorpusBuilder, Finding, Item, Listing, Reject
from mmdata.schemas import StyledCharacter

from .records import IMAGES, Line, pictures_of, the_one

RECORDS = ("*.jsonl", "*.jsonl.gz")


@dataclass
class Options(datasets.BuilderConfig):
    """What a build may leave out."""

    drop_quality: list[str] = field(default_factory=list)
    """Classes of `quality` whose rows are rejected."""


class CharacterStyle(CorpusBuilder):
    """People, photographed or drawn, with style of dress, air, shot and quality."""

    schema = StyledCharacter
    layout = "*.jsonl files, a record a line, and in any folders the pictures that the records name"
    BUILDER_CONFIG_CLASS = Options
    BUILDER_CONFIGS = [  # noqa: RUF012 - as `datasets` has it
        Options(name="all", description="Every record that has a picture."),
        Options(name="no_low_quality", description="Without pictures of low quality.", drop_quality=["Low"]),
    ]
    DEFAULT_CONFIG_NAME = "all"

    def items(self, listing: Listing) -> Iterator[Item | Finding]:
        """A row a record. Which picture it gets is said by the record alone, never by its place in the file."""
        with closing(sqlite3.connect("")) as scratch:  # On disk, once it grows.
            scratch.execute("CREATE TABLE lines (id, place, content, picture, lacks, renamed, item)")
            scratch.executemany("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?)", self._lines(listing))
            scratch.execute("CREATE INDEX by_id ON lines (id, content)")
            scratch.execute("CREATE INDEX by_picture ON lines (picture, id)")
            yield from _undisputed(scratch)
            yield from _mismatches(scratch, listing)

    def _lines(self, listing: Listing) -> Iterator[tuple[Any, ...]]:
        for file in listing.files(*RECORDS):
            with listing.open(file) as opened:
                for number, line in enumerate(opened, 1):
                    line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                    if line.strip():
                        yield self._line(listing, f"{file.path}:{number}", file.folder, line)

    def _line(self, listing: Listing, place: str, folder: str, line: bytes) -> tuple[Any, ...]:
        """A row of `lines`; content is a digest of what the record says."""
        id, content, picture, renamed, kind = place, place.encode(), None, False, ""
        person: str | None = None
        try:
            said = Line.parse(line)
            content, person, id = said.digest(), said.person, said.id or place
            file = the_one(pictures_of(said, listing, folder), said)
            id, picture = said.id or file.path, file.path
            renamed = said.filename not in (None, file.name)
            data = {"sha256": said.sha256, **said.values()}
            for name, labels in self.corpus.labels.items():
                if data[name] is not None:
                    labels.index(data[name])  # A class that is not there is refused by its line, not by its picture.
            item = self._wanted(Item(id, _split(person or id), {"image": file}, data, place))
        except Reject as why:
            kind, item = why.kind, _refused(Item(id, _split(person or id), at=place), why)
        return id, place, content, picture, kind == "no picture", renamed, pickle.dumps(item)

    def _wanted(self, item: Item) -> Item:
        quality = item.data["quality"]
        if quality is None or (cls := self.corpus.labels["quality"].named(quality)) not in self.config.drop_quality:
            return item
        reason = f"its quality is {cls}, which the config {self.config.name} leaves out; the config all has it"
        return _refused(item, Reject("low quality", field="quality", value=quality, reason=reason))

    def record(self, item: Item, files: Mapping[str, bytes]) -> Any:
        """The picture with what its record says of it."""
        data = dict(item.data)
        if "refused" in data:
            raise Reject(**data["refused"])
        wanted, path = data.pop("sha256"), item.files["image"].path
        if wanted and wanted.lower() != sha256(files["image"]).hexdigest():
            reason = f"{item.at} says that {path} has the sha256 {wanted}, which it has not: it is another picture"
            raise Reject("another picture", field="image", value=path, reason=reason)
        return super().record(Item(item.id, item.split, item.files, data), files)


def _split(person: str) -> str:
    """80, 10 and 10 of a hundred persons. A person's side hangs on nobody else, so added rows move no one."""
    share = int.from_bytes(sha256(f"character_style {person}".encode()).digest()[:8]) / 2**64
    return "train" if share < 0.8 else "validation" if share < 0.9 else "test"


def _refused(item: Item, why: Reject) -> Item:
    """The item, to be rejected by `record`: no line goes without a reason."""
    refused = {"kind": why.kind, "field": why.field, "value": why.value, "reason": why.reason}
    return Item(item.id, item.split, {}, {"refused": refused}, item.at)


def _disputed(item: Item, kind: str, reason: str) -> Item:
    """The item, refused for its id. It goes by its line then: under one id the engine takes the first and no other."""
    why = Reject(kind, field="id", value=item.id, reason=f"{item.at} and {reason}. Correct or remove one of the two")
    return _refused(Item(item.at, item.split, at=item.at), why)


def _undisputed(scratch: sqlite3.Connection) -> Iterator[Item]:
    """The rows by id, so that the order of the lines is nothing; of those that dispute an id or a picture, none.

    Of lines that say the same the first is the row.
    """
    query = """
        SELECT item, picture,
            (SELECT MIN(place) FROM lines o WHERE o.id = l.id AND o.content <> l.content),
            (SELECT place FROM lines o WHERE o.id = l.id AND o.rowid < l.rowid ORDER BY rowid LIMIT 1),
            (SELECT MIN(place) FROM lines o WHERE o.picture = l.picture AND o.id <> l.id)
        FROM lines l ORDER BY id, content, rowid"""
    for blob, picture, other, before, rival in scratch.execute(query):
        item: Item = pickle.loads(blob)  # noqa: S301 - written above
        if other:
            item = _disputed(item, "contradicting records", f"{other} have the id {item.id!r} and say different things")
        elif before:
            item = _disputed(item, "duplicate id", f"{before} have the id {item.id!r} and say the same")
        elif rival:
            reason = f"{rival} says too that {picture} is its picture. Correct or remove one of the two"
            item = _refused(item, Reject("disputed picture", field="image", value=picture, reason=reason))
        yield item


def _mismatches(scratch: sqlite3.Connection, listing: Listing) -> Iterator[Finding]:
    """Both sides of the join: records without a picture, pictures without a record."""
    total = scratch.execute("SELECT COUNT(*) FROM lines").fetchone()[0]
    lacking = scratch.execute("SELECT id, place FROM lines WHERE lacks ORDER BY id").fetchall()
    names = [place if id == place else f"{id} ({place})" for id, place in lacking]
    if names:
        text = f"{len(names)} of {total} records have no picture in the source: {_first(names)}"
        yield Finding.warning("records without a picture", text, names, len(names))
    claimed = "SELECT 1 FROM lines WHERE picture = ? LIMIT 1"
    pictures = (file.path for file in listing.files() if file.name.lower().endswith(IMAGES))
    spare = [path for path in pictures if not scratch.execute(claimed, (path,)).fetchone()]
    if spare and total:
        text = f"{len(spare)} pictures have no record, left out: {_first(spare)}"
        yield Finding.warning("pictures without a record", text, spare, len(spare))
    renamed = [place for (place,) in scratch.execute("SELECT place FROM lines WHERE renamed ORDER BY place")]
    if renamed:
        text = f"{len(renamed)} records have a filename that is not their picture's; it counts rows, and is not used"
        yield Finding.warning("filename of a row", f"{text}: {_first(renamed)}", renamed, len(renamed))


def _first(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")

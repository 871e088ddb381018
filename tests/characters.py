"""Sources of character_style: records and pictures in memory, and what its builder makes of them."""

import io
import json
import sqlite3

from mmdata.builder import Item
from mmdata.corpus import HOME, Corpus
from mmdata.findings import Finding
from mmdata.listing import Listing
from mmdata.sources import SourceFile

FOLDER = HOME / "character_style"


class Held:
    """A source in memory: path → content."""

    url, readers = "held", 1

    def __init__(self, files: dict[str, bytes]):
        self.files = files

    def list(self):
        return iter([SourceFile(path, path, len(content), "") for path, content in self.files.items()])

    def open(self, file):
        return io.BytesIO(self.files[file.raw])


def lines(*records) -> bytes:
    """JSONL of these records; bytes are lines as they are."""
    return b"".join(
        (one if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False).encode()) + b"\n" for one in records
    )


def builder_of(tmp_path, config: str | None = None):
    return Corpus(FOLDER).builder(config_name=config, cache_dir=str(tmp_path))


def read(builder, files: dict[str, bytes]) -> tuple[list[Item], list[Finding]]:
    """What the builder's `items` gives for a source."""
    found = list(builder.items(Listing.of(Held(files), sqlite3.connect(":memory:"))))
    return [f for f in found if isinstance(f, Item)], [f for f in found if isinstance(f, Finding)]


def joined(items: list[Item]) -> dict[str, str]:
    """id → path of its picture, of the rows that are not refused."""
    return {item.id: item.files["image"].path for item in items if item.files}


def refused(items: list[Item]) -> dict[str, tuple[str, str]]:
    """id → kind, and place with reason."""
    return {
        i.id: (i.data["refused"]["kind"], f"{i.place}: {i.data['refused']['reason']}")
        for i in items
        if "refused" in i.data
    }

"""`CorpusBuilder`: what a corpus's builder.py derives from. It says two things: which items
the source holds, and how one item becomes one record. The engine does the rest."""

import inspect
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import datasets
import pyarrow as pa

from mmdata.schemas import Image, Picture, Record

from .corpus import Corpus
from .errors import CorpusError, SourceError
from .findings import Finding
from .images import Decode
from .listing import Listing
from .rows import Accepted, RowMaker
from .sharing import Shared
from .sources import SourceFile, open_source, read_ahead
from .steps import Step, Table

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """What becomes one row: an id, a split, and the files and values it is made of."""

    id: str
    split: str
    files: Mapping[str, SourceFile] = field(default_factory=dict)
    """By the name of the picture's field, or any name that `record` knows."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Values that the source's names or records give: the class in a folder's name, a CSV's row."""
    at: str = ""
    """Where its record is, such as "metadata.jsonl:17"; the place of an item without files."""

    @property
    def place(self) -> str:
        """Where in the source it is, for messages."""
        return next((f.path for f in self.files.values()), self.at or self.id)

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(f.size for f in self.files.values())


class CorpusBuilder(datasets.ArrowBasedBuilder):
    """Turns a source into records. `mmdata build` runs it in parallel into a release.

    It is an ordinary `datasets` builder too:

        skin = Skin(data_dir="extracted_data")
        skin.download_and_prepare(); ds = skin.as_dataset()
        stream = skin.as_streaming_dataset()
    """

    schema: ClassVar[type[Record]]
    layout: ClassVar[str] = "files that the builder knows"
    """What the source should look like, for the message when nothing in it fits."""
    steps: Sequence[Step] = ()
    """Named steps between source and rows, in order (`mmdata.steps`); may be a property that asks `self.config`."""

    def items(self, listing: Listing) -> Iterator[Item | Finding]:
        """What the source holds: from names alone, or from files of records that `listing.open` reads.

        Findings are passed on.
        """
        raise NotImplementedError

    def table(self, step: str) -> "Table[Any]":
        """What a step made, for `items`."""
        if step not in self.tables:
            raise CorpusError(
                f"{self.corpus.name}: items() asks for the table of the step {step!r}. There are: "
                f"{', '.join(self.tables) or 'none: record() has no tables, share what it needs'}"
            )
        return self.tables[step]

    def share(self, name: str, values: Iterable[str] | Iterable[bytes]) -> None:
        """Keep texts, or bytes, that `items` learned once for every `record`, such as a pool of answers that rows name
        by number."""
        self.sharing.put(name, values)

    def shared(self, name: str) -> Any:
        """What `items` shared under this name, as a sequence; each worker reads it once. Do not change it."""
        return self.sharing.get(name)

    def record(self, item: Item, files: Mapping[str, bytes]) -> Record | dict[str, Any]:
        """One item as one record. Runs in a worker process.

        By default: `item.id`, `item.data`, and each file under the name of an Image field.

        Args:
            item: as `items` gave it.
            files: the bytes of `item.files`, by the same names.

        Raises:
            Reject: this row is not to be; the reason is kept.
        """
        pictures = {
            name: Picture(path=item.files[name].path, bytes=files[name])
            for name in self.schema.marked(Image)
            if name in item.files
        }
        return {self.schema.id_field(): item.id, **item.data, **pictures}

    # The ordinary `datasets` way.

    def __init__(self, *, data_dir: str | Path | None = None, decode: Decode = "full", **kwargs: Any):
        self.corpus = Corpus(Path(inspect.getfile(type(self))).parent)
        self.decode = decode
        self.sharing = Shared()
        self.tables: dict[str, Table[Any]] = {}
        if data_dir is not None:
            # datasets does not notice a changed source by itself: its cache key is the hash given here.
            source = open_source(data_dir)
            data_dir = source.url
            self._listing = Listing.of(source, sqlite3.connect(":memory:", check_same_thread=False))
            kwargs.setdefault("hash", f"{self._listing.digest()[:16]}{self._digest()[:16]}-{decode}")
        super().__init__(dataset_name=self.corpus.name, data_dir=data_dir, **kwargs)

    def _digest(self) -> str:
        """Of code, and of the answers that steps may be given."""
        told = [self.corpus.code_digest(of_rows=True)]
        if type(self).steps is not CorpusBuilder.steps:
            folder = self.corpus.folder
            stats = (
                (one.name, one.stat())
                for one in sorted([*folder.glob("annotations.sqlite*"), *folder.glob("prompts/*")])
            )
            told += [f"{name} {stat.st_mtime_ns} {stat.st_size}" for name, stat in stats]
        return sha256(" ".join(told).encode()).hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k != "_listing"} | {"tables": {}}

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description=inspect.getdoc(type(self)) or "",
            features=self.corpus.features,
            license=str(self.corpus.card.get("license", "")),
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        if self.config.data_dir is None:
            raise SourceError(f'{type(self).__name__} needs its source: {type(self).__name__}(data_dir="…")')
        splits: dict[str, list[Item]] = {}
        seen: set[str] = set()
        with self._tables():
            for item in self.items(self._listing):
                if isinstance(item, Finding):
                    logger.warning("%s", item.message)
                elif item.id in seen:
                    logger.warning("rejected %s: the id %r came before", item.place, item.id)
                else:
                    seen.add(item.id)
                    splits.setdefault(item.split, []).append(item)
        if not splits:
            raise SourceError(f"{self.config.data_dir}: nothing fits {self.layout}")
        return [datasets.SplitGenerator(name=s, gen_kwargs={"items": found}) for s, found in splits.items()]

    @contextmanager
    def _tables(self) -> Iterator[None]:
        """Run the steps; their tables are there until the end of the block."""
        from .cache import Cache
        from .options import Config
        from .progress import Silent
        from .steps.running import Steps

        with TemporaryDirectory(prefix="mmdata-") as folder, closing(Cache(Path(folder) / "cache.sqlite")) as cache:
            (work := Path(folder) / "work").mkdir()
            if self.steps:
                given = Config(self.config.name)  # For workers, and there is one process.
                steps = Steps(self, self._listing, work.with_name("steps"), work, cache, 1, given, Silent())
                self.tables = {one.step.name: one.table for one in steps.run()}
            yield
            self.tables = {}

    def _generate_tables(self, items: list[Item]) -> Iterator[tuple[int, pa.Table]]:
        maker = RowMaker(self, self.corpus, self.decode)
        source = open_source(self.config.data_dir)
        batch: list[dict[str, Any]] = []
        for number, (item, files) in enumerate(
            zip(items, read_ahead(source, (tuple(i.files.values()) for i in items)), strict=True)
        ):
            made = maker.make(item, files)
            if isinstance(made, Accepted):
                batch.append(made.row)
            else:
                logger.warning("rejected %s: %s", item.place, made)
            if len(batch) >= 100:
                yield number, pa.Table.from_pylist(batch, schema=self.corpus.features.arrow_schema)
                batch = []
        if batch:
            yield len(items), pa.Table.from_pylist(batch, schema=self.corpus.features.arrow_schema)

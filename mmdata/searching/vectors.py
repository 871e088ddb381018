"""The vectors of a model, kept by the sha256 of the pictures that they are of.

    <folder>/.search/<slug of model>/
      model.json     name, revision, dimensions
      vectors.f32    float32 (N, D), of length 1, appended to
      hashes.bin     the sha256 of each one's picture, 32 bytes, appended after the vectors are on the disk

A kill at any byte loses what was being appended, and nothing else: both files are read up to the shorter one's last
whole entry, and cut there before the next is appended.
"""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from ..corpus import Corpus
from ..errors import MmdataError
from ..lock import locked
from ..releases import explained, sync
from .facts import BUILTIN, Vectors, how_to_index

HOME = ".search"
HASH, FLOAT = 32, 4
"""Bytes."""
SAMPLE, AT_ONCE = 1_000, 4_096
"""Vectors that are looked at when they are only read, and those looked at together when they are appended to."""
SECONDS = 1.0
"""Between two syncs: with the small model they would take longer than embedding."""
NOT_UNIT = "vectors.f32 holds vectors that are not of length 1"
Hashes = npt.NDArray[np.uint8]
"""(N, 32)."""


class ModelNote(BaseModel):
    """Whose vectors they are: model.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """On the Hub, a folder, or "builtin"."""
    revision: str
    dimensions: PositiveInt


class VectorFile:
    """The vectors of one model in one corpus folder, as they are now. What is appended later is not seen."""

    def __init__(self, home: Path):
        """`home`: the model's folder below `.search`. Raises MmdataError where it has no model.json that can be read."""
        self.home = home
        try:
            self.model = ModelNote.model_validate_json((home / "model.json").read_bytes())
        except (OSError, ValidationError):
            raise damaged(home, "model.json cannot be read") from None
        self.count = _whole(home, self.model.dimensions)

    @property
    def hashes(self) -> Hashes:
        """(N, 32)."""
        if not self.count:
            return np.zeros((0, HASH), np.uint8)
        with (self.home / "hashes.bin").open("rb") as file:
            return np.frombuffer(file.read(self.count * HASH), np.uint8).reshape(-1, HASH)

    def numbers(self, pictures: pl.Series) -> pl.Series:
        """The number of each picture's vector, by its hash in hex; null where it has none."""
        hashes = self.hashes
        binary = pa.Array.from_buffers(pa.binary(HASH), len(hashes), [None, pa.py_buffer(hashes.tobytes())])
        known = pl.DataFrame({"picture": pl.Series(binary.cast(pa.binary())).bin.encode("hex")})
        asked = pl.DataFrame({"picture": pictures})
        return asked.join(known.with_row_index("number"), on="picture", how="left", maintain_order="left")["number"]

    def fault(self, whole: bool = False) -> str:
        """What is wrong with the vectors, in a few words; "" where nothing is to be seen.

        Args:
            whole: look at all of them, not at a thousand.
        """
        vectors = self.vectors
        if not whole and self.count > SAMPLE:
            vectors = vectors[np.linspace(0, self.count - 1, SAMPLE).astype(np.int64)]
        for at in range(0, len(vectors), AT_ONCE):
            with np.errstate(all="ignore"):  # Any four bytes are a number, some of them beyond all measure.
                lengths = np.linalg.norm(vectors[at : at + AT_ONCE], axis=1)
            if not np.allclose(lengths, 1, atol=1e-3):  # NaN is close to nothing.
                return NOT_UNIT
        return ""

    @property
    def vectors(self) -> Vectors:
        """(N, D), mapped from the file: nothing of it is in memory before it is read."""
        shape = (self.count, self.model.dimensions)
        return (
            np.memmap(self.home / "vectors.f32", np.float32, "r", shape=shape) if self.count else np.zeros(shape, "f4")
        )


class Appending:
    """The one who appends. Made by `appending`."""

    def __init__(self, home: Path, model: ModelNote):
        self.home, self.model = home, model
        self.count = _whole(home, model.dimensions)
        """Vectors, with those that are not on the disk yet."""
        self._waiting: list[tuple[Sequence[bytes], Vectors]] = []
        self._synced = time.monotonic()
        self._vectors, self._hashes = (home / "vectors.f32").open("ab"), (home / "hashes.bin").open("ab")
        self._vectors.truncate(self.count * model.dimensions * FLOAT)
        self._hashes.truncate(self.count * HASH)

    def known(self) -> set[bytes]:
        """The hashes of all pictures that have a vector."""
        whole = (self.home / "hashes.bin").read_bytes()
        return {whole[at : at + HASH] for at in range(0, len(whole), HASH)}

    def append(self, hashes: Sequence[bytes], vectors: Vectors) -> None:
        """Keep some. They are on the disk a second later, or with the next batch where that takes longer.

        Args:
            hashes: 32 bytes each, none that is there already.
            vectors: (len(hashes), D), each of length 1.
        """
        if vectors.shape != (len(hashes), self.model.dimensions):
            raise ValueError(f"{len(hashes)} hashes, vectors of shape {vectors.shape}")
        self._waiting.append((hashes, vectors))
        self.count += len(hashes)
        if time.monotonic() - self._synced >= SECONDS:
            self.commit()

    def commit(self) -> None:
        """Put all on the disk: when it returns, they outlive a power cut.

        Where it fails or is interrupted they are lost, as by a kill: written once more, they would be there twice.
        """
        waiting, self._waiting = self._waiting, []
        if waiting:
            vectors = b"".join(np.ascontiguousarray(some, "<f4").tobytes() for _, some in waiting)
            hashes = b"".join(hash for some, _ in waiting for hash in some)
            with written_to(self.home):
                for file, content in ((self._vectors, vectors), (self._hashes, hashes)):
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())  # The vectors, before any hash promises them.
        self._synced = time.monotonic()

    def close(self) -> None:
        """What was appended is kept, also where what came after it failed."""
        with written_to(self.home), self._vectors, self._hashes:
            self.commit()


@contextmanager
def appending(corpus: Corpus, model: ModelNote) -> Iterator[tuple[Appending, str]]:
    """Be the one who appends to a model's vectors.

    Vectors of another revision, or of another length, are not comparable: they and the indexes of them are removed. So are
    damaged ones.

    Gives: the file, and in one sentence why it was begun anew; "" where it was not.

    Raises:
        MmdataError: another process does so, or the folder cannot be written to.
    """
    home = home_of(corpus, model.name)
    with ExitStack() as held:
        with written_to(home):
            home.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(home / ".lock", "indexed", MmdataError, folder=f"{corpus.name} by {model.name}"))
            why = _begun_anew(home, model)
            made = Appending(home, model)
        try:
            yield made, why
        finally:
            made.close()


def written_to(home: Path) -> AbstractContextManager[None]:
    """A full or failing disk is told with the place and the next step."""
    return explained(home, "What is embedded is kept", MmdataError)


def damaged(home: Path, why: str, model: str | None = None, version: str | None = None) -> MmdataError:
    """To raise where a model's folder is not as `mmdata index` leaves it.

    Args:
        model: whose it is, where that is known.
        version: of the release, where only its entries are damaged.
    """
    named = model or (BUILTIN if home.name == BUILTIN else "NAME")
    return MmdataError(
        f"{home}: the index is damaged: {why}. Make it anew, of what is sound nothing is embedded again: "
        + how_to_index(home.parent.parent, named, version)
    )


def homes(corpus: Corpus) -> list[Path]:
    """The folders of the models that have vectors in a corpus folder."""
    return sorted(path.parent for path in (corpus.folder / HOME).glob("*/model.json"))


def home_of(corpus: Corpus, model: str) -> Path:
    return corpus.folder / HOME / slug(model)


def slug(model: str) -> str:
    """A folder's name for a model: letters, digits, `.`, `_` and `-` of its name; of a local one, its path's hash too."""
    local = Path(model).is_absolute()
    readable = re.sub(r"[^\w.-]+", "--", (Path(model).name if local else model).strip("/")).lstrip(".")
    cut = readable.encode()[:80].decode(errors="ignore")
    return f"{cut}-{sha256(model.encode()).hexdigest()[:8]}" if local or cut != readable else cut


def _begun_anew(home: Path, model: ModelNote) -> str:
    path = home / "model.json"
    why = ""
    if path.exists():
        try:
            before = ModelNote.model_validate_json(path.read_bytes())
            if before == model:
                if not (fault := _fault(VectorFile(home))):
                    return ""
                why = f"The vectors there were damaged ({fault}): all are made anew"
            elif before.revision == model.revision:
                why = (
                    f"{path} was damaged: it told of {before.name} with {before.dimensions} numbers a vector, where "
                    f"{model.name} gives {model.dimensions}: all vectors are made anew"
                )
            else:
                why = (
                    f"The vectors there were made by {before.name} {before.revision[:19]}; it is {model.revision[:19]} now: "
                    "all are made anew"
                )
        except ValidationError:
            why = f"{path} cannot be read: all vectors are made anew"
    # What the old vectors are of goes first, and model.json is replaced last: a kill between leaves it to be done again.
    for old in (*home.glob("*.parquet"), home / "hashes.bin", home / "vectors.f32"):
        old.unlink(missing_ok=True)
    new = home / "model.json.new"
    new.write_text(model.model_dump_json(indent=1), encoding="utf-8")
    sync(new)
    os.replace(new, path)
    sync(home)
    return why


def _fault(file: VectorFile) -> str:
    """As `VectorFile.fault` of all of them, and of their hashes."""
    different = len({row.tobytes() for row in file.hashes})
    return "hashes.bin names a picture twice" if different < file.count else file.fault(whole=True)


def _whole(home: Path, dimensions: int) -> int:
    """How many vectors both files hold whole."""
    sizes = ((home / "vectors.f32", dimensions * FLOAT), (home / "hashes.bin", HASH))
    return min(path.stat().st_size // each if path.exists() else 0 for path, each in sizes)

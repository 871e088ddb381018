"""What `items()` learned once and every row needs: written beside the plan, read by each worker."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from .errors import CorpusError

AT_ONCE = 16 << 20
"""Characters, or bytes, in memory while they are written."""
SHARED = "shared"
"""The folder of a build's shared lists, beside its plan."""


class Mapped(Sequence[bytes]):
    """Bytes in a mapped file: none is in memory before it is asked for."""

    def __init__(self, values: Any):
        self._values = values

    def __getitem__(self, at: Any) -> Any:
        return self._values[at].to_pylist() if isinstance(at, slice) else self._values[at].as_py()

    def __len__(self) -> int:
        return len(self._values)


class Shared:
    """Lists of texts, or of bytes, by name. In files of a folder, so that they reach the workers; without one, in memory.

    Args:
        folder: where the files are; made when there is something to write.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = folder
        self._held: dict[str, Sequence[Any]] = {}

    def put(self, name: str, values: Iterable[str] | Iterable[bytes]) -> None:
        if self.folder is None:
            self._held[name] = list(values)
            return
        import pyarrow as pa

        self.folder.mkdir(exist_ok=True)
        left = _some(values)
        some = next(left, [])
        kind = pa.large_binary() if some and isinstance(some[0], bytes) else pa.large_string()
        schema = pa.schema([("values", kind)])
        with pa.OSFile(str(self._path(name)), "wb") as file, pa.ipc.new_file(file, schema) as out:
            while some:
                out.write_table(pa.table({"values": pa.array(some, kind)}))
                some = next(left, [])

    def get(self, name: str) -> Sequence[Any]:
        """What was put, the same object each time; bytes are read from the file one by one, when they are asked for.

        Raises CorpusError when there is nothing of this name.
        """
        if name not in self._held:
            path = self._path(name) if self.folder else None
            if path is None or not path.exists():
                raise CorpusError(
                    f"record() asks for what is shared as {name!r}, but items() shared nothing by that name"
                )
            import pyarrow as pa

            values = pa.ipc.open_file(pa.memory_map(str(path))).read_all()["values"]
            self._held[name] = Mapped(values) if pa.types.is_large_binary(values.type) else values.to_pylist()
        return self._held[name]

    def digest(self) -> str:
        """Changes when any of it does; empty without any."""
        found = sorted(self.folder.glob("*.arrow")) if self.folder else []
        total = sha256()
        for path in found:
            with path.open("rb") as file:
                total.update(path.stem.encode())
                while piece := file.read(1 << 20):
                    total.update(piece)
        return total.hexdigest() if found else ""

    def _path(self, name: str) -> Path:
        assert self.folder
        return self.folder / f"{sha256(name.encode()).hexdigest()[:16]}.arrow"


def _some(values: Iterable[Any]) -> Iterator[list[Any]]:
    some: list[Any] = []
    held = 0
    for value in values:
        some.append(value)
        held += len(value) + 64
        if held >= AT_ONCE:
            yield some
            some, held = [], 0
    if some:
        yield some

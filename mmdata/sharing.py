"""What `items()` learned once and every row needs: written beside the plan, read by each worker."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from .errors import CorpusError

SHARED = "shared"
"""The folder of a build's shared lists, beside its plan."""


class Shared:
    """Lists of texts by name. In files of a folder, so that they reach the workers; without one, in memory.

    Args:
        folder: where the files are; made when there is something to write.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = folder
        self._held: dict[str, list[str]] = {}

    def put(self, name: str, values: Sequence[str]) -> None:
        if self.folder is None:
            self._held[name] = list(values)
            return
        import pyarrow as pa

        self.folder.mkdir(exist_ok=True)
        table = pa.table({"values": pa.array(values, pa.large_string())})
        with pa.OSFile(str(self._path(name)), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
            out.write_table(table)

    def get(self, name: str) -> list[str]:
        """The texts, the same list each time. Raises CorpusError when there are none of this name."""
        if name not in self._held:
            path = self._path(name) if self.folder else None
            if path is None or not path.exists():
                raise CorpusError(
                    f"record() asks for what is shared as {name!r}, but items() shared nothing by that name"
                )
            import pyarrow as pa

            with pa.memory_map(str(path)) as file:
                self._held[name] = pa.ipc.open_file(file).read_all()["values"].to_pylist()
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

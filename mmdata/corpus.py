"""A corpus folder: where its builder, labels and card are. The folder is the registration."""

import ast
import importlib
import inspect
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .errors import CorpusError
from .labels import LabelMap, read_label_maps
from .strict import parse_yaml, read_text

if TYPE_CHECKING:
    import datasets

    from mmdata.schemas import Record

    from .builder import CorpusBuilder

BESIDE = {"terms.yaml", "prices.yaml", "sources.yaml"}
"""Files of a corpus folder that decide nothing about its rows."""
OVER_ROWS = {"views", "exports", "metrics", "recommend"}
"""Modules of a corpus folder whose functions take rows that are made already."""
NAME = r"[a-z][a-z0-9_]*"
"""Of a corpus and its folder."""
HOME = Path(__file__).parent / "dataset_builders"
if not HOME.is_dir():  # A checkout keeps the folder beside the package.
    HOME = Path(__file__).parent.parent / "dataset_builders"


class Corpus:
    """One corpus, by the path of its folder.

    Raises:
        CorpusError: the folder has no builder.py, or what is in it is wrong.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder).expanduser().absolute()
        self.name = self.folder.name
        if not _is_corpus(self.folder):
            choices = ", ".join(str(found) for found in corpora_in(self.folder, self.folder.parent, HOME))
            raise CorpusError(
                f"{folder}: not a corpus folder (it has no builder.py). "
                f"Corpora found: {choices or 'none'}. Make one with `mmdata new NAME`"
            )

    @cached_property
    def builder(self) -> "type[CorpusBuilder]":
        """The one CorpusBuilder subclass that builder.py defines."""
        from .builder import CorpusBuilder

        module = self.module("builder")
        found = [
            kind
            for kind in vars(module).values()
            if inspect.isclass(kind) and issubclass(kind, CorpusBuilder) and kind.__module__ == module.__name__
        ]
        if len(found) != 1:
            raise CorpusError(
                f"{self.folder / 'builder.py'}: {len(found)} classes derive from CorpusBuilder; it should define exactly one"
            )
        return found[0]

    def module(self, name: str) -> ModuleType:
        """A Python file of the folder, which may import its neighbours as `from .records import …`.

        Raises:
            CorpusError: it cannot be imported.
        """
        total = sha256(str(self.folder).encode())  # Two folders may have one name.
        for path in sorted(self.folder.glob("*.py")):
            total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        # Edited code is imported anew, other code is not; every worker finds the same name.
        package = f"mmdata_corpus_{re.sub(r'[^0-9a-zA-Z]', '_', self.name)}_{total.hexdigest()[:16]}"
        if package not in sys.modules:
            sys.modules[package] = ModuleType(package, f"The Python files of {self.folder}.")
            sys.modules[package].__path__ = [str(self.folder)]
            importlib.invalidate_caches()
        try:
            return importlib.import_module(f"{package}.{name}")
        except Exception as error:
            raise self.blame(error, "importing it", name) from error

    @property
    def schema(self) -> "type[Record]":
        return self.builder.schema

    @cached_property
    def labels(self) -> dict[str, LabelMap]:
        path = self.folder / "labels.yaml"
        return read_label_maps(path) if path.exists() else {}

    def label_maps(self, fields: Iterable[str] | None = None) -> dict[str, LabelMap]:
        """Label field → its map: the one that its marker names, else that of its own name.

        Args:
            fields: of a release, which may have other ones than the schema; by default the schema's. One
                without a map is left out.
        """
        from mmdata.schemas import Label

        marked = self.schema.marked(Label)
        maps = {
            name: self.labels.get((marked[name].map if name in marked else None) or name)
            for name in (marked if fields is None else fields)
        }
        return {name: found for name, found in maps.items() if found is not None}

    @cached_property
    def features(self) -> "datasets.Features":
        from .features import features_of

        return features_of(self.schema, self.labels)

    @cached_property
    def card(self) -> dict[str, Any]:
        """The YAML at the head of README.md."""
        path = self.folder / "README.md"
        card = parse_yaml(self._readme[0], str(path))
        if not isinstance(card, dict):
            raise CorpusError(f"{path}: the YAML between the --- lines must be `key: value` lines")
        return card

    @property
    def prose(self) -> str:
        """README.md below its YAML."""
        return self._readme[1]

    @cached_property
    def _readme(self) -> tuple[str, str]:
        path = self.folder / "README.md"
        found = re.match(r"\s*^---[ \t]*\n(.*?)^---[ \t]*$\n?(.*)", read_text(path), re.M | re.S)
        if found is None:
            raise CorpusError(f"{path}: the dataset card must begin with YAML between two lines of ---")
        return found[1], found[2]

    @property
    def sample_config(self) -> dict[str, Any]:
        """The card's `sample` config, which must come first and whose files must exist."""
        configs = self.card.get("configs")
        if not (isinstance(configs, list) and configs and isinstance(configs[0], dict)):
            configs = [{}]
        if configs[0].get("config_name") != "sample":
            raise CorpusError(
                f"{self.folder / 'README.md'}: the first of `configs:` must be `config_name: sample`, "
                "so that a fresh clone loads. `mmdata build FOLDER --sample` writes its files"
            )
        return dict(configs[0])

    def blame(self, error: Exception, doing: str, module: str = "builder") -> CorpusError:
        """A fault of the folder's own code, as one line that names the place."""
        path, line = str(self.folder / f"{module}.py"), None
        if isinstance(error, SyntaxError) and error.filename:
            path, line = error.filename, error.lineno
        else:
            frames = reversed(traceback.extract_tb(error.__traceback__))
            if own := next((f for f in frames if Path(f.filename).parent == self.folder), None):
                path, line = own.filename, own.lineno
        at = f", line {line}" if line else ""
        return CorpusError(f"{path}{at}: {type(error).__name__}: {error} (while {doing})")

    def code_digest(self, *, of_rows: bool = False) -> str:
        """Of everything besides the source that decides what is made of it: code, labels and tables beside them.

        Args:
            of_rows: only what decides what the rows are, so that a build need not run again for an edited metric: without
                the modules in OVER_ROWS that no other module of the folder imports.
        """
        package = Path(__file__).parent
        schemas = package / "schemas" if (package / "schemas").is_dir() else package.parent / "schemas"
        left_out = self._over_rows if of_rows else set[str]()
        paths = [
            *package.glob("*.py"),
            *package.glob("sources/*.py"),
            *package.glob("steps/*.py"),
            package / "verbs" / "build.py",
            *schemas.glob("*.py"),
            *(path for path in self.folder.glob("*.py") if path.stem not in left_out),
            *(path for path in self.folder.glob("[!.]*.yaml") if path.name not in BESIDE),
        ]
        total = sha256()
        for path in sorted(paths):
            if path.exists():
                total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return total.hexdigest()

    @property
    def _over_rows(self) -> set[str]:
        others = [path for path in self.folder.glob("*.py") if path.stem not in OVER_ROWS]
        return OVER_ROWS - {name for path in others for name in imported(path)}


def imported(path: Path) -> frozenset[str]:
    """Names that a file imports from beside itself; all of OVER_ROWS, where it cannot be read."""
    try:
        return _imported_by(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return frozenset(OVER_ROWS)


@lru_cache(256)  # By what is in it: a build asks several times.
def _imported_by(code: bytes) -> frozenset[str]:
    found = set[str]()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module.partition(".")[0]} if node.module else {one.name for one in node.names}
    return frozenset(found)


def _is_corpus(folder: Path) -> bool:
    """A package, such as mmdata itself, may have a builder.py too."""
    return (folder / "builder.py").is_file() and not (folder / "__init__.py").exists()


def corpora_in(*roots: Path) -> Iterator[Path]:
    """The corpus folders right below any of these folders, each once."""
    seen = set()
    for root in roots:
        for found in sorted(root.glob("*/builder.py")):
            if found.parent.resolve() not in seen and _is_corpus(found.parent):
                seen.add(found.parent.resolve())
                yield found.parent

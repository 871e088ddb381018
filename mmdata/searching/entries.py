"""What can be found in a corpus: rows of its view `search`, or of the release itself, each with one picture."""

from collections.abc import Iterator, Mapping
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, NamedTuple

from ..corpus import Corpus, imported
from ..errors import CorpusError, MmdataError
from ..functions import functions_in
from ..releases import Releases, require_pictures
from ..views import rows_of

VIEW = "search"
FORM = "1"
"""Raised whenever a row becomes another entry, or entries are stored otherwise."""
OWN = ("id", "picture")
"""Names that an entry has of its own."""
TAKEN = ("picture", "split")
"""Names that no value of a row may have: what they say is known of each entry."""


class Entry(NamedTuple):
    """Something that can be found."""

    id: str
    picture: bytes | None
    """Encoded; None where its row has none."""
    values: dict[str, Any]


def view_of(corpus: Corpus) -> str:
    """The view that gives a corpus's entries; "" where they are the release's rows."""
    return VIEW if VIEW in functions_in(corpus, "views", "row") else ""


def made_of(corpus: Corpus, version: str) -> str:
    """Digest of all that decides what the entries are. Edited metrics change none of them.

    Raises: as `build_of`.
    """
    view = view_of(corpus)
    total = sha256(f"{FORM}\0{build_of(corpus, version)}\0{view}".encode())
    for path in _code_of_views(corpus) if view else ():
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def build_of(corpus: Corpus, version: str) -> str:
    """What tells one build of a version from another: as the manifest says it; of the sample, the digest of its files.

    Raises ReleaseError: there is no such version, or it has no pictures.
    """
    if version != "sample":
        manifest = Releases(corpus).manifest(version)
        require_pictures(manifest)
        return manifest.build
    total = sha256()
    for path in sorted((corpus.folder / "sample").glob("*.parquet")):
        with path.open("rb") as file:
            total.update(path.name.encode() + b"\0" + file_digest(file, "sha256").digest())
    return total.hexdigest()


def entries_of(corpus: Corpus, version: str) -> Iterator[Entry]:
    """All entries of a release, or of the "sample", a split after the other.

    A label is its class's name. The picture is the first in the row; a column that holds pictures is no value.

    Raises:
        CorpusError: the view fails, two entries have one id, or a value is called as an entry's own.
        ReleaseError: there is no such version.
    """
    view, seen = view_of(corpus), set()
    for split in splits_of(corpus, version):
        features, rows = rows_of(corpus, view, split=split, version=version, pictures=True)
        classes = {name: names for name, kind in features.items() if (names := _classes(kind))}
        drawn = {name for name, kind in features.items() if _of_pictures(kind)}
        for origin, row in rows:
            id = str(row.get("id", origin))
            if id in seen:
                where = f"{corpus.folder / 'views.py'}: the view {view}" if view else f"{corpus.name} {version}"
                raise CorpusError(
                    f"{where} gives two rows with the id {id!r}; what is searched needs one each. "
                    "Give each an `id` of its own there"
                )
            seen.add(id)
            values = {
                name: _named(_without_pictures(value), classes.get(name))
                for name, value in row.items()
                if name != "id" and not _only_pictures(value) and not (name in drawn and value in (None, []))
            }
            if taken := next((name for name in TAKEN if name in values), None):
                raise CorpusError(
                    f"{corpus.name}: a value is called {taken}, as each entry's own {taken} is. Give it another name in "
                    f"the view `{VIEW}` of views.py"
                )
            yield Entry(id, next(_pictures_in(row), None), values | {"split": split})


def _code_of_views(corpus: Corpus) -> list[Path]:
    """views.py, what it imports from beside itself, and the tables beside them that these name."""
    code, new = set[Path](), {corpus.folder / "views.py"}
    while new:
        code |= new
        beside = {corpus.folder / f"{name}.py" for path in new for name in imported(path)}
        new = {path for path in beside - code if path.is_file()}
    written = b"".join(path.read_bytes() for path in code)
    tables = {path for path in corpus.folder.glob("[!.]*.yaml") if path.name.encode() in written}
    return sorted(code | tables)


def splits_of(corpus: Corpus, version: str) -> list[str]:
    """Of a release in its order, of the sample by name."""
    if version != "sample":
        return list(Releases(corpus).manifest(version).splits)
    found = sorted({path.name.partition("-")[0] for path in (corpus.folder / "sample").glob("*-*.parquet")})
    if not found:
        raise MmdataError(f"{corpus.name} has neither a release nor a sample. Build one with `mmdata build`")
    return found


def _pictures_in(value: Any) -> Iterator[bytes]:
    if _is_picture(value):
        if value["bytes"]:
            yield value["bytes"]
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _pictures_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from _pictures_in(part)


def _without_pictures(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_pictures(part) for name, part in value.items() if not _only_pictures(part)}
    return [_without_pictures(part) for part in value] if isinstance(value, list) else value


def _only_pictures(value: Any) -> bool:
    return _is_picture(value) or (isinstance(value, list) and bool(value) and all(map(_is_picture, value)))


def _of_pictures(feature: Any) -> bool:
    """Whether a column holds pictures, or lists of them."""
    import datasets

    return isinstance(getattr(feature, "feature", feature), datasets.Image)


def _is_picture(value: Any) -> bool:
    return type(value) is dict and value.keys() == {"bytes", "path"}


def _classes(feature: Any) -> list[str] | None:
    """Of a label's column, or of a list of labels."""
    names = getattr(getattr(feature, "feature", feature), "names", None)
    return list(names) if names else None


def _named(value: Any, names: list[str] | None) -> Any:
    if names is None:
        return value
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value

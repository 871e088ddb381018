"""Views: what a trainer wants of a corpus's rows, made by plain functions of its views.py."""

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .corpus import Corpus
from .errors import CorpusError, ReleaseError
from .functions import named

if TYPE_CHECKING:
    import datasets

    from .annotation.rejected import Judged

AT_ONCE = 16
"""Rows that are turned together, and whose pictures are then in memory."""
PICTURE = {"bytes", "path"}
"""Keys of a picture as a row has it."""


class GivesNothing(CorpusError):
    """A view has no row for a split: that may be right."""


def view(
    folder: str | Path, name: str, *, split: str, version: str | None = None, streaming: bool = True
) -> "datasets.IterableDataset | datasets.Dataset":
    """The rows of one split as a trainer wants them.

    A view is a function of the corpus's views.py, whose first argument is `row`, a dict with labels as
    numbers and a picture as its bytes and path. It returns one row, or yields any number; a second argument
    `features` is the columns' types, one `rejected` the answers to prompts that were put aside for better ones, with
    those (prompt → `annotation.rejected.Judged`, of this folder's store: not always what this release holds).
    A picture that it passes on is a picture again in what comes out. It may say which columns it reads, as
    `rounds.columns = ["id", "dialog"]`: no other is then read.

    Args:
        folder: the corpus folder.
        name: of the function.
        split: such as "train".
        version: of a release, or "sample"; by default the newest release, and the sample where there is none.
        streaming: rows are made when they are asked for. False makes them all now, kept by `datasets`
            beside its other files.

    Raises:
        CorpusError: there is no such view, or it fails on a row.
        ReleaseError: there is no such version or split.
    """
    corpus = Corpus(folder)
    columns = getattr(named(corpus, "views", "row", name), "columns", None)
    version = version or newest_or_sample(corpus)
    rows = _loaded(corpus, version, split, streaming, columns)
    each = _Each(corpus, name, rows.features)
    if streaming:
        each.decodes = True
        return rows.decode(False).map(each, batched=True, batch_size=AT_ONCE, remove_columns=rows.column_names)
    rows = rows.cast(_undecoded(rows.features))
    parts = (each(rows[n : n + AT_ONCE]) for n in range(0, len(rows), AT_ONCE))
    features = _features_of(parts, each)
    if not features:
        raise GivesNothing(f"{corpus.folder / 'views.py'}: the view {name} gives nothing for the {split} split")
    each.columns = list(features)
    names = [path.name for path in _files(corpus, version, split)] or rows._fingerprint
    return rows.map(
        each,
        batched=True,
        batch_size=AT_ONCE,
        remove_columns=rows.column_names,
        features=features,
        # `datasets` would take an edited function of the same name for the old one, and another release's list of
        # releases for other rows.
        new_fingerprint=hashlib.sha256(repr((names, columns, each.code, name)).encode()).hexdigest()[:16],
    )


def rows_of(
    corpus: Corpus, name: str, *, split: str, version: str, pictures: bool = False
) -> tuple[Mapping[str, Any], Iterator[tuple[str, dict[str, Any]]]]:
    """The columns' types, and what a view gives of one split: (id of the release's row, row) in order.

    Rows are as the view's function makes them: labels are numbers, a picture is its bytes and path. Without
    `pictures` none is read: the function is given None, or [] for a list, in a column that holds them. Of the view ""
    they are the release's rows.

    Raises: as `view`.
    """
    columns = getattr(named(corpus, "views", "row", name), "columns", None) if name else None
    features = _loaded(corpus, version, split, True, None).features
    wanted = [one for one in features if columns is None or one in columns]
    blank = {} if pictures else {one: _blank(features[one]) for one in wanted if _holds_picture(features[one])}
    rows = _loaded(corpus, version, split, True, [one for one in wanted if one not in blank]).decode(False)
    each = _Each(corpus, name, features).of_row if name else lambda row: [row]

    def made() -> Iterator[tuple[str, dict[str, Any]]]:
        for batch in rows.iter(AT_ONCE if pictures else 16 * AT_ONCE):
            for values in zip(*batch.values(), strict=True):
                row = dict(zip(batch, values, strict=True)) | blank
                yield from ((str(row.get("id")), one) for one in each(row))

    return features, made()


def _loaded(corpus: Corpus, version: str, split: str, streaming: bool, columns: list[str] | None) -> Any:
    """`load_dataset`, whose cache takes two samples for one: of two clones, or of before and after an update.

    What it makes goes into a cache of its own by the files' names, sizes and times; names hold their content's hash.
    """
    import datasets

    cache = {}
    if not streaming:
        files = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in _files(corpus, version, split)]
        key = hashlib.sha256(repr((str(corpus.folder), files)).encode()).hexdigest()[:16]
        cache = {"cache_dir": str(Path(datasets.config.HF_DATASETS_CACHE, "mmdata", key))}
    try:
        return datasets.load_dataset(
            str(corpus.folder), version, split=split, streaming=streaming, columns=columns, **cache
        )
    except (ValueError, FileNotFoundError) as error:
        raise ReleaseError(f"{corpus.name}, version {version}, split {split!r}: {error}") from None


def _files(corpus: Corpus, version: str, split: str) -> list[Path]:
    home = corpus.folder / "sample" if version == "sample" else corpus.folder / "data" / version
    return sorted(home.glob(f"{split}-*.parquet"))


def _holds_picture(feature: Any) -> bool:
    import datasets

    return any(isinstance(kind, datasets.Image) for kind in _leaves(feature))


def _blank(feature: Any) -> Any:
    import datasets

    return [] if isinstance(feature, datasets.List | datasets.LargeList) else None


class _Each:
    """A view over a batch of columns. Made anew in each process from the folder's path, as its code is no package's."""

    def __init__(self, corpus: Corpus, name: str, features: Mapping[str, Any]):
        import datasets

        self.corpus, self.name, self.features = corpus, name, features
        self.function = named(corpus, "views", "row", name)
        self.code = self.function.__module__  # It has the code's hash in it.
        asks = inspect.signature(self.function).parameters
        self.wants = {"features": features} if "features" in asks else {}
        self.rejected = _rejected(corpus) if "rejected" in asks else None
        if self.rejected is not None:  # What is kept of a view must not outlive an edit.
            self.code += hashlib.sha256(repr(self.rejected).encode()).hexdigest()
        images = [kind for kind in _leaves(features) if isinstance(kind, datasets.Image)]
        self.mode = images[0].mode if images else None
        self.decodes = False
        """Whether pictures come out as Pillow's."""
        self.columns: list[str] = []
        """What a batch must have, once it is known; before, what its rows have."""

    def __reduce__(self) -> Any:
        return _Each._of, (str(self.corpus.folder), self.name, self.features, self.decodes)

    @classmethod
    def _of(cls, folder: str, name: str, features: Mapping[str, Any], decodes: bool) -> "_Each":
        made = cls(Corpus(folder), name, features)
        made.decodes = decodes
        return made

    def __call__(self, batch: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        rows = (dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True))
        made = [one for row in rows for one in self.of_row(row)]
        columns = self.columns or dict.fromkeys(key for one in made for key in one)
        if not self.decodes:
            return {name: [one.get(name) for one in made] for name in columns}
        decoded = _Decoder(self.mode)
        return {name: [decoded(one.get(name)) for one in made] for name in columns}

    def of_row(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        id = row.get("id")
        try:
            more = {} if self.rejected is None else {"rejected": self.rejected.get(str(id), {})}
            made = self.function(row, **self.wants, **more)
            return [made] if isinstance(made, dict) else [dict(one) for one in made]
        except Exception as error:
            raise self.corpus.blame(error, f"making the view {self.name} of row {id!r}", "views") from error


class _Decoder:
    """Pictures as Pillow's. A view gives a dialogue's picture with each of its rounds: it is decoded once."""

    def __init__(self, mode: str | None):
        import datasets

        self._type = datasets.Image(mode=mode)
        self._last: tuple[Any, Any] = None, None

    def __call__(self, value: Any) -> Any:
        if _is_picture(value):
            if self._last[0] is not value:
                self._last = value, self._type.decode_example(value)
            return self._last[1]
        return [self(one) for one in value] if _are_pictures(value) else value


def _rejected(corpus: Corpus) -> "dict[str, dict[str, Judged]]":
    from .annotation.rejected import rejected  # Only views that ask for it need polars.

    return rejected(corpus)


def newest_or_sample(corpus: Corpus) -> str:
    """The newest release's version, and "sample" where there is none."""
    from .releases import Releases

    return next(reversed(Releases(corpus).versions()), "sample")


def _is_picture(value: Any) -> bool:
    return type(value) is dict and value.keys() == PICTURE


def _are_pictures(value: Any) -> bool:
    return type(value) is list and bool(value) and _is_picture(value[0])


def _leaves(features: Any) -> Iterator[Any]:
    import datasets

    if isinstance(features, dict):
        for part in features.values():
            yield from _leaves(part)
    elif isinstance(features, datasets.List | datasets.LargeList):
        yield from _leaves(features.feature)
    else:
        yield features


def _undecoded(features: Any) -> Any:
    """The same types, a picture left as its bytes and path."""
    import datasets

    if isinstance(features, dict):
        return type(features)({name: _undecoded(part) for name, part in features.items()})
    if isinstance(features, datasets.List | datasets.LargeList):
        return type(features)(_undecoded(features.feature))
    return datasets.Image(mode=features.mode, decode=False) if isinstance(features, datasets.Image) else features


def _features_of(parts: Iterator[dict[str, list[Any]]], each: _Each) -> Any:
    """The types of what a view gives, over all of it: the first rows may say only null."""
    import datasets
    import pyarrow as pa

    pictures: dict[str, Any] = {}
    schema: pa.Schema = pa.schema([])
    order: dict[str, None] = {}
    for part in parts:
        plain = {}
        order |= dict.fromkeys(part)
        for name, values in part.items():
            if any(map(_is_picture, values)):
                pictures[name] = datasets.Image(mode=each.mode)
            elif any(map(_are_pictures, values)):
                pictures[name] = datasets.List(datasets.Image(mode=each.mode))
            else:
                plain[name] = values
        found = pa.table(plain).schema
        schema = pa.unify_schemas([schema, found], promote_options="permissive")
    made = datasets.Features.from_arrow_schema(schema) | pictures
    # A column that is passed on keeps its type: a class its names.
    return datasets.Features({name: _kept(each.features.get(name), made[name]) for name in order})


def _kept(before: Any, now: Any) -> Any:
    import datasets

    stored = isinstance(now, datasets.Value) and now.dtype == "int64"
    return before if isinstance(before, datasets.ClassLabel) and stored else now

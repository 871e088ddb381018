"""`mmdata export`: a release in another system's files, by a function of the corpus's exports.py, or one of its views."""

import inspect
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.text import Text

from ..corpus import Corpus
from ..errors import CorpusError, MmdataError, ReleaseError
from ..functions import functions_in, named
from ..names import bytes_text
from ..reading import PICTURES, ROWS, Release
from ..releases import Releases, blaming_damage
from ..views import newest_or_sample
from ..written_view import write_view


@dataclass(frozen=True, slots=True)
class Export:
    """What an export wrote."""

    corpus: str
    version: str
    format: str
    folder: Path
    files: list[str]
    """Below the folder, sorted; of a folder of pictures, its name with a / behind it."""
    bytes: int


def export(
    folder: str | Path,
    format: str | None = None,
    *,
    view: str | None = None,
    version: str | None = None,
    into: str | Path | None = None,
    pictures: bool = False,
) -> Export:
    """Write a release as the files of another system, or one of its views as a dataset of its own.

    A format is a function of the corpus's exports.py, `def original(rows, into): …`. It is given all rows in
    order, each a dict with its `split`, its labels as class names and its pictures as paths, writes below
    the folder `into`. With an argument `pictures` it can be asked to write these too, and
    is then given their bytes.

    Args:
        folder: the corpus folder.
        format: of the corpus's; may be left out where there is one.
        view: instead of a format: what this view gives is written as Parquet, for `load_dataset` and `trl sft`.
        version: of a release; by default the newest. Of a view, also "sample", which it is where there is no release.
        into: a folder that is not there yet, or empty; by default CORPUS-VERSION-FORMAT here.
        pictures: write the pictures too; a view always has its own.

    Raises:
        CorpusError: no such format or view, or it fails, or writes nothing.
        ReleaseError: no such release, a damaged one, or `into` holds something, is among the releases, or cannot be
            written.
    """
    corpus = Corpus(folder)
    if view is not None:
        if format is not None or pictures:
            raise CorpusError("a view is written as it is: give --view or --format, and --pictures with a format only")
        named(corpus, "views", "row", view)
        version = version or newest_or_sample(corpus)
        out = _free(corpus, into, f"{corpus.name}-{version}-{view}")
        with _whole(out) as work:
            write_view(corpus, view, version, work)
            files, size = _written(work)
            if not files:
                raise CorpusError(f"{corpus.name} {version}: the view {view} gives nothing for any split")
        return Export(corpus.name, version, view, out, files, size)
    formats = functions_in(corpus, "exports", "rows")
    if format is None and len(formats) == 1:
        format = next(iter(formats))
    function = named(corpus, "exports", "rows", format or "")
    format = function.__name__
    options: dict[str, Any] = {}
    if "pictures" in inspect.signature(function).parameters:
        options["pictures"] = pictures
    elif pictures:
        raise CorpusError(f"{corpus.name}: the format {format} has no pictures; leave out --pictures")
    releases = Releases(corpus)
    manifest = releases.manifest(version) if version is not None else releases.newest()
    if manifest is None:
        raise ReleaseError(f"{corpus.name} has no release to export yet: run `mmdata build` first")
    out = _free(corpus, into, f"{corpus.name}-{manifest.version}-{format}")
    release = Release(corpus.folder, manifest)
    with _whole(out) as work:
        try:
            function(rows_of(release, pictures), work, **options)
        except (MmdataError, OSError):
            raise
        except Exception as error:
            raise corpus.blame(error, f"exporting {format}", "exports") from error
        files, size = _written(work)
        if not files:
            raise CorpusError(
                f"{corpus.name}: the format {format} wrote nothing: no row of {manifest.version} is for it. What it "
                f"takes is said in {corpus.folder / 'exports.py'}. Give another --version, or make one that has it"
            )
    return Export(corpus.name, manifest.version, format, out, files, size)


def _free(corpus: Corpus, into: str | Path | None, name: str) -> Path:
    """Where to write, nothing being there and no release."""
    out = Path(into if into is not None else name).expanduser().absolute()
    for own in ("data", "sample"):
        if out.resolve().is_relative_to((corpus.folder / own).resolve()):
            raise ReleaseError(
                f"{out} is in {corpus.name}'s {own}/, which holds releases; name another folder with --into"
            )
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise ReleaseError(f"{out} holds something already; name another folder with --into, or remove it")
    return out


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder to write in that becomes `out` once all is written, and never in part."""
    work = out.with_name(f".{out.name}.{uuid.uuid4().hex}")
    try:
        work.mkdir(parents=True)
        yield work
        if out.is_dir():
            out.rmdir()
        os.rename(work, out)
    except OSError as error:
        why = error.strerror or error
        raise ReleaseError(
            f"{out}: cannot be written: {why}. Put that right, or name another folder with --into"
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def rows_of(release: Release, pictures: bool) -> Iterator[dict[str, Any]]:
    """Every row in order: its split, labels as class names, a picture as {"path"}, or {"path", "bytes"}."""
    images = [name for name, kind in release.kinds.items() if kind == "image"]
    lists = {feature["name"] for feature in release.manifest.features if "list" in feature}
    paths = {name: f"{name}.list.element.path" if name in lists else f"{name}.path" for name in images}
    columns = [name if pictures else paths.get(name, name) for name in release.kinds]
    with blaming_damage(release.folder, release.manifest):
        for shard in release.manifest.files:
            with pq.ParquetFile(release.folder / shard.path, pre_buffer=False) as file:
                for batch in file.iter_batches(PICTURES if pictures and images else ROWS, columns=columns):
                    for row in batch.to_pylist():
                        for name, classes in release.classes.items():
                            row[name] = None if row[name] is None else classes[row[name]]
                        yield {"split": shard.split, **row}


def as_screen(done: Export) -> Text:
    """It on a screen."""
    lines = [f"{done.corpus} {done.version} as {done.format}, {bytes_text(done.bytes)}, in {done.folder}:", *done.files]
    return Text("\n  ".join(lines))


def as_json(done: Export) -> str:
    """It on one line of JSON."""
    return json.dumps(asdict(done) | {"folder": str(done.folder)}, ensure_ascii=False)


def _written(folder: Path) -> tuple[list[str], int]:
    top = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir())
    return top, sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())

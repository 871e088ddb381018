"""`mmdata export`: a release in another system's files, made by the functions of a corpus's exports.py."""

import inspect
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.text import Text

from ..corpus import Corpus
from ..errors import CorpusError, MmdataError, ReleaseError
from ..names import bytes_text
from ..reading import PICTURES, ROWS, Release
from ..releases import Releases, blaming_damage
from ..views import functions_in, named


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
    version: str | None = None,
    into: str | Path | None = None,
    pictures: bool = False,
) -> Export:
    """Write a release as the files of another system.

    A format is a function of the corpus's exports.py, `def original(rows, into): …`. It is given all rows in
    order, each a dict with its `split`, its labels as class names and its pictures as paths, writes below
    the folder `into`. With an argument `pictures` it can be asked to write these too, and
    is then given their bytes.

    Args:
        folder: the corpus folder.
        format: of the corpus's; may be left out where there is one.
        version: of a release; by default the newest.
        into: a folder that is not there yet, or empty; by default CORPUS-VERSION-FORMAT here.
        pictures: write the pictures too.

    Raises:
        CorpusError: no such format, or it fails, or writes nothing.
        ReleaseError: no such release, a damaged one, or `into` holds something, is among the releases, or cannot be
            written.
    """
    corpus = Corpus(folder)
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
    out = Path(into if into is not None else f"{corpus.name}-{manifest.version}-{format}").expanduser().absolute()
    for own in ("data", "sample"):
        if out.resolve().is_relative_to((corpus.folder / own).resolve()):
            raise ReleaseError(
                f"{out} is in {corpus.name}'s {own}/, which holds releases; name another folder with --into"
            )
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise ReleaseError(f"{out} holds something already; name another folder with --into, or remove it")
    release = Release(corpus.folder, manifest)
    work = out.with_name(f".{out.name}.{uuid.uuid4().hex}")
    try:
        work.mkdir(parents=True)
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
        if out.is_dir():
            out.rmdir()
        os.rename(work, out)  # All of it, or nothing.
    except OSError as error:
        why = error.strerror or error
        raise ReleaseError(
            f"{out}: cannot be written: {why}. Put that right, or name another folder with --into"
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Export(corpus.name, manifest.version, format, out, files, size)


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

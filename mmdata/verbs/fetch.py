"""`mmdata fetch`: get the files that a corpus's source consists of."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shlex import quote
from time import monotonic

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..annotation.client import run
from ..corpus import Corpus
from ..errors import SourceError
from ..fetching.columns import read_column
from ..fetching.faults import Failure, disk_fault
from ..fetching.ledger import Ledger
from ..fetching.running import Run, Tally
from ..fetching.sources_file import read_sources, wanted_of
from ..lock import locked
from ..names import bytes_text
from ..progress import Progress, Silent

FAILURES = "failures.jsonl"


@dataclass(slots=True)
class Fetched:
    """What a fetch brought."""

    folder: Path
    """The corpus folder."""
    into: Path
    """Where the files are."""
    here: int = 0
    """Files that were whole already: nothing was asked for."""
    fetched: int = 0
    """Files got, checked and in their places."""
    bytes: int = 0
    """That came."""
    archives: int = 0
    unpacked: int = 0
    """Files out of so many archives."""
    failures: list[Failure] = field(default_factory=list)
    """Files that could not be had; failures.jsonl lists them too."""
    seconds: float = 0.0


def fetch(
    folder: str | Path,
    *,
    split: str | None = None,
    only: Sequence[str] | None = None,
    urls: str | None = None,
    into: str | Path | None = None,
    unpack: bool = True,
    per_host: int = 4,
    concurrency: int = 16,
    max_bytes: int | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Get the files of a corpus's sources.yaml, or the pictures that a column of URLs names. Safe to run again.

    A file gets its name once all of it is here and has been checked: size and sha256 where they are declared, else
    that it is of its kind (a picture decodes, an archive and JSON have their end). Until then it lies in
    `.fetch/`, where the next run goes on with it. Pictures of a column are named after their URL's hash;
    fetched.csv says which URL became which file.

    Args:
        folder: the corpus folder.
        split: only the files for it, such as "train", and those for all.
        only: names of sources.yaml, or patterns such as "*.json".
        urls: "FILE:COLUMN", of a .csv, .jsonl or .parquet file, instead of sources.yaml.
        into: where to; by default the corpus's source/, which git does not see.
        unpack: whether archives become folders.
        per_host: requests at once to one server.
        concurrency: requests at once to all.
        max_bytes: of a file whose size is not declared; by default 100 MB a picture, 50 GB another.
        progress: where to show how far it is.

    Raises:
        CorpusError: no corpus, no sources.yaml, a mistake in it, or no such split or name.
        SourceError: the column cannot be read, another fetch is at work there, or the disk will not have it.
    """
    began = monotonic()
    home = Corpus(folder).folder
    for name, value in {"per_host": per_host, "concurrency": concurrency, "max_bytes": max_bytes}.items():
        if value is not None and value < 1:
            raise SourceError(f"{name}={value}: at least 1 is wanted")
    if urls is not None:
        if split is not None or only:
            raise SourceError("--split and --only choose from sources.yaml; they do not go with --urls")
        wanted, faults = read_column(urls)
    else:
        wanted, faults = wanted_of(home, read_sources(home), split, only, unpack), []
    place = Path(into).expanduser() if into is not None else Path(folder).expanduser() / "source"
    _make(place, hidden=into is None)
    progress = progress or Silent()
    progress.stage("fetching")
    with locked(place / ".fetch/lock", "fetched into", SourceError, folder=str(place)), Ledger(place) as ledger:
        for litter in (place / ".fetch").glob("*.plain"):
            litter.unlink()
        try:
            with (place / FAILURES).open("w", encoding="utf-8") as failures:
                job = Run(
                    place,
                    ledger,
                    largest=max_bytes,
                    per_host=per_host,
                    concurrency=concurrency,
                    failures=failures,
                    progress=progress,
                )
                for fault in faults:
                    job.note(fault)
                run(job.bring(wanted))
        except OSError as error:
            raise disk_fault(error, place / FAILURES) from None
        if not job.tally.failures:
            (place / FAILURES).unlink()
    return _done(Path(folder), place, job.tally, monotonic() - began)


def _done(folder: Path, place: Path, tally: Tally, seconds: float) -> Fetched:
    return Fetched(
        folder, place, tally.here, tally.fetched, tally.bytes, tally.archives, tally.unpacked, tally.failures, seconds
    )


def _make(place: Path, *, hidden: bool) -> None:
    """The folder; git is told to leave the corpus's own source/ out, whatever the corpus's .gitignore says."""
    try:
        (place / ".fetch").mkdir(parents=True, exist_ok=True)
        if hidden and not (place / ".gitignore").exists():
            (place / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise disk_fault(error, place) from None


def as_json(done: Fetched) -> str:
    """What it brought, for a program."""
    return json.dumps(asdict(done) | {"folder": str(done.folder), "into": str(done.into)}, ensure_ascii=False)


def as_screen(done: Fetched) -> Group:
    """What it brought, what failed and why, and the next step."""
    parts = [f"{_files(done.fetched)} fetched, {bytes_text(done.bytes)}"] if done.fetched else []
    parts += [f"{done.here:,} were here already"] if done.here else []
    parts += [f"{_files(done.unpacked)} unpacked"] if done.archives else []
    lines: list[Text | Table] = [Text(f"{done.into}: {'; '.join(parts) or 'nothing to fetch'}")]
    if done.failures:
        lines.append(Text(f"{len(done.failures):,} could not be had:"))
        table = Table("what", "files", "for example", "why", box=None, pad_edge=False, header_style="dim")
        for kind, count in Counter(failure.kind for failure in done.failures).most_common():
            one = next(failure for failure in done.failures if failure.kind == kind)
            table.add_row(*map(Text, (kind, f"{count:,}", one.name or one.place, one.reason)))
        lines += [table, Text(f"All of them: {done.into / FAILURES}")]
    else:
        lines.append(Text(f"Next: mmdata build {quote(str(done.folder))} --source {quote(str(done.into))}"))
    return Group(*lines)


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"

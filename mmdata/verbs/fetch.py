"""`mmdata fetch`: get the files that a corpus's source consists of."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from time import monotonic

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..corpus import Corpus
from ..errors import SourceError
from ..fetching.columns import places_of, read_column
from ..fetching.failures import FAILURES, Failures
from ..fetching.faults import Failure, disk_fault
from ..fetching.ledger import Ledger
from ..fetching.running import Fetched, Run
from ..fetching.sources_file import SOURCES, read_sources, wanted_of
from ..interrupts import run
from ..lock import locked
from ..names import bytes_text
from ..progress import Progress, Silent


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

    A file gets its name once all of it is here and has been checked: size and sha256 where they are declared, else, as
    far as it can be told, that it is of its kind (a picture decodes, an archive, a gzip and JSON have their end; of JSON
    lines cut between two lines nothing is seen). Until then it lies in `.fetch/`, where the next run goes on with it.
    Pictures of a column are named after their URL's hash, without what is secret in it; fetched.csv says which URL
    became which file.

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
        KeyboardInterrupt: Ctrl-C. What came is kept, whole files and parts; the next run goes on with it.
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
        names = {one.name for one in wanted}
        begins, ends = places_of(urls)
    else:
        listed = read_sources(home)
        wanted, faults = wanted_of(home, listed, split, only, unpack), []
        names = {one.name for one in listed}
        begins, ends = f"{SOURCES}: ", ""
    place = Path(into).expanduser() if into is not None else Path(folder).expanduser() / "source"
    _make(place, home if into is None else None)
    progress = progress or Silent()
    progress.stage("fetching")

    def still(failure: Failure) -> bool:
        """Whether a file of an earlier failure is wanted still: of other lists it cannot be told."""
        ours = failure.place.startswith(begins) and failure.place.endswith(ends)
        return failure.name in names or not ours

    with locked(place / ".fetch/lock", "fetched into", SourceError, folder=str(place)):
        for litter in (place / ".fetch").glob("*.plain"):
            litter.unlink()
        done = Fetched(Path(folder), place)
        with Ledger(place) as ledger, Failures(place, still) as failures:
            job = Run(
                done,
                ledger,
                largest=max_bytes,
                per_host=per_host,
                concurrency=concurrency,
                failures=failures,
                progress=progress,
            )
            for fault in faults:
                failures.note(fault)
            try:
                run(job.bring(wanted))
            except asyncio.CancelledError:  # A notebook's interrupt.
                raise KeyboardInterrupt from None
    done.failures, done.earlier, done.seconds = failures.new, failures.earlier, monotonic() - began
    return done


def _make(place: Path, home: Path | None) -> None:
    """The folder; of a corpus's own source/ its .gitignore is to say that git leaves it out."""
    try:
        (place / ".fetch").mkdir(parents=True, exist_ok=True)
        if home is not None:
            ignored = home / ".gitignore"
            text = ignored.read_text(encoding="utf-8") if ignored.exists() else ""
            if not {"source/", "source", "/source/", "/source"} & set(text.split()):
                end = "" if not text or text.endswith("\n") else "\n"
                ignored.write_text(f"{text}{end}source/\n", encoding="utf-8")
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
    nothing = "nothing fetched" if done.failures or done.earlier else "nothing to fetch"
    lines: list[Text | Table] = [Text(f"{done.into}: {'; '.join(parts) or nothing}")]
    if done.failures:
        lines.append(Text(f"{len(done.failures):,} could not be had:"))
        table = Table("what", "files", "for example", "why", box=None, pad_edge=False, header_style="dim")
        for kind, count in Counter(failure.kind for failure in done.failures).most_common():
            one = next(failure for failure in done.failures if failure.kind == kind)
            table.add_row(*map(Text, (kind, f"{count:,}", one.name or one.place, one.reason)))
        and_earlier = f", and {done.earlier:,} of earlier runs" if done.earlier else ""
        lines += [table, Text(f"All of them{and_earlier}: {done.into / FAILURES}")]
    else:
        if done.earlier:
            lines.append(Text(f"{_files(done.earlier)} of earlier runs still to be had: {done.into / FAILURES}"))
        lines.append(Text(f"Next: mmdata build {quote(str(done.folder))} --source {quote(str(done.into))}"))
    return Group(*lines)


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"

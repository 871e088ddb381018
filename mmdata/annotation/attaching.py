"""Published answers taken for the rows here that they were given to."""

import itertools
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from ..corpus import Corpus
from ..errors import CorpusError, HubError
from ..progress import Progress
from ..reading import Release, Row
from ..releases import blaming_damage
from .adopting import AT_ONCE, Published, keep, published, require_askable
from .joining import PublishedRows, Theirs, differing, rows_with_pictures
from .prompt import Prompt, parse_prompt, prompts_in
from .store import Store, writing

EXAMPLES = 5


@dataclass(slots=True, kw_only=True)
class Joined:
    """What was joined."""

    rows: int = 0
    """Of the newest release here."""
    matched: int = 0
    """Of these, published ones, by their pictures."""
    not_here: int = 0
    """Published rows whose pictures are not here."""
    differing: int = 0
    """Matched rows with another class than was published. An answer to a prompt that sees the class is not theirs."""
    examples: list[str] = field(default_factory=list)
    """The first of them."""
    answers: dict[str, int] = field(default_factory=dict)
    """Prompt → matched rows with a published answer."""
    added: dict[str, int] = field(default_factory=dict)
    """Prompt → answers that the store did not hold. Rows that ask the same share one."""
    left_out: list[str] = field(default_factory=list)
    """Published columns whose release does not keep their prompts."""
    prompts: list[str] = field(default_factory=list)
    """Prompts whose files were not here, and are put here."""


def join_answers(corpus: Corpus, mine: Release, theirs: Release, source: str, progress: Progress) -> Joined:
    """Put the published answers of the rows here into the corpus's store.

    Args:
        mine: the newest release here.
        theirs: the published version, with or without pictures.
        source: what it is called, such as "ns/name v1.1.0".

    Raises:
        HubError: no picture in common, or no column whose prompt is known.
        CorpusError: a prompt here is not the one that was asked.
        AnnotationError: a prompt asks about what the rows here do not have; an answer cannot be put into a store; another process annotates.
    """
    done = Joined()
    notes = theirs.manifest.annotations
    done.left_out = [note.column for note in notes if not note.prompt]
    found = [published(note, source) for note in notes if note.prompt]
    if not found:
        raise HubError(
            f"{source}: its release was made before mmdata kept prompts, so its answers ({', '.join(done.left_out)}) "
            "cannot be put into a store"
        )
    here = prompts_in(corpus.folder)
    for one in found:
        require_askable(mine, one)
        if one.prompt.id in here:
            _require_same(here[one.prompt.id], one)
    done.prompts = [one.prompt.id for one in found if one.prompt.id not in here]
    done.answers = {one.prompt.id: 0 for one in found}
    done.added = dict(done.answers)
    done.rows = sum(mine.manifest.splits.values())
    columns = [one.note.column for one in found]
    labels = [name for name in theirs.classes if name in mine.classes]
    fields = list(dict.fromkeys([*labels, *(name for one in found for name in one.prompt.fields)]))
    with (
        TemporaryDirectory(prefix="mmdata-") as scratch,
        blaming_damage(mine.folder, mine.manifest),
        writing(corpus.folder) as store,
    ):
        progress.stage("reading what was published")
        with PublishedRows(Path(scratch) / "published.sqlite", theirs, columns) as rows:
            progress.stage("joining by pictures")
            looked, own = 0, rows_with_pictures(mine, fields)
            while some := list(itertools.islice(own, AT_ONCE)):
                pairs = [
                    (row, match) for (row, _), match in zip(some, rows.matching(some), strict=True) if match is not None
                ]
                _note(pairs, done)
                for one in found:
                    _keep(store, one, pairs, done)
                looked += len(some)
                progress.rows(looked, done.rows, f"{done.matched:,} found")
            done.not_here = rows.not_here()
    if not done.matched:
        raise HubError(
            f"none of the {done.rows:,} rows of {corpus.name} {mine.manifest.version} has a picture of {source}, so nothing "
            "was attached. Was the release built from the same source, byte for byte? Pictures that were converted or "
            "resized have other hashes"
        )
    return done


def _require_same(path: Path, one: Published) -> None:
    """Raises CorpusError unless the prompt file asks what was asked; how answers are judged is everyone's own."""
    own, theirs = parse_prompt(path), one.prompt
    if not _asks_the_same(own, theirs):
        unlike = [name for name in Prompt.model_fields if getattr(own, name) != getattr(theirs, name)]
        raise CorpusError(
            f"{path}: it is not the prompt that the answers of {one.source} were given to ({', '.join(unlike)}): it has the "
            f"sha256 {own.sha256}, theirs {theirs.sha256}. Move yours away and run the same command again to get theirs, or "
            "give yours another id and file name to keep both"
        )


def _asks_the_same(own: Prompt, theirs: Prompt) -> bool:
    """`max_side` may have been given on the command line."""
    return own.changed(max_side=theirs.max_side, wanted=theirs.wanted) == theirs


def _note(pairs: Sequence[tuple[Row, Theirs]], done: Joined) -> None:
    """Count the matched rows, and those with other labels."""
    done.matched += len(pairs)
    for row, theirs in pairs:
        if names := differing(row, theirs):
            done.differing += 1
            if len(done.examples) < EXAMPLES:
                unlike = ", ".join(f"{n} {row.values[n]} here, {theirs.labels[n]} there" for n in names)
                done.examples.append(f"{row.id}: {unlike}")


def _keep(store: Store, one: Published, pairs: Sequence[tuple[Row, Theirs]], done: Joined) -> None:
    """Put one prompt's answers to these rows into the store, where the very question was asked."""
    seen, column = set(one.prompt.fields), one.note.column
    answers = [
        (row, theirs.answers[column])
        for row, theirs in pairs
        if column in theirs.answers and not seen.intersection(differing(row, theirs))
    ]
    if answers:
        done.answers[one.prompt.id] += len(answers)
        done.added[one.prompt.id] += keep(store, one, answers)


def place_prompt(folder: Path, theirs: Release, name: str, file: Path | None) -> None:
    """Put a prompt's file here: the publisher's own if it still asks the same, else what the manifest keeps."""
    prompt = Prompt.model_validate(next(note.prompt for note in theirs.manifest.annotations if note.column == name))
    content = yaml.safe_dump(prompt.model_dump(mode="json"), allow_unicode=True, sort_keys=False).encode()
    if file is not None:
        with suppress(CorpusError):  # Edited since, and wrongly.
            content = file.read_bytes() if _asks_the_same(parse_prompt(file), prompt) else content
    path = folder / "prompts" / f"{prompt.id}.yaml"
    path.parent.mkdir(exist_ok=True)
    new = path.with_suffix(".new")
    new.write_bytes(content)
    os.replace(new, path)

"""`mmdata attach`: published answers join somebody's own copy of the pictures."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rich.text import Text

from ..annotation.attaching import Joined, join_answers, place_prompt
from ..annotation.prompt import prompts_in
from ..corpus import Corpus
from ..errors import HubError, ReleaseError
from ..hub.published import PublishedVersion, published_version
from ..hub.remote import Remote
from ..manifest import ShardFile
from ..progress import Progress, Silent
from ..reading import Release
from ..releases import Bump, Releases, explained, matches, require_pictures
from .release import release


@dataclass(slots=True, kw_only=True)
class Attached(Joined):
    """What was joined, and the release that was made of it."""

    repo: str
    version: str
    """The published one."""
    commit: str
    corpus: str
    release: str = ""
    """The newest version here now."""
    created: bool = False
    """It was made just now."""
    identical: bool = False
    """Its files are, byte for byte, those of the release that was published from."""


def attach(
    folder: str | Path,
    repo: str,
    *,
    version: str | None = None,
    bump: Bump = "minor",
    progress: Progress | None = None,
) -> Attached:
    """Join the answers of a version on the Hub with the newest release here, and make a release of them.

    Rows are matched by the sha256 of their pictures, whatever their files are named; rows without pictures, by id.
    The answers go into the annotation store: done twice, the second time adds nothing.

    Args:
        folder: the corpus folder, with a release built from one's own copy of the source.
        repo: "namespace/name".
        version: such as "1.1.0"; the newest tag without it. One with pictures will do too.
        bump: which part of the local version goes up.
        progress: where to show how far it is.

    Raises:
        ReleaseError: nothing was built here yet, or a damaged release.
        HubError: no such repository or version, no answers in it, no picture in common, or the Hub or the way to
            it fails.
        CorpusError: a prompt here is not the one that was asked.
        AnnotationError: the published answers cannot be put into a store; another process annotates.
    """
    corpus, progress = Corpus(folder), progress or Silent()
    mine = _built(corpus)
    progress.stage("looking at the Hub")
    found = published_version(Remote(repo), version)
    theirs = _fetched(found, progress)
    joined = join_answers(corpus, mine, theirs, str(found), progress)
    with explained(corpus.folder):
        for name in joined.prompts:
            path = f"prompts/{name}.yaml"
            file = found.remote.file(path, found.commit) if path in found.tree else None
            place_prompt(corpus.folder, theirs, name, file)
    told = {field.name: getattr(joined, field.name) for field in fields(joined)}
    done = Attached(repo=repo, version=found.version, commit=found.commit, corpus=corpus.name, **told)
    return _released(corpus, mine, theirs, done, bump, progress)


def _built(corpus: Corpus) -> Release:
    manifest = Releases(corpus).newest()
    own = f"build one from your own copy of the source first, with `mmdata build {corpus.folder} --source DIR`"
    if manifest is None:
        raise ReleaseError(f"{corpus.name} has no release to attach answers to yet: {own}")
    require_pictures(manifest)
    return Release(corpus.folder, manifest)


def _fetched(found: PublishedVersion, progress: Progress) -> Release:
    """A version in Hugging Face's cache, each file verified. Of one with pictures, they come along."""
    if not found.manifest.annotations:
        raise HubError(f"{found} has no answers to attach: it was published before any were made")
    progress.stage(f"fetching {found}")
    progress.pause()
    for name, digest in found.digests.items():
        path = found.remote.file(found.data + name, found.commit)
        if not matches(path, digest):
            path.resolve().unlink()  # The next run fetches it anew.
            raise found.damaged(name, "nothing was attached")
    return Release(found.remote.file(found.data + "manifest.json", found.commit).parents[2], found.manifest)


def _released(
    corpus: Corpus, mine: Release, theirs: Release, done: Attached, bump: Bump, progress: Progress
) -> Attached:
    """Make a release of the answers, beside those that the newest has."""
    there = prompts_in(corpus.folder)
    before = [note.column for note in mine.manifest.annotations if note.column in there]
    attached = [name for name, rows in done.answers.items() if rows]
    made = release(corpus.folder, bump=bump, prompts=[*before, *attached], progress=progress) if attached else None
    if made is not None:
        original = theirs.manifest.taken_from or theirs.manifest
        done.release, done.created = made.version, made.created
        done.identical = _digests(made.manifest.files) == _digests(original.files)
    return done


def _digests(files: Sequence[ShardFile]) -> list[str]:
    return sorted(file.sha256 for file in files)


def as_json(done: Attached) -> str:
    """What was joined, for a program."""
    return json.dumps(asdict(done), ensure_ascii=False)


def as_screen(done: Attached) -> Text:
    """What was joined, and what was not."""
    lines = [
        f"{done.corpus}: {done.matched:,} of {done.rows:,} rows are of {done.repo} v{done.version}, by their pictures"
    ]
    if done.matched < done.rows:
        lines.append(f"{done.rows - done.matched:,} rows here were not published: they have no answer yet")
    if done.not_here:
        lines.append(f"{done.not_here:,} published rows have no picture here")
    if done.differing:
        lines.append(
            f"{done.differing:,} rows have another class here than was published; answers to prompts that see the class "
            "were not taken for them:"
        )
        lines += [f"  {example}" for example in done.examples]
    lines += [
        f"{name}: {rows:,} rows have a published answer, {done.added[name]:,} answers were new to the store"
        for name, rows in done.answers.items()
    ]
    if done.left_out:
        lines.append(f"left out, for their release does not keep the prompts: {', '.join(done.left_out)}")
    lines += [f"prompts/{name}.yaml was put here" for name in done.prompts]
    if done.created:
        lines.append(f"{done.corpus} {done.release} was made of them.")
    elif done.release:
        lines.append(f"{done.corpus} {done.release} has these answers already; no release was made.")
    if done.identical:
        lines.append("Its files are the published release's, byte for byte.")
    return Text("\n".join(lines))

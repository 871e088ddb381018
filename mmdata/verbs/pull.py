"""`mmdata pull`: a version on the Hub becomes a local release."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.text import Text

from ..annotation.adopting import adopt
from ..annotation.store import writing
from ..corpus import Corpus
from ..errors import AnnotationError, HubError, ReleaseError
from ..hub.plan import CARD, is_part
from ..hub.published import PublishedVersion, published_version
from ..hub.remote import Entry, Local, Remote
from ..lock import locked
from ..names import bytes_text
from ..progress import Progress, Silent
from ..reading import Release
from ..releases import REJECTED, Releases, explained, matches, sync


@dataclass(slots=True)
class Pulled:
    """What a pull brought."""

    repo: str
    version: str
    commit: str
    folder: Path
    """The corpus folder."""
    created: bool = False
    """False: the release was here already."""
    bytes: int = 0
    rows: int = 0
    adopted: dict[str, int] = field(default_factory=dict)
    """Prompt → answers put into the annotation store, so that nobody pays for them again."""
    left: list[str] = field(default_factory=list)
    """Why the answers of a column could not be put there."""
    differing: list[str] = field(default_factory=list)
    """Files of the corpus that are not as on the Hub; the ones here stay."""


def pull(
    repo: str,
    *,
    version: str | None = None,
    into: str | Path | None = None,
    progress: Progress | None = None,
) -> Pulled:
    """Fetch a version from the Hub as a local release, every file's hash verified.

    Its answers go into the annotation store, so that `annotate` asks nothing twice and `check` judges them. In a
    new folder the corpus's own files (builder, labels, prompts, sample) come along; its builder.py is code that
    the other commands run.

    Args:
        repo: "namespace/name".
        version: such as "1.1.0"; the newest tag without it.
        into: the corpus folder; by default dataset_builders/<the corpus's name>.
        progress: where to show how far it is.

    Raises:
        HubError: no such repository or version, one without pictures, or the Hub or the way to it fails.
        ReleaseError: another release of that version is here, or what came is not what its manifest says.
    """
    progress = progress or Silent()
    progress.stage("looking at the Hub")
    found = published_version(Remote(repo), version)
    manifest = found.manifest
    if manifest.taken_from is not None:
        raise HubError(
            f"{found} was published without its pictures. Build a release from your own copy of the source, then run "
            f"`mmdata attach FOLDER --repo {repo}`"
        )
    folder = Path(into).expanduser() if into is not None else Path("dataset_builders") / manifest.corpus
    new = not (folder / "builder.py").exists()
    if new and folder.exists() and any(folder.iterdir()) and not (folder / ".pull").exists():
        raise HubError(f"{folder} is no corpus folder, and not empty. Give another with --into")
    done = Pulled(repo, found.version, found.commit, folder, rows=sum(manifest.splits.values()))
    parts = sorted(path for path in found.tree if path == CARD or is_part(path))
    here = folder / found.data / "manifest.json"
    aside = folder / ".pull"  # Beside the releases, on the same disk.
    aside.mkdir(parents=True, exist_ok=True)
    with explained(folder), locked(aside / "lock", "pulled into", ReleaseError):
        if not here.exists():
            done.created, done.bytes = True, _fetch(found, folder, parts if new else [], progress)
        elif not found.tree[found.data + "manifest.json"].holds(Local(here)):
            raise ReleaseError(
                f"{folder} has a release {found.version} that is not the one of {found}. Pull into another folder, with --into"
            )
        if not new:
            done.differing = _differing(folder, parts, found.tree)
        shutil.rmtree(aside)
    with writing(folder.absolute()) as store:
        for note in manifest.annotations:
            try:
                done.adopted |= adopt(store, Release(folder, manifest), [note], str(found), progress)
            except AnnotationError as error:  # The release is whole without: say so, and go on.
                done.left.append(str(error))
    return done


def _fetch(found: PublishedVersion, folder: Path, parts: Sequence[str], progress: Progress) -> int:
    """Lay the version out as a release, with the corpus's own files; returns its bytes."""
    digests = found.digests | {REJECTED: found.manifest.rejected_sha256}
    names = ["manifest.json", *digests]
    size = sum(entry.size for path, entry in found.tree.items() if path.startswith(found.data))
    # What an interrupted pull left there is not fetched again.
    aside = folder / ".pull" / found.commit
    aside.mkdir(parents=True, exist_ok=True)
    progress.stage(f"fetching {bytes_text(size)}")
    progress.pause()
    paths = [*(found.data + name for name in names), *parts]
    if absent := [path for path in paths if path not in found.tree]:
        raise found.damaged(absent[0], "nothing was fetched")
    found.remote.download(paths, found.commit, aside)
    progress.stage("verifying")
    _require_whole(found, aside, paths, digests)
    if parts:
        _lay_out(aside, folder, parts)
    releases = Releases(Corpus(folder))
    with releases.writing() as work:
        (work / "release").mkdir()
        for name in names:
            os.replace(aside / found.data / name, work / "release" / name)
            sync(work / "release" / name)
        releases.publish(work, found.manifest)
    return size


def _require_whole(found: PublishedVersion, aside: Path, paths: Iterable[str], digests: Mapping[str, str]) -> None:
    """What came is what the Hub holds, and that what the manifest says; what is not is removed, to be fetched anew."""
    wrong = [path for path in paths if not found.tree[path].holds(Local(aside / path))]
    wrong += [found.data + name for name, digest in digests.items() if not matches(aside / found.data / name, digest)]
    for path in wrong:
        (aside / path).unlink(missing_ok=True)
    if wrong:
        raise found.damaged(wrong[0], "nothing was laid out")


def _lay_out(aside: Path, folder: Path, parts: Iterable[str]) -> None:
    """The corpus's own files, builder.py last: it is what makes the folder a corpus."""
    for path in sorted(parts, key=lambda path: path == "builder.py"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        os.replace(aside / path, folder / path)
    ignored = Path(__file__).parent.parent / "template" / "gitignore"
    if not (folder / ".gitignore").exists():
        shutil.copy(ignored, folder / ".gitignore")


def _differing(folder: Path, parts: Iterable[str], tree: dict[str, Entry]) -> list[str]:
    return [p for p in parts if p != CARD and not ((folder / p).exists() and tree[p].holds(Local(folder / p)))]


def as_json(done: Pulled) -> str:
    """What it brought, for a program."""
    return json.dumps(asdict(done) | {"folder": str(done.folder)}, ensure_ascii=False)


def as_screen(done: Pulled) -> Text:
    """What it brought, and the next step."""
    if done.created:
        lines = [
            f"{done.folder}: {done.repo} v{done.version}, {done.rows:,} rows, {bytes_text(done.bytes)}, every file verified"
        ]
    else:
        lines = [f"{done.folder} has {done.repo} v{done.version} already; nothing was fetched."]
    lines += [f"{prompt}: {count:,} answers kept in its store" for prompt, count in done.adopted.items() if count]
    lines += done.left
    if done.differing:
        lines.append(f"not as on the Hub, and left as they are: {', '.join(done.differing)}")
    if done.created:
        lines.append(f"{done.folder / 'builder.py'} is code that mmdata runs: read it before you go on.")
    return Text("\n".join(lines))

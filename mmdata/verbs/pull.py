"""`mmdata pull`: a version on the Hub becomes a local release."""

import json
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import ValidationError
from rich.text import Text

from ..annotation.adopting import adopt
from ..annotation.store import writing
from ..corpus import Corpus
from ..errors import AnnotationError, HubError, ReleaseError
from ..hub.plan import CARD, PARTS
from ..hub.remote import Entry, Local, Remote
from ..index import INDEX
from ..manifest import Manifest
from ..names import bytes_text
from ..progress import Progress, Silent
from ..reading import Release
from ..releases import REJECTED, Releases, matches, sync
from ..strict import explain
from .build import explained
from .new import NAME


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
    progress, remote = progress or Silent(), Remote(repo)
    progress.stage("looking at the Hub")
    version, commit = remote.version(version)
    tree = remote.tree(commit)
    data = f"data/{version}/"
    if f"{data}manifest.json" not in tree:
        raise HubError(f"{repo}: its tag v{version} holds no {data}manifest.json; it was not pushed by mmdata")
    manifest = _manifest(remote.file(f"{data}manifest.json", commit), repo, version)
    if manifest.whole is not None:
        raise HubError(
            f"{repo} v{version} was published without its pictures. Build a release from your own copy of the source, "
            f"then run `mmdata attach FOLDER --repo {repo}`"
        )
    names = ["manifest.json", INDEX, REJECTED, *(file.path for file in manifest.files)]
    folder = Path(into).expanduser() if into is not None else Path("dataset_builders") / manifest.corpus
    if folder.exists() and not (folder / "builder.py").exists() and {p.name for p in folder.iterdir()} - {".pull"}:
        raise HubError(f"{folder} is no corpus folder, and not empty. Give another with --into")
    done = Pulled(repo, version, commit, folder, rows=sum(manifest.splits.values()))
    with explained(folder):
        here = folder / "data" / version / "manifest.json"
        new = not (folder / "builder.py").exists()
        parts = sorted(path for path in tree if path == CARD or _is_part(path))
        if not here.exists():
            done.created, done.bytes = True, sum(tree[data + name].size for name in names if data + name in tree)
            # Beside the releases, on the same disk; what an interrupted pull left there is not fetched again.
            aside = folder / ".pull" / commit
            aside.mkdir(parents=True, exist_ok=True)
            progress.stage(f"fetching {bytes_text(done.bytes)}")
            progress.pause()
            remote.download([*(data + name for name in names), *(parts if new else [])], commit, aside)
            progress.stage("verifying")
            _require_whole(aside / data, manifest, repo)
            if new:
                _lay_out(aside, folder, parts)
            with Releases(Corpus(folder)).writing() as work:
                (work / "release").mkdir()
                for name in names:
                    os.replace(aside / data / name, work / "release" / name)
                    sync(work / "release" / name)
                Releases(Corpus(folder)).publish(work, manifest)
            shutil.rmtree(folder / ".pull", ignore_errors=True)
        elif not tree[f"{data}manifest.json"].holds(Local(here)):
            raise ReleaseError(
                f"{folder} has a release {version} that is not the one of {repo}. Pull into another folder, with --into"
            )
        if not new:
            done.differing = _differing(folder, parts, tree)
    progress.stage("keeping its answers")
    with writing(folder.absolute()) as store:
        for note in manifest.annotations:
            try:
                done.adopted |= adopt(store, Release(folder, manifest), [note], f"{repo} v{version}", progress)
            except AnnotationError as error:  # The release is whole without: say so, and go on.
                done.left.append(str(error))
    return done


def _manifest(path: Path, repo: str, version: str) -> Manifest:
    """What came from the Hub is not trusted: names in it become paths here."""
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise HubError(
            f"{repo} v{version}: its manifest.json cannot be read: {explain(error)}. A newer mmdata may"
        ) from None
    bad = [file.path for file in manifest.files if not re.fullmatch(r"[\w-]+\.parquet", file.path)]
    if manifest.version != version or bad or not re.fullmatch(NAME, manifest.corpus):
        raise HubError(
            f"{repo} v{version}: its manifest names {(bad or [f'{manifest.corpus} {manifest.version}'])[0]!r}; it was not pushed by mmdata"
        )
    return manifest


def _is_part(path: str) -> bool:
    """Whether a path on the Hub is one that `push` would send."""
    return not any(name.startswith(".") for name in path.split("/")) and any(
        Path(path).match(pattern) and path.count("/") == pattern.count("/") for pattern in PARTS
    )


def _require_whole(aside: Path, manifest: Manifest, repo: str) -> None:
    """Each file is as the manifest says; one that is not is removed, so that the next pull fetches it anew."""
    digests = {INDEX: manifest.index_sha256, REJECTED: manifest.rejected_sha256} | {
        f.path: f.sha256 for f in manifest.files
    }
    wrong = [name for name, digest in digests.items() if not matches(aside / name, digest)]
    for name in wrong:
        (aside / name).unlink(missing_ok=True)
    if wrong:
        raise HubError(
            f"{repo} v{manifest.version}: {wrong[0]} is not as the manifest says, so nothing was laid out. Run the same command "
            "again; if it stays so, the version on the Hub is damaged"
        )


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

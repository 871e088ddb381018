"""`mmdata push`: a local release becomes a version on the Hub, by one commit and one tag."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.text import Text

from ..corpus import Corpus
from ..errors import HubError, ReleaseError
from ..hub.card import card_of
from ..hub.changes import Version
from ..hub.croissant import croissant_of
from ..hub.licence import licence_of
from ..hub.partial import write_partial
from ..hub.plan import CARD, CROISSANT, Plan, damaged, data_of, parts_of, plan, require_home, require_same, versions_in
from ..hub.published import manifest_in
from ..hub.remote import Entry, Local, Remote, State
from ..hub.reporting import report_for
from ..hub.secrets import refuse_secrets
from ..names import bytes_text
from ..progress import Progress, Silent
from ..reading import Release
from ..releases import REJECTED, Releases, explained, order, require_pictures, require_whole
from ..row_index import INDEX


@dataclass(slots=True)
class Pushed:
    """What a push did, or would do."""

    repo: str
    version: str
    url: str
    private: bool
    commit: str = ""
    """That the tag names; empty in a dry run that would make one."""
    sent: list[str] = field(default_factory=list)
    """Paths added or replaced."""
    removed: list[str] = field(default_factory=list)
    bytes: int = 0
    """Of the files sent; fewer go over the wire where the Hub holds their content already."""
    created: bool = False
    """The repository is new."""
    tagged: bool = False
    """The tag is new."""
    dry_run: bool = False

    @property
    def changed(self) -> bool:
        return bool(self.sent or self.removed or self.tagged or self.created)


def push(
    folder: str | Path,
    repo: str,
    *,
    version: str | None = None,
    private: bool = False,
    annotations_only: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Pushed:
    """Publish a release: one commit on the Hub's `main`, then the tag `v<version>`.

    The token is that of HF_TOKEN or `hf auth login`. Whatever interrupts it, the Hub holds the old version
    or the new one, and the same call goes on from there; when nothing is left to do it does nothing.

    Args:
        folder: the corpus folder.
        repo: "namespace/name"; made if it is not there.
        version: of a local release; the newest without it.
        private: make the repository private, if it is made.
        annotations_only: publish ids, picture hashes, labels and answers without pictures and other fields.
        dry_run: only say what would be sent.
        progress: where to show how far it is.

    Raises:
        HubError: the licence forbids it, a key lies in the files, the version is there with other content, an
            older one is to follow a newer, someone else pushes, or the Hub or the way to it fails.
        ReleaseError: no such release, or a damaged one.
        CorpusError: the card's front matter is wrong.
    """
    corpus, progress, remote = Corpus(folder), progress or Silent(), Remote(repo)
    releases = Releases(corpus)
    manifest = releases.manifest(version) if version is not None else releases.newest()
    if manifest is None:
        raise ReleaseError(f"{corpus.name} has no release to push yet: run `mmdata build` first")
    require_pictures(manifest)
    release = Release(corpus.folder, manifest)
    progress.stage("looking at the Hub")
    state = remote.state()
    pictures = bool(release.picture_fields)
    why_not = None if annotations_only else licence_of(corpus).refusal(corpus.name, pictures=pictures)
    _require_allowed(repo, state, private, why_not)
    done = Pushed(repo, manifest.version, remote.url, state.private if state else private, dry_run=dry_run)
    there = remote.tree(state.head) if state else {}
    newest = next(reversed(versions_in(there)), None)
    if newest is None:
        require_home(there, repo)
    with TemporaryDirectory(prefix="mmdata-push-") as temp:
        progress.stage("verifying the release")
        at = release.folder
        for name, digest in [
            (INDEX, manifest.index_sha256),
            (REJECTED, manifest.rejected_sha256),
            *((file.path, file.sha256) for file in manifest.files),
        ]:
            require_whole(at / name, digest)
        if annotations_only:
            progress.stage("leaving the pictures out")
            at = Path(temp) / manifest.version
            at.mkdir()
            with explained(at):
                manifest = write_partial(corpus, release, at)
        data = data_of(at, manifest)
        if state and manifest.version in state.tags:
            commit = state.tags[manifest.version]
            require_same(remote.tree(commit), data, repo, manifest.version)
            if newest != manifest.version:  # It is history: the card is a later version's.
                done.commit = commit
                return done
        if newest and order(manifest.version) < order(newest):
            raise HubError(
                f"{repo} holds {newest} already, and versions only go up: {manifest.version} would become what "
                f"everyone loads. Get what is there with `mmdata pull {repo}`, or push to another repository"
            )
        earlier = _earlier(remote, releases, state, there, manifest.version)
        card = card_of(corpus, [*earlier, Version(manifest, at / INDEX)], report_for(corpus, release, progress), repo)
        wanted = parts_of(corpus.folder, sample=not annotations_only) | data
        wanted[CARD] = Local(card.encode())
        wanted[CROISSANT] = Local(croissant_of(corpus, manifest, repo).encode())
        refuse_secrets(wanted)
        todo = plan(wanted, there, manifest.version)
        done.sent, done.removed, done.bytes = sorted(todo.send), todo.gone, todo.bytes
        done.created, done.tagged = state is None, state is None or manifest.version not in state.tags
        if not dry_run:
            if state is None:
                state = remote.create(private)
                done.private = state.private
                if versions_in(remote.tree(state.head)):
                    raise HubError(f"{repo}: someone else has pushed to it meanwhile. Run the same command again")
                # Seen again: an organisation may decide what its new repositories are.
                _require_allowed(repo, state, private, why_not)
            elif newest and newest != manifest.version and newest not in state.tags:
                remote.tag(newest, state.head)  # Its push was cut between commit and tag.
            _publish(remote, state, todo, done, progress)
    return done


def _require_allowed(repo: str, state: State | None, private: bool, why_not: str | None) -> None:
    """The licence guard. Raises HubError where what may not be seen by everyone would be."""
    public = not (private if state is None else state.private)
    if public and private:
        raise HubError(
            f"{repo} is there and public; --private makes a new repository private, it does not hide one. "
            f"Hide it in its settings on the Hub, or push to another"
        )
    if public and why_not:
        raise HubError(f"{repo} is public. {why_not}" if state else why_not)


def _earlier(
    remote: Remote, releases: Releases, state: State | None, there: Mapping[str, Entry], version: str
) -> list[Version]:
    """The versions on the Hub before this one, oldest first; from this disk where it holds the same."""
    found = []
    for old in versions_in(there):
        if state is None or order(old) >= order(version):
            continue
        paths = {name: f"data/{old}/{name}" for name in ("manifest.json", INDEX)}
        files = {name: releases.folder / path for name, path in paths.items()}
        for name, path in paths.items():
            if path not in there:
                raise HubError(
                    f"{remote.repo}: {path} is gone from `main`. Put it back from its tag v{old}, or push to another"
                )
            if not (files[name].exists() and there[path].holds(Local(files[name]))):
                files[name] = remote.file(path, state.head)
        manifest = manifest_in(files["manifest.json"], f"{remote.repo} v{old}")
        if manifest.corpus != releases.corpus.name:
            raise HubError(
                f"{remote.repo} holds the corpus {manifest.corpus}, and this is {releases.corpus.name}. Push to another "
                "repository; or name the folder as the corpus there, if it is the same"
            )
        if lost := damaged(there, manifest):
            raise HubError(
                f"{remote.repo}: data/{old}/{lost} on `main` is not as its manifest says. "
                + (f"Put it back from its tag v{old}, or push" if old in state.tags else f"Push {old} again, or all")
                + " to another repository"
            )
        found.append(Version(manifest, files[INDEX]))
    return found


def _publish(remote: Remote, state: State, todo: Plan, done: Pushed, progress: Progress) -> None:
    """Commit, look whether it is what was meant, tag."""
    done.commit = state.head
    if todo.send or todo.gone:
        progress.stage(f"sending {bytes_text(todo.bytes)}")
        progress.pause()
        done.commit = remote.commit(todo.send, todo.gone, state.head, f"Version {done.version}")
        progress.stage("verifying the commit")
        there = remote.tree(done.commit, f"The commit is there, its tag v{done.version} is not yet.")
        if lost := [path for path, local in todo.wanted.items() if path not in there or not there[path].holds(local)]:
            raise HubError(
                f"{done.repo}: the commit {done.commit[:8]} does not hold {lost[0]} as it was sent, so it was not tagged. "
                "Run the same command again"
            )
    if done.tagged:
        progress.stage("tagging")
        remote.tag(done.version, done.commit)
    else:
        done.commit = state.tags[done.version]


def as_json(done: Pushed) -> str:
    """What it did, for a program."""
    return json.dumps(asdict(done) | {"changed": done.changed}, ensure_ascii=False)


def as_screen(done: Pushed) -> Text:
    """What it did, and how to load it."""
    seen = "private" if done.private else "public"
    if not done.changed:
        return Text(f"{done.repo} v{done.version} is on the Hub as it is here; nothing was sent.")
    would = "would be " if done.dry_run else ""
    lines = [f"{done.repo} v{done.version}: {len(done.sent)} files, {bytes_text(done.bytes)}, {would}sent ({seen})"]
    if done.removed:
        lines.append(f"{would}removed: {', '.join(done.removed)}")
    if done.dry_run:
        lines += [f"  {path}" for path in done.sent]
        lines += ["The repository would be created."] if done.created else []
        return Text("\n".join(lines))
    if not done.tagged:
        lines.append(f"The tag v{done.version} stays where it was; `main` has what is new.")
    lines += [done.url, "", f'  load_dataset("{done.repo}", revision="v{done.version}")']
    return Text("\n".join(lines))

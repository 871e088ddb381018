"""One dataset repository on the Hub: what it holds, and the few things that are done to it.

Nothing here knows of releases or cards. Whatever goes wrong is a HubError that says what the Hub answered,
what it now holds, and the next step; no address, header or token is ever part of it.
"""

import glob
import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest, sha1
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._validators import validate_repo_id

from ..errors import HubError
from ..releases import order
from .faults import cause_of, status_of, why_of, without_queries

VERSION_TAG = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
NOTHING_IGNORED = "# nothing\n"
"""A .gitignore on the Hub that names data/ would leave rows out of a commit, unsaid. An empty one may count as none."""


class Local:
    """A file to be sent: one on this disk, or bytes that were made for it.

    Args:
        content: where it is, or what it is.
        digest: its sha256, where that is known already; a shard is not read again for it.
    """

    def __init__(self, content: Path | bytes, digest: str | None = None):
        self.content, self._digest = content, digest
        self.size = len(content) if isinstance(content, bytes) else content.stat().st_size

    @property
    def bytes(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()

    def open(self) -> io.BufferedIOBase:
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")

    @property
    def sha256(self) -> str:
        if self._digest is None:
            with self.open() as file:
                self._digest = file_digest(file, "sha256").hexdigest()
        return self._digest


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a revision."""

    size: int
    """Bytes."""
    sha256: str | None
    """Of a file in large-file storage."""
    git_sha1: str
    """Of git's blob, where the file is none of these."""

    def holds(self, local: Local) -> bool:
        """Whether it is this very content."""
        if self.size != local.size:
            return False
        if self.sha256 is not None:
            return self.sha256 == local.sha256
        blob = b"blob %d\0" % local.size + local.bytes
        return self.git_sha1 == sha1(blob, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class State:
    """A repository at one moment."""

    private: bool
    head: str
    """Commit that `main` is at."""
    tags: dict[str, str]
    """Version "1.1.0" of each tag `v1.1.0` → its commit, oldest version first."""

    @property
    def newest(self) -> str | None:
        return next(reversed(self.tags), None)


class Remote:
    """The dataset repository `namespace/name`, asked with the token of HF_TOKEN or `hf auth login`.

    Raises:
        HubError: the name will not do.
    """

    def __init__(self, repo: str):
        named, repo = re.sub(r"hf_\w+", "hf_…", repo), repo if repo.count("/") == 1 else "-"
        try:
            validate_repo_id(repo)
        except HFValidationError:
            raise HubError(
                f"{named!r}: a repository is named namespace/name, of letters, digits, - _ and ., such as --repo my-team/skin"
            ) from None
        self.repo = repo
        self.api = HfApi(library_name="mmdata")
        for name in ("huggingface_hub.utils._http", "httpx2"):
            logging.getLogger(name).addFilter(without_queries)

    @property
    def url(self) -> str:
        return f"{self.api.endpoint}/datasets/{self.repo}"

    def state(self) -> State | None:
        """What it is now; None: there is no such repository, or none that the token may see."""
        with self._explained("looked at", "Nothing was changed."):
            try:
                info = self.api.dataset_info(self.repo, revision="main")
                refs = self.api.list_repo_refs(self.repo, repo_type="dataset")
            except RepositoryNotFoundError as error:
                if error.response.status_code == 404:
                    return None
                raise
        # Of the refs, for both were read at different moments; an older one would fail as a race, none be missed.
        tags = {m.group()[1:]: ref.target_commit for ref in refs.tags if (m := VERSION_TAG.fullmatch(ref.name))}
        return State(bool(info.private), str(info.sha), {version: tags[version] for version in sorted(tags, key=order)})

    def version(self, wanted: str | None) -> tuple[str, str]:
        """A version that has a tag, by default the newest, and its commit.

        Raises:
            HubError: there is no such repository, or no such version in it.
        """
        state = self.state()
        if state is None:
            raise HubError(f"{self.repo}: there is no such dataset repository on the Hub, or this token may not see it")
        chosen = wanted.removeprefix("v") if wanted is not None else state.newest
        if chosen not in state.tags or chosen is None:
            known = ", ".join(state.tags) or "none: nothing was pushed there by mmdata"
            raise HubError(f"{self.repo} has no version {wanted or 'yet'}. It has: {known}")
        return chosen, state.tags[chosen]

    def create(self, private: bool) -> State:
        """Make it."""
        with self._explained("created", "Nothing was published."):
            self.api.create_repo(self.repo, repo_type="dataset", private=private, exist_ok=True)
        made = self.state()
        if made is None:
            raise HubError(f"{self.repo} was created but cannot be seen: may the token of this machine read it?")
        return made

    def tree(self, revision: str, kept: str = "Nothing was changed.") -> dict[str, Entry]:
        """Path → file, all that a revision holds; `kept` ends the message where it cannot be had."""
        with self._explained("listed", kept):
            found = self.api.list_repo_tree(self.repo, recursive=True, revision=revision, repo_type="dataset")
            return {
                file.path: Entry(file.size, file.lfs.sha256 if file.lfs else None, file.blob_id)
                for file in found
                if isinstance(file, RepoFile)
            }

    def file(self, path: str, revision: str) -> Path:
        """One file of a commit, in Hugging Face's cache."""
        with self._explained(f"read ({path})", "Nothing was changed."):
            return Path(self.api.hf_hub_download(self.repo, path, repo_type="dataset", revision=revision))

    def download(self, paths: Sequence[str], revision: str, into: Path) -> None:
        """Files of a commit into a folder; what an earlier, interrupted call left there is not fetched again."""
        kept = "What has come so far is kept: the same command goes on from there."
        # Of a release, as one pattern: ten thousand shards against ten thousand patterns take a minute.
        folders = {f"{path.rpartition('/')[0]}/*" for path in paths if path.startswith("data/")}
        patterns = [*folders, *(glob.escape(path) for path in paths if not path.startswith("data/"))]
        with self._explained("downloaded", kept):
            self.api.snapshot_download(
                self.repo, repo_type="dataset", revision=revision, local_dir=into, allow_patterns=patterns
            )
            # Where the Hub fails meanwhile, it is content with a folder that an earlier call has begun to fill.
            if lost := [path for path in paths if not (into / path).is_file()]:
                raise HubError(f"{self.repo}: {lost[0]} did not come. {kept}")

    def commit(self, files: Mapping[str, Local], gone: Sequence[str], parent: str, title: str) -> str:
        """Put files there and take others away in one commit on `main`; returns its hash.

        Raises:
            HubError: among others, `main` is no longer at `parent`.
        """
        add = [CommitOperationAdd(path, local.content) for path, local in files.items()]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of the card's metadata; errors in it are raised.
            was = "Nothing was published: the repository holds what it held."
            with self._explained("written to", f"{was} What has been sent is not sent again."):
                self.api.preupload_lfs_files(
                    self.repo,
                    add,
                    repo_type="dataset",
                    revision="main",
                    gitignore_content=NOTHING_IGNORED,
                    free_memory=False,
                )
            whole = "If only its answer was lost, the commit is there, whole: the same command goes on from there."
            with self._explained("written to", was, unsure=whole):
                done = self.api.create_commit(
                    self.repo,
                    [*add, *(CommitOperationDelete(path) for path in gone)],
                    commit_message=title,
                    repo_type="dataset",
                    revision="main",
                    parent_commit=parent,
                )
        return str(done.oid)

    def tag(self, version: str, commit: str) -> None:
        """Name a commit `v<version>`."""
        kept = f"The commit is there; the same command sees to its tag v{version}."
        with self._explained(f"tagged v{version}", kept):
            self.api.create_tag(self.repo, tag=f"v{version}", revision=commit, repo_type="dataset", exist_ok=False)

    @contextmanager
    def _explained(self, doing: str, kept: str, unsure: str = "") -> Iterator[None]:
        """Whatever the Hub or the way to it does, as one message.

        Args:
            doing: what could not be done.
            kept: what the repository holds now.
            unsure: the same, where the Hub may have done it and failed to say so.
        """
        try:
            yield
        except Exception as error:
            cause = cause_of(error)
            if isinstance(cause, OfflineModeIsEnabled):
                raise HubError(f"{self.repo}: HF_HUB_OFFLINE is set, so the Hub is not asked. Unset it") from None
            why = why_of(cause)
            if why is None:
                raise
            refused = 400 <= status_of(cause) < 500
            now = kept if refused or not unsure else unsure
            # From None: the library's messages hold addresses, which a traceback would print.
            raise HubError(f"{self.repo} could not be {doing}: {why}. {now}") from None

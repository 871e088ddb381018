"""One dataset repository on the Hub: what it holds, and the few things that are done to it.

Nothing here knows of releases or cards. Whatever goes wrong is a HubError that says what the Hub answered,
what it now holds, and the next step; no address, header or token is ever part of it.
"""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest, sha1, sha256
from pathlib import Path

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._validators import validate_repo_id

from ..errors import HubError

VERSION_TAG = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
Content = Path | bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a revision."""

    size: int
    """Bytes."""
    sha256: str | None
    """Of a file in large-file storage."""
    git_sha1: str
    """Of git's blob, where the file is none of these."""

    def holds(self, content: Content) -> bool:
        """Whether it is this very content."""
        if self.size != (len(content) if isinstance(content, bytes) else content.stat().st_size):
            return False
        if self.sha256 is not None:
            return self.sha256 == _sha256(content)
        whole = content if isinstance(content, bytes) else content.read_bytes()
        return self.git_sha1 == sha1(b"blob %d\0" % len(whole) + whole, usedforsecurity=False).hexdigest()


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
        try:
            validate_repo_id(repo)
        except HFValidationError:
            repo = ""
        if repo.count("/") != 1:
            raise HubError(
                "a repository is named namespace/name, of letters, digits, - _ and ., such as --repo my-team/skin"
            )
        self.repo = repo
        self.api = HfApi(library_name="mmdata")

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
        order = sorted(tags, key=lambda version: tuple(map(int, version.split("."))))
        return State(bool(info.private), str(info.sha), {version: tags[version] for version in order})

    def create(self, private: bool) -> State:
        """Make it."""
        with self._explained("created", "Nothing was published."):
            self.api.create_repo(self.repo, repo_type="dataset", private=private, exist_ok=True)
        made = self.state()
        if made is None:
            raise HubError(f"{self.repo} was created but cannot be seen: may the token of this machine read it?")
        return made

    def tree(self, revision: str) -> dict[str, Entry]:
        """Path → file, all that a revision holds."""
        with self._explained("listed", "Nothing was changed."):
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

    def download(self, patterns: Sequence[str], revision: str, into: Path) -> None:
        """Files of a commit into a folder; what an earlier, interrupted call left there is not fetched again."""
        with self._explained("downloaded", "What has come so far is kept: the same command goes on from there."):
            self.api.snapshot_download(
                self.repo, repo_type="dataset", revision=revision, local_dir=into, allow_patterns=list(patterns)
            )

    def commit(self, files: Mapping[str, Content], gone: Sequence[str], parent: str, title: str) -> str:
        """Put files there and take others away in one commit on `main`; returns its hash.

        Raises:
            HubError: among others, `main` is no longer at `parent`.
        """
        add = [CommitOperationAdd(path, content) for path, content in files.items()]
        was = "Nothing was published: the repository holds what it held"
        with self._explained("written to", f"{was}. What has been sent is not sent again."), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of the card's metadata; errors in it are raised.
            # Nothing is ignored: a .gitignore on the Hub that names data/ would leave rows out of the commit, unsaid.
            self.api.preupload_lfs_files(
                self.repo, add, repo_type="dataset", revision="main", gitignore_content="", free_memory=False
            )
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
        kept = f"The commit is there, its tag v{version} is not yet."
        with self._explained(f"tagged v{version}", kept):
            self.api.create_tag(self.repo, tag=f"v{version}", revision=commit, repo_type="dataset", exist_ok=False)

    @contextmanager
    def _explained(self, doing: str, kept: str) -> Iterator[None]:
        """Whatever the Hub or the way to it does, as one message."""
        try:
            yield
        except OfflineModeIsEnabled:
            raise HubError(f"{self.repo}: HF_HUB_OFFLINE is set, so the Hub is not asked. Unset it") from None
        except (HfHubHTTPError, httpx2.HTTPStatusError) as error:
            why = _answer(error, getattr(error.response, "status_code", 0))
        except EntryNotFoundError:
            why = "it has no such file"
        except httpx2.TimeoutException:
            why = "the Hub does not answer in time. Run the same command again"
        except (httpx2.HTTPError, ConnectionError):
            why = "the connection failed. Is there a network? Run the same command again"
        except ValueError as error:
            if "metadata" not in str(error):
                raise
            why = f"the Hub refuses the card's metadata: {' '.join(str(error).split())}. Put README.md right"
        else:
            return
        raise HubError(f"{self.repo} could not be {doing}: {why}. {kept}")


def _answer(error: Exception, status: int) -> str:
    """What an HTTP status means here, and the next step."""
    if status == 401:
        login = "is not accepted: it may have been revoked" if get_token() else "is missing, or the name is wrong"
        return f"the Hub answered 401, the token {login}. Run `hf auth login`, or set HF_TOKEN"
    if status == 403:
        return "the Hub answered 403, this token may not do that. It needs write access to the repository's namespace"
    if isinstance(error, RevisionNotFoundError):
        return "the Hub answered 404, it has no such revision"
    if status == 404:
        return "the Hub answered 404: there is no such repository or file, or this token may not see it"
    if status in {409, 412}:
        return f"the Hub answered {status}, someone else has changed it meanwhile. Look at what is there, and run again"
    if status == 413:
        return "the Hub answered 413, a file is too large for it"
    if status == 429:
        return "the Hub answered 429, too many requests. Wait a few minutes and run the same command again"
    if status >= 500:
        return f"the Hub answered {status}, it has a fault. Run the same command again later"
    return f"the Hub answered {status}: {_harmless(error)}"


def _harmless(error: Exception) -> str:
    """What the server said, without addresses: those of storage are signed."""
    said = str(getattr(error, "server_message", None) or "no reason given")
    return " ".join(re.sub(r"\S+://\S+", "…", said).split())[:200]


def _sha256(content: Content) -> str:
    if isinstance(content, bytes):
        return sha256(content).hexdigest()
    with content.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()

"""A version as it lies on the Hub: its commit, its files, its manifest. What comes from there is not trusted."""

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ..errors import HubError
from ..manifest import Manifest
from ..row_index import INDEX
from ..strict import explain
from .remote import Entry, Remote


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """One tag of a repository."""

    remote: Remote
    version: str
    commit: str
    tree: dict[str, Entry]
    """Path → file, all that the commit holds."""
    manifest: Manifest

    def __str__(self) -> str:
        return f"{self.remote.repo} v{self.version}"

    @property
    def data(self) -> str:
        """Its folder."""
        return f"data/{self.version}/"

    def damaged(self, name: str, kept: str) -> HubError:
        """What to raise where a file is not as it should be, for the second time or not."""
        return HubError(
            f"{self}: {name} is not as the Hub or its manifest says, so {kept}. Run the same command again; if it stays so, "
            "the version on the Hub is damaged"
        )

    @property
    def digests(self) -> dict[str, str]:
        """Name in `data` → sha256, of the index and the shards."""
        return {INDEX: self.manifest.index_sha256} | {file.path: file.sha256 for file in self.manifest.files}


def published_version(remote: Remote, wanted: str | None) -> PublishedVersion:
    """Look at a version, by default the newest.

    Raises:
        HubError: no such repository or version, or one that mmdata did not push: names in a manifest become paths
            here, so they are looked at.
    """
    version, commit = remote.version(wanted)
    tree, path = remote.tree(commit), f"data/{version}/manifest.json"
    if path not in tree:
        raise HubError(f"{remote.repo}: its tag v{version} holds no {path}; it was not pushed by mmdata")
    manifest = manifest_in(remote.file(path, commit), f"{remote.repo} v{version}")
    odd = [file.path for file in manifest.files if not re.fullmatch(r"[\w-]+\.parquet", file.path)]
    if manifest.version != version or not re.fullmatch(r"[^/\\.][^/\\]*", manifest.corpus):
        odd.append(f"{manifest.corpus} {manifest.version}")
    if odd:
        raise HubError(f"{remote.repo} v{version}: its manifest names {odd[0]!r}; it was not pushed by mmdata")
    return PublishedVersion(remote, version, commit, tree, manifest)


def manifest_in(path: Path, of: str) -> Manifest:
    """A manifest that came from the Hub. Raises HubError where it is not one that this mmdata can read."""
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise HubError(f"{of}: its manifest.json cannot be read: {explain(error)}. A newer mmdata may") from None

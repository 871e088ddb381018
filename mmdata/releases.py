"""The release protocol: a version is complete or absent, and never changes.

    .staging/<unique>/   everything is written and synced here, out of sight
    data/<x.y.z>/        then appears by one rename, shards named with their content's hash
    .huggingface.yaml    then names it: replacing this file is the commit

A kill at any point leaves the pointer naming whole releases. What it left behind is put right
by the next writer: a complete folder that is not yet named is named, staging is removed. One
writer at a time holds `.lock`; readers need none.
"""

import errno
import hashlib
import os
import re
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import yaml
from pydantic import ValidationError

from .configs import configs_of
from .corpus import Corpus
from .errors import BuildError, MmdataError, ReleaseError
from .lock import locked
from .manifest import Manifest
from .strict import explain

Bump = Literal["major", "minor", "patch"]
POINTER = ".huggingface.yaml"
FIRST = "1.0.0"
REJECTED = "rejected.jsonl"


class Releases:
    """The releases of one corpus folder."""

    def __init__(self, corpus: Corpus):
        self.corpus, self.folder = corpus, corpus.folder
        self.data = corpus.folder / "data"
        self.pointer = corpus.folder / POINTER

    def versions(self) -> list[str]:
        """Complete releases on disk, oldest first."""
        found = [p.parent.name for p in self.data.glob("*/manifest.json")]
        return sorted((v for v in found if re.fullmatch(r"\d+\.\d+\.\d+", v)), key=order)

    def manifest(self, version: str) -> Manifest:
        """What a release says of itself. Raises ReleaseError where there is none."""
        path = self.data / version / "manifest.json"
        try:
            return Manifest.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            known = ", ".join(self.versions()) or "none yet: run `mmdata build`"
            raise ReleaseError(f"{self.folder.name} has no release {version!r}. It has: {known}") from None
        except ValidationError as error:
            raise ReleaseError(f"{path}: {explain(error)}. Remove the folder and build again") from None

    def newest(self) -> Manifest | None:
        versions = self.versions()
        return self.manifest(versions[-1]) if versions else None

    def next_version(self, bump: Bump) -> str:
        versions = self.versions()
        if not versions:
            return FIRST
        major, minor, patch = order(versions[-1])
        return {
            "major": f"{major + 1}.0.0",
            "minor": f"{major}.{minor + 1}.0",
            "patch": f"{major}.{minor}.{patch + 1}",
        }[bump]

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Be the one writer; gives an empty staging folder, removed at the end.

        Raises:
            ReleaseError: another process is writing.
        """
        with locked(self.folder / ".lock", "written", ReleaseError):
            staging = self.folder / ".staging"
            _remove(staging)
            work = staging / uuid.uuid4().hex
            work.mkdir(parents=True)
            try:
                self._finish_commit(work)
                yield work
            finally:
                _remove(staging)

    def publish(self, work: Path, manifest: Manifest) -> None:
        """Make `work/release` the release `manifest.version` and name it in the pointer."""
        release = work / "release"
        path = release / "manifest.json"
        if not path.exists():  # A version from the Hub brings its own, byte for byte.
            path.write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
        sync(path)
        sync(release)
        self.data.mkdir(exist_ok=True)
        os.rename(release, self.data / manifest.version)
        sync(self.data)
        self._point(work, self._pointer_text(self.versions()))

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest `keep` releases from the pointer, then from the disk."""
        with self.writing() as work:
            versions = self.versions()
            gone = versions[:-keep]
            if gone:
                self._point(work, self._pointer_text([v for v in versions if v not in gone]))
                for version in gone:
                    os.rename(self.data / version, work / version)
        return gone

    def _finish_commit(self, work: Path) -> None:
        """Make the pointer right: a killed writer may have left a complete release unnamed."""
        versions = self.versions()
        if not versions:
            return
        wanted = self._pointer_text(versions)
        if not self.pointer.exists() or self.pointer.read_bytes() != wanted.encode():
            self._point(work, wanted)

    def _pointer_text(self, versions: list[str]) -> str:
        """The sample first (it always exists), then every release, the newest as default."""
        manifests = [self.manifest(version) for version in versions]
        told = configs_of(self.corpus.sample_config, manifests, versions[-1])
        return yaml.safe_dump(told, allow_unicode=True, sort_keys=False)

    def _point(self, work: Path, text: str) -> None:
        """Replace the pointer in one step."""
        new = work / POINTER
        new.write_text(text, encoding="utf-8")
        sync(new)
        os.replace(new, self.pointer)
        sync(self.folder)


def sync(path: Path) -> None:
    """Put a file, or a folder's list of names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_whole(path: Path, sha256: str) -> None:
    """Raises ReleaseError where a release's file is not as its manifest says."""
    if matches(path, sha256):
        return
    why = "is not as its manifest says" if path.exists() else "is missing"
    raise ReleaseError(f"{path} {why}: the release is damaged. Remove {path.parent} and run `mmdata build` again")


def require_pictures(manifest: Manifest) -> None:
    """Raises ReleaseError for a version that was published without its pictures: a snapshot of it is no release."""
    if manifest.taken_from is not None:
        raise ReleaseError(
            f"{manifest.corpus} {manifest.version} was published without its pictures, and has none here. Build a release "
            "from your own copy of the source in a folder of its own, then join the two with `mmdata attach`"
        )


def matches(path: Path, sha256: str) -> bool:
    """Whether a file is there with this content."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False


@contextmanager
def blaming_damage(folder: Path, manifest: Manifest) -> Iterator[None]:
    """Whatever fails while a release is read is told as damage of its files, if any is damaged."""
    try:
        yield
    except MmdataError:
        raise
    except Exception:
        from .row_index import INDEX  # Here: it brings pyarrow, which most commands do without.

        for name, digest in [(INDEX, manifest.index_sha256), *((f.path, f.sha256) for f in manifest.files)]:
            require_whole(folder / name, digest)
        raise


@contextmanager
def explained(
    folder: Path, kept: str = "The releases there are as they were", error: type[MmdataError] = BuildError
) -> Iterator[None]:
    """A full or failing disk as a message, raised as `error`.

    Args:
        folder: what is written to.
        kept: what is there still, as a sentence without its full stop.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as fault:
        said = re.search(r"\[errno (\d+)\]", str(fault))  # Arrow has it in its text only.
        number = fault.errno if isinstance(fault, OSError) and fault.errno else int(said[1]) if said else None
        why = os.strerror(number) if number else str(fault)
        full = number in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} or "full" in why
        raise error(
            f"{folder}: cannot be written: {why}. {kept}. "
            + ("Free some disk space" if full else "Put that right")
            + " and run the same command again"
        ) from None


def _remove(folder: Path) -> None:
    """Remove a folder; a worker of a killed build may write its last file meanwhile."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def order(version: str) -> tuple[int, int, int]:
    """To sort versions by: 1.10.0 comes after 1.9.0."""
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch

"""What the loopback Hub holds: repositories of immutable commits; and what it is asked and answers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Blob:
    content: bytes
    large: bool

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def git_sha1(self) -> str:
        """As git has it: of a large file, its pointer's."""
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n"
        held = pointer.encode() if self.large else self.content
        return hashlib.sha1(b"blob %d\0" % len(held) + held).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.large else self.git_sha1


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str | None
    title: str
    files: Mapping[str, Blob]


@dataclass
class Repo:
    name: str
    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def add(self, branch: str, files: Mapping[str, Blob], title: str) -> Commit:
        parent = self.branches.get(branch)
        said = repr((parent, title, len(self.commits), sorted((path, blob.etag) for path, blob in files.items())))
        commit = Commit(hashlib.sha1(said.encode()).hexdigest(), parent, title, dict(files))
        self.commits[commit.oid] = commit
        self.branches[branch] = commit.oid
        return commit

    def at(self, revision: str) -> Commit:
        commit = self.commits.get(self.branches.get(revision) or self.tags.get(revision) or revision)
        if commit is None:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit


class Refused(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, code: str = "", message: str = "", **more: Any):
        super().__init__(status, message)
        self.status, self.body = status, {"error": message or code} | more
        self.headers = {"X-Error-Code": code} if code else {}
        self.headers |= {"X-Error-Message": message} if message else {}


@dataclass(frozen=True)
class Asked:
    """One request, read whole."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    role: str
    """Of its token: "write", "read", "none" (somebody else's), "unknown"; "nobody" brought none."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    status: int = 200
    body: Any = None
    """Bytes, or what becomes JSON."""
    headers: dict[str, str] = field(default_factory=dict)

"""What each address of the loopback Hub does: the part of the Hub's API that datasets need. `hub_server` serves it."""

import base64
import hashlib
import json
import re
import urllib.parse
from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml
from hub_repos import Answer, Asked, Blob, Refused, Repo
from pathspec import GitIgnoreSpec

WRITE, READ, STRANGER = (
    "hf_mayWrite0123456789abcdefghij",
    "hf_mayRead0123456789abcdefghijk",
    "hf_stranger0123456789abcdefghi",
)
"""Tokens."""
SIGNATURE = "5ecretSignature"
"""In the addresses of large-file storage: whoever has it may write there."""
DATE = "2025-01-01T00:00:00.000Z"
MEGABYTES_10 = 10_000_000


class Api:
    """The repositories of one Hub."""

    def __init__(self, page: int = 1000):
        self.page = page
        """Entries of a tree in one answer."""
        self.roles = {WRITE: "write", READ: "read", STRANGER: "none"}
        self.repos: dict[str, Repo] = {}
        self.stored: dict[str, bytes] = {}
        """Large-file storage: sha256 → content."""
        self.uploaded = 0
        """Bytes that came into it."""
        self.url = ""

    def answer(self, asked: Asked) -> Answer:
        """Do it. Raises Refused."""
        if asked.role == "unknown":
            raise Refused(401, message="Invalid credentials in Authorization header")
        method = "GET" if asked.method == "HEAD" else asked.method
        for verb, pattern, may, name in ROUTES:
            if verb == method and (found := re.fullmatch(pattern, asked.path)):
                parts = {part: urllib.parse.unquote(value or "") for part, value in found.groupdict().items()}
                repo = self._repo(parts.pop("repo"), asked.role) if "repo" in parts else None
                if may == "write" and asked.role != "write":
                    raise Refused(401 if asked.role == "nobody" else 403, message="This token may not write")
                return getattr(self, name)(asked, **parts, **({"repo": repo} if repo else {}))
        raise Refused(404, message=f"{asked.method} {asked.path}: there is no such page")

    def _repo(self, name: str, role: str) -> Repo:
        """That which this role may see. Who brings no token is told 401 in any case, as by the real Hub."""
        repo = self.repos.get(name)
        if repo is None or (repo.private and role not in {"read", "write"}):
            raise Refused(401 if role == "nobody" else 404, "RepoNotFound", "Repository not found")
        return repo

    def new(self, name: str, private: bool = False) -> Repo:
        self.repos[name] = repo = Repo(name, private)
        repo.add("main", {".gitattributes": Blob(b"*.parquet filter=lfs\n", False)}, "initial commit")
        return repo

    # Repositories

    def whoami(self, asked: Asked) -> Answer:
        if asked.role == "nobody":
            raise Refused(401, message="Invalid username or password.")
        return Answer(body={"name": "tester", "type": "user", "orgs": []})

    def validate(self, asked: Asked) -> Answer:
        if error := _fault_of_card(asked.json["content"]):
            raise Refused(400, message="Invalid metadata", errors=[{"message": error}], warnings=[])
        return Answer(body={"errors": [], "warnings": []})

    def create(self, asked: Asked) -> Answer:
        said = asked.json
        name = f"{said.get('organization') or 'tester'}/{said['name']}"
        where = f"{self.url}/datasets/{name}"
        if name in self.repos:
            raise Refused(409, message="You already created this dataset repo", url=where)
        self.new(name, said.get("visibility") == "private")
        return Answer(body={"url": where, "id": name, "name": name})

    def info(self, asked: Asked, repo: Repo, revision: str = "main") -> Answer:
        commit = repo.at(revision)
        said = {"id": repo.name, "author": repo.name.split("/")[0], "sha": commit.oid, "private": repo.private}
        said |= {"disabled": False, "gated": False, "tags": [], "downloads": 0, "likes": 0}
        said |= {"lastModified": DATE, "createdAt": DATE, "siblings": [{"rfilename": path} for path in commit.files]}
        return Answer(body=said)

    def refs(self, asked: Asked, repo: Repo) -> Answer:
        def listed(kind: str, found: Mapping[str, str]) -> list[dict[str, str]]:
            return [{"name": n, "ref": f"refs/{kind}/{n}", "targetCommit": oid} for n, oid in found.items()]

        branches, tags = listed("heads", repo.branches), listed("tags", repo.tags)
        return Answer(body={"branches": branches, "tags": tags, "converts": []})

    def tag(self, asked: Asked, repo: Repo, revision: str) -> Answer:
        commit, name = repo.at(revision), asked.json["tag"]
        if name in repo.tags:
            raise Refused(409, message="Tag reference exists already")
        repo.tags[name] = commit.oid
        return Answer(body={})

    # Reading

    def tree(self, asked: Asked, repo: Repo, revision: str, path: str) -> Answer:
        under = path.strip("/") + "/" if path.strip("/") else ""
        deep = asked.query.get("recursive", "").lower() in {"1", "true"}
        found = {}
        for name, blob in sorted(repo.at(revision).files.items()):
            if name.startswith(under):
                parts = name.removeprefix(under).split("/")
                for depth in range(1, len(parts) if deep else min(len(parts), 2)):
                    folder = under + "/".join(parts[:depth])
                    found.setdefault(folder, _folder(folder))
                if deep or len(parts) == 1:
                    found[name] = _entry(name, blob)
        if under and not found:
            raise Refused(404, "EntryNotFound", f"{path} does not exist on {revision}")
        entries = [found[name] for name in sorted(found)]
        start = int(asked.query.get("cursor", 0))
        rest = urllib.parse.urlencode({**asked.query, "cursor": start + self.page})
        link = {"Link": f'<{self.url}{asked.path}?{rest}>; rel="next"'} if len(entries) > start + self.page else {}
        return Answer(body=entries[start : start + self.page], headers=link)

    def paths_info(self, asked: Asked, repo: Repo, revision: str) -> Answer:
        files = repo.at(revision).files
        form = "json" not in asked.headers.get("Content-Type", "")
        paths = urllib.parse.parse_qs(asked.body.decode())["paths"] if form else asked.json["paths"]
        found = [_entry(path, files[path]) for path in paths if path in files]
        found += [_folder(p) for p in paths if any(name.startswith(p.strip("/") + "/") for name in files)]
        return Answer(body=found)

    def resolve(self, asked: Asked, repo: Repo, revision: str, path: str) -> Answer:
        commit = repo.at(revision)
        headers = {"X-Repo-Commit": commit.oid}
        blob = commit.files.get(path)
        if blob is None:
            refused = Refused(404, "EntryNotFound", "Entry not found")
            refused.headers |= headers
            raise refused
        headers |= {"ETag": f'"{blob.etag}"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if blob.large:
            headers |= {"X-Linked-Etag": f'"{blob.etag}"', "X-Linked-Size": str(len(blob.content))}
        if not (part := re.fullmatch(r"bytes=(\d+)-(\d*)", asked.headers.get("Range", ""))):
            return Answer(200, blob.content, headers)
        first, last = int(part[1]), min(int(part[2] or len(blob.content)), len(blob.content) - 1)
        if first > last:
            raise Refused(416, message="Range not satisfiable")
        headers["Content-Range"] = f"bytes {first}-{last}/{len(blob.content)}"
        return Answer(206, blob.content[first : last + 1], headers)

    # Writing

    def preupload(self, asked: Asked, repo: Repo, revision: str) -> Answer:
        files = repo.at(revision).files
        held = files.get(".gitignore")
        # The real one is not documented on an empty `gitIgnore`; here it counts as none, which is the worse.
        rules = asked.json.get("gitIgnore") or (held.content.decode() if held else "")
        ignored = GitIgnoreSpec.from_lines(rules.splitlines())
        found = [
            {
                "path": path,
                "uploadMode": "lfs" if must_be_large(path, file["size"]) else "regular",
                "shouldIgnore": ignored.match_file(path),
                "oid": files[path].etag if path in files else None,
            }
            for file in asked.json["files"]
            for path in [file["path"]]
        ]
        return Answer(body={"files": found, "commitOid": repo.at(revision).oid})

    def batch(self, asked: Asked, repo: Repo) -> Answer:
        objects = []
        for wanted in asked.json["objects"]:
            oid, actions = wanted["oid"], {}
            if oid not in self.stored:
                put = f"{self.url}/storage/{oid}?X-Signature={SIGNATURE}"
                verify = f"{self.url}/datasets/{repo.name}.git/info/lfs/objects/verify"
                actions = {"actions": {"upload": {"href": put, "header": {}}, "verify": {"href": verify, "header": {}}}}
            objects.append({"oid": oid, "size": wanted["size"], "authenticated": True} | actions)
        return Answer(body={"transfer": "basic", "objects": objects})

    def store(self, asked: Asked, oid: str) -> Answer:
        self.uploaded += len(asked.body)
        if asked.query.get("X-Signature") != SIGNATURE or hashlib.sha256(asked.body).hexdigest() != oid:
            raise Refused(403, message="SignatureDoesNotMatch")
        self.stored[oid] = asked.body
        return Answer(body=b"")

    def verify(self, asked: Asked, repo: Repo) -> Answer:
        if len(self.stored.get(asked.json["oid"], b"")) != asked.json["size"]:
            raise Refused(404, message="no such object")
        return Answer(body={})

    def commit(self, asked: Asked, repo: Repo, revision: str) -> Answer:
        head, title = repo.at(revision), ""
        files = dict(head.files)
        for line in asked.body.splitlines():
            key, value = (said := json.loads(line))["key"], said["value"]
            path = value.get("path", "")
            if key == "header":
                title = value["summary"]
                if value.get("parentCommit", head.oid) != head.oid:
                    raise Refused(412, message="A commit has happened since. Please refresh and try again.")
            elif key == "file":
                files[path] = Blob(base64.b64decode(value["content"]), False)
                if must_be_large(path, len(files[path].content)):
                    raise Refused(413, message=f"{path} must be stored as a large file")
            elif key == "lfsFile":
                if value["oid"] not in self.stored:
                    raise Refused(400, message=f"large file {value['oid']} was not uploaded")
                files[path] = Blob(self.stored[value["oid"]], True)
            elif key == "deletedFile":
                if path not in files:
                    raise Refused(404, "EntryNotFound", "A file with this name doesn't exist")
                del files[path]
            else:
                raise Refused(400, message=f"{key}: not done here")
        card = files.get("README.md")
        if card and (error := _fault_of_card(card.content.decode())):
            raise Refused(400, message=error)
        done = repo.add(revision, files, title)
        where = f"{self.url}/datasets/{repo.name}/commit/{done.oid}"
        return Answer(body={"success": True, "commitOid": done.oid, "commitUrl": where, "hookOutput": ""})


REPO, REVISION = r"/api/datasets/(?P<repo>[^/]+/[^/]+)", r"(?P<revision>[^/]+)"
FILES = r"/datasets/(?P<repo>[^/]+/[^/]+)"
ROUTES = [
    ("GET", "/api/whoami-v2", "read", "whoami"),
    ("POST", "/api/validate-yaml", "read", "validate"),
    ("POST", "/api/repos/create", "write", "create"),
    ("GET", REPO, "read", "info"),
    ("GET", f"{REPO}/revision/{REVISION}", "read", "info"),
    ("GET", f"{REPO}/refs", "read", "refs"),
    ("POST", f"{REPO}/tag/{REVISION}", "write", "tag"),
    ("GET", f"{REPO}/tree/{REVISION}(?P<path>/.*)?", "read", "tree"),
    ("POST", f"{REPO}/paths-info/{REVISION}", "read", "paths_info"),
    ("GET", f"{FILES}/resolve/{REVISION}/(?P<path>.+)", "read", "resolve"),
    ("POST", f"{REPO}/preupload/{REVISION}", "write", "preupload"),
    ("POST", rf"{FILES}\.git/info/lfs/objects/batch", "write", "batch"),
    ("PUT", r"/storage/(?P<oid>\w+)", "signed", "store"),
    ("POST", rf"{FILES}\.git/info/lfs/objects/verify", "write", "verify"),
    ("POST", f"{REPO}/commit/{REVISION}", "write", "commit"),
]
"""Method, address, what one must be allowed, and the function. Storage asks for a signature only."""


def must_be_large(path: str, size: int) -> bool:
    return size > 0 and (path.endswith((".parquet", ".png", ".jpg", ".zip")) or size > MEGABYTES_10)


def _folder(path: str) -> dict[str, Any]:
    return {"type": "directory", "oid": hashlib.sha1(path.encode()).hexdigest(), "size": 0, "path": path}


def _entry(path: str, blob: Blob) -> dict[str, Any]:
    size = len(blob.content)
    large = {"lfs": {"oid": blob.sha256, "size": size, "pointerSize": 134}} if blob.large else {}
    return {"type": "file", "oid": blob.git_sha1, "size": size, "path": path} | large


@cache
def _fault_of_card(text: str) -> str:
    """What is wrong with the metadata at its head, or nothing."""
    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0].strip():
        return ""
    try:
        card = yaml.safe_load(parts[1])
    except yaml.YAMLError as error:
        return f"YAML: {' '.join(str(error).split())}"
    return "" if isinstance(card, dict) else "metadata must be key: value lines"

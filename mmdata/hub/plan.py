"""What a push brings about, worked out before anything is sent. Pure but for reading the folder."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import HubError
from ..manifest import Manifest
from ..releases import POINTER, REJECTED, order
from ..row_index import INDEX
from .remote import Entry, Local

CARD, CROISSANT = "README.md", "croissant.json"
PARTS = ("*.py", "*.yaml", "LICENSE*", "prompts/*.yaml", "sample/*.parquet")
"""Of a corpus folder, beside its card and releases: what others need to go on with it. Hidden files are not sent."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One commit."""

    wanted: dict[str, Local]
    """Path → file that the Hub shall hold."""
    send: dict[str, Local]
    """Of these, what it does not hold yet."""
    gone: list[str]

    @property
    def bytes(self) -> int:
        return sum(local.size for local in self.send.values())


def plan(wanted: Mapping[str, Local], there: Mapping[str, Entry], version: str) -> Plan:
    """What to send and take away so that the Hub, which holds `there`, holds what is wanted.

    Of a release, only files of `version` itself are ever taken away: those of an interrupted push of other content.
    """
    send = {path: local for path, local in wanted.items() if path not in there or not there[path].holds(local)}
    gone = sorted(path for path in there if path not in wanted and _goes(path, version))
    return Plan(dict(wanted), send, gone)


def _goes(path: str, version: str) -> bool:
    """Whether it is taken from the Hub when it is gone here. The pointer goes always: it would outdo the card."""
    mirrored = is_part(path) and not path.startswith("LICENSE")
    return mirrored or path == POINTER or path.startswith(f"data/{version}/")


def is_part(path: str) -> bool:
    """Whether a path, on the Hub or below a corpus folder, is of the corpus itself."""
    return not any(name.startswith(".") for name in path.split("/")) and any(
        path.count("/") == pattern.count("/") and Path(path).match(pattern) for pattern in PARTS
    )


def parts_of(folder: Path, *, sample: bool) -> dict[str, Local]:
    """What a corpus folder brings along. Raises HubError for a link that leads out of it."""
    patterns = [pattern for pattern in PARTS if sample or not pattern.startswith("sample/")]
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern)) if path.is_file()]
    for path in found:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise HubError(
                f"{path} is a link out of the corpus folder; nothing was published. Put the file itself there"
            )
    named = {path.relative_to(folder).as_posix(): path for path in found}
    return {name: Local(path) for name, path in named.items() if is_part(name)}


def data_of(release: Path, manifest: Manifest) -> dict[str, Local]:
    """The files of a release, by their paths on the Hub; their hashes are taken from the manifest."""
    digests = {file.path: file.sha256 for file in manifest.files} | {
        INDEX: manifest.index_sha256,
        "manifest.json": None,
    }
    if manifest.taken_from is None:
        digests[REJECTED] = manifest.rejected_sha256
    return {f"data/{manifest.version}/{name}": Local(release / name, digest) for name, digest in digests.items()}


def versions_in(paths: Iterable[str]) -> list[str]:
    """The versions that a revision holds, oldest first."""
    found = (re.fullmatch(r"data/(\d+\.\d+\.\d+)/manifest\.json", path) for path in paths)
    return sorted((m[1] for m in found if m), key=order)


def require_home(there: Mapping[str, Entry], repo: str) -> None:
    """Raises HubError where a repository without versions holds other things: it is somebody's, or the name is wrong."""
    if strange := sorted(path for path in there if path not in {".gitattributes", CARD}):
        raise HubError(
            f"{repo} holds files that mmdata did not push ({', '.join(strange[:3])}). Push to a new repository, or empty that "
            "one first"
        )


def damaged(there: Mapping[str, Entry], manifest: Manifest) -> str | None:
    """The first shard of a version that a revision does not hold as the manifest says."""
    for file in manifest.files:
        entry = there.get(f"data/{manifest.version}/{file.path}")
        if entry is None or entry.size != file.bytes or entry.sha256 not in {None, file.sha256}:
            return file.path
    return None


def require_same(there: Mapping[str, Entry], data: Mapping[str, Local], repo: str, version: str) -> None:
    """Raises HubError unless a revision holds these very files of a version, and no others."""
    folder = f"data/{version}/"
    names = {path for path in there if path.startswith(folder)}
    differing = sorted(names ^ set(data)) or [path for path, local in data.items() if not there[path].holds(local)]
    if differing:
        raise HubError(
            f"{repo} has a v{version} of other content ({differing[0]} differs). A version never changes: make the next "
            "one, with `mmdata build` or `mmdata release`, and push that"
        )

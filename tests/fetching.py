"""What the tests of `fetch` share: a corpus with a list of files, and no long waits."""

import hashlib
import io
import json
import random
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from fetch_server import Fault, Site
from kit import encoded, photo

from mmdata.fetching import getting, hosts, parts, running
from mmdata.verbs.fetch import Fetched, fetch

R = random.Random(1)
DATA, OTHER = R.randbytes(300_000), R.randbytes(280_000)
BIG, BIG_OTHER = (encoded(photo(n, (300, 300)), compress_level=0) for n in (1, 2))  # Of one size.


@contextmanager
def quickly() -> Iterator[pytest.MonkeyPatch]:
    """Pauses of milliseconds; a stall is one after a third of a second; every part is worth going on with."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (getting, hosts, running):
            patch.setattr(module, "PAUSE_SECONDS", 0.002)
        patch.setattr(running, "READ_SECONDS", 0.3)
        patch.setattr(parts, "WORTH_RESUMING", 0)
        yield patch


def empty_corpus(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "builder.py").write_text("")
    (folder / ".gitignore").write_text("data/")
    return folder


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def listing(corpus: Path, site: Site, *names: str, **of_all: object) -> None:
    """Write sources.yaml: these files of the site, with their hashes unless said otherwise."""
    entries = []
    for name in names:
        known = {"sha256": sha256(site.files[f"/{name}"])} if f"/{name}" in site.files else {}
        entry = {"url": f"{site.url}/{name}", "name": name} | known | of_all
        entries.append({key: value for key, value in entry.items() if value is not None})
    (corpus / "sources.yaml").write_text(yaml.safe_dump(entries, allow_unicode=True), encoding="utf-8")


def faults(done: Fetched) -> dict[str, str]:
    """Name → kind of failure."""
    return {failure.name: failure.kind for failure in done.failures}


def listed_in(corpus: Path) -> list[str]:
    """Names, else places, of failures.jsonl."""
    path = corpus / "source/.fetch/failures.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [line["name"] or line["place"] for line in map(json.loads, lines)]


def bring(corpus, site, *of_a: Fault, content: bytes = DATA, **entry):
    """Fetch /a after these faults; returns what was done and the file's bytes, if it is there."""
    site.files["/a"], site.faults["/a"] = content, list(of_a)
    listing(corpus, site, "a", **entry)
    done = fetch(corpus)
    name = entry.get("name", "a")
    path = corpus / "source" / name
    return done, path.read_bytes() if path.exists() else None


def a_zip(*files, method=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, content)
    return out.getvalue()


def a_tar(*files, packed=True) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz" if packed else "w") as archive:
        for name, content in ((file, b"") if isinstance(file, tarfile.TarInfo) else file for file in files):
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content) if info.isreg() else info.size
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

"""What the tests of push, pull and attach share: a Hub that this process or another one talks to."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import datasets.config
import huggingface_hub.constants
import pytest
import yaml
from hub_api import SIGNATURE, WRITE
from hub_server import Hub
from huggingface_hub.utils import _detect_agent, _http, close_session
from kit import encoded, photo, put
from nest import Child, shared

import mmdata

REPO = "my-team/birds"


@contextmanager
def using(hub: Hub, home: Path, token: str | None = WRITE) -> Iterator[Hub]:
    """In this process, huggingface_hub and datasets ask this Hub, with caches under `home`, and wait for nothing."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
            patch.delenv(name, raising=False)
        if token:
            patch.setenv("HF_TOKEN", token)
        here = {
            "ENDPOINT": hub.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_OFFLINE": False,
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_TOKEN_PATH": str(home / "token"),
        }
        for name, value in here.items():
            patch.setattr(huggingface_hub.constants, name, value)
        here = {
            "HF_ENDPOINT": hub.url,
            "HUB_DATASETS_URL": hub.url + "/datasets/{repo_id}/resolve/{revision}/{path}",
            "HF_HUB_OFFLINE": False,
            "HF_DATASETS_OFFLINE": False,
        }
        for name, value in here.items():
            patch.setattr(datasets.config, name, value)
        patch.setattr(_detect_agent, "_registry", _detect_agent._EMPTY_REGISTRY)  # Else the first request asks for it.
        patch.setattr(_http, "time", SimpleNamespace(sleep=lambda seconds: None))
        close_session()
        try:
            yield hub
        finally:
            close_session()


def hub_env(hub: Hub, home: Path, token: str | None = WRITE) -> dict[str, str]:
    """The environment of another process that asks this Hub."""
    inherited = {name: value for name, value in os.environ.items() if name not in {"HF_TOKEN", "HF_DATASETS_OFFLINE"}}
    return inherited | {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_DATASETS_CACHE": str(home / "datasets"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        **({"HF_TOKEN": token} if token else {}),
    }


ASKING = """
from pathlib import Path
from types import SimpleNamespace
from hubbing import using
at = using(SimpleNamespace(url={!r}), Path({!r}))
at.__enter__()
"""


def forked(stack: ExitStack, hub: Hub, home: Path, folder: Path, version: str) -> Child:
    """A push in a process of its own, that waits for nothing."""
    arguments = ("push", folder, "--repo", REPO, "--version", version)
    process = shared().start(*arguments, code=ASKING.format(hub.url, str(home)))
    stack.callback(process.kill)
    return process


def started(stack: ExitStack, hub: Hub, home: Path, folder: Path, version: str, **more: str) -> subprocess.Popen:
    """The same with all waits, from the command line on."""
    command = [sys.executable, "-m", "mmdata.cli", "push", str(folder), "--repo", REPO, "--version", version]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = stack.enter_context(subprocess.Popen(command, env=hub_env(hub, home) | more, **pipes))
    stack.callback(process.kill)
    return process


def corpus_of(home: Path, *rows: int) -> Path:
    """A corpus with a release for each number of rows, that may be passed on."""
    folder = mmdata.new("birds", home / "내 말뭉치")
    card = folder / "README.md"
    card.write_text(re.sub("may_redistribute:.*", "may_redistribute: [rows, images]", card.read_text("utf-8")), "utf-8")
    for count in rows:
        for number in range(count):
            put(home / "source", f"train/네모/새_{number}.png", encoded(photo(f"{home.name}{number}", (32, 32))))
        mmdata.build(folder, home / "source", workers=1)
    return folder


@cache
def _card(readme: bytes) -> dict:
    return yaml.safe_load(readme.decode().split("---\n")[1])


def assert_whole(hub: Hub) -> None:
    """Main's card names only what is there; each tag names a tree whose version is complete and its card's default."""
    if REPO not in hub.repos:
        return
    _, tags, files = hub.snapshot(REPO)
    for tag, tree in [("", files), *((tag, hub.files(REPO, tag)) for tag in tags)]:
        if not tag and "README.md" not in tree:
            assert set(tree) == {".gitattributes"} and not tags
            continue
        card = _card(tree["README.md"])
        named = [p for c in card["configs"][1:] for split in c["data_files"] for p in split["path"]]
        assert named and set(named) <= set(tree)
        versions = {path.split("/")[1] for path in tree if path.startswith("data/")}
        default = max(versions)
        assert [c["config_name"] for c in card["configs"][1:] if c.get("default")] == [default]
        assert {c["config_name"] for c in card["configs"][1:]} == versions
        assert tag in {"", f"v{default}"}
        for version in versions:
            manifest = json.loads(tree[f"data/{version}/manifest.json"])
            hashes = {f["path"]: f["sha256"] for f in manifest["files"]}
            hashes |= {"index.parquet": manifest["index_sha256"], "rejected.jsonl": manifest["rejected_sha256"]}
            held = {
                p.rpartition("/")[2]: sha256(b).hexdigest() for p, b in tree.items() if p.startswith(f"data/{version}/")
            }
            assert held.pop("manifest.json") and held == hashes


def held(hub: Hub) -> tuple:
    """Main's files, and each tag's."""
    if REPO not in hub.repos:
        return {}, {}
    _, tags, files = hub.snapshot(REPO)
    return files, {tag: hub.files(REPO, tag) for tag in tags}


def harmless(said: str) -> str:
    for secret in (WRITE, SIGNATURE, "X-Signature", "Bearer"):
        assert secret not in said
    return said

"""What many tests share: pictures to build from, and what a build said of them."""

import io
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import datasets
from nest import shared
from PIL import Image

GOOD = "Training/images/TS_건선_정면"


def photo(seed: int | str, size=(64, 64), mode="RGB") -> Image.Image:
    """A smooth random picture: it compresses like a photograph and looks like no other seed."""
    r = random.Random(seed)
    small = Image.frombytes("RGB", (16, 16), r.randbytes(768))
    return small.resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, kind="PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def put(root: Path, path: str, content: bytes) -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


def ids(folder: Path) -> set[str]:
    return {row for rows in datasets.load_dataset(str(folder)).values() for row in rows["id"]}


GOOD_IDS = {"train/건선/정면/good_0", "train/건선/정면/good_1", "test/정상/측면/good_0", "test/정상/측면/good_1"}


def refused(folder: Path, build) -> dict[str, dict]:
    lines = (folder / "data" / build.version / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    return {Path(row["place"]).name: row for row in map(json.loads, lines)}


def said(build, check: str) -> str:
    return "\n".join(f.message for f in build.findings if f.check == check)


def run(*arguments: str | Path, **options) -> subprocess.CompletedProcess:
    """A command of `mmdata` in a process of its own; a new Python only where that needs one."""
    if not options.keys() - {"cwd"}:
        return shared().run(*arguments, **options)
    command = [sys.executable, "-m", "mmdata.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


OPEN = "may_redistribute: [rows, images]"


def opened(folder: Path) -> Path:
    """The corpus, its card saying that all of it may be passed on."""
    card = folder / "README.md"
    card.write_text(re.sub("may_redistribute:.*", OPEN, card.read_text(encoding="utf-8")), encoding="utf-8")
    return folder

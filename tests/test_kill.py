"""A build killed anywhere leaves the old or the new release, whole; a reader never sees anything else."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import datasets
import psutil
import pytest
from PIL import Image

import mmdata
from mmdata.corpus import HOME, Corpus
from mmdata.releases import Releases

RANDOM_KILLS = 4

# Runs in every Python process of the build under test: counts each rename, replace and fsync of
# them all in one file, and kills the build at the chosen one, just before it or just after.
WATCHER = """
import fcntl, os, signal
os.environ.setdefault("KILL_MAIN", str(os.getpid()))

def watched(function):
    def call(*args, **kwargs):
        with open(os.environ["KILL_COUNT"], "a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(function.__name__ + "\\n")
            file.flush()
            file.seek(0)
            number = len(file.readlines())
        at, when = os.environ["KILL_AT"].split()
        if number == int(at) and when == "before":
            os.kill(int(os.environ["KILL_MAIN"]), signal.SIGKILL)
        result = function(*args, **kwargs)
        if number == int(at) and when == "after":
            os.kill(int(os.environ["KILL_MAIN"]), signal.SIGKILL)
        return result
    return call

for name in ("rename", "replace", "fsync"):
    setattr(os, name, watched(getattr(os, name)))
"""

READER = """
import json, sys, tempfile, time
from pathlib import Path
from test_kill import read
folder, log, stop = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
with log.open("a") as out:
    while not stop.exists():
        try:
            seen = read(folder)
        except Exception as error:
            seen = ["error", repr(error)]
        out.write(json.dumps(seen) + "\\n")
        out.flush()
        time.sleep(0.5)  # Leave the build a core.
"""


def read(folder) -> list[str]:
    """Version and a digest of all ids and picture bytes, read with a fresh cache."""
    total = hashlib.sha256()
    with tempfile.TemporaryDirectory() as cache:
        loaded = datasets.load_dataset(str(folder), cache_dir=cache)
        for split in sorted(loaded):
            for row in loaded[split].cast_column("image", datasets.Image(decode=False)):
                total.update(f"{split} {row['id']} ".encode() + hashlib.sha256(row["image"]["bytes"]).digest())
        return [str(loaded["train"].info.version), total.hexdigest()]


def noise(root: Path, seed: int) -> Path:
    """40 pictures of a megabyte each, so that there are several shards and time to be killed in."""
    r = random.Random(seed)
    for number in range(40):
        half = "TS" if number % 10 else "VS"
        folder = root / f"{half}_{('건선', '정상')[number % 2]}_정면"
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.frombytes("RGB", (580, 580), r.randbytes(580 * 580 * 3))
        picture.save(folder / f"H1_{seed}{number:03d}_P0_L0.png", compress_level=0)
    return root


@pytest.fixture
def stage(tmp_path):
    """A corpus with a first release, two sources, and a reader at work all the while."""
    skin = mmdata.new("skin", tmp_path / "내 말뭉치", like="skin")
    sources = [noise(tmp_path / "가", 1), noise(tmp_path / "나", 2)]
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch/sitecustomize.py").write_text(WATCHER)
    mmdata.build(skin, sources[0])
    log, stop = tmp_path / "seen.jsonl", tmp_path / "stop"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    reader = subprocess.Popen([sys.executable, "-c", READER, skin, log, stop], env=environment)
    yield skin, sources, tmp_path, log
    stop.touch()
    assert reader.wait(60) == 0


def start(skin: Path, source: Path, tmp: Path, at: str) -> subprocess.Popen:
    (tmp / "count").write_text("")
    environment = os.environ | {
        "PYTHONPATH": str(tmp / "watch"),
        "KILL_COUNT": str(tmp / "count"),
        "KILL_AT": at,
    }
    command = [sys.executable, "-m", "mmdata.cli", "build", str(skin), "--source", str(source)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def assert_no_process_is_left(tmp: Path) -> None:
    deadline = time.monotonic() + 30  # A busy machine takes its time to end them.
    while True:
        left = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("KILL_COUNT") == str(tmp / "count") and process.status() != "zombie":
                    left.append(process)
            except psutil.Error:
                continue
        if not left:
            return
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def assert_no_litter(skin: Path) -> None:
    local = {"data", "__pycache__"}
    shipped = {
        path.name for path in (HOME / "skin").iterdir() if not path.name.startswith(".") and path.name not in local
    }
    shipped |= {".gitignore"}
    ours = {"data", ".huggingface.yaml", ".lock", ".cache.sqlite"}
    assert {p.name for p in skin.iterdir()} - {"__pycache__"} == shipped | ours
    releases = Releases(Corpus(skin))
    assert [p.name for p in sorted((skin / "data").iterdir())] == sorted(releases.versions())
    for version in releases.versions():
        named = {file.path for file in releases.manifest(version).files} | {
            "manifest.json",
            "rejected.jsonl",
            "index.parquet",
        }
        assert {p.name for p in (skin / "data" / version).iterdir()} == named


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_build_killed_at_any_point_leaves_the_old_or_the_new_release(stage):
    skin, sources, tmp, log = stage
    now = read(skin)
    contents = {now[1]: 0}  # digest of all rows → which source

    began = time.monotonic()
    assert start(skin, sources[1], tmp, "0 never").wait() == 0
    seconds = time.monotonic() - began
    now = read(skin)
    contents[now[1]] = 1
    events = len((tmp / "count").read_text().split())
    assert events >= 14, "a build of three shards syncs and renames more often than this"

    # After one is before the next, but for the last of all and what lies between the two around the commit.
    points = [f"{number} before" for number in range(1, events + 1)]
    points += [f"{number} after" for number in range(events - 3, events + 1)]
    r = random.Random(0)
    times = iter([r.uniform(0.3, 1) * seconds for _ in range(200)])
    kills = {"points": 0, "random": 0, "old": 0, "new": 0}
    while kills["points"] < len(points) or kills["random"] < RANDOM_KILLS:
        # The other source each round, so that there is always something to write.
        source = sources[1 - contents[now[1]]]
        point = points[kills["points"]] if kills["points"] < len(points) else None
        process = start(skin, source, tmp, point or "0 never")
        if point is None:
            try:
                process.wait(next(times))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        code = process.wait(60)
        if code == -signal.SIGKILL:
            kills["points" if point else "random"] += 1
        else:
            assert point is None and code == 0, (point, code)
        assert_no_process_is_left(tmp)

        after = read(skin)
        assert after[1] in contents
        if after != now:
            major, minor, _ = now[0].split(".")
            assert after == [f"{major}.{int(minor) + 1}.0", next(d for d in contents if d != now[1])]
        if code != 0:
            kills["old" if after == now else "new"] += 1

        again = mmdata.build(skin, source)
        now = read(skin)
        assert now[0] == again.version and contents[now[1]] == sources.index(source)
        assert_no_litter(skin)
        mmdata.prune(skin, keep=3)

    assert kills["points"] + kills["random"] >= 22
    assert kills["old"] > 0 and kills["new"] > 0, "both sides of the commit were met"
    seen = [json.loads(line) for line in log.read_text().splitlines()]
    assert [s for s in seen if s[1] not in contents] == []
    assert len(seen) > 10

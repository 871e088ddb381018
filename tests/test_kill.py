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
from contextlib import suppress
from pathlib import Path

import datasets
import psutil
import pytest
from nest import Child, Nest
from PIL import Image

import mmdata
from mmdata import plan
from mmdata.corpus import HOME, Corpus
from mmdata.releases import Releases

RANDOM_KILLS = 4

# Shards of half a megabyte, so that little pictures make several.
SMALL = "import mmdata.plan\nmmdata.plan.MiB = 1 << 14\n"

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
    """40 pictures of 20 kilobytes each."""
    r = random.Random(seed)
    for number in range(40):
        half = "TS" if number % 10 else "VS"
        folder = root / f"{half}_{('건선', '정상')[number % 2]}_정면"
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.frombytes("RGB", (82, 82), r.randbytes(82 * 82 * 3))
        picture.save(folder / f"H1_{seed}{number:03d}_P0_L0.png", compress_level=0)
    return root


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """A corpus with a first release, two sources, a nest of builds, and a reader at work all the while."""
    monkeypatch.setattr(plan, "MiB", 1 << 14)
    skin = mmdata.new("skin", tmp_path / "내 말뭉치", like="skin")
    sources = [noise(tmp_path / "가", 1), noise(tmp_path / "나", 2)]
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch/sitecustomize.py").write_text("import watcher")
    mmdata.build(skin, sources[0])
    log, stop = tmp_path / "seen.jsonl", tmp_path / "stop"
    here = str(Path(__file__).parent)
    environment = os.environ | {"PYTHONPATH": here}
    reader = subprocess.Popen([sys.executable, "-c", READER, skin, log, stop], env=environment)
    with Nest(env=os.environ | {"PYTHONPATH": f"{tmp_path / 'watch'}{os.pathsep}{here}"}) as nest:
        yield skin, sources, tmp_path, log, nest
    stop.touch()
    assert reader.wait(60) == 0


def start(nest: Nest, skin: Path, source: Path, tmp: Path, at: str) -> Child:
    """A build that is killed at a point, or not."""
    (tmp / "count").write_text("")
    watched = os.environ | {"KILL_COUNT": str(tmp / "count"), "KILL_AT": at}
    itself = "import os\nos.environ['KILL_MAIN'] = str(os.getpid())\n"
    return nest.start("build", skin, "--source", source, "--workers", 2, env=watched, code=SMALL + itself)


def started_alone(skin: Path, source: Path, tmp: Path) -> subprocess.Popen:
    """A build with nothing of the nest's: a new Python, a server of workers of its own."""
    command = [sys.executable, "-c", SMALL + "from mmdata.cli import main; main()", "build", skin, "--source", source]
    environment = os.environ | {"ALONE": str(tmp)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def left_alone(tmp: Path) -> set[int]:
    """Processes of such builds that have not ended."""
    left = set()
    for process in psutil.process_iter():
        try:
            if process.environ().get("ALONE") == str(tmp) and process.status() != "zombie":
                left.add(process.pid)
        except psutil.Error:
            continue
    return left


def assert_no_process_is_left(nest: Nest, before: set[int], tmp: Path) -> None:
    deadline = time.monotonic() + 30  # A busy machine takes its time to end them.
    while left := (nest.below() - before) | left_alone(tmp):
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
    skin, sources, tmp, log, nest = stage
    now = read(skin)
    contents = {now[1]: 0}  # digest of all rows → which source

    assert start(nest, skin, sources[1], tmp, "0 never").wait() == 0
    now = read(skin)
    contents[now[1]] = 1
    events = len((tmp / "count").read_text().split())
    assert events >= 14, "a build of three shards syncs and renames more often than this"
    before = nest.below()

    # After one is before the next, but for the last of all and what lies between the two around the commit.
    points = [f"{number} before" for number in range(1, events + 1)]
    points += [f"{number} after" for number in range(events - 3, events + 1)]
    r = random.Random(0)
    kills = {"points": 0, "random": 0, "old": 0, "new": 0}
    longest = 3.0
    while kills["points"] < len(points) or kills["random"] < RANDOM_KILLS:
        # The other source each round, so that there is always something to write.
        source = sources[1 - contents[now[1]]]
        if kills["points"] < len(points):
            point = points[kills["points"]]
            assert start(nest, skin, source, tmp, point).wait(60) == -signal.SIGKILL, point
            code = -signal.SIGKILL
            kills["points"] += 1
        else:
            process = started_alone(skin, source, tmp)
            while not (skin / ".staging").exists() and process.poll() is None:
                time.sleep(0.005)
            with suppress(subprocess.TimeoutExpired):
                process.wait(r.uniform(0, longest))
            process.send_signal(signal.SIGKILL)
            code = process.wait(60)
            assert code in (0, -signal.SIGKILL)
            kills["random"] += code != 0
            longest *= 1 if code else 0.7  # It was faster.
        assert_no_process_is_left(nest, before, tmp)

        after = read(skin)
        assert after[1] in contents
        if after != now:
            major, minor, _ = now[0].split(".")
            assert after == [f"{major}.{int(minor) + 1}.0", next(d for d in contents if d != now[1])]
        if code != 0:
            kills["old" if after == now else "new"] += 1

        again = mmdata.build(skin, source)
        now = [again.version, next(digest for digest, n in contents.items() if sources[n] == source)]
        assert_no_litter(skin)
        mmdata.prune(skin, keep=3)  # The reader may be in one that was the newest.

    assert read(skin) == now  # As each round's read of the old release has shown of the one before.
    assert kills["points"] + kills["random"] >= 22
    assert kills["old"] > 0 and kills["new"] > 0, "both sides of the commit were met"
    seen = [json.loads(line) for line in log.read_text().splitlines()]
    assert [s for s in seen if s[1] not in contents] == []
    assert len(seen) > 10

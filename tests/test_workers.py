"""Worker processes: killed, interrupted, one or two; the rows are the same."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from kit import run
from PIL import Image

import mmdata
from mmdata import pool
from mmdata.errors import BuildError, CorpusError


@pytest.fixture
def skin(tmp_path):
    return mmdata.new("skin", tmp_path / "내 말뭉치", like="skin")


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    root = tmp_path_factory.mktemp("원본")
    for number in range(60):
        folder = root / f"{'TS' if number % 10 else 'VS'}_{('건선', '정상')[number % 2]}_정면"
        folder.mkdir(parents=True, exist_ok=True)
        Image.frombytes("RGB", (820, 820), os.urandom(820 * 820 * 3)).save(folder / f"{number}.png", compress_level=0)
    return root


@pytest.fixture
def many(noise, tmp_path):
    """60 noise pictures of 2 MB: several shards, and time to interfere."""
    return shutil.copytree(noise, tmp_path / "원본")


def shards(build):
    return [(file.split, file.sha256) for file in build.manifest.files]


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    """Children of the fork server, which is the child that has children of its own or none yet."""
    return [grandchild for child in process.children() for grandchild in child.children()]


def command(skin: Path, source: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "mmdata.cli", "build", str(skin), "--source", str(source), *more]


def test_one_worker_and_two_write_the_same_bytes(skin, many, tmp_path):
    other = mmdata.new("skin", tmp_path / "other", like="skin")
    one, two = mmdata.build(skin, many, workers=1), mmdata.build(other, many, workers=2)
    assert shards(one) == shards(two) and len(shards(one)) > 2


def test_a_killed_worker_is_noticed_at_once_and_its_shard_done_again(skin, many, tmp_path):
    undisturbed = mmdata.build(mmdata.new("skin", tmp_path / "other", like="skin"), many)
    me, before, killed = psutil.Process(), set(workers_of(psutil.Process())), []

    def kill_one() -> None:
        deadline = time.monotonic() + 20
        while not killed and time.monotonic() < deadline:
            staging = list(skin.glob(".staging/*/*.parquet"))
            for worker in [w for w in workers_of(me) if w not in before] if staging else []:
                worker.kill()
                killed.append(worker.pid)
                break
            time.sleep(0.001)

    thread = threading.Thread(target=kill_one)
    thread.start()
    began = time.monotonic()
    build = mmdata.build(skin, many)
    thread.join()
    assert killed, "the kill came in time"
    assert time.monotonic() - began < 30
    assert shards(build) == shards(undisturbed)
    assert build.manifest.splits == {"train": 54, "test": 6}


def die(task: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return task


def double(task: int) -> int:
    return 2 * task


def test_workers_that_are_always_killed_end_the_build_with_advice():
    with pytest.raises(BuildError, match=r"killed 3 times, 1 among their work: .* out of memory.*`--workers 1`"):
        list(pool.run(die, [1, 2, 3], workers=2, setup=tuple, setup_args=(), tick=lambda: None))


def test_every_task_is_done_once():
    done = list(pool.run(double, range(50), workers=2, setup=tuple, setup_args=(), tick=lambda: None))
    assert sorted(done) == [2 * n for n in range(50)]


def test_a_script_without_a_main_guard_builds(skin, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"import mmdata\nprint('ran')\nprint(mmdata.build({str(skin)!r}, {str(skin / 'tiny')!r}).version)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("ran\n1.0.0\n", 0), done.stderr


def test_keys_set_after_the_first_build_reach_the_workers(skin, monkeypatch):
    mmdata.build(skin, skin / "tiny")
    builder = skin / "builder.py"
    text = builder.read_text(encoding="utf-8")
    asked = 'import os\n        assert os.environ["SET_LATER"] == "yes"\n        row = super()'
    builder.write_text(text.replace("row = super()", asked), encoding="utf-8")
    monkeypatch.setenv("SET_LATER", "yes")
    assert not mmdata.build(skin, skin / "tiny").created


@pytest.mark.parametrize(("when", "wait"), [("*", 0.0), ("*", 0.3), ("*", 0.6), ("*/*.parquet", 0.0)])
def test_ctrl_c_says_so_and_leaves_the_releases(skin, many, when, wait):
    """While workers are being started, too: what they import then must not answer with a traceback."""
    mmdata.build(skin, skin / "tiny")
    process = subprocess.Popen(command(skin, many), stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 30
    while not list(skin.glob(f".staging/{when}")) and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.startswith("stopped; the releases are as they were.") and "Traceback" not in said
    assert not (skin / ".staging").exists()
    assert [p.name for p in (skin / "data").iterdir()] == ["1.0.0"]


@pytest.mark.parametrize("place", ["items", "record"])
def test_a_fault_in_builder_py_is_one_line_that_names_it(skin, place):
    builder = skin / "builder.py"
    text = builder.read_text(encoding="utf-8")
    first = {
        "items": "counts: Counter[str] = Counter()",
        "record": 'row = super().record(item, {"image": files["image"]})',
    }
    line = next(n for n, t in enumerate(text.splitlines(), 1) if first[place] in t)
    builder.write_text(text.replace(first[place], "{}['없는 것']"), encoding="utf-8")
    with pytest.raises(CorpusError, match=rf"builder\.py, line {line}: KeyError: '없는 것' \(while .*{place}\(\)"):
        mmdata.build(skin, skin / "tiny")
    done = run("build", skin, "--source", skin / "tiny")
    assert done.returncode == 1 and "Traceback" not in done.stderr and done.stderr.count("error:") == 1


def test_only_new_pictures_are_decoded_again(skin, many):
    assert mmdata.build(skin, many).decoded == 60
    first = next(many.rglob("TS_건선_정면/*.png"))
    Image.frombytes("RGB", (30, 30), os.urandom(2700)).save(first.with_name("새것.png"))
    build = mmdata.build(skin, many)
    assert (build.created, build.decoded, build.manifest.splits["train"]) == (True, 1, 55)


def test_a_touched_file_makes_no_release_and_a_changed_byte_does(skin, many):
    mmdata.build(skin, many)
    first = next(many.rglob("*.png"))
    first.touch()
    again = mmdata.build(skin, many)
    assert (again.created, again.decoded) == (False, 0)
    times = first.stat()
    first.write_bytes(first.read_bytes() + b"\0")
    os.truncate(first, times.st_size)
    with first.open("r+b") as picture:
        picture.seek(times.st_size // 2)
        picture.write(b"x")
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns))  # Same size, same time: the stamp still tells.
    changed = mmdata.build(skin, many)
    assert changed.created or changed.manifest.rejected


def test_an_unchanged_source_is_said_to_be_so(skin):
    source = skin / "tiny"
    assert run("build", skin, "--source", source).returncode == 0
    said = run("build", skin, "--source", source).stdout
    assert said.startswith("Nothing has changed since skin 1.0.0; no release was made")

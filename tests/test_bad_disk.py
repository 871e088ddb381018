"""A disk that fills, two builds at once, and mistakes on the command line. Each fault is said, with its place and what to do; the good rows are kept."""

import os
import re
import resource
import subprocess
from pathlib import Path

import datasets
import pytest
from kit import GOOD, encoded, put, run
from nest import shared
from PIL import Image

import mmdata
from mmdata.errors import BuildError

# The disk and the command line


def big(root: Path) -> Path:
    for number in range(4):
        put(root, f"{GOOD}/{number}.png", encoded(Image.frombytes("RGB", (700, 700), os.urandom(1_470_000))))
    return root


def assert_recovers(skin: Path, source: Path, done: subprocess.CompletedProcess) -> None:
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "error: " in done.stderr and "disk space" in done.stderr
    assert not (skin / ".staging").exists()
    assert str(datasets.load_dataset(str(skin))["train"].info.version) == "1.0.0"


def test_a_file_size_limit_while_writing_leaves_the_old_release(skin, source, tmp_path):
    mmdata.build(skin, source)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))  # noqa: E731
    done = run("build", skin, "--source", big(tmp_path / "큰"), preexec_fn=limit)
    assert_recovers(skin, source, done)
    assert mmdata.build(skin, tmp_path / "큰").version == "1.1.0"


UNFORESEEN = """
import shutil
from collections import namedtuple
shutil.disk_usage = lambda path: namedtuple("usage", "total used free")(0, 0, 1 << 60)
"""


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root may mount a tmpfs; the file size limit above is the same fault"
)
@pytest.mark.parametrize("when", ["foreseen", "unforeseen"])
def test_a_full_disk_leaves_the_old_release(source, tmp_path, when):
    small = tmp_path / "작은 디스크"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", small], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here; the file size limit above is the same fault")
    try:
        skin = mmdata.new("skin", small, like="skin")
        mmdata.build(skin, source)
        code = UNFORESEEN if when == "unforeseen" else ""
        assert_recovers(skin, source, shared().run("build", skin, "--source", big(tmp_path / "큰"), code=code))
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        assert mmdata.build(skin, tmp_path / "큰").version == "1.1.0"
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_two_builds_at_once_the_second_says_who_writes(skin, source, tmp_path):
    many = big(tmp_path / "큰")
    first = shared().start("build", skin, "--source", many)
    while not (skin / ".staging").exists():
        assert first.poll() is None
    second = run("build", skin, "--source", source)
    assert first.wait(60) == 0
    assert second.returncode == 1
    assert f"skin is being written by another process (process {first.pid}, since" in second.stderr
    assert "Wait until it ends, or stop it" in second.stderr
    assert len(datasets.load_dataset(str(skin))["train"]) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["build", "nowhere", "--source", "x"], "nowhere: not a corpus folder (it has no builder.py)"),
        (["build", "{skin}"], "which source?"),
        (["build", "{skin}", "--source", "nowhere"], "no such file or folder"),
        (["build", "{skin}", "--source", "floppy://a"], "source floppy://a"),
        (["new", "새"], "named in lower case letters"),
        (
            ["new", "birds", "--like", "bird"],
            "no corpus 'bird' ships with mmdata. There are: aac, character_style, fashion, skin, visdial",
        ),
        (["new", "skin", "--under", "{under}"], "already exists"),
        (["prune", "nowhere"], "not a corpus folder"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_message(skin, arguments, words):
    filled = [a.format(skin=skin, under=skin.parent) for a in arguments]
    done = run(*filled, cwd=skin.parent)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and words in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"decode": "Full"}, "decode='Full': choose one of full, header"),
        ({"bump": "big"}, "bump='big': choose one of major, minor, patch"),
        ({"workers": 0}, "workers=0: give 1 or more"),
        ({"sample": True}, "it takes no --source"),
    ],
)
def test_a_mistake_in_python_is_the_same_message(skin, source, wrong, words):
    with pytest.raises(BuildError, match=re.escape(words)):
        mmdata.build(skin, source, **wrong)
    assert not (skin / "data").exists()

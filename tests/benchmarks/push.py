"""What `mmdata push` sends: a whole release, one with 1 % of its pictures changed or added, one with a column more.

    python tests/benchmarks/push.py --work /tmp/mmdata-bench

Pushes to a Hub on loopback, by LFS and with the real hf_xet client to a content-addressed store (`xet_server`), and
counts the bodies of all requests. Then seconds, by LFS, beside the least that anybody can do with the same bytes.
The pictures are made: coloured fields under grain, JPEG of 80 to 180 kB, which nothing can make smaller.
"""

import argparse
import functools
import json
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from hub_api import SIGNATURE
from hub_server import Hub, serving
from hubbing import hub_env
from xet_server import XetHub, sent

CLASSES = ("네모", "동그라미")  # The template's, in the order of their folders.
REPO = "bench/photos"
CASES = ("bare", "push", "upload_folder")
PROMPT = """id: caption
model: gpt-4o-mini
fields: [id]
user: "{{ id }} 이 사진을 한국어 한 문장으로 설명하세요."
"""
CHANGED, GROWN, ANSWERED = "1.1.0", "1.2.0", "1.3.0"
STEPS = {
    "1.0.0": "all, for the first time",
    CHANGED: "1 % of the pictures replaced, all over",
    GROWN: "1 % of rows added at the end",
    ANSWERED: "a column of answers for all rows",
}


# The corpus: four releases


def photo(root: Path, count: int, number: int, again: int = 0) -> None:
    r = np.random.default_rng((number, again))
    fields = Image.fromarray(r.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(
        (640, 480), Image.Resampling.BICUBIC
    )
    grain = r.normal(0, r.uniform(4, 14), (480, 640, 1))
    split = "test" if number % 10 == 9 else "train"
    place = root / split / CLASSES[min(number * len(CLASSES) // count, len(CLASSES) - 1)] / f"{number:06d}.jpg"
    place.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(np.asarray(fields) + grain, 0, 255).astype(np.uint8)).save(place, quality=92)


def photos(root: Path, count: int, numbers: list[int], again: int = 0) -> None:
    with ProcessPoolExecutor() as pool:
        list(pool.map(functools.partial(photo, root, count, again=again), numbers, chunksize=20))


def corpus(work: Path, count: int) -> Path:
    """Made, or as an earlier call left it."""
    import mmdata

    folder, source = work / "photos", work / f"source{count}"
    if (folder / "data" / ANSWERED).exists():
        return folder
    for old in (folder, source):
        shutil.rmtree(old, ignore_errors=True)
    mmdata.new("photos", work)
    card = (folder / "README.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(
        card.replace("may_redistribute: []", "may_redistribute: [rows, images]"), encoding="utf-8"
    )
    photos(source, count, list(range(count)))
    build(folder, source)
    one_of_each = [100 * i + 7 * i % 100 for i in range(count // 100)]
    photos(source, count, one_of_each, again=1)
    build(folder, source)
    photos(source, count, list(range(count, count + count // 100)))
    build(folder, source)
    (folder / "prompts").mkdir(exist_ok=True)
    (folder / "prompts" / "caption.yaml").write_text(PROMPT, encoding="utf-8")
    answer(folder)
    mmdata.release(folder)
    shutil.rmtree(source)
    return folder


def build(folder: Path, source: Path) -> None:
    import mmdata

    mmdata.build(folder, source, decode="header")


def answer(folder: Path) -> None:
    """Every row gets a sentence, as `mmdata annotate` would keep it."""
    from mmdata.annotation.prompt import read_prompt
    from mmdata.annotation.questions import key_of
    from mmdata.annotation.store import Answer, writing
    from mmdata.corpus import Corpus
    from mmdata.reading import Release
    from mmdata.releases import Releases

    release = Release(folder, Releases(Corpus(folder)).newest())
    prompt = read_prompt(folder, "caption", release.kinds)
    words = ["노을", "바람", "파도", "골목", "나무", "구름", "사람", "그림자", "햇빛", "안개"]
    with writing(folder) as store:
        store.keep_prompt(prompt.sha256, prompt.id, prompt.model_dump_json())
        store.add(prompt.id, prompt.sha256, prompt.model, [
            Answer(key_of(prompt, row)[0], row.id, "ok", raw="{}",
                   value=f"{' '.join(random.Random(row.id).choices(words, k=12))} 보이는 사진입니다.")
            for row in release.rows(prompt.fields)
        ])  # fmt: skip


# The cases: each runs in a fresh process of `push_cases`


class Seconds(NamedTuple):
    """Of a process, its start included."""

    wall: float
    cpu: float


def run(case: str, folder: Path, version: str, hub: Hub, home: Path, xet: bool = False) -> Seconds:
    hub.forget()
    env = hub_env(hub, home) | {"HF_HUB_DISABLE_XET": "01"[not xet], "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, Path(__file__).with_name("push_cases.py"), case, folder, version, REPO, SIGNATURE]
    began, before = time.perf_counter(), cpu_of_children()
    subprocess.run(command, env=env | {"HF_XET_TELEMETRY_ENABLED": "0"}, check=True)
    return Seconds(time.perf_counter() - began, cpu_of_children() - before)


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# The figures


def bytes_sent(folder: Path, work: Path) -> None:
    """Each release after the one before, three ways."""
    ways = [
        ("LFS", Hub, False),
        ("Xet, always from one machine", XetHub, False),
        ("Xet, each time from a machine that has pushed nothing before", XetHub, True),
    ]
    for way, made, elsewhere in ways:
        print(f"\n{way}")
        home = work / "home"
        shutil.rmtree(home, ignore_errors=True)
        with serving(made()) as hub:
            for version, what in [*STEPS.items(), (ANSWERED, "again, nothing is new")]:
                if elsewhere:
                    shutil.rmtree(home, ignore_errors=True)
                run("push", folder, version, hub, home, xet=way != "LFS")
                print(f"{version} {what:38} {json.dumps(sent(hub))}", flush=True)


def seconds(folder: Path, work: Path, rounds: int) -> None:
    """By LFS to an empty Hub, and once more where it is all there."""
    taken: dict[str, list[Seconds]] = {}
    for number in range(rounds):
        for case in random.Random(number).sample(CASES, len(CASES)):
            shutil.rmtree(work / "home", ignore_errors=True)
            with serving() as hub:
                for name in (case, f"{case} again")[: 1 if case == "bare" else 2]:
                    one = run(case, folder, "1.0.0", hub, work / "home")
                    taken.setdefault(name, []).append(one)
                    print(name, one, sent(hub), flush=True)
    bare = [statistics.median(times) for times in zip(*taken["bare"], strict=True)]
    for name, runs in sorted(taken.items()):
        for kind, times, least in zip(Seconds._fields, zip(*runs, strict=True), bare, strict=True):
            median = statistics.median(times)
            said = f"{median:6.2f} s ({min(times):.2f} – {max(times):.2f}), {median / least:.2f} of bare"
            print(f"{name:20} {kind:5} {said}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--work", type=Path, default=Path("/tmp/mmdata-bench"))
    arguments.add_argument("--pictures", type=int, default=2400)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--parts", default="bytes,seconds")
    given = arguments.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    folder = corpus(given.work, given.pictures)
    for version in STEPS:
        files = list((folder / "data" / version).iterdir())
        print(version, len(files), "files", sum(path.stat().st_size for path in files), "bytes")
    if "bytes" in given.parts:
        bytes_sent(folder, given.work)
    if "seconds" in given.parts:
        seconds(folder, given.work, given.rounds)


if __name__ == "__main__":
    main()

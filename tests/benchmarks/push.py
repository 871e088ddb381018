"""What `mmdata push` sends: a whole release, one with 1 % of its pictures changed or added, one with a column more.

    python tests/benchmarks/push.py --work /tmp/mmdata-bench

Pushes to a Hub on loopback, by LFS and with the real hf_xet client to a content-addressed store (`xet_server`), and
counts the bodies of all requests. Then seconds, by LFS, beside the least that anybody can do with the same bytes.
The pictures are made: coloured fields under grain, JPEG of 80 to 180 kB, which nothing can make smaller.
"""

import argparse
import functools
import hashlib
import http.client
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
import urllib.parse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from hub_api import SIGNATURE
from hub_server import Hub, serving
from hubbing import hub_env
from xet_server import XetHub, sent

CLASSES = ("네모", "동그라미")  # The template's, in the order of their folders.
REPO = "bench/photos"
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


# The cases: each runs in a fresh process


def case_push(folder: Path, version: str) -> None:
    import mmdata

    mmdata.push(folder, REPO, version=version)


def case_upload_folder(folder: Path, version: str) -> None:
    """What people do without us: no commit that is whole or absent, no card, no tag, nothing verified."""
    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo(REPO, repo_type="dataset", exist_ok=True)
    patterns = ["*.md", "*.py", "*.yaml", "prompts/*", "sample/*", f"data/{version}/*"]
    api.upload_folder(repo_id=REPO, folder_path=folder, repo_type="dataset", allow_patterns=patterns)


def case_bare(folder: Path, version: str) -> None:
    """sha256 of each file and a PUT of it, one after another, and nothing else."""
    host = urllib.parse.urlsplit(os.environ["HF_ENDPOINT"]).netloc
    connection = http.client.HTTPConnection(host)
    for path in sorted((folder / "data" / version).iterdir()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            size = {"Content-Length": str(path.stat().st_size)}
            connection.request("PUT", f"/storage/{digest}?X-Signature={SIGNATURE}", file, size)
            if connection.getresponse().read():
                raise SystemExit("not stored")


CASES = {"push": case_push, "upload_folder": case_upload_folder, "bare": case_bare}


def run(case: str, folder: Path, version: str, hub: Hub, home: Path, xet: bool = False) -> float:
    """Seconds, start of the process included."""
    hub.forget()
    env = hub_env(hub, home) | {"HF_HUB_DISABLE_XET": "01"[not xet], "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, __file__, "--case", case, "--folder", folder, "--version", version]
    began = time.perf_counter()
    subprocess.run(command, env=env | {"HF_XET_TELEMETRY_ENABLED": "0"}, check=True)
    return time.perf_counter() - began


# The figures


def bytes_sent(folder: Path, work: Path) -> None:
    """Each release after the one before, three ways."""
    ways = {"LFS": Hub(), "Xet": XetHub(), "Xet, another machine each time": XetHub()}
    ways["Xet, that and a store that does not tell"] = XetHub(shares=False)
    for way, hub in ways.items():
        print(f"\n{way}")
        home = work / "home"
        shutil.rmtree(home, ignore_errors=True)
        with serving(hub):
            for version, what in STEPS.items():
                if "another" in way or "that" in way:
                    shutil.rmtree(home, ignore_errors=True)
                seconds = run("push", folder, version, hub, home, xet=way != "LFS")
                print(f"{version} {what:40} {json.dumps(sent(hub))} {seconds:.1f} s", flush=True)
            seconds = run("push", folder, ANSWERED, hub, home, xet=way != "LFS")
            print(f"{'again, nothing new':46} {json.dumps(sent(hub))} {seconds:.1f} s", flush=True)
        hub.stored.clear()
        hub.repos.clear()


def seconds(folder: Path, work: Path, rounds: int) -> None:
    """By LFS to an empty Hub, and once more where it is all there."""
    taken: dict[str, list[float]] = {}
    for number in range(rounds):
        order = list(CASES)
        random.Random(number).shuffle(order)
        for case in order:
            with serving() as hub:
                shutil.rmtree(work / "home", ignore_errors=True)
                taken.setdefault(case, []).append(run(case, folder, "1.0.0", hub, work / "home"))
                requests = sent(hub)
                if case != "bare":
                    taken.setdefault(f"{case} again", []).append(run(case, folder, "1.0.0", hub, work / "home"))
                print(case, {name: round(times[-1], 2) for name, times in taken.items()}, requests, flush=True)
    bare = statistics.median(taken["bare"])
    for name, times in sorted(taken.items()):
        median = statistics.median(times)
        print(f"{name:24} {median:6.2f} s ({min(times):.2f} – {max(times):.2f}), {median / bare:.2f} of bare")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--work", type=Path, default=Path("/tmp/mmdata-bench"))
    arguments.add_argument("--pictures", type=int, default=2400)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--case", choices=CASES)
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument("--version")
    given = arguments.parse_args()
    if given.case:
        CASES[given.case](given.folder, given.version)
        return
    given.work.mkdir(parents=True, exist_ok=True)
    folder = corpus(given.work, given.pictures)
    for version in STEPS:
        files = list((folder / "data" / version).iterdir())
        print(version, len(files), "files", sum(path.stat().st_size for path in files), "bytes")
    bytes_sent(folder, given.work)
    seconds(folder, given.work, given.rounds)


if __name__ == "__main__":
    main()

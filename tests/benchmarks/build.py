"""Builds beside what else people do with the same pictures, in one run, medians of the rounds.

    python tests/benchmarks/build.py --rounds 5 --work /tmp/bench

Draws its pictures out of ../shared/data/skin (crops of real photographs), times each case in a
process of its own, cold caches of ours and warm ones of the system's, and prints a table.
"""

import argparse
import functools
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image

PHOTOGRAPHS = Path(__file__).parents[3] / "shared/data/skin/ham10000_by_class"
CLASSES, VIEWS = ["건선", "아토피", "여드름", "주사", "지루", "정상"], ("정면", "측면")


# The pictures


def one_picture(source: list[Path], root: Path, side: int, suffix: str, number: int) -> None:
    r = random.Random(number)
    image = Image.open(source[number % len(source)]).convert("RGB")
    crop = r.randint(120, min(image.size))
    x, y = (r.randint(0, edge - crop) for edge in image.size)
    image = image.crop((x, y, x + crop, y + crop)).resize((side, side), Image.Resampling.BICUBIC)
    half, letter = ("Training", "TS") if number % 9 else ("Validation", "VS")
    folder = root / half / "images" / f"{letter}_{CLASSES[number % 6]}_{VIEWS[number // 6 % 2]}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"H{number % 7}_{number:06d}_P0_L0.{suffix}"
    if suffix == "png":
        image.save(path)
        with path.open("ab") as out:  # AI Hub's PNG are 950 kB; ours are made as large.
            out.write(r.randbytes(max(0, 950_000 - path.stat().st_size)))
    else:
        image.save(path, quality=88)


def pictures(root: Path, count: int, side: int, suffix: str) -> Path:
    if not root.exists():
        source = sorted(PHOTOGRAPHS.rglob("*.jpg"))
        with ProcessPoolExecutor() as pool:
            list(pool.map(functools.partial(one_picture, source, root, side, suffix), range(count), chunksize=20))
    return root


def files(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.is_file())


# The cases: each runs in a fresh process and prints nothing


def decode(paths: list[Path]) -> None:
    for path in paths:
        with Image.open(path) as image:
            image.load()


def case_pillow(root: Path, out: Path) -> None:
    """Every file decoded by Pillow on all cores, and nothing else."""
    found = files(root)
    with ProcessPoolExecutor() as pool:
        list(pool.map(decode, [found[i : i + 20] for i in range(0, len(found), 20)]))


def case_cp(root: Path, out: Path) -> None:
    subprocess.run(["cp", "-r", root, out], check=True)


def case_cp_synced(root: Path, out: Path) -> None:
    """cp -r, and on the disk as a release is."""
    case_cp(root, out)
    subprocess.run(["sync", "-f", out], check=True)


def case_mmdata(root: Path, out: Path, how: str) -> None:
    from mmdata import build

    build(out, root, decode=how)


def embed(root: Path, out: Path, num_proc: int | None) -> None:
    import datasets
    from datasets.table import embed_table_storage

    os.environ["HF_DATASETS_CACHE"] = str(out)
    found = datasets.load_dataset("imagefolder", data_dir=str(root), cache_dir=str(out / "cache"), num_proc=num_proc)
    for split, rows in found.items():
        rows = rows.with_format("arrow").map(embed_table_storage, batched=True, batch_size=100, num_proc=num_proc)
        rows.with_format(None).to_parquet(str(out / f"{split}.parquet"))


def pool_one(task: tuple[int, list[Path], Path]) -> None:
    import hashlib

    import pyarrow as pa
    import pyarrow.parquet as pq

    number, paths, out = task
    schema = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("sha256", pa.string())])
    with pq.ParquetWriter(out / f"{number}.parquet", schema, compression="none") as writer:
        for start in range(0, len(paths), 100):
            data = [p.read_bytes() for p in paths[start : start + 100]]
            pictures = [{"bytes": d, "path": p.name} for d, p in zip(data, paths[start:], strict=False)]
            hashes = [hashlib.sha256(d).hexdigest() for d in data]
            writer.write_table(pa.table([pa.array(pictures, schema.field(0).type), hashes], schema=schema))


def case_pool(root: Path, out: Path) -> None:
    """A bare process pool with pyarrow: read, hash, write; no checks, no records, no sync."""
    out.mkdir()
    found = files(root)
    tasks = [(i, found[i : i + 1000], out) for i in range(0, len(found), 1000)]
    with ProcessPoolExecutor() as pool:
        list(pool.map(pool_one, tasks))


CASES: dict[str, Callable[[Path, Path], None]] = {
    "pillow": case_pillow,
    "cp": case_cp,
    "cp, synced": case_cp_synced,
    "mmdata full": lambda root, out: case_mmdata(root, out, "full"),
    "mmdata header": lambda root, out: case_mmdata(root, out, "header"),
    "imagefolder": lambda root, out: embed(root, out, None),
    "imagefolder num_proc=2": lambda root, out: embed(root, out, 2),
    "process pool": case_pool,
}


def measured(name: str, root: Path, out: Path) -> tuple[float, float]:
    """Seconds of wall time with process start, and peak memory (PSS) of the process tree in MB."""
    import psutil

    began = time.perf_counter()
    command = [sys.executable, __file__, "--case", name, "--root", str(root), "--out", str(out)]
    process = psutil.Popen(command, env=os.environ | {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "1"})
    peak, sample_at = 0.0, began
    while process.poll() is None:
        time.sleep(0.01)
        if MEMORY and time.perf_counter() - sample_at > 0.2:
            sample_at, total = time.perf_counter(), 0
            for one in [process, *process.children(recursive=True)]:
                try:
                    total += one.memory_full_info().pss
                except psutil.Error:
                    continue
            peak = max(peak, total / 1e6)
    if process.returncode:
        sys.exit(f"{name} failed")
    return time.perf_counter() - began, peak


MEMORY = False


def corpus(at: Path) -> Path:
    import mmdata

    shutil.rmtree(at.parent, ignore_errors=True)
    return mmdata.new("skin", at.parent, like="skin")


def timed(name: str, root: Path, work: Path) -> float:
    out = work / "out" / "skin"
    shutil.rmtree(out.parent, ignore_errors=True)
    out.parent.mkdir()
    if name.startswith("mmdata"):
        corpus(out)
    elif "imagefolder" in name:
        out.mkdir()
    seconds, _ = measured(name, root, out)
    return seconds


def rebuilds(root: Path, more: Path, work: Path) -> dict[str, float]:
    """Build, build again unchanged, build with 1 % of new files."""
    out = work / "out" / "skin"
    corpus(out)
    grown = work / "grown"
    shutil.rmtree(grown, ignore_errors=True)
    subprocess.run(["cp", "-rl", root, grown], check=True)
    seconds = {"first": measured("mmdata full", grown, out)[0], "unchanged": measured("mmdata full", grown, out)[0]}
    for path in files(more):
        place = grown / path.relative_to(more)
        shutil.copy(path, place.with_name("new_" + path.name))
    seconds["1 % added"] = measured("mmdata full", grown, out)[0]
    shutil.rmtree(grown)
    return seconds


def memory(root: Path, work: Path, times: int) -> dict[str, float]:
    """Peak memory at 1 and at `times` the rows; the copies differ in their last byte."""
    global MEMORY
    MEMORY = True
    big = work / "big"
    if not big.exists():
        for path in files(root):
            data = path.read_bytes()
            for n in range(times):
                place = big / path.relative_to(root).with_name(f"{path.stem[:2]}_{n}{path.stem[3:]}{path.suffix}")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data + bytes([n]))
    peaks = {}
    for name, source in (("1×", root), (f"{times}×", big)):
        out = corpus(work / "out" / "skin")
        peaks[name] = measured("mmdata full", source, out)[1]
    MEMORY = False
    return peaks


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--work", type=Path, default=Path("/tmp/mmdata-bench"))
    arguments.add_argument("--parts", default="large,rebuild,memory,small")
    arguments.add_argument("--case")
    arguments.add_argument("--root", type=Path)
    arguments.add_argument("--out", type=Path)
    given = arguments.parse_args()
    if given.case:
        CASES[given.case](given.root, given.out)
        return
    work = given.work
    work.mkdir(parents=True, exist_ok=True)
    results: dict[str, dict[str, list[float]]] = {}

    def add(part: str, name: str, value: float) -> None:
        results.setdefault(part, {}).setdefault(name, []).append(value)
        print(f"{part:24} {name:24} {value:8.2f}", flush=True)

    large = pictures(work / "png1200", 1200, 1024, "png")
    for part in given.parts.split(","):
        if part == "memory":
            for name, peak in memory(large, work, 10).items():
                add("memory, MB", name, peak)
            continue
        small = pictures(work / "jpg20000", 20_000, 512, "jpg") if part == "small" else None
        more = pictures(work / "png12", 12, 1024, "png") if part == "rebuild" else None
        for round_number in range(given.rounds):
            if more:
                for name, seconds in rebuilds(large, more, work).items():
                    add("rebuild, s", name, seconds)
                continue
            names = list(CASES) if not small else [n for n in CASES if n != "pillow"]
            random.Random(round_number).shuffle(names)
            for name in names:
                add("20,000 small, s" if small else "1,200 of 1024², s", name, timed(name, small or large, work))
    print("\nmedians")
    for part, cases in results.items():
        for name, values in cases.items():
            print(
                f"{part:24} {name:24} {statistics.median(values):8.2f}   of {json.dumps([round(v, 2) for v in values])}"
            )


if __name__ == "__main__":
    main()

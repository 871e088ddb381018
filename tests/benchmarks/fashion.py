"""30,000 items as 42,000 rows: `mmdata build` beside `cp` of the pictures and header checks of them, medians of the rounds.

    python tests/benchmarks/fashion.py --work /tmp/mmdata-bench --rounds 3    # about 5 minutes, 4 GB of disk

Each case is a process of its own; caches of ours are cold, the system's warm. Memory, of a run of its own, is the PSS of
the process tree, looked at five times a second.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from big_fashion import write
from measuring import measured

TIMES = 3.0


def check(paths: list[Path]) -> None:
    from mmdata.images import check_image

    for path in paths:
        assert not check_image(path.read_bytes(), "header").kind


def case_cp(work: Path) -> float:
    """The pictures, copied."""
    began = time.perf_counter()
    subprocess.run(["cp", "-r", work / "source/pictures", work / "copied"], check=True)
    took = time.perf_counter() - began
    shutil.rmtree(work / "copied")
    return took


def case_headers(work: Path) -> float:
    """The header of each picture, in two processes."""
    began = time.perf_counter()
    found = sorted((work / "source/pictures").rglob("*.jpg"))
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(check, [found[n : n + 100] for n in range(0, len(found), 100)]))
    return time.perf_counter() - began


def case_build(work: Path) -> float:
    import mmdata

    shutil.rmtree(work / "fashion", ignore_errors=True)
    folder = mmdata.new("fashion", work, like="fashion")
    began = time.perf_counter()
    built = mmdata.build(folder, work / "source", decode="header", workers=2)
    took = time.perf_counter() - began
    assert sum(built.manifest.splits.values()) >= 1.4 * items(work)
    return took


def case_again(work: Path) -> float:
    """A second build of the same source."""
    import mmdata

    began = time.perf_counter()
    assert not mmdata.build(work / "fashion", work / "source", decode="header").created
    return time.perf_counter() - began


CASES = {name.removeprefix("case_"): case for name, case in list(globals().items()) if name.startswith("case_")}


def items(work: Path) -> int:
    return int((work / "items").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--items", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="note the peak memory, in a run of its own")
    parser.add_argument("--case", choices=CASES)
    given = parser.parse_args()
    if given.case:
        print(CASES[given.case](given.work))
        return
    if not (given.work / "items").exists():
        write(given.work / "source", given.items)
        (given.work / "items").write_text(str(given.items))
    rounds: dict[str, list[tuple[float, float, float]]] = {name: [] for name in CASES}
    for _ in range(given.rounds):
        for name, found in rounds.items():
            found.append(measured(__file__, name, given.work, given.memory))
            print(f"  {name} {found[-1][0]:.1f} s", flush=True)
    for name, found in rounds.items():
        seconds, spent, peak = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{name:10} {seconds:8.1f} s {spent:8.1f} s of CPU {peak:8,.0f} MB")
    took = {name: statistics.median(seconds for seconds, _, _ in found) for name, found in rounds.items()}
    base = took["cp"] + took["headers"]
    print(f"build is {took['build'] / base:.1f} × cp and headers; {TIMES} × is wanted")


if __name__ == "__main__":
    main()

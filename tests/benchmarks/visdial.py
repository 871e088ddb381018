"""A VisDial of the real size: `mmdata build` beside what orjson takes to parse the file and pyarrow to write the columns.

    python tests/benchmarks/visdial.py --work /tmp/mmdata-bench    # about 10 minutes, 1.5 GB of disk

Each case is a process of its own. Memory is the PSS of the process tree, looked at five times a second.
"""

import argparse
import gc
import os
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from big_visdial import write
from measuring import measured


def case_orjson(work: Path) -> float:
    """The whole file at once, as bytes to objects; without Python's collector, which doubles it."""
    import orjson

    raw = file_of(work).read_bytes()
    gc.disable()
    began = time.perf_counter()
    held = orjson.loads(raw)
    took = time.perf_counter() - began
    assert held["data"]["dialogs"]
    sys.stdout.write(f"{took}\n")
    sys.stdout.flush()
    os._exit(0)  # Letting go of it takes as long.


def case_pyarrow(work: Path, **options: object) -> float:
    """The release's own tables, already in memory, each to a file; one core."""
    import pyarrow.parquet as pq

    took = 0.0
    for path in sorted((work / "visdial/data").glob("*/t*.parquet")):
        table = pq.read_table(path)
        began = time.perf_counter()
        pq.write_table(table, work / "x.parquet", row_group_size=table.num_rows, **options)
        took += time.perf_counter() - began
    return took


def case_pyarrow_dictionary(work: Path) -> float:
    return case_pyarrow(work, dictionary_pagesize_limit=16 << 20)


def case_build(work: Path) -> float:
    import mmdata

    shutil.rmtree(work / "visdial", ignore_errors=True)
    folder = mmdata.new("visdial", work, like="visdial")
    began = time.perf_counter()
    built = mmdata.build(folder, file_of(work).parent, config="text_only", workers=2)
    assert sum(built.manifest.splits.values()) == dialogues(work)
    return time.perf_counter() - began


def case_rounds(work: Path) -> float:
    """Rounds a second of the view, from the first to the 300,000th."""
    from mmdata.views import view

    count, began = 0, time.perf_counter()
    for count, _ in enumerate(view(work / "visdial", "rounds", split="train"), 1):
        if count == 1:
            began = time.perf_counter()
        if count == 300_000:
            break
    return count / (time.perf_counter() - began)


CASES = {name.removeprefix("case_"): case for name, case in list(globals().items()) if name.startswith("case_")}


def file_of(work: Path) -> Path:
    return work / "source/visdial_1.0_train.json"


def dialogues(work: Path) -> int:
    return int((work / "dialogues").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--dialogues", type=int, default=123_287)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--memory", action="store_true", help="note the peak memory, in a run of its own")
    parser.add_argument("--case", choices=CASES)
    given = parser.parse_args()
    if given.case:
        print(CASES[given.case](given.work))
        return
    if not file_of(given.work).exists():
        write(file_of(given.work).parent, given.dialogues)
        (given.work / "dialogues").write_text(str(given.dialogues))
    for _ in range(given.rounds):
        for name in ("build", "orjson", "pyarrow", "pyarrow_dictionary", "rounds"):
            value, spent, peak = measured(__file__, name, given.work, given.memory)
            print(f"{name:20} {value:10,.1f} {spent:8,.1f} s of CPU {peak:8,.0f} MB", flush=True)


if __name__ == "__main__":
    main()

"""The text checks of `mmdata check` beside a plain Python `re` loop that does the same, and their peak memory.

    python tests/benchmarks/texts.py --rows 1000000 --work /tmp/bench

Makes Korean answers of about 400 characters with planted faults, then runs each in a process of its own, with
and without the two checks that hold answers against each other. Both must find the same number of faults.
"""

import argparse
import heapq
import json
import os
import random
import re
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from mmdata.annotation.prompt import Prompt
from mmdata.checking import patterns, run, texts
from mmdata.checking.repeats import near_identical, repeated_sentence
from mmdata.checking.slices import SLICE, Slice
from mmdata.labels import ClassEntry, LabelMap
from mmdata.terms import Terms

LABELS = {
    "label": LabelMap(
        "label", {"건선": ClassEntry(aliases=["건선증"]), "아토피": ClassEntry(), "여드름": ClassEntry()}
    ),
    "view": LabelMap("view", {"정면": ClassEntry(aliases=["front"]), "측면": ClassEntry(aliases=["side"])}),
}
PROMPT = Prompt.model_validate(
    {
        "id": "describe", "model": "m", "user": "u", "fields": ["label", "view"],
        "wanted": {"scripts": ["Hangul"], "min_chars": 150, "max_chars": 1500,
                   "tags": {"label": {"field": "label", "none": "진단불가"}, "summary": {}}},
    }
)  # fmt: skip
TERMS = Terms(keep=["mm", "cm", "IGA"])
SYLLABLES = [chr(code) for code in range(ord("가"), ord("힣"), 7)]
PLANTED = [
    "erythema가",
    "scale",
    "Papule",
    "紅斑",
    "эритема",
    "**굵게**",
    "a.b@example.com",
    "010-1234-5678",
    "환자 김철수",
    "측면",
]


def make(path: Path, rows: int) -> None:
    """One Parquet file; about one text in eight has a fault, half have a unit."""
    path.mkdir(parents=True, exist_ok=True)
    r = random.Random(1)
    vocabulary = ["".join(r.choices(SYLLABLES, k=r.choice((2, 3, 3, 4)))) for _ in range(20_000)]
    common = [" ".join(r.choices(vocabulary, k=6)) for _ in range(50)]
    for start in range(0, rows, SLICE):
        values = []
        for _ in range(min(SLICE, rows - start)):
            words = r.choices(vocabulary, k=98)
            for at in range(11, 98, 12):
                words[at] += "."
            words[20] = r.choice(("2cm", "5mm의", "표면"))
            if r.random() < 0.12:
                words[40] = r.choice(PLANTED)
            if r.random() < 0.3:
                words.append(r.choice(common) + ".")
            words[-1] = words[-1].rstrip(".") + "."
            label = r.choices(("건선", "건선증", "아토피", "모름"), (95, 2, 2, 1))[0]
            values.append(f"<label>{label}</label>\n<summary>{' '.join(words)}</summary>")
        frame = pl.DataFrame(
            {"number": range(start, start + len(values)), "value": values},
            schema={"number": pl.UInt32, "value": pl.String},
        )
        frame.write_parquet(path / f"{start // SLICE:05}.parquet", compression="lz4")


def slices(path: Path) -> Iterator[Slice]:
    for file in sorted(path.glob("*.parquet")):
        rows = pl.read_parquet(file, memory_map=False).with_columns(
            seq=pl.col("number").cast(pl.Int64),
            status=pl.lit("ok"),
            kind=pl.lit(""),
            label=pl.lit("건선"),
            view=pl.lit("정면"),
        )
        yield Slice(PROMPT, LABELS, TERMS, rows)


def ours(path: Path) -> dict[str, int]:
    found = run.check_texts(slices(path), 2000, str, None)
    return {check.name: hits.found for check, hits in found.items()}


WORD = re.compile(
    r"[A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff]+(?:[-'’][A-Za-z\u00c0-\u024f]+)*|[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+"
)
NAMES = {"정면": re.compile(r"(?i)정면|\bfront\b"), "측면": re.compile(r"(?i)측면|\bside\b")}
SEARCHED = {
    name: re.compile(pattern.replace(r"(?-u:\b)", r"\b"), re.IGNORECASE if pattern.startswith("(?i)") else 0)
    for name, pattern in {
        "refused": patterns.REFUSAL, "markup": patterns.MARKUP, "email address": patterns.EMAIL,
        "phone number": patterns.PHONE, "resident number": patterns.RESIDENT, "name of a person": patterns.PERSON,
    }.items()
}  # fmt: skip
LABEL, LETTER = re.compile(r"(?s)<label>(.*?)</label>"), re.compile(r"[^\W_]")
LAST, WITHIN = re.compile(patterns.SENTENCE_LAST), re.compile(patterns.SENTENCE_WITHIN)
ALIASES = {"건선": "건선", "건선증": "건선", "아토피": "아토피", "여드름": "여드름"}


def plain_python(path: Path, between: bool = True) -> dict[str, int]:
    """What a person would write: every check with `re` on one text after another."""
    found: Counter[str] = Counter()
    sentences: Counter[int] = Counter()
    buckets: list[dict[tuple[int, int], int]] = [{} for _ in range(4)]
    sketches: dict[int, list[int]] = {}
    near, total = 0, 0
    odd = [random.Random(2).getrandbits(63) | 1 for _ in range(8)]
    for file in sorted(path.glob("*.parquet")):
        for number, text in pl.read_parquet(file, memory_map=False).iter_rows():
            total += 1
            plain = text
            for mark in ("<label>", "</label>", "<summary>", "</summary>"):
                plain = plain.replace(mark, "")
            for word in {m.group() for m in WORD.finditer(plain)}:
                found["foreign words"] += word.casefold() not in {"mm", "cm", "iga"}
            for name, pattern in SEARCHED.items():
                found[name] += pattern.search(plain) is not None
            found["empty"] += LETTER.search(plain) is None
            for tag in ("label", "summary"):
                times = text.count(f"<{tag}>")
                found["tag missing"] += times != 1
                found["truncated"] += times > 0 and f"</{tag}>" not in text
            found["truncated"] += WITHIN.search(plain) is not None and LAST.search(plain) is None
            found["too short"] += len(plain.strip()) < 150
            found["too long"] += len(plain.strip()) > 1500
            said = LABEL.search(text)
            if said:
                cls = ALIASES.get(said[1].strip())
                found["tag unknown"] += cls is None and said[1].strip() != "진단불가"
                found["tag alias"] += cls == "건선" and said[1].strip() != cls
                found["tag contradicts"] += cls not in (None, "건선")
            found["other class named"] += (
                NAMES["측면"].search(plain) is not None and NAMES["정면"].search(plain) is None
            )
            if not between:
                continue
            for sentence in plain.split("."):
                sentence = sentence.strip()
                if len(sentence) >= 10:
                    sentences[hash(sentence)] += 1
            words = plain.split(" ")
            runs = {hash(run) for run in zip(words, words[1:], words[2:], strict=False)}
            minima = [min(h * o & 0xFFFFFFFFFFFFFFFF for h in runs) for o in odd]
            sketches[number] = heapq.nsmallest(32, runs)
            best = 0.0
            for band in range(4):
                other = buckets[band].setdefault((minima[2 * band], minima[2 * band + 1]), number)
                if other != number:
                    a, b = set(sketches[number]), set(sketches[other])
                    best = max(best, len(a & b & set(heapq.nsmallest(32, a | b))) / 32)
            near += best >= 0.8
    found["repeated sentence"] = sum(n >= max(10, 0.02 * total) for n in sentences.values())
    found["near identical"] = near
    return dict(found)


def one(which: str, path: Path) -> None:
    if which.endswith("-each"):
        texts.TEXT_CHECKS = run.TEXT_CHECKS = tuple(
            c for c in texts.TEXT_CHECKS if c.look not in (near_identical, repeated_sentence)
        )
    began, cpu = time.perf_counter(), time.process_time()
    found = ours(path) if which.startswith("ours") else plain_python(path, between=not which.endswith("-each"))
    print(json.dumps({
        "seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "found": found,
    }))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, default=Path("/tmp/bench"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    path = given.work / f"texts-{given.rows}"
    if given.one:
        return one(given.one, path)
    if not path.exists():
        make(path, given.rows)
    done = {}
    for which in ("ours", "python", "ours-each", "python-each"):
        command = [sys.executable, __file__, "--rows", str(given.rows), "--work", str(given.work), "--one", which]
        out = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout
        done[which] = json.loads(out)
        print(
            f"{which:12} {done[which]['seconds']:7.1f} s  {done[which]['cpu']:7.1f} s CPU  {done[which]['mb']:7.0f} MB",
            flush=True,
        )
    print(f"ratio, all checks           {done['python']['seconds'] / done['ours']['seconds']:.1f}")
    print(f"ratio, one answer at a time {done['python-each']['seconds'] / done['ours-each']['seconds']:.1f}")
    both: defaultdict[str, list[int]] = defaultdict(list)
    for which in ("ours", "python"):
        for name, n in done[which]["found"].items():
            both[name].append(n)
    for name, counts in both.items():
        print(f"  {name:20} {counts}")


if __name__ == "__main__":
    main()

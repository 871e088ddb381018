"""The rules of `mmdata fix` over a million answers, against plain Python `re` loops doing the same.

    python tests/benchmarks/fix.py --rounds 3

Each case runs in a fresh process, the cases of a round in random order; texts are read from a Parquet
file in slices in every case, and only the replacing is timed. One answer in twenty holds a foreign word, one in a
hundred an alias in its label. "re, words" looks up every Latin word in a dict, the fastest plain
loop we know; "re, terms" is the usual alternation of all terms. All must count the same edits.
"""

import argparse
import json
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

SLICE = 20_000
TERMS = {
    "erythema": "홍반", "papule": "구진", "pustule": "농포", "macule": "반점", "nodule": "결절", "plaque": "판", "scale": "인설",
    "crust": "가피", "erosion": "미란", "ulcer": "궤양", "vesicle": "수포", "bulla": "대수포", "wheal": "팽진", "urticaria": "두드러기",
    "telangiectasia": "모세혈관확장", "comedone": "면포", "excoriation": "찰상", "lichenification": "태선화", "fissure": "열창",
    "atrophy": "위축", "purpura": "자반", "petechia": "점상출혈", "hyperpigmentation": "과색소침착", "edema": "부종", "lesion": "병변",
    "flare": "악화", "rash": "발진", "dermatitis": "피부염", "eczema": "습진", "cheek": "뺨",
}  # fmt: skip
CASES = ("mmdata", "re, words", "re, terms")


def write_texts(path: Path, count: int) -> None:
    """Answers of about 400 characters in the words of Korean records, in a Parquet file."""
    r = random.Random(7)
    words = ["".join(r.choices("가각간감강개거건경계고공과관구국권기나남내다단달대도동되두라락려련령로루리마만", k=r.randint(1, 5))) for _ in range(4000)]  # fmt: skip
    foreign = list(TERMS)
    writer = None
    for start in range(0, count, SLICE):
        values = []
        for n in range(start, min(count, start + SLICE)):
            text = " ".join(r.choices(words, k=110))[:365]
            if n % 20 == 0:
                text = f"{text[:180]} {r.choice(foreign)}가 {text[186:]}"
            values.append(f"<label>{'건선증' if n % 100 == 1 else '건선'}</label>\n<summary>{text}</summary>")
        table = pl.DataFrame({"value": values, "label": "건선"}).to_arrow(compat_level=pl.CompatLevel.oldest())
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def mmdata_case():
    import mmdata
    from mmdata.annotation.prompt import Prompt, Tag, Wanted
    from mmdata.corpus import HOME
    from mmdata.fixing.rules import Rules
    from mmdata.fixing.tags import label_tags
    from mmdata.fixing.wording import Wording
    from mmdata.terms import Terms

    labels = mmdata.corpus.Corpus(HOME / "skin").labels
    prompt = Prompt(id="p", model="m", user="u", wanted=Wanted(tags={"label": Tag(field="label")}))
    rules = Rules(prompt, Wording(Terms(replace=TERMS)), label_tags(prompt, labels))

    def edits(frame: pl.DataFrame) -> int:
        return sum(rules.fix(value).value != value for value in frame.filter(rules.suspects(frame))["value"])

    return edits


def plain_case(words: bool):
    label = re.compile(r"<label>([^<]*)</label>")
    longest = "|".join(sorted(TERMS, key=len, reverse=True))
    particle = {"가": ("이", "가"), "는": ("은", "는"), "를": ("을", "를"), "와": ("과", "와")}
    if words:
        term = re.compile(r"([A-Za-z]+)([가는를와](?![가-힣]))?")
    else:
        term = re.compile(rf"(?<![A-Za-z])({longest})(?:e?s)?(?![A-Za-z])([가는를와](?![가-힣]))?", re.IGNORECASE)

    def one(match: re.Match[str]) -> str:
        new = TERMS.get(match[1].lower())
        if new is None:
            return match[0]
        return new + (particle[match[2]][(ord(new[-1]) - 0xAC00) % 28 == 0] if match[2] else "")

    def whole(text: str) -> str:
        text = label.sub(lambda m: "<label>건선</label>" if m[1] == "건선증" else m[0], text)
        return term.sub(one, text)

    return lambda frame: sum(whole(value) != value for value in frame["value"].to_list())


def measure(case: str, path: Path) -> dict[str, float]:
    edits = mmdata_case() if case == "mmdata" else plain_case(case == "re, words")
    seconds, found = 0.0, 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(SLICE):
            frame = pl.DataFrame(pl.from_arrow(batch))
            began = time.perf_counter()
            found += edits(frame)
            seconds += time.perf_counter() - began
    return {"seconds": seconds, "edits": found, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.case, options.path)))
        return
    with tempfile.TemporaryDirectory(prefix="mmdata-") as scratch:
        path = Path(scratch) / "texts.parquet"
        write_texts(path, options.texts)
        runs: dict[str, list[dict[str, float]]] = {case: [] for case in CASES}
        for _ in range(options.rounds):
            for case in random.sample(CASES, len(CASES)):
                command = [sys.executable, __file__, "--case", case, "--path", str(path)]
                runs[case].append(
                    json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                )
    assert len({run["edits"] for some in runs.values() for run in some}) == 1, runs
    ours = statistics.median(run["seconds"] for run in runs["mmdata"])
    print(f"{options.texts:,} texts, {runs['mmdata'][0]['edits']:,} edits")
    for case, some in runs.items():
        times = [run["seconds"] for run in some]
        print(
            f"{case:10} {statistics.median(times):7.2f} s  ({min(times):.2f} to {max(times):.2f})  "
            f"{statistics.median(times) / ours:5.1f} x  peak {max(run['mb'] for run in some):,.0f} MB"
        )


if __name__ == "__main__":
    main()

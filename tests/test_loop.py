"""Annotate, check, fix, release: the whole loop, on the real photographs and as the demo walks it."""

import itertools
import json
from hashlib import sha256

import datasets
from test_releases import PHOTOGRAPHS, real_photographs

import mmdata
from mmdata.corpus import HOME
from mmdata.replay import replaying
from mmdata.terms import read_terms

COVERED = {"foreign words", "tag alias", "refused", "empty", "truncated", "tag contradicts", "tag missing", "too short"}


def clean_texts() -> dict[str, list[str]]:
    """Class → good summaries, from the demo's recording."""
    texts: dict[str, list[str]] = {}
    for line in (HOME / "skin" / "tiny_answers.jsonl").read_text(encoding="utf-8").splitlines():
        text = json.loads(line)["answers"][-1]
        label = text.split("</label>")[0].removeprefix("<label>")
        summary = text.split("<summary>")[1].removesuffix("</summary>")
        if not any(c.isascii() and c.isalpha() for c in summary.replace("cm", "").replace("mm", "")):
            texts.setdefault(label, []).append(summary)
    return texts


@real_photographs
def test_the_loop_on_real_photographs_ends_without_an_error_that_the_maps_cover(skin, tmp_path):
    """Each answer has a foreign word with a particle; some have aliases, wrong classes, refusals, nothing."""
    mmdata.build(skin, PHOTOGRAPHS)
    texts, terms = clean_texts(), itertools.cycle(read_terms(skin).replace.items())
    particles = itertools.cycle(["가", "를", "는", "로", "와"])
    wanted: dict[str, str] = {}
    lines = []
    for number, row in enumerate(
        row
        for split in datasets.load_dataset(str(skin)).values()
        for row in split.cast_column("image", datasets.Image(decode=False))
    ):
        label = ["건선", "아토피", "여드름", "주사", "지루", "정상"][row["label"]]
        foreign, korean = next(terms)
        summary = (
            texts[label][number % len(texts[label])] if label in texts else "피부의 색이 고르고 병변이 없습니다. " * 9
        )
        planted = (
            f"{foreign.upper() if number % 2 else foreign}{next(particles)} 함께 관찰됩니다. {number}번째 사진입니다."
        )
        good = f"<label>{label}</label>\n<summary>{summary} {number}번째 사진의 소견은 여기까지입니다.</summary>"
        first = f"<label>{label}</label>\n<summary>{summary} {planted}</summary>"
        if number % 12 == 5:
            first = first.replace("<label>지루</label>", "<label>지루성 피부염</label>")
        faults = {
            7: [None, good],
            19: ["", good],
            31: [{"cut": first[:90]}, good],
            43: [first.replace(f">{label}<", ">정상<"), good],
        }
        lines.append({"picture": sha256(row["image"]["bytes"]).hexdigest(), "answers": faults.get(number, [first])})
        wanted[row["id"]] = korean
    (tmp_path / "answers.jsonl").write_text(
        "\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8"
    )
    with replaying(tmp_path / "answers.jsonl") as url:
        mmdata.annotate(skin, "describe", base_url=url)
        before = {c.name: c.found for c in mmdata.check(skin, prompts=["describe"], pictures=False).checks}
        assert before["foreign words"] >= 85 and before["refused"] == before["empty"] == before["truncated"] == 1
        mmdata.fix(skin, on_contradiction="reannotate", apply=True)
        mmdata.annotate(skin, "describe", base_url=url, retry=["refused", "empty", "truncated"])
        mmdata.fix(skin, on_contradiction="reannotate", apply=True)
    after = mmdata.check(skin, prompts=["describe"])
    assert {c.name: c.found for c in after.checks if c.name in COVERED} == dict.fromkeys(COVERED, 0)
    assert mmdata.fix(skin).changes == 0
    made = mmdata.release(skin)
    loaded = datasets.load_dataset(str(skin))
    assert (made.version, str(loaded["train"].info.version)) == ("1.1.0", "1.1.0")
    told = [row for split in loaded.values() for row in split.select_columns(["id", "describe"])]
    assert len(told) == 96 and all("<label>" in row["describe"] for row in told)
    assert sum(wanted[row["id"]] in row["describe"] for row in told) >= 90


def test_the_demo_finds_its_faults_mends_them_and_loads(tmp_path):
    steps = []
    done = mmdata.demo(tmp_path / "데모", lambda command, result: steps.append((command, result)))
    said = dict(steps)
    first, second = said["check skin --html report.html"], said["check skin"]
    found = {c.name: c.found for c in first.checks}
    assert found["foreign words"] == 8 and found["tag alias"] == 2 and found["tag contradicts"] == 1
    assert first.count("error") > 10 and second.count("error") == 0
    rows = datasets.load_dataset(str(done.folder))["train"]
    assert str(rows.info.version) == done.release.version == "1.1.0" and None not in list(rows["describe"])
    assert done.report.read_text(encoding="utf-8").count("<!doctype html>") == 1


def test_every_picture_of_tiny_has_a_recorded_answer():
    recorded = [
        json.loads(line)["picture"]
        for line in (HOME / "skin" / "tiny_answers.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    pictures = [sha256(path.read_bytes()).hexdigest() for path in sorted((HOME / "skin" / "tiny").rglob("*.png"))]
    assert sorted(recorded) == sorted(pictures)

"""`mmdata evaluate`: which predictions are judged by which rows, and what is said of the rest."""
# ruff: noqa: F811 - fixtures, imported

import csv
import io
import json
import shutil
import stat

import pytest
from judged import answer, folder, gold, path, tag, truths, written  # noqa: F401
from rich.console import Console

import mmdata
from mmdata.errors import MmdataError, ReleaseError
from mmdata.evaluating.evaluation import Evaluation
from mmdata.evaluating.screen import as_screen
from mmdata.metrics.measures import Confusion, Figure, Measures, Outcome, Score, Table
from mmdata.verbs.evaluate import evaluate


def test_all_rows_answered(folder, gold, path):
    written(path, [answer(id, tag(label)) for id, label in gold.items()])
    made = evaluate(folder, path)
    assert made.counts.model_dump() == {
        "rows": 12,
        "answered": 12,
        "errors": 0,
        "missing": 0,
        "unknown": 0,
        "repeated": 0,
    }
    assert (made.data.version, made.data.view, made.data.split) == ("1.0.0", "diagnosis", "test")
    assert (made.model.name, made.model.revision, made.model.seconds) == ("out/병합", "sha256:abc", 0.25)
    assert made.metrics == ["diagnosis"] and made.faults == [] and made.coverage == ""
    assert made.measures.scores[0].value == 1.0
    assert Evaluation.model_validate_json(made.model_dump_json()) == made


def test_errors_missing_unknown_and_repeated_are_each_said(folder, gold, path):
    ids = list(gold)
    lines = [answer(id, tag(gold[id])) for id in ids[:8]]
    lines += [
        answer(ids[8], error="timeout: no answer in 60 s"),
        answer("test/없는 것", tag("건선")),
        answer(ids[0], tag("정상")),  # Answered again, and now wrong.
        answer(ids[9], error="503"),
        answer(ids[9], tag(gold[ids[9]])),  # Asked again after an error: as it should be.
    ]
    made = evaluate(folder, written(path, lines))
    assert made.counts.model_dump() == {
        "rows": 12,
        "answered": 9,
        "errors": 1,
        "missing": 2,
        "unknown": 1,
        "repeated": 2,
    }
    assert {(fault.check, fault.level, fault.row_id) for fault in made.faults} == {
        ("failed prediction", "error", ids[8]),
        ("unknown id", "error", "test/없는 것"),
        ("missing row", "error", ids[10]),
        ("missing row", "error", ids[11]),
        ("repeated answer", "warning", ids[0]),
    }
    assert (made.count("error"), made.count("warning")) == (4, 1)
    assert "timeout" in made.faults[0].message
    assert made.measures.scores[0].n == 9 and made.measures.scores[0].value == pytest.approx(8 / 9)
    shown = screen(made)
    assert "9 of 12 rows answered, 1 errors, 2 rows missing, 1 unknown ids" in shown
    assert shown.count("over 9 of 12 rows") == len(made.measures.scores) > 3


def test_nothing_but_errors(folder, gold, path):
    made = evaluate(folder, written(path, [answer(id, error="x") for id in gold]))
    assert made.measures == Measures() and made.model.seconds is None
    assert [fault.check for fault in made.faults][:2] == ["nothing to judge", "failed prediction"]
    assert "0 of 12 rows answered, 12 errors" in screen(made)


def test_the_release_that_was_asked_about_is_read(folder, gold, path):
    written(path, [answer(id, tag(label)) for id, label in gold.items()])
    (folder / "tiny/Validation/images/VS_정상_측면/H9_0099_P0_L0.png").write_bytes(
        (folder / "tiny/Validation/images/VS_정상_측면/H1_0036_P0_L0.png").read_bytes()
    )
    assert mmdata.build(folder, folder / "tiny").version == "1.1.0"
    made = evaluate(folder, path)
    assert made.data.version == "1.0.0" and made.counts.rows == 12
    assert [fault.check for fault in made.faults] == ["other release"] and made.count("error") == 0
    assert "answers are to 1.0.0 and are judged by it; the newest release is 1.1.0" in made.faults[0].message
    mmdata.prune(folder, keep=1)
    with pytest.raises(
        ReleaseError,
        match=r"예측.jsonl answers questions about skin 1.0.0, which is not here. There are: 1.1.0, sample",
    ):
        evaluate(folder, path)


def test_the_sample_can_be_judged(skin, path):
    gold = truths(skin, version="sample")
    made = evaluate(skin, written(path, [answer(id, tag(label), version="sample") for id, label in gold.items()]))
    assert made.measures.scores[0].value == 1.0 and made.faults == [] and made.data.build == ""


def test_a_file_of_several_models_or_splits_is_asked_which(folder, gold, path):
    train = truths(folder, "train")
    lines = [answer(id, tag(label)) for id, label in gold.items()]
    lines += [answer(id, tag("정상"), revision="sha256:def") for id in gold]
    lines += [answer(id, tag("정상"), model="gpt", revision="") for id in gold]
    lines += [answer(id, tag(label), split="train", model="gpt", revision="") for id, label in train.items()]
    written(path, lines)
    with pytest.raises(
        MmdataError, match=r"more than one split: 'test' \(36\), 'train' \(24\). Choose one with --split"
    ):
        evaluate(folder, path)
    with pytest.raises(
        MmdataError, match=r"more than one model: 'out/병합@sha256:abc' \(12\), .*Choose one with --model"
    ):
        evaluate(folder, path, split="test")
    assert evaluate(folder, path, model="out/병합@sha256:abc").measures.scores[0].value == 1.0
    assert evaluate(folder, path, model="gpt", split="train").counts.rows == 24
    for wanted in ({"split": "dev"}, {"model": "out"}, {"version": "2.0.0"}):
        ((field, value),) = wanted.items()
        with pytest.raises(MmdataError, match=f"예측.jsonl: no prediction is of the {field} '{value}', only of '"):
            evaluate(folder, path, **wanted)


def test_a_split_that_is_not_there(folder, path):
    with pytest.raises(ReleaseError, match=r"version 1\.0\.0, split 'dev'"):
        evaluate(folder, written(path, [answer("a", "b", split="dev")]))


# What is shown


def screen(made):
    console = Console(width=150, file=io.StringIO())
    console.print(as_screen(made))
    return console.file.getvalue()


def test_the_screen_shows_all_kinds_of_measures(folder, gold, path):
    made = evaluate(folder, written(path, [answer(id, tag(label)) for id, label in gold.items()]))
    measures = Measures(
        scores=[Score(name="점수 [red]", value=0.51234, low=0.4, high=0.6, n=1200, note="mecab\x1b[31m"), Score(name="long", value=1234.5, n=3)],
        tables=[Table(title="긴 표", columns=["name", "x"], rows=[[f"r{n}", None if n else 0.0] for n in range(30)], note="all of it")],
        confusions=[Confusion(title="label", truth=["건선", "정상"], said=["건선", "정상", "None"], counts=[[3, 1, 0], [0, 0, 0]])],
        outcomes=[Outcome(id="a", truth="x", said="y", right=None)], figures=[Figure(title="지도", png=b"\x89PNG\xff\xfe")], notes=["메모"],
    )  # fmt: skip
    made = made.model_copy(update={"measures": measures})
    shown = screen(made)
    for line in (
        "점수 [red]  0.512  0.400–0.600  1,200  mecab\\x1b[31m",
        "long  1,234.500",
        "… of 30 rows",
        "all of it",
        "메모",
        "0 errors, 0 warnings",
    ):
        assert " ".join(line.split()) in " ".join(shown.split())
    assert "75 25 · 4" in " ".join(shown.split()) and "정상 – – – 0" in " ".join(shown.split())
    assert Evaluation.model_validate_json(made.model_dump_json()) == made
    assert json.loads(made.model_dump_json())["measures"]["figures"][0]["png"].isascii()


def test_the_table_has_the_originals_columns(folder, gold, path, tmp_path):
    lines = [answer(id, tag(label)) for id, label in gold.items()]
    lines[1] = answer(lines[1].id, "=1+1")
    evaluate(folder, written(path, lines), table=tmp_path / "ox.csv")
    text = (tmp_path / "ox.csv").read_bytes()
    assert text.startswith("\ufeff".encode()), "or Excel takes it for another encoding"
    rows = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline="")))
    assert list(rows[0]) == ["id", "file", "truth", "prediction", "O/X", "summary", "latency", "raw"]
    assert list(rows[0].values()) == [
        "test/건선/정면/H1_0025_P0_L0", "Validation/images/VS_건선_정면/H1_0025_P0_L0.png", "건선", "건선", "O", "양측 볼에 홍반이 있음.",
        "0.250", tag("건선"),
    ]  # fmt: skip
    assert [rows[1][key] for key in ("prediction", "O/X", "raw")] == ["None", "X", "'=1+1"]
    with pytest.raises(ReleaseError, match=r"ox\.csv: the table cannot be written \(No such file.*folder that exists"):
        evaluate(folder, path, table=tmp_path / "none" / "ox.csv")


def test_the_table_has_a_line_of_rows_without_an_answer_too(folder, gold, path, tmp_path):
    first, second, third, *others = gold
    lines = [answer(first, error="=timeout: no answer in 60 s"), answer(second, error="")]
    written(path, [*lines, *(answer(id, tag(gold[id])) for id in others)])
    evaluate(folder, path, table=tmp_path / "ox.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "ox.csv").read_text("utf-8-sig"), newline="")))
    assert [row["id"] for row in rows] == [*others, first, second, third]
    told = [row["summary"] for row in rows[-3:]]
    assert told == ["'=timeout: no answer in 60 s", "an error without a word", "no prediction"]
    assert {row[key] for row in rows[-3:] for key in ("truth", "prediction", "O/X", "raw")} == {""}
    assert [row["latency"] for row in rows[-3:]] == ["0.250", "0.250", ""]
    assert all(row["file"].startswith("Validation/images") for row in rows)


def test_nothing_in_the_corpus_is_changed(folder, gold, path, tmp_path):
    written(path, [answer(id, tag(label)) for id, label in gold.items()])
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    before = {one: one.stat().st_mtime_ns for one in folder.rglob("*") if "__pycache__" not in one.parts}
    made = evaluate(folder, path, html=tmp_path / "a.html", table=tmp_path / "a.csv")
    assert {one: one.stat().st_mtime_ns for one in folder.rglob("*") if "__pycache__" not in one.parts} == before
    assert stat.S_ISREG((tmp_path / "a.html").stat().st_mode) and made.count("error") == 0

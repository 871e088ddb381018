"""`mmdata release`: answers become columns, and nothing else of a release changes."""

import hashlib
import json
import os
import shutil
import signal
from dataclasses import replace

import datasets
import pyarrow.parquet as pq
import pytest
from answering import answer, finding, newest, stored
from kit import encoded, photo
from nest import shared
from rich.console import Console

import mmdata
from mmdata.annotation.store import Store
from mmdata.corpus import Corpus
from mmdata.errors import BuildError, CorpusError, ReleaseError
from mmdata.reading import Release
from mmdata.releases import Releases
from mmdata.verbs.release import as_json, as_screen, release


@pytest.fixture
def skin(built_skin):
    return built_skin


def without(row, *fields):
    return {name: value for name, value in row.items() if name not in fields}


def test_answers_become_a_column_and_nothing_else_changes(skin):
    asked = answer(skin, value=lambda row: finding(row) if row.number % 3 else None)
    done = release(skin)
    assert (done.version, done.created, done.manifest.splits) == ("1.1.0", True, {"train": 24, "test": 12})
    old, new = stored(skin, "1.0.0"), stored(skin)
    assert [(id, without(row, "describe")) for id, row in new.items()] == list(old.items())
    filled = {id: row["describe"] for id, row in new.items() if row["describe"] is not None}
    assert filled == {row.id: finding(row) for row in newest(skin).rows(["label"]) if row.number % 3}
    assert len(filled) == asked == 24
    before, after = (datasets.load_dataset(str(skin), v)["train"].features for v in ("1.0.0", "1.1.0"))
    assert after == {**before, "describe": datasets.Value("string")}
    assert list(after)[-1] == "describe"
    for name in ("index.parquet", "rejected.jsonl"):
        assert (skin / "data/1.1.0" / name).read_bytes() == (skin / "data/1.0.0" / name).read_bytes()


def test_it_streams_and_the_older_version_still_loads_without_the_column(skin):
    answer(skin)
    release(skin)
    streamed = datasets.load_dataset(str(skin), streaming=True)["test"]
    assert all(row["describe"].startswith("<label>") for row in streamed)
    assert "describe" not in datasets.load_dataset(str(skin), "1.0.0", streaming=True)["test"].features


def test_what_is_no_good_answer_is_null(skin):
    answer(skin, value=lambda row: finding(row) if row.split == "train" else None)
    answer(skin, value=lambda row: "" if row.split == "test" and row.number % 2 else None, status="refused")
    answer(skin, value=lambda row: "" if row.split == "train" and row.number == 0 else None, status="discarded")
    done = release(skin)
    loaded = datasets.load_dataset(str(skin))
    assert [row is None for row in loaded["train"]["describe"]] == [True] + 23 * [False]
    assert loaded["test"]["describe"][:] == 12 * [None]
    assert done.manifest.annotations[0].rows == 23


def test_the_manifest_says_where_the_answers_come_from(skin):
    answer(skin)
    answer(skin, value=lambda row: "고친 글" if row.number == 1 else None, made_by="rule")
    done = release(skin, bump="patch")
    [note] = done.manifest.annotations
    old = Releases(Corpus(skin)).manifest("1.0.0")
    assert (note.column, note.model, note.rows, note.made_by) == (
        "describe",
        "gpt-4o-mini",
        36,
        {"model": 34, "rule": 2},
    )
    assert note.parameters == {"temperature": 0.2, "max_tokens": 700}
    assert note.cost == pytest.approx(0.038) and note.first <= note.last
    changed = {"version", "created", "features", "files", "annotations"}
    assert done.manifest.model_dump(exclude=changed) == old.model_dump(exclude=changed)
    assert done.version == "1.0.1" and done.manifest.features[:-1] == old.features
    assert json.loads(as_json(done))["annotations"][0]["rows"] == 36
    console = Console(record=True, width=200)
    console.print(as_screen(done))
    assert (
        "describe: 36 of 36 rows have an answer of gpt-4o-mini (34 by model, 2 by rule), $0.04" in console.export_text()
    )
    for cost, words in ((0.0, ""), (0.0021, ", $0.0021")):  # Of no price there is none to say.
        told = done.manifest.model_copy(update={"annotations": [note.model_copy(update={"cost": cost})]})
        assert str(as_screen(replace(done, manifest=told)).renderables[-1]).endswith(f"2 by rule){words}")


def test_the_same_answers_make_the_same_bytes_whatever_came_between(skin, tmp_path):
    answer(skin)
    copy = shutil.copytree(skin, tmp_path / "다른 곳" / "skin")
    first = release(skin).manifest
    assert release(copy).manifest.files == first.files
    answer(skin, value=lambda row: "다른 글")
    assert release(skin).manifest.files != first.files
    answer(skin)
    third = release(skin).manifest
    assert (third.version, third.files) == ("1.3.0", first.files)


def test_no_new_answer_no_new_release(skin):
    answer(skin)
    release(skin)
    answer(skin)  # Asked again, with the same words.
    again = release(skin)
    assert (again.version, again.created) == ("1.1.0", False)
    assert Releases(Corpus(skin)).versions() == ["1.0.0", "1.1.0"]
    console = Console(record=True, width=200)
    console.print(as_screen(again))
    assert "No answer has changed since skin 1.1.0" in console.export_text()


def test_columns_are_those_of_the_prompts_named_or_of_all_that_have_answers(skin):
    answer(skin)
    release(skin)
    answer(skin, "describe_blind", lambda row: f"<summary>{row.number}</summary>")
    release(skin)
    assert list(datasets.load_dataset(str(skin))["train"].features)[-2:] == ["describe", "describe_blind"]
    only = release(skin, prompts=["describe_blind"])
    columns = datasets.load_dataset(str(skin))["train"].column_names
    assert (only.version, columns[-1], "describe" in columns) == ("1.3.0", "describe_blind", False)


def test_building_again_after_a_release_makes_none_even_with_the_cache_gone(skin):
    answer(skin)
    release(skin)
    quick = mmdata.build(skin, skin / "tiny")
    (skin / ".cache.sqlite").unlink()
    slow = mmdata.build(skin, skin / "tiny")
    assert [(done.version, done.created) for done in (quick, slow)] == 2 * [("1.1.0", False)]
    assert (quick.decoded, slow.decoded) == (0, 36)
    assert not release(skin).created


def test_a_changed_source_makes_a_release_without_answers_and_the_next_one_has_those_that_hold(skin, tmp_path):
    answer(skin)
    release(skin)
    source = shutil.copytree(skin / "tiny", tmp_path / "원본")
    gone = next(source.rglob("TS_*/*.png"))
    gone.write_bytes(encoded(photo("new")))
    built = mmdata.build(skin, source)
    assert (built.version, built.created, built.manifest.annotations) == ("1.2.0", True, [])
    assert "describe" not in datasets.load_dataset(str(skin))["train"].column_names
    done = release(skin)
    assert (done.version, done.manifest.annotations[0].rows) == ("1.3.0", 35)
    [row] = [row for row in stored(skin).values() if row["describe"] is None]
    assert row["image"]["bytes"] == gone.read_bytes()


def test_what_is_missing_is_said(skin, tmp_path):
    with pytest.raises(ReleaseError, match="no release to add answers to yet: run `mmdata build`"):
        release(mmdata.new("birds", tmp_path))
    with pytest.raises(
        ReleaseError, match=r"no answers to release. Prompts: describe, describe_blind; with answers: none"
    ):
        release(skin)
    answer(skin)
    with pytest.raises(CorpusError, match=r"no prompt 'descibe'. There are: describe, describe_blind"):
        release(skin, prompts=["descibe"])
    with pytest.raises(
        ReleaseError, match=r"of 36 rows none has an answer to the prompt describe_blind as it now reads"
    ):
        release(skin, prompts=["describe_blind"])
    prompt = skin / "prompts/describe.yaml"
    prompt.write_text(prompt.read_text(encoding="utf-8").replace("gpt-4o-mini", "gpt-5"), encoding="utf-8")
    with pytest.raises(
        ReleaseError, match=r"none has an answer to the prompt describe as it now reads. Run `mmdata annotate"
    ):
        release(skin)


def test_a_prompt_named_as_a_field_is_refused(skin):
    text = (skin / "prompts/describe.yaml").read_text(encoding="utf-8")
    (skin / "prompts/symptom.yaml").write_text(text.replace("id: describe", "id: symptom"), encoding="utf-8")
    answer(skin, "symptom")
    with pytest.raises(
        CorpusError, match=r"cannot be named 'symptom': rows have a field of that name. Fields: id, image"
    ):
        release(skin)


def test_a_damaged_shard_is_not_carried_on(skin):
    answer(skin)
    shard = next((skin / "data/1.0.0").glob("test-*.parquet"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ReleaseError, match=rf"{shard.name} is not as its manifest says: the release is damaged"):
        release(skin)
    shard.unlink()
    with pytest.raises(
        ReleaseError, match=rf"{shard.name} is missing: the release is damaged. Remove .*1\.0\.0 and run"
    ):
        release(skin)


def test_a_full_disk_leaves_the_old_release_and_no_litter(skin, monkeypatch):
    answer(skin)

    class Full:
        free = 10

    monkeypatch.setattr("shutil.disk_usage", lambda _: Full)
    with pytest.raises(BuildError, match="the disk has 10 B free"):
        release(skin)
    assert Releases(Corpus(skin)).versions() == ["1.0.0"] and not (skin / ".staging").exists()


def test_it_stays_out_while_another_writes(skin):
    answer(skin)
    with Releases(Corpus(skin)).writing(), pytest.raises(ReleaseError, match="being written by another process"):
        release(skin)


def test_the_store_is_only_read(skin):
    answer(skin)
    before = (skin / "annotations.sqlite").read_bytes()
    release(skin)
    assert (skin / "annotations.sqlite").read_bytes() == before
    with Store(skin / "annotations.sqlite", readonly=True) as store:
        assert store.prompts() == ["describe"]


def test_row_groups_stay_as_they_were(skin):
    [train] = (skin / "data/1.0.0").glob("train-*.parquet")
    pq.write_table(pq.read_table(train), train, row_group_size=7)
    manifest = skin / "data/1.0.0/manifest.json"
    old = next(f.sha256 for f in newest(skin).manifest.files if f.path == train.name)
    new = hashlib.sha256(train.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    answer(skin, value=lambda row: row.id)
    release(skin)
    file = pq.ParquetFile(next((skin / "data/1.1.0").glob("train-*.parquet")))
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [7, 7, 7, 3]
    assert all(row["describe"] == id for id, row in stored(skin).items())


def test_several_shards_keep_rows_and_answers_together(tmp_path, monkeypatch):
    skin = mmdata.new("skin", tmp_path, like="skin")
    monkeypatch.setattr("mmdata.plan.shard_bytes", lambda total: 5_000)
    mmdata.build(skin, skin / "tiny")
    answer(skin, value=lambda row: row.id)
    made = release(skin)
    assert len(made.manifest.files) > 4
    assert all(row["describe"] == id for id, row in stored(skin).items())
    assert [row.id for row in Release(skin, made.manifest).rows()] == list(stored(skin))


def started(skin, tmp, at):
    (tmp / "count").write_text("")
    environment = os.environ | {"KILL_COUNT": str(tmp / "count"), "KILL_AT": at}
    done = shared().run("release", skin, env=environment, code="import watcher")
    return done.returncode, (tmp / "count").read_text().split()


@pytest.mark.slow
def test_killed_around_the_commit_there_is_the_old_or_the_new_release(skin, tmp_path):
    answer(skin)
    whole = shutil.copytree(skin, tmp_path / "다른 곳" / "skin")
    code, steps = started(whole, tmp_path, "0 never")
    assert code == 0
    wanted = stored(whole)
    appears = len(steps) - steps[::-1].index("rename")
    named = len(steps) - steps[::-1].index("replace")
    for at, version in ((f"{appears} before", "1.0.0"), (f"{appears} after", "1.0.0"), (f"{named} after", "1.1.0")):
        copy = shutil.copytree(skin, tmp_path / at / "skin")
        code, _ = started(copy, tmp_path, at)
        assert code == -signal.SIGKILL
        assert str(datasets.load_dataset(str(copy))["train"].info.version) == version
        done = release(copy)
        assert (done.version, done.created) == ("1.1.0", at == f"{appears} before")
        assert stored(copy) == wanted
        assert not (copy / ".staging").exists()

"""A release without its pictures, and what the checks say of a release by itself."""

import hashlib
import json
import shutil

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from answering import answer, finding, newest, stored
from kit import encoded, photo, put

import mmdata
from mmdata.annotation.store import path_of
from mmdata.checking.pictures import PICTURE_CHECKS
from mmdata.checking.texts import TEXT_CHECKS
from mmdata.corpus import Corpus
from mmdata.findings import Finding
from mmdata.hub import reporting
from mmdata.hub.partial import write_partial
from mmdata.hub.reporting import report_for
from mmdata.manifest import Manifest
from mmdata.reading import Release
from mmdata.releases import matches


@pytest.fixture
def answered(built_skin):
    answer(built_skin, value=lambda row: finding(row) if row.number % 3 else None)
    mmdata.release(built_skin)
    return built_skin


def partial(folder, into):
    into.mkdir(parents=True)
    return write_partial(Corpus(folder), newest(folder), into)


def test_what_is_published_is_ids_hashes_labels_and_answers(answered, tmp_path):
    whole = newest(answered).manifest
    made = partial(answered, tmp_path / "판")
    assert made == Manifest.model_validate_json((tmp_path / "판/manifest.json").read_bytes())
    paths = {split: [str(tmp_path / "판" / f.path) for f in made.files if f.split == split] for split in made.splits}
    loaded = datasets.load_dataset("parquet", data_files=paths)
    text = datasets.Value("string")
    here = datasets.load_dataset(str(answered))["train"].features
    assert loaded["train"].features == {
        "id": text, "image_sha256": text, "label": here["label"], "view": here["view"], "describe": text,
    }  # fmt: skip
    rows = [row for split in loaded.values() for row in split]
    assert [
        row | {"image_sha256": hashlib.sha256(row.pop("image")["bytes"]).hexdigest()}
        for row in ({n: r[n] for n in ("id", "image", "label", "view", "describe")} for r in stored(answered).values())
    ] == rows
    assert (made.taken_from.features, made.taken_from.files) == (whole.features, whole.files)
    same = set(Manifest.model_fields) - {
        "features",
        "files",
        "rejected_sha256",
        "index_sha256",
        "findings",
        "taken_from",
    }
    assert made.model_dump(include=same) == whole.model_dump(include=same)


def test_its_files_are_as_the_manifest_says_and_hold_nothing_else_of_the_source(answered, tmp_path):
    release = newest(answered)
    source = {part for row in release.rows() for part in row.place.split("/")}
    secret = Finding.error("unreadable folder", "환자 김철수/비밀.png cannot be read", ["환자 김철수/비밀.png"], 3)
    told = release.manifest.model_copy(
        update={"findings": [*release.manifest.findings, secret], "rejected": {"x": 2}, "rejected_sha256": "f0"}
    )
    (tmp_path / "판").mkdir()
    made = write_partial(Corpus(answered), Release(answered, told), tmp_path / "판")
    files = {path.name: path.read_bytes() for path in (tmp_path / "판").iterdir()}
    assert set(files) == {"manifest.json", "index.parquet", *(file.path for file in made.files)}
    for file in made.files:
        assert matches(tmp_path / "판" / file.path, file.sha256) and file.path.endswith(f"-{file.sha256[:16]}.parquet")
        assert (len(files[file.path]), file.rows) == (
            file.bytes,
            pq.read_metadata(tmp_path / "판" / file.path).num_rows,
        )
    assert hashlib.sha256(files["index.parquet"]).hexdigest() == made.index_sha256
    assert (made.rejected, made.rejected_sha256) == ({"x": 2}, hashlib.sha256().hexdigest())
    names = {part for part in source if part.endswith(".png") or part.startswith(("TS_", "VS_"))} | {"김철수"}
    assert len(names) > 36
    tables = [pq.read_table(tmp_path / "판" / name).to_pydict() for name in files if name.endswith(".parquet")]
    everything = json.dumps(tables, ensure_ascii=False) + files["manifest.json"].decode()
    assert [name for name in names if name in everything] == []
    assert not any(b"PNG\r\n" in content for content in files.values())
    before, after = told.findings, made.findings
    assert [(f.check, f.level, f.count) for f in after] == [(f.check, f.level, f.count) for f in before]
    assert (after[-1].message, after[-1].places) == ("found 3 times; where is not published", [])
    index, own = (pq.read_table(f / "index.parquet").to_pydict() for f in (tmp_path / "판", release.folder))
    assert index == own | {"place": [""] * 36}


def test_the_same_release_gives_the_same_bytes_wherever_it_lies(answered, tmp_path):
    elsewhere = shutil.copytree(answered, tmp_path / "다른 곳" / "skin")
    partial(answered, tmp_path / "하나")
    partial(elsewhere, tmp_path / "둘")
    one, other = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("하나", "둘"))
    assert one == other


CARDS = '''
from typing import Annotated
from mmdata import CorpusBuilder, Item
from mmdata.schemas import Id, Image, Label, Part, Picture, Record

class Corner(Part):
    photo: Annotated[Picture, Image()]

class Card(Record):
    front: Annotated[Picture, Image()]
    name: Annotated[str, Id()]
    back: Annotated[Picture, Image()] | None
    extra: list[Annotated[Picture, Image()]]
    corner: Corner
    tags: list[Annotated[str, Label("label")]]
    owner: str

class Cards(CorpusBuilder):
    schema = Card
    def items(self, listing):
        for file in listing.files("*.png"):
            yield Item(file.stem, "train", {"front": file}, {})
    def record(self, item, files):
        one = Picture(path="x.png", bytes=files["front"])
        n = int(item.id)
        return Card(front=one, name=item.id, back=one if n % 2 else None, extra=[one] * (n % 3), corner=Corner(photo=one),
                    tags=["건선", "정상"][: n % 3], owner="김철수")
'''  # fmt: skip


def test_lists_of_pictures_and_absent_ones_in_many_shards(tmp_path, monkeypatch):
    skin = mmdata.new("skin", tmp_path, like="skin")
    (skin / "builder.py").write_text(CARDS, encoding="utf-8")
    monkeypatch.setattr("mmdata.plan.shard_bytes", lambda total: 12_000)
    monkeypatch.setattr("mmdata.hub.partial.ROW_GROUP_ROWS", 2)
    digests = []
    for n in range(7):
        picture = encoded(photo(n))
        put(tmp_path / "source", f"{n}.png", picture)
        digests.append(hashlib.sha256(picture).hexdigest())
    whole = mmdata.build(skin, tmp_path / "source", workers=1).manifest
    made = partial(skin, tmp_path / "판")
    assert [(f.split, f.rows) for f in made.files] == [(f.split, f.rows) for f in whole.files] and len(made.files) > 1
    table = pa.concat_tables(pq.read_table(tmp_path / "판" / file.path) for file in made.files)
    assert table.to_pylist() == [
        {
            "front_sha256": digest,
            "name": str(n),
            "back_sha256": digest if n % 2 else None,
            "extra_sha256": [digest] * (n % 3),
            "tags": [0, 5][: n % 3],
        }
        for n, digest in enumerate(digests)
    ]


def without(report, *names):
    return report.model_dump(exclude={"created", *names})


def test_the_report_is_of_the_releases_own_answers_and_prompts(answered):
    path_of(answered).unlink()
    for prompt in (answered / "prompts").iterdir():
        prompt.unlink()
    corpus, release = Corpus(answered), newest(answered)
    report = report_for(corpus, release)
    assert report.answers == {"describe": {"ok": 24, "missing": 12}}
    found = {check.name: check for check in report.checks}
    assert (found["missing"].found, found["too short"].found, found["missing"].could_not) == (12, 24, "")
    assert (found[PICTURE_CHECKS[0].name].judged, found["files against manifest"].found) == (36, 0)
    (answered / ".cache.sqlite").unlink()
    assert without(report_for(corpus, release)) == without(report)
    assert not path_of(answered).exists()


def test_it_is_the_report_of_check_when_the_store_holds_the_same(answered):
    (answered / "prompts/describe_blind.yaml").unlink()
    assert without(report_for(Corpus(answered), newest(answered)), "faults") == without(
        mmdata.check(answered), "faults"
    )


def test_what_no_prompt_is_known_of_is_not_judged_and_said(answered):
    release = newest(answered)
    notes = [note.model_copy(update={"prompt": {}}) for note in release.manifest.annotations]
    report = report_for(Corpus(answered), Release(answered, release.manifest.model_copy(update={"annotations": notes})))
    of_texts = {check.name for check in TEXT_CHECKS}
    for check in report.checks:
        assert (check.could_not == "column describe: the release does not keep its prompt") == (check.name in of_texts)
    assert report.answers == {} and any(check.judged == 36 for check in report.checks)
    bare = report_for(Corpus(answered), Release(answered, release.manifest.model_copy(update={"annotations": []})))
    assert {check.could_not for check in bare.checks if check.name in of_texts} == {"the release has no answers"}


def test_a_report_is_made_once_until_something_that_judges_changes(answered, monkeypatch):
    made = []
    real = reporting.report_of
    monkeypatch.setattr(reporting, "report_of", lambda *given: made.append(1) or real(*given))
    first = report_for(Corpus(answered), newest(answered))
    assert report_for(Corpus(answered), newest(answered)) == first
    assert len(made) == 1
    (answered / "terms.yaml").write_text("replace:\n  erythema: 홍반\n", encoding="utf-8")
    report_for(Corpus(answered), newest(answered))
    assert len(made) == 2

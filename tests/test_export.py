"""Exports: functions of a corpus's exports.py over all rows of a release; all of it is written, or nothing."""

import json

import datasets
import pytest
from rich.console import Console

import mmdata
from mmdata.errors import CorpusError, MmdataError, ReleaseError
from mmdata.reading import Release
from mmdata.releases import Releases
from mmdata.verbs.export import as_json, as_screen, export

EXPORTS = '''
import json

def table(rows, into):
    """All rows as JSON lines."""
    with (into / "표.jsonl").open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\\n")

def folder(rows, into, pictures=False):
    """Pictures, if they are wanted."""
    (into / "names.txt").write_text("")
    for row in rows:
        path = into / "images" / row["image"]["path"]
        if pictures:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(row["image"]["bytes"])

def half(rows, into):
    (into / "half.txt").write_text("half")
    next(rows)["beak"]

def nothing(rows, into):
    pass

def _hidden(rows, into):
    pass
'''


@pytest.fixture
def corpus(birds, tmp_path, monkeypatch):
    (birds / "exports.py").write_text(EXPORTS, encoding="utf-8")
    (tmp_path / "여기").mkdir()
    monkeypatch.chdir(tmp_path / "여기")
    return birds


def test_rows_come_in_order_with_split_class_names_and_paths(corpus):
    done = export(corpus, "table")
    assert done.folder.name == "birds-1.1.0-table"
    assert done.files == ["표.jsonl"]
    rows = [json.loads(line) for line in (done.folder / "표.jsonl").read_text(encoding="utf-8").splitlines()]
    release = Release(corpus, Releases(mmdata.Corpus(corpus)).newest())
    assert [(r["split"], r["id"], r["label"], r["image"]) for r in rows] == [
        (row.split, row.id, row.values["label"], {"path": row.place}) for row in release.rows(["label"])
    ]
    assert len(export(corpus, "table", version="1.0.0").folder.joinpath("표.jsonl").read_bytes().splitlines()) == 4


def test_pictures_come_byte_for_byte_where_they_are_asked_for(corpus, tmp_path):
    assert export(corpus, "folder").files == ["names.txt"]
    done = export(corpus, "folder", into=tmp_path / "다른 곳", pictures=True)
    assert done.files == ["images/", "names.txt"]
    release = Release(corpus, Releases(mmdata.Corpus(corpus)).newest())
    written = {row.place: (done.folder / "images" / row.place).read_bytes() for row in release.rows()}
    assert written == {row.place: data for row, [data] in release.pictures("image", release.rows())}
    assert done.bytes == sum(map(len, written.values()))


def test_what_fails_leaves_nothing(corpus, tmp_path):
    with pytest.raises(CorpusError, match=r"exports.py, line \d+: KeyError: 'beak' \(while exporting half\)"):
        export(corpus, "half", into=tmp_path / "out" / "half")
    with pytest.raises(
        CorpusError, match=r"the format nothing wrote nothing: no row of 1\.1\.0 is for it\. What it takes"
    ):
        export(corpus, "nothing", into=tmp_path / "out" / "half")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_there_already_stays(corpus, tmp_path):
    (tmp_path / "empty").mkdir()
    assert export(corpus, "table", into=tmp_path / "empty").folder == tmp_path / "empty"
    with pytest.raises(ReleaseError, match="empty holds something already; name another folder with --into"):
        export(corpus, "folder", into=tmp_path / "empty")
    assert [p.name for p in (tmp_path / "empty").iterdir()] == ["표.jsonl"]
    for among in ("data/1.2.0", "data", "sample/x/y"):
        with pytest.raises(ReleaseError, match="which holds releases; name another folder with --into"):
            export(corpus, "table", into=corpus / among)
    assert not (corpus / "data/1.2.0").exists()
    with pytest.raises(ReleaseError, match=r"표.jsonl/x: cannot be written: Not a directory. Put that right, or name"):
        export(corpus, "table", into=tmp_path / "empty/표.jsonl/x")


def test_a_damaged_release_is_said_to_be(corpus, tmp_path):
    shard = next((corpus / "data/1.1.0").glob("train-*"))
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(MmdataError, match="the release is damaged"):
        export(corpus, "table", into=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_mistakes_are_named(corpus, skin):
    with pytest.raises(CorpusError, match=r"birds has no export 'tabel'\. There are:\n  folder: Pictures, if"):
        export(corpus, "tabel")
    with pytest.raises(CorpusError, match=r"birds: which export\? There are:\n  folder"):
        export(corpus)
    with pytest.raises(CorpusError, match="birds: the format table has no pictures; leave out --pictures"):
        export(corpus, "table", pictures=True)
    with pytest.raises(ReleaseError, match=r"no release '9.9.9'. It has: 1.0.0, 1.1.0"):
        export(corpus, "table", version="9.9.9")
    with pytest.raises(CorpusError, match=r"skin: which export\? There are: none: write one in .*exports.py"):
        export(skin)
    (skin / "exports.py").write_text(EXPORTS, encoding="utf-8")
    with pytest.raises(ReleaseError, match="skin has no release to export yet"):
        export(skin, "table")


def test_what_is_said_of_it(corpus):
    done = export(corpus, "table")
    told = json.loads(as_json(done))
    assert (told["format"], told["version"], told["files"]) == ("table", "1.1.0", ["표.jsonl"])
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(as_screen(done))
    assert "birds 1.1.0 as table" in console.export_text()
    console.file.close()


def test_a_view_is_a_dataset_of_its_own(built_skin, tmp_path):
    done = export(built_skin, view="chat", into=tmp_path / "보기 하나")
    assert done.files == ["README.md", "chat/"]
    written = datasets.load_dataset(str(done.folder), "chat", cache_dir=str(tmp_path / "cache"))
    for split, rows in written.items():
        ours = mmdata.view(built_skin, "chat", split=split, streaming=False)
        assert rows.features == ours.features and len(rows) == len(ours) > 0
        assert rows[0]["completion"] == ours[0]["completion"]
        assert rows[0]["images"][0].tobytes() == ours[0]["images"][0].tobytes()
    assert "license: other" in (done.folder / "README.md").read_text(encoding="utf-8")


def test_a_view_of_the_sample_and_none_of_a_wrong_name(skin, tmp_path):
    assert export(skin, view="chat", into=tmp_path / "a").version == "sample"
    with pytest.raises(CorpusError, match=r"skin has no view 'chatt'\. There are:\n  chat: For fine-tuning"):
        export(skin, view="chatt", into=tmp_path / "b")
    with pytest.raises(CorpusError, match="give --view or --format"):
        export(skin, "original", view="chat", into=tmp_path / "b")
    with pytest.raises(ReleaseError, match=r"skin, version 7\.0\.0"):
        export(skin, view="chat", version="7.0.0", into=tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_splits_without_a_row_of_the_view_are_left_out(birds, tmp_path):
    (birds / "views.py").write_text(
        "def some(row):\n    if row['id'].startswith('train'):\n        yield {'id': row['id']}\n\n\ndef none(row):\n    yield from ()\n",
        encoding="utf-8",
    )
    assert not list(export(birds, view="some", into=tmp_path / "a").folder.rglob("test-*"))
    with pytest.raises(CorpusError, match="the view none gives nothing for any split"):
        export(birds, view="none", into=tmp_path / "b")

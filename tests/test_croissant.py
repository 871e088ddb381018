"""croissant.json: mlcroissant finds no fault with it and reads the rows back by it."""

import io
import json
import logging
from datetime import UTC, date, datetime
from hashlib import sha256

import datasets
import mlcroissant
import pytest
from answering import answer, finding
from kit import encoded, photo
from PIL import Image

from mmdata.corpus import Corpus
from mmdata.hub.croissant import croissant_of
from mmdata.hub.partial import write_partial
from mmdata.manifest import ShardFile
from mmdata.reading import Release
from mmdata.releases import Releases
from mmdata.verbs.release import release

# rdflib's and pandas', by which mlcroissant reads; to write needs neither.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index"),
]


@pytest.fixture
def skin(built_skin):
    answer(built_skin, value=lambda row: finding(row) if row.number % 3 else None)
    release(built_skin)
    return built_skin


def opened(root, manifest, caplog, corpus):
    """The document of a version whose files lie below `root`, without an error or a warning."""
    text = croissant_of(Corpus(corpus), manifest, "my-team/skin")
    path = root / "croissant.json"
    path.write_text(text, encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        dataset = mlcroissant.Dataset(str(path))
    assert dataset.metadata.ctx.issues.report() == ""
    assert caplog.text == ""
    return dataset


def plainly(value):
    """A record's value: text from bytes, names without the path to them, arrays as lists."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {name.rsplit("/", 1)[-1]: plainly(part) for name, part in value.items()}
    return [plainly(part) for part in value] if isinstance(value, list) else value


def test_the_rows_are_read_back_in_order_korean_and_pictures_too(skin, caplog):
    manifest = Releases(Corpus(skin)).manifest("1.1.0")
    dataset = opened(skin, manifest, caplog, skin)
    loaded = datasets.load_dataset(str(skin))
    assert [one.id for one in dataset.metadata.record_sets] == list(loaded)
    for split, rows in loaded.items():
        read = [plainly(record) for record in dataset.records(split)]
        assert len(read) == len(rows)
        for record, row in zip(read, rows, strict=True):
            assert record.keys() == row.keys()
            assert record.pop("image").convert("RGB").tobytes() == row.pop("image").tobytes()
            area = record.pop("lesion_area")
            assert area == (row.pop("lesion_area") or dict.fromkeys(area))
            assert record == row


def test_it_says_whose_it_is_and_is_the_same_each_time(skin):
    corpus = Corpus(skin)
    manifest = Releases(corpus).manifest("1.1.0")
    text = croissant_of(corpus, manifest, "my-team/skin")
    assert croissant_of(Corpus(skin), manifest, "my-team/skin") == text
    said = json.loads(text)
    assert said["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert (said["version"], said["datePublished"], said["inLanguage"]) == ("1.1.0", manifest.created[:10], "ko")
    assert said["license"] == "https://www.aihub.or.kr"
    assert "한국지능정보사회진흥원" in said["creator"]["name"]
    assert said["publisher"]["name"] == "my-team"
    assert "tree/v1.1.0" in said["citeAs"]
    assert said["description"].startswith("Photographs of faces with one of six diagnoses")
    files = {one["contentUrl"]: one for one in said["distribution"] if one["@type"] == "cr:FileObject"}
    assert len(files) == 2
    for path, one in files.items():
        content = (skin / path).read_bytes()
        assert (one["sha256"], one["contentSize"]) == (sha256(content).hexdigest(), f"{len(content)} B")
    fields = {one["name"]: one for one in said["recordSet"][0]["field"]}
    assert fields["label"]["description"].startswith("0 건선, 1 아토피,")
    assert fields["describe"]["description"] == "Answers of gpt-4o-mini to the prompt describe"
    assert said["recordSet"][0]["key"] == {"@id": "train/id"}


def test_a_folder_s_own_document_names_no_repository(skin):
    manifest = Releases(Corpus(skin)).manifest("1.0.0")
    assert "huggingface.co" not in croissant_of(Corpus(skin), manifest, None)


def test_a_version_without_pictures_reads_too(skin, tmp_path, caplog):
    there = tmp_path / "data/1.1.0"
    there.mkdir(parents=True)
    partial = write_partial(Corpus(skin), Release(skin, Releases(Corpus(skin)).manifest("1.1.0")), there)
    dataset = opened(tmp_path, partial, caplog, skin)
    loaded = datasets.load_dataset("parquet", data_files={f.split: str(there / f.path) for f in partial.files})
    assert "image_sha256" in loaded["train"].features
    for split, rows in loaded.items():
        assert [plainly(record) for record in dataset.records(split)] == list(rows)


def test_every_kind_of_column_in_several_shards(built_skin, tmp_path, caplog):
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "그림": datasets.Image(),
            "pictures": datasets.List(datasets.Image()),
            "yes": datasets.Value("bool"),
            "number": datasets.Value("int64"),
            "share": datasets.Value("float32"),
            "day": datasets.Value("date32"),
            "when": datasets.Value("timestamp[us, tz=UTC]"),
            "tags": datasets.List(datasets.Value("string")),
            "kinds": datasets.List(datasets.ClassLabel(names=["가", "나"])),
            "grid": datasets.List(datasets.List(datasets.Value("int64"))),
            "part": {"inner": {"이름": datasets.Value("string")}, "many": datasets.List(datasets.Value("int64"))},
            "parts": datasets.List({"name": datasets.Value("string"), "ab": datasets.Value("int64")}),
        }
    )
    pictures = [encoded(photo(n, (8, 8))) for n in range(3)]
    row = {
        "id": "줄/1", "그림": {"bytes": pictures[0], "path": "a.png"},
        "pictures": [{"bytes": data, "path": None} for data in pictures], "yes": True, "number": 7, "share": 0.5,
        "day": date(2026, 1, 2), "when": datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "tags": ["하나", "둘"], "kinds": [1, 0],
        "grid": [[1], [2, 3]], "part": {"inner": {"이름": "값"}, "many": [4, 5]},
        "parts": [{"name": "x", "ab": 1}, {"name": "y", "ab": 2}],
    }  # fmt: skip
    empty = dict.fromkeys(features) | {"id": "줄/2", "그림": row["그림"]}
    there = tmp_path / "data/1.0.0"
    there.mkdir(parents=True)
    files = []
    for n, rows in enumerate(([row, empty], [row | {"id": "줄/3"}])):
        path = there / f"train-{n}.parquet"
        datasets.Dataset.from_list(rows, features).to_parquet(path)
        content = path.read_bytes()
        digest = sha256(content).hexdigest()
        files.append(ShardFile(path=path.name, split="train", rows=len(rows), bytes=len(content), sha256=digest))
    manifest = Releases(Corpus(built_skin)).manifest("1.0.0")
    manifest = manifest.model_copy(update={"features": features._to_yaml_list(), "files": files})
    full, none, last = map(plainly, opened(tmp_path, manifest, caplog, built_skin).records("train"))
    assert full.pop("그림").size == (8, 8)
    assert [one.tobytes() for one in full.pop("pictures")] == [Image.open(io.BytesIO(p)).tobytes() for p in pictures]
    inner = full.pop("inner")
    assert (full.pop("day").date(), full.pop("when").to_pydatetime()) == (row["day"], row["when"])
    assert {"part": {"inner": inner, **full.pop("part")}, **full} == {
        name: value for name, value in row.items() if name in full or name == "part"
    }
    assert set(full) == set(features) - {"그림", "pictures", "day", "when", "part"}
    assert none["id"] == "줄/2"
    assert none["number"] is None
    assert last["id"] == "줄/3"

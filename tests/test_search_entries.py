"""What entries are made of, and how they and their vectors are read."""

import re
import shutil

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kit import encoded, photo
from wardrobe import CLASSES, wardrobe

import mmdata
from mmdata import MmdataError
from mmdata.corpus import Corpus
from mmdata.searching import entries, local, vectors
from mmdata.searching.entries import entries_of, made_of
from mmdata.searching.local import LocalIndex
from mmdata.searching.vectors import home_of

PICTURES = {f"{CLASSES[n % 3]}/사진 {n:02}.png": encoded(photo(n)) for n in range(12)}
VIEW = """
def search(row):
    number = int(row["id"].split()[-1])
    return {"id": row["id"], "image": row["image"], "price": 1000 * number, "brand": "상표", "size": {"cm": number}}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = wardrobe(tmp_path_factory.mktemp("entries"), PICTURES, VIEW)
    mmdata.index(folder)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """One of its own, indexed."""
    return shutil.copytree(made, tmp_path / "옷 장")


def test_entries_are_made_anew_where_what_makes_them_is_edited_and_only_then(folder):
    corpus = Corpus(folder)
    (folder / "words.py").write_text("from pathlib import Path\nPATH = Path(__file__).with_name('words.yaml')\n")
    (folder / "views.py").write_text((folder / "views.py").read_text(encoding="utf-8") + "from .words import PATH\n")
    before = made_of(corpus, "1.0.0")
    for name in ("metrics.py", "recommend.py", "palettes.yaml"):
        (folder / name).write_text("x: 1\n")
    assert made_of(corpus, "1.0.0") == before
    for name in ("words.py", "words.yaml", "views.py"):
        with (folder / name).open("a") as file:
            file.write("\n")
        assert made_of(corpus, "1.0.0") != before
        before = made_of(corpus, "1.0.0")


def test_a_damaged_index_is_one_message(folder):
    path = home_of(Corpus(folder), "builtin") / "1.0.0.parquet"
    data = path.read_bytes()
    for damaged in (b"PAR1", data[:-9], data[:4] + bytes(400) + data[404:]):
        path.write_bytes(damaged)
        says = rf"damaged: 1\.0\.0\.parquet cannot be read .*: `mmdata index '{folder}' --version 1\.0\.0`"
        with pytest.raises(MmdataError, match=says):
            LocalIndex(Corpus(folder))
        assert mmdata.index(folder).embedded == 0
        assert len(LocalIndex(Corpus(folder)).rows()) == 12
    pq.write_table(pa.table({"id": ["a"]}), path)
    with pytest.raises(MmdataError, match="does not say what it is of"):
        LocalIndex(Corpus(folder))


def cut(home, name):
    with (home / name).open("r+b") as file:
        file.truncate(file.seek(0, 2) // 2 + 5)


def dimensions(home):
    path = home / "model.json"
    path.write_text(path.read_text().replace("665", "300"))


@pytest.mark.parametrize(
    ("damage", "embedded", "says"),
    [
        (lambda home: cut(home, "vectors.f32"), 6, "of its 12 entries have no vector"),
        (lambda home: cut(home, "hashes.bin"), 6, "of its 12 entries have no vector"),
        (lambda home: (home / "vectors.f32").unlink(), 12, "12 of its 12 entries have no vector"),
        (lambda home: (home / "hashes.bin").unlink(), 12, "12 of its 12 entries have no vector"),
        (
            lambda home: (home / "hashes.bin").write_bytes(bytes(range(192)) * 2),
            12,
            "12 of its 12 entries have no vector",
        ),
        (lambda home: (home / "vectors.f32").write_bytes(bytes(12 * 665 * 4)), 12, "not of length 1"),
        (lambda home: (home / "vectors.f32").write_bytes(b"\xff\x7f\xc3\x12" * 12 * 665), 12, "not of length 1"),
        (dimensions, 12, "model.json says 300 numbers a vector, 1.0.0.parquet 665"),
    ],
)
def test_what_is_lost_or_damaged_is_embedded_again(folder, damage, embedded, says):
    corpus = Corpus(folder)
    before = LocalIndex(corpus).vectors
    query = np.array(before[0])
    wanted = LocalIndex(corpus).nearest(query, 12)
    damage(home_of(corpus, "builtin"))
    with pytest.raises(MmdataError, match=re.escape(says)) as error:
        LocalIndex(corpus)
    assert str(error.value).endswith(f"`mmdata index '{folder}'`")
    done = mmdata.index(folder)
    assert done.embedded == embedded and len(done.notes) == 1
    assert LocalIndex(corpus).nearest(query, 12) == wanted
    assert mmdata.index(folder).notes == []


def test_a_vector_that_is_none_is_noticed_when_it_is_searched(folder, monkeypatch):
    monkeypatch.setattr(vectors.VectorFile, "fault", lambda self, whole=False: "")
    query = np.array(LocalIndex(Corpus(folder)).vectors[0])
    path = home_of(Corpus(folder), "builtin") / "vectors.f32"
    for bad in (b"\xff" * 4, b"\x00\x00\x00\x7f"):
        path.write_bytes(path.read_bytes()[: -665 * 4] + bad * 665)
        with pytest.raises(MmdataError, match="damaged"):
            LocalIndex(Corpus(folder)).nearest(query, 3)
    with pytest.raises(MmdataError, match="no numbers"):
        LocalIndex(Corpus(folder)).nearest(query * np.nan, 3)


def test_a_column_of_pictures_is_no_value_also_where_there_is_none(made, monkeypatch):
    image = datasets.Image(decode=False)
    features = {"id": datasets.Value("string"), "image": image, "back": image, "more": datasets.List(image)}
    picture = {"bytes": b"x", "path": None}
    rows = [("a", {"id": "a", "image": picture, "back": None, "more": [], "price": None})]
    monkeypatch.setattr(entries, "view_of", lambda corpus: "")
    monkeypatch.setattr(entries, "rows_of", lambda *of, **how: (features, iter(rows)))
    (entry,) = entries_of(Corpus(made), "1.0.0")
    assert entry.picture == b"x" and entry.values == {"price": None, "split": "train"}


class Watched:
    """Vectors that know how many of them were copied at once."""

    def __init__(self, vectors):
        self.vectors, self.most = vectors, 0

    def __len__(self):
        return len(self.vectors)

    def __getitem__(self, numbers):
        self.most = max(self.most, len(numbers))
        return self.vectors[numbers]


def test_what_passes_is_scored_and_read_some_at_a_time(made, monkeypatch):
    monkeypatch.setattr(local, "AT_ONCE", 3)
    monkeypatch.setattr(local, "FEW", 1)
    index = LocalIndex(Corpus(made))
    query, wanted = index.vectors[0], index.nearest(index.vectors[0], 99, "price > 2000")
    index._vectors = watched = Watched(index._vectors)
    assert index.nearest(query, 99, "price > 2000") == wanted and len(wanted) == 9
    assert watched.most == 3
    assert [row for some in index.row_batches(5) for row in some] == index.rows()
    (one,) = index.rows("price = 7000", columns=["size", "price"])
    assert one == {"id": "train/신발/사진 07", "picture": one["picture"], "price": 7000, "size": {"cm": 7}}
    with pytest.raises(MmdataError, match=r"has no column 'prise'; it has price, brand"):
        index.rows(columns=["prise"])

"""Views: functions of a corpus's views.py over its rows, streamed or made at once."""

import pickle

import datasets
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mmdata
from mmdata import functions, views
from mmdata.corpus import HOME, Corpus, corpora_in
from mmdata.errors import CorpusError, ReleaseError
from mmdata.functions import functions_in
from mmdata.views import view

VIEWS = '''
"""Views of birds."""

from .words import SHOUT

def named(row, features):
    """The class by its name.

    And more.
    """
    return {"image": row["image"], "name": features["label"].int2str(row["label"]) + SHOUT}

def turns(row):
    """A row a wing."""
    for wing in range(2):
        yield {"id": row["id"], "label": row["label"], "images": [row["image"]], "wing": wing, "late": "x" if row["label"] and wing else None}

def circles(row):
    """Only circles."""
    if row["label"] == 0:
        yield {"id": row["id"]}

def nothing(row):
    return []

def lean(row):
    """Columns that it reads."""
    return {"columns": sorted(row)}
lean.columns = ["id", "label"]

def broken(row):
    return {"x": row["beak"]}

def wrong(row):
    return 3

def helper(text):
    return text

def _hidden(row):
    return row
'''


@pytest.fixture
def corpus(birds):
    (birds / "views.py").write_text(VIEWS, encoding="utf-8")
    (birds / "words.py").write_text("SHOUT = '!'\n", encoding="utf-8")
    return birds


@pytest.fixture(params=[True, False], ids=["streamed", "at once"])
def streaming(request, monkeypatch):
    monkeypatch.setattr(views, "AT_ONCE", 2)  # Batches of which some give nothing.
    return request.param


def test_a_row_gives_a_row_with_its_picture(corpus, streaming):
    made = view(corpus, "named", split="train", streaming=streaming)
    assert isinstance(made, datasets.IterableDataset if streaming else datasets.Dataset)
    rows, plain = list(made), list(datasets.load_dataset(str(corpus), split="train"))
    assert [(list(row), row["name"]) for row in rows] == [
        (["image", "name"], ("동그라미!", "네모!")[row["label"]]) for row in plain
    ]
    for row, one in zip(rows, plain, strict=True):
        assert isinstance(row["image"], Image.Image)
        assert row["image"].tobytes() == one["image"].tobytes()


def test_a_row_gives_many_with_pictures_in_lists_and_a_text_that_comes_late(corpus, streaming):
    made = view(corpus, "turns", split="train", streaming=streaming)
    rows = list(made)
    plain = [row for row in datasets.load_dataset(str(corpus), split="train") for _ in range(2)]
    assert [(row["id"], row["wing"]) for row in rows] == [(row["id"], n % 2) for n, row in enumerate(plain)]
    assert {row["late"] for row in rows} == {None, "x"}
    assert rows[0]["late"] is None
    assert rows[1]["images"][0].tobytes() == plain[1]["image"].tobytes()
    if not streaming:
        assert list(made.features) == ["id", "label", "images", "wing", "late"]
        assert made.features["label"].names == ["동그라미", "네모"]
        assert made.features["images"] == datasets.List(datasets.Image(mode="RGB"))


def test_a_row_may_give_none(corpus, streaming):
    ids = [row["id"] for row in datasets.load_dataset(str(corpus), split="train") if row["label"] == 0]
    assert [row["id"] for row in view(corpus, "circles", split="train", streaming=streaming)] == ids
    if streaming:
        assert list(view(corpus, "nothing", split="train")) == []
    else:
        with pytest.raises(CorpusError, match="the view nothing gives nothing for the train split"):
            view(corpus, "nothing", split="train", streaming=False)


def test_only_the_columns_that_a_view_names_are_read(corpus, streaming):
    assert [row["columns"] for row in view(corpus, "lean", split="test", streaming=streaming)] == [["id", "label"]]


def test_pictures_that_are_passed_on_are_not_decoded_for_the_view(corpus, monkeypatch):
    asked = []
    decode = datasets.Image.decode_example
    monkeypatch.setattr(datasets.Image, "decode_example", lambda *a, **k: (asked.append(a), decode(*a, **k))[1])
    assert len(list(view(corpus, "circles", split="train"))) == 2
    assert asked == []
    assert len(list(view(corpus, "turns", split="train"))) == 2 * len(asked) > 0


def test_the_newest_release_an_older_one_or_the_sample(corpus):
    def rows(version=None):
        return len(list(view(corpus, "circles", split="train", version=version)))

    loaded = {v: datasets.load_dataset(str(corpus), v, split="train") for v in ("sample", "1.0.0", "1.1.0")}
    wanted = {v: sum(label == 0 for label in ds["label"]) for v, ds in loaded.items()}
    assert {v: rows(v) for v in loaded} == wanted
    assert rows() == wanted["1.1.0"]
    fresh = mmdata.new("crows", corpus.parent)
    (fresh / "views.py").write_text("def ids(row):\n    return {'id': row['id']}\n")
    (fresh / "data").mkdir(exist_ok=True)
    sample = datasets.load_dataset(str(fresh), "sample", split="train")["id"]
    assert [row["id"] for row in view(fresh, "ids", split="train")] == list(sample)


@pytest.mark.parametrize("file", ["views.py", "words.py"])
def test_edited_code_is_seen_though_the_name_is_the_same(corpus, file, streaming):
    first = {row["name"] for row in view(corpus, "named", split="train", streaming=streaming)}
    path = corpus / file
    path.write_text(
        path.read_text(encoding="utf-8").replace("SHOUT = '!'", "SHOUT = '?!'").replace("+ SHOUT", "+ '?!'")
    )
    again = {row["name"] for row in view(corpus, "named", split="train", streaming=streaming)}
    assert again == {name.replace("!", "?!") for name in first}


def test_a_view_goes_to_other_processes(corpus):
    made = view(corpus, "named", split="train")
    assert [row["name"] for row in pickle.loads(pickle.dumps(made))] == [row["name"] for row in made]


def test_a_stream_goes_on_where_it_stopped(corpus):
    made = view(corpus, "turns", split="train")
    rows = iter(made)
    seen = [(row["id"], row["wing"]) for row in (next(rows), next(rows), next(rows))]
    state = made.state_dict()
    rest = view(corpus, "turns", split="train")
    rest.load_state_dict(state)
    every = [(row["id"], row["wing"]) for row in made.take(100)]
    assert seen + [(row["id"], row["wing"]) for row in rest] == every


def test_only_public_functions_of_a_row_are_views(corpus):
    found = functions_in(Corpus(corpus), "views", "row")
    assert sorted(found) == ["broken", "circles", "lean", "named", "nothing", "turns", "wrong"]
    assert functions.description(found["named"]) == "The class by its name."


def test_mistakes_are_named(corpus, birds):
    with pytest.raises(
        CorpusError, match=r"birds has no view 'name'. There are:\n(.*\n)*  named: The class by its name"
    ):
        view(corpus, "name", split="train")
    with pytest.raises(
        CorpusError, match=r"views.py, line \d+: KeyError: 'beak' \(while making the view broken of row '"
    ):
        list(view(corpus, "broken", split="train"))
    with pytest.raises(CorpusError, match=r"views.py: TypeError: .* the view wrong of row"):
        view(corpus, "wrong", split="train", streaming=False)
    with pytest.raises(ReleaseError, match=r"split 'valid'.*train"):
        view(corpus, "named", split="valid")
    with pytest.raises(ReleaseError, match=r"version 9.9.9.*1\.1\.0"):
        view(corpus, "named", split="train", version="9.9.9")
    (corpus / "views.py").write_text("def x(row):\n    return {\n")
    with pytest.raises(CorpusError, match=r"views.py, line 2: SyntaxError"):
        view(corpus, "x", split="train")
    (corpus / "views.py").unlink()
    with pytest.raises(CorpusError, match=r"no view 'x'\. There are: none: write one in .*views.py, as `def x"):
        view(corpus, "x", split="train")


OF_ANNOTATIONS = {"visdial": {"api"}, "aac": {"preferences"}}
"""What a model answered: the samples hold none of it."""


@pytest.mark.parametrize("folder", [f for f in corpora_in(HOME) if (f / "views.py").exists()], ids=lambda f: f.name)
def test_every_view_that_ships_has_a_description_and_takes_every_row_of_the_sample(folder):
    found = functions_in(Corpus(folder), "views", "row")
    splits = datasets.get_dataset_split_names(str(folder), "sample")
    given = {n: sum(len(list(view(folder, n, split=split, version="sample"))) for split in splits) for n in found}
    assert all(map(functions.description, found.values()))
    assert {name for name, rows in given.items() if not rows} == OF_ANNOTATIONS.get(folder.name, set())


def test_skins_completion_alone_says_the_diagnosis(built_skin):
    names = Corpus(built_skin).labels["label"].names
    for row in view(built_skin, "chat", split="test"):
        assert row["completion"][0]["content"].removeprefix("<label>").removesuffix("</label>") in names
        assert not any(name in row["prompt"][0]["content"] for name in names)
        assert row["images"][0].size == (96, 96)


def test_another_copys_sample_is_not_taken_for_this_ones(tmp_path):
    """As two clones have it: the same name, other rows."""
    one, other = (mmdata.new("skin", tmp_path / name, like="skin") for name in ("하나", "둘"))
    path = next((other / "sample").glob("train-*.parquet"))
    rows = pq.read_table(path)
    pq.write_table(rows.slice(0, 5), path)
    assert [len(mmdata.view(folder, "chat", split="train", streaming=False)) for folder in (one, other)] == [24, 5]


def test_a_new_release_leaves_the_sample_what_it_was(skin):
    before = mmdata.view(skin, "chat", split="train", version="sample", streaming=False)._fingerprint
    mmdata.build(skin, skin / "tiny")
    again = mmdata.view(skin, "chat", split="train", version="sample", streaming=False)._fingerprint
    assert before == again
    assert before != mmdata.view(skin, "diagnosis", split="train", version="sample", streaming=False)._fingerprint

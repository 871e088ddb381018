"""aac: personas, splits and rows, made of the tiny source; and what becomes of them outside."""

import contextlib
import io
import json
import shutil
import sqlite3

import pytest
from aac_files import CORPUS, people, persona, rows_of, saved
from aac_symbols import js
from characters import Held
from kit import said
from PIL import Image

import mmdata
from mmdata import Listing, MmdataError
from mmdata.replay import replaying
from mmdata.verbs.export import export

PERSONAS = CORPUS.module("personas")


@pytest.fixture(scope="module")
def _built(tmp_path_factory):
    folder = mmdata.new("aac", tmp_path_factory.mktemp("한 번"), like="aac")
    return folder, mmdata.build(folder, folder / "tiny", workers=1)


@pytest.fixture
def built(_built, tmp_path):
    return shutil.copytree(_built[0], tmp_path / "aac"), _built[1]


def edited(folder, change) -> None:
    path = folder / "tiny/personas.json"
    saved(path, change(json.loads(path.read_text(encoding="utf-8"))))


def answered(folder) -> set[str]:
    """The rows about which a model is asked now."""
    last = "SELECT COALESCE(MAX(seq), 0) FROM answers"
    path = folder / "annotations.sqlite"
    before = _all(path, last)[0][0] if path.exists() else 0
    with replaying(folder / "tiny_answers.jsonl", faults=False) as url:
        done = mmdata.annotate(folder, "situation", base_url=url)
    asked = [id for (id,) in _all(path, f"SELECT row_id FROM answers WHERE seq > {before}")]
    assert done.states.total() == 20 and done.calls == len(asked)
    return set(asked)


def _all(path, query) -> list:
    with contextlib.closing(sqlite3.connect(path)) as store:
        return store.execute(query).fetchall()


# Personas


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": "old"}, r"persona 2 of 3 \(2\): persona.age: it is 'old'; choose 'adolescent' or 'adult'"),
        ({"selection_complexity": None}, "persona.selection_complexity: it is None; choose 'simple'"),
        ({"interesting_topics": []}, "persona.interesting_topics: it is empty; give one at least"),
        ({"interesting_topics": ["음식", " "]}, "persona.interesting_topics.1: it is empty; write something"),
        (
            {"preferred_category_types": [-1]},
            "persona.preferred_category_types.0: it is -1; give a whole number of 0 or more",
        ),
        ({"gender": ""}, "persona.gender"),
        ({"hobby": "축구"}, "persona.hobby: no such field; remove it. A persona has age, gender"),
    ],
)
def test_a_wrong_persona_is_named_with_its_field(change, message):
    everyone = people(3)
    everyone[1]["persona"] |= change
    with pytest.raises(MmdataError, match=message):
        for at, entry in enumerate(everyone):
            PERSONAS.entry_of(entry, f"personas.json: persona {at + 1} of 3")


def test_disabilities_are_read_with_spaces_and_ids_as_numbers_or_texts():
    made = PERSONAS.entry_of({"id": "kim", "persona": persona(disability_type="자폐 스펙트럼 장애")}, "here")
    assert (made.id, made.persona.disability_type) == ("kim", "자폐스펙트럼장애")
    for id in (None, True, "", 1.5):
        with pytest.raises(MmdataError, match='here: it needs an "id"'):
            PERSONAS.entry_of({"id": id, "persona": persona()}, "here")
    with pytest.raises(MmdataError, match=r"here \(1\): it has name; known are"):
        PERSONAS.entry_of({"id": 1, "persona": persona(), "name": "x"}, "here")


def people_in(**files) -> list:
    listing = Listing.of(
        Held({f"{name}_personas.json": value for name, value in files.items()}), sqlite3.connect(":memory:")
    )
    return list(PERSONAS.personas(listing))


def test_one_person_under_two_ids_is_one_person_and_two_under_one_id_are_none():
    *made, told = people_in(a=js([*people(2), {"id": "x", "persona": persona(disability_type="지적 장애 ")}]))
    assert PERSONAS.homes_of(made) == {"1": "1", "2": "2", "x": "1"}
    assert told.check == "same persona" and told.places == ["x (as 1)"]
    with pytest.raises(
        MmdataError, match=r"a_personas\.json: persona 2 of 2: its id 1 is also that of a_personas\.json: persona 1"
    ):
        people_in(a=js([*people(1), *people(1)]))
    with pytest.raises(MmdataError, match=r"a_personas\.json: not UTF-8 at byte .*; save it as UTF-8"):
        people_in(a=json.dumps(people(1), ensure_ascii=False).encode("cp949"))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("preferred_share", "1.5", "0 to 1"), ("preferred_at_most", "0", "1 or more"), ("symbol_size", "8", "16 to 1024"),
        ("clusters_wanted", "0", "1 or more"), ("similarity_wanted", "nan", "0 to 1"), ("items_per_persona", "0", "1 or more"),
        ("seed", "-1", "0 to 4294967295"),
    ],
)  # fmt: skip
def test_a_figure_out_of_its_range_is_named_before_any_work(name, value, allowed):
    with pytest.raises(MmdataError, match=f"{name}=.* is out of range: give {allowed}$"):
        mmdata.run_steps(CORPUS.folder, CORPUS.folder / "tiny", ["cards"], options={name: value}, workers=1)


# Rows


def test_no_excluded_card_is_anywhere_and_each_row_has_its_own_pictures(built):
    folder, build = built
    pictures = {one.stem: one.read_bytes() for one in (folder / "tiny/arasaac").glob("*.png")}
    rows = rows_of(folder)
    assert len(rows) == 20
    for row in rows.values():
        assert not any("칼" in id for id in row["card_ids"])
        assert [id.partition("_")[2] for id in row["card_ids"]] == row["keywords"]
        assert len(row["cards"]) == len(row["keywords"]) == len(row["sources"]) == len(row["clusters"])
        assert row["attributions"] == ["mmdata, CC0 1.0"]
        assert row["context"]["place"] and len(row["output"]) == 3 and row["past_interpretation"] is None
        for id, picture in zip(row["card_ids"], row["cards"], strict=True):
            assert picture["path"] == f"{id}.png"
            if id in pictures and Image.open(io.BytesIO(pictures[id])).mode == "RGB":
                assert picture["bytes"] == pictures[id]
    assert "flagged violence: 1 left out, such as arasaac/16_칼.png" in said(build, "cards left out")
    assert [note.name for note in build.manifest.steps][-1] == "combinations"


def test_a_persona_is_in_one_split(built):
    rows = rows_of(built[0]).values()
    splits = {}
    for row in rows:
        assert row["group"] == row["persona_id"]
        splits.setdefault(row["persona_id"], set()).add(row["split"])
    assert sorted(map(len, splits.values())) == [1] * 4
    assert {split for one in splits.values() for split in one} == {"train", "validation", "test"}


def test_by_combination_no_held_out_set_of_cards_is_in_train(built):
    folder, _ = built
    edited(folder, lambda everyone: [one | {"items": 25} for one in everyone])
    shutil.copy(folder / "tiny/arasaac/1_사과.png", folder / "tiny/arasaac/22_능금.png")
    build = mmdata.build(folder, folder / "tiny", options={"split_by": "combination"}, workers=1)
    splits, groups = {}, {}
    for row in rows_of(folder).values():
        pictures = frozenset(picture["bytes"] for picture in row["cards"])
        assert groups.setdefault(row["group"], pictures) == pictures
        splits.setdefault(pictures, set()).add(row["split"])
    assert len(groups) == len(splits)
    assert "22_능금 (as 1_사과)" in said(build, "same picture")
    assert max(map(len, splits.values())) == 1 and len(splits) < 100  # Some are laid by two personas.
    assert len(build.manifest.splits) == 3
    assert [one.message for one in build.findings if one.level == "error"] == []


def test_changing_one_persona_makes_and_asks_only_its_rows_anew_and_the_order_of_the_file_is_nothing(
    built, monkeypatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-0123456789abcdef")
    folder, _ = built
    before = rows_of(folder)
    assert answered(folder) == before.keys()

    def change(everyone):
        everyone[1]["persona"]["interesting_topics"] = ["학교", "꽃"]
        return everyone[::-1]

    edited(folder, change)
    mmdata.build(folder, folder / "tiny", workers=1)
    after = rows_of(folder)
    assert after.keys() == before.keys()
    changed = {id for id in after if after[id] != before[id]}
    assert changed == {id for id in after if id.startswith("2/")}
    assert answered(folder) == changed
    assert answered(folder) == set()


def test_topics_by_a_model_are_asked_for_and_then_used(built, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-0123456789abcdef")
    folder, _ = built
    with pytest.raises(MmdataError, match="the step cluster_topics needs the answers to prompt topics"):
        mmdata.build(folder, folder / "tiny", config="model_topics", workers=1)
    with replaying(folder / "tiny_answers.jsonl", faults=False) as url:
        mmdata.annotate(folder, "topics", base_url=url)
    build = mmdata.build(folder, folder / "tiny", config="model_topics", workers=1)
    assert build.manifest.config == "model_topics"
    (note,) = (note for note in build.manifest.steps if note.name == "cluster_topics")
    assert [one.prompt["id"] for one in note.asked] == ["topics"]


# Outside


def test_what_was_made_here_exports_in_the_originals_shape(built, tmp_path):
    folder, _ = built
    done = export(folder, "dataset_completed", into=tmp_path / "out")
    items = json.loads((done.folder / "dataset_completed.json").read_text(encoding="utf-8"))
    assert [one["id"] for one in items] == list(range(1, 21))
    first = items[0]
    assert list(first) == ["id", "input", "output"]
    assert list(first["input"]) == ["persona", "context", "past_interpretation", "AAC_card_combination"]
    assert list(first["input"]["persona"]) == list(persona())
    assert first["input"]["persona"]["preferred_category_types"] and first["input"]["context"]["place"] == "빵집"
    assert first["output"] == ["이 빵을 살래요.", "빵이 먹고 싶어요.", "집에서 빵을 구워 봐요."]
    results = export(folder, "clustering_results", into=tmp_path / "clusters")
    found = json.loads((results.folder / "clustering_results.json").read_text(encoding="utf-8"))
    assert list(found) == ["cluster_labels", "clustered_files", "n_clusters", "filenames"]
    assert found["n_clusters"] == len(found["clustered_files"]) == 7
    home = {name: int(number) for number, names in found["clustered_files"].items() for name in names}
    assert [home[name] for name in found["filenames"]] == found["cluster_labels"]
    assert len(home) == 22
    for row in rows_of(folder).values():
        assert [home[f"{id}.png"] for id in row["card_ids"]] == row["clusters"]
    mmdata.run_steps(folder, folder / "tiny", ["clusters"], options={"clusters_wanted": 3}, workers=1)
    with pytest.raises(MmdataError, match="the clusters that this folder has now are not those"):
        export(folder, "clustering_results", into=tmp_path / "old")

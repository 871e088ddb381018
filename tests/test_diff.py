"""`mmdata diff`: every change between two releases, counted by hand here."""

import io
import json
import random
import shutil

import pytest
from answering import answer, finding, stored
from kit import encoded, photo, put
from rich.console import Console

import mmdata
from mmdata.differing import TextChange
from mmdata.errors import ReleaseError
from mmdata.verbs.diff import as_json, as_screen, diff
from mmdata.verbs.release import release


@pytest.fixture
def skin(built_skin):
    return built_skin


@pytest.fixture
def source(skin, tmp_path):
    return shutil.copytree(skin / "tiny", tmp_path / "원본")


def screen(found) -> str:
    console = Console(file=io.StringIO(), width=200, record=True)
    console.print(as_screen(found))
    return console.export_text()


def counts(found) -> tuple[int, ...]:
    return found.added, found.removed, found.renamed, found.changed, found.unchanged


def folder(source, name):
    return next(path for path in source.rglob(name) if path.is_dir())


def test_a_release_does_not_differ_from_itself(skin):
    found = diff(skin, "1.0.0", "1.0.0")
    assert found.same and counts(found) == (0, 0, 0, 0, 36)
    assert found.fields == {} and screen(found) == "skin 1.0.0 → 1.0.0: no difference in 36 rows.\n"


def test_pictures_added_removed_edited_and_relabelled_are_told_apart(skin, source):
    acne, rosacea = folder(source, "TS_여드름_정면"), folder(source, "TS_주사_정면")
    moved, edited = sorted(acne.glob("*.png"))[:2]
    removed = sorted(rosacea.glob("*.png"))[0]
    moved.rename(rosacea / f"moved_{moved.name}")
    edited.write_bytes(encoded(photo("edited")))
    removed.unlink()
    put(folder(source, "VS_정상_측면"), "new_1.png", encoded(photo("one")))
    put(folder(source, "VS_정상_측면"), "new_2.png", encoded(photo("two")))
    mmdata.build(skin, source)
    found = diff(skin)
    assert (found.a, found.b) == ("1.0.0", "1.1.0")
    assert counts(found) == (2, 1, 1, 1, 33)
    assert found.ids == {
        "changed": [f"train/여드름/정면/{edited.stem}"],
        "added": ["test/정상/측면/new_1", "test/정상/측면/new_2"],
        "removed": [f"train/주사/정면/{removed.stem}"],
    }
    assert found.renames == [(f"train/여드름/정면/{moved.stem}", f"train/주사/정면/moved_{moved.stem}")]
    assert found.labels == {"label": {("여드름", "주사"): 1}}
    assert found.fields["image"] == 1 and found.fields["label"] == 1 and "id" not in found.fields
    assert found.split_moves == {} and found.splits == {"train": (24, 23), "test": (12, 14)}
    assert found.classes["label"]["여드름"] == {"train": (4, 3), "test": (2, 2)}
    assert found.classes["label"]["정상"]["test"] == (2, 4)
    shown = screen(found)
    assert "skin 1.0.0 → 1.1.0: 2 added, 1 removed, 1 renamed, 1 changed, 33 unchanged" in shown
    assert "label, from (down) to (across)" in shown and "4 → 3" in shown


def test_a_picture_that_changes_sides_is_a_split_move(skin, source):
    picture = sorted(folder(source, "TS_건선_정면").glob("*.png"))[0]
    picture.rename(folder(source, "VS_건선_정면") / picture.name)
    mmdata.build(skin, source)
    found = diff(skin)
    assert counts(found) == (0, 0, 1, 0, 35)
    assert found.split_moves == {("train", "test"): 1} and found.fields == {"split": 1}
    back = diff(skin, "1.1.0", "1.0.0")
    assert back.split_moves == {("test", "train"): 1}


def test_counts_are_those_of_a_plain_comparison_row_by_row(skin, source):
    r = random.Random(3)
    for number, picture in enumerate(sorted(source.rglob("*.png"))):
        kind = r.choice(["keep", "edit", "drop", "add"])
        if kind == "edit":
            picture.write_bytes(encoded(photo(f"edit {number}")))
        elif kind == "drop":
            picture.unlink()
        elif kind == "add":
            put(picture.parent, f"z{number}.png", encoded(photo(f"add {number}")))
    mmdata.build(skin, source)
    old, new = stored(skin, "1.0.0"), stored(skin, "1.1.0")
    both = old.keys() & new.keys()
    changed = sum(old[id] != new[id] for id in both)
    found = diff(skin)
    assert changed and new.keys() - old.keys() and old.keys() - new.keys()
    assert counts(found) == (len(new.keys() - both), len(old.keys() - both), 0, changed, len(both) - changed)
    assert found.fields == {"image": changed}


def test_the_same_picture_twice_is_no_rename(skin, source):
    picture = sorted(folder(source, "TS_건선_정면").glob("*.png"))[0]
    content = picture.read_bytes()
    picture.unlink()
    put(picture.parent, "a.png", content)
    put(picture.parent, "b.png", content)
    mmdata.build(skin, source)
    assert counts(diff(skin)) == (2, 1, 0, 0, 35)


def test_columns_and_texts_of_answers(skin):
    answer(skin)
    release(skin)
    found = diff(skin)
    assert (found.columns_added, found.columns_removed, found.same) == (["describe"], [], False)
    assert counts(found) == (0, 0, 0, 0, 36) and "columns added: describe" in screen(found)

    def edited(row):
        return finding(row).replace("붉은 반점이", "홍반이") if row.split == "train" and row.number < 7 else None

    answer(skin, value=edited, made_by="rule")
    answer(skin, value=lambda row: "" if row.split == "test" and row.number == 11 else None, status="discarded")
    release(skin)
    found = diff(skin)
    assert (found.a, found.b, found.fields, counts(found)) == ("1.1.0", "1.2.0", {"describe": 8}, (0, 0, 0, 8, 28))
    assert len(found.texts["describe"]) == 5
    change = found.texts["describe"][0]
    assert (change.id, change.after) == (found.ids["changed"][0], change.before.replace("붉은 반점이", "홍반이"))
    assert [part for part in change.words() if part[0] != "same"] == [("removed", "붉은 반점이 "), ("added", "홍반이 ")]
    shown = screen(found)
    assert "describe: another text in 8 rows, the first:" in shown
    assert "얼굴 중앙에 [-붉은 반점이-] {+홍반이+} 보입니다." in shown
    assert diff(skin, "1.2.0", "1.0.0").columns_removed == ["describe"]


def test_a_text_gone_or_come_is_a_change(skin):
    answer(skin)
    release(skin)
    answer(skin, value=lambda row: "" if row.split == "test" and row.number == 11 else None, status="discarded")
    release(skin)
    [change] = diff(skin).texts["describe"]
    assert change.after is None and "(has no text)" in screen(diff(skin))
    [change] = diff(skin, "1.2.0", "1.1.0").texts["describe"]
    assert change.before is None and "(had no text)" in screen(diff(skin, "1.2.0", "1.1.0"))


def test_a_class_put_in_the_middle_moves_no_row(skin, source):
    labels = skin / "labels.yaml"
    text = labels.read_text(encoding="utf-8").replace("view:\n", "view:\n  위: {en: top}\n")
    labels.write_text(text, encoding="utf-8")
    mmdata.build(skin, source)
    found = diff(skin)
    assert counts(found) == (0, 0, 0, 0, 36) and found.columns_retyped == [] and found.labels == {}
    assert found.classes["view"]["위"] == {}


def test_a_field_of_another_type_is_said_and_not_compared(skin, source, monkeypatch):
    builder = skin / "builder.py"
    text = builder.read_text(encoding="utf-8").replace("schema = SkinLesion", "schema = Graded")
    place = text.index("class ", text.index("\nlogger") if "\nlogger" in text else 0)
    text = f"{text[:place]}class Graded(SkinLesion):\n    iga_grade: str | None = None\n\n\n{text[place:]}"
    builder.write_text(text, encoding="utf-8")
    mmdata.build(skin, source)
    found = diff(skin)
    assert found.columns_retyped == ["iga_grade"] and "iga_grade" not in found.fields
    assert "columns of another type, not compared: iga_grade" in screen(found)


def test_the_json_is_whole_and_says_the_same(skin, source):
    moved = sorted(folder(source, "TS_여드름_정면").glob("*.png"))[0]
    moved.rename(folder(source, "TS_주사_정면") / "moved.png")
    mmdata.build(skin, source)
    found = json.loads(as_json(diff(skin)))
    assert (found["format"], found["corpus"], found["a"], found["b"]) == (1, "skin", "1.0.0", "1.1.0")
    assert found["rows"] == {"unchanged": 35, "changed": 0, "renamed": 1, "added": 0, "removed": 0}
    assert found["labels"] == {"label": [{"from": "여드름", "to": "주사", "rows": 1}]}
    assert found["examples"]["renamed"] == [{"from": f"train/여드름/정면/{moved.stem}", "to": "train/주사/정면/moved"}]


def test_a_version_that_is_not_there_is_named_with_those_that_are(skin):
    with pytest.raises(ReleaseError, match=r"two releases are needed to compare. It has: 1\.0\.0"):
        diff(skin)
    with pytest.raises(ReleaseError, match=r"skin has no release '9\.0\.0'. It has: 1\.0\.0"):
        diff(skin, "1.0.0", "9.0.0")
    with pytest.raises(ReleaseError, match=r"no release '9\.0\.0'"):
        diff(skin, "9.0.0", "1.0.0")


def test_one_version_is_compared_with_its_neighbour(skin):
    answer(skin)
    release(skin)
    answer(skin, value=lambda row: "다른 글")
    release(skin)
    assert (diff(skin, "1.0.0").b, diff(skin, b="1.1.0").a) == ("1.2.0", "1.0.0")


def test_a_damaged_release_is_named(skin):
    answer(skin)
    release(skin)
    shard = next((skin / "data/1.0.0").glob("test-*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(
        ReleaseError, match=rf"1\.0\.0/{shard.name} is not as its manifest says: the release is damaged"
    ):
        diff(skin)


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("가 나 다", "가 라 다", [("same", "가 "), ("removed", "나 "), ("added", "라 "), ("same", "다")]),
        (None, "가 나", [("added", "가 나")]),
        ("가 나", None, [("removed", "가 나")]),
        ("가", "가", [("same", "가")]),
    ],
)
def test_words(before, after, parts):
    assert list(TextChange("", before, after).words()) == parts

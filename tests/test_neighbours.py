"""The checks by vectors: every pair against plain numpy, planted mistakes among clean pictures, and who may vote."""

import io
import itertools
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from kit import encoded, photo, put
from PIL import Image

import mmdata
from mmdata.checking import all_pairs, neighbours, seen
from mmdata.checking.all_pairs import compared
from mmdata.checking.neighbours import NO_INDEX, doubts
from mmdata.checking.rows import Whole
from mmdata.checking.seen import BUILTIN_COPY, NEAREST, index_of
from mmdata.corpus import Corpus
from mmdata.reading import Release
from mmdata.releases import Releases
from mmdata.searching.builtin import Builtin, alike
from mmdata.verbs.check import check

CLASSES = ("동그라미", "네모", "세모")
EACH, SESSION = 12, 3
NEAR = 0.9


def unit(vectors) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@given(seed=st.integers(0, 10_000), many=st.integers(1, 60), k=st.integers(1, 12), clumps=st.integers(1, 9))
def test_every_pair_as_plain_numpy_has_it(seed, many, k, clumps):
    r = np.random.default_rng(seed)
    vectors = unit(r.standard_normal((clumps, 8))[r.integers(0, clumps, many)] + 0.3 * r.standard_normal((many, 8)))
    places, group = r.permutation(many), r.integers(-1, 20, many).astype(np.int32)
    some, kind = r.random(many) < 0.8, r.integers(-1, 3, many).astype(np.int32)
    voters = [some, np.ones(many, bool), some]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(all_pairs, "ROWS", 7)
        patch.setattr(all_pairs, "COLUMNS", 16)
        told = []
        got = compared(
            vectors, places, k, NEAR, mates=[group], voters=voters, grave=[kind], tell=lambda *n: told.append(n)
        )
    cosines = vectors[places] @ vectors[places].T
    assume(np.abs(cosines - NEAR).min() > 1e-6)
    assert told[-1] == (many, many)
    assert len(got.nearest) == 3 and got.nearest[0] is got.nearest[2], "the same question is answered once"
    for one, (voting, nearest) in itertools.product(range(many), zip(voters, got.nearest, strict=True)):
        mates = (group == group[one]) & (group >= 0)
        may = [n for n in range(many) if n != one and voting[n] and not mates[n]]
        wanted = sorted((cosines[one, n] for n in may), reverse=True)[:k]
        near = [int(n) for n in nearest[one] if n >= 0]
        assert (
            set(near) <= set(may)
            and len({*near}) == len(near)
            and nearest[one, len(near) :].tolist() == [-1] * (k - len(near))
        )
        assert cosines[one, near] == pytest.approx(wanted, abs=1e-6), "sums of 32 bits differ by the order of adding"
    for one in range(many):
        before = [n for n in range(one) if cosines[one, n] >= NEAR]
        assert got.twins[one] == len(before)
        if before:
            grave = [n for n in before if kind[n] != kind[one] and min(kind[n], kind[one]) >= 0]
            best = max(cosines[one, n] for n in grave or before)
            assert got.twin[one] in (grave or before) and got.cosine[one] == pytest.approx(best, abs=1e-6)
            assert cosines[one, got.twin[one]] == pytest.approx(best, abs=1e-6)
        else:
            assert got.twin[one] == -1


def test_of_many_that_are_the_same_the_first_is_named():
    same = np.tile(unit(np.ones((1, 4))), (1200, 1))
    got = compared(same, np.arange(1200), 3, 0.9, voters=[np.ones(1200, bool)])
    assert got.twin.tolist() == [-1] + [0] * 1199 and got.twins.tolist() == list(range(1200))
    assert got.nearest[0][:2].tolist() == [[1, 2, 3], [0, 2, 3]]


def test_without_voters_only_twins_are_looked_for():
    got = compared(unit(np.ones((3, 4))), np.arange(3), 3, 0.9)
    assert got.nearest == [] and got.twin.tolist() == [-1, 0, 0]


def ring(first: list[int], rest: int) -> np.ndarray:
    """Labels of the ten nearest."""
    return np.array(first + [rest] * (NEAREST - len(first)))


def judged_by(own: int, nearest: np.ndarray, classes=(20, 20, 20), groups=()) -> int:
    """The class that one picture's nearest agree on, in a corpus whose other pictures agree with theirs; -1: no doubt."""
    labels = np.concatenate([[own], *(np.full(n, cls) for cls, n in enumerate(classes))]).astype(np.int32)
    start = {cls: int(np.flatnonzero(labels[1:] == cls)[0]) + 1 for cls in range(len(classes)) if classes[cls]}
    near = np.array([[start[max(cls, 0)] + n % classes[max(cls, 0)] for n in range(NEAREST)] for cls in labels])
    near[0] = [start[cls] + n for n, cls in enumerate(nearest)]
    return int(doubts(near.astype(np.int32), labels, groups).other[0])


def test_a_label_is_doubted_where_the_nearest_agree_on_another():
    assert judged_by(0, ring([], 1)) == 1
    assert judged_by(0, ring([0, 2, 2], 1)) == 1, "seven of ten, and one of its own"
    assert judged_by(0, ring([0, 0], 1)) == -1, "two have its label"
    assert judged_by(0, ring([2, 2, 2, 2], 1)) == -1, "six agree"
    assert judged_by(1, ring([], 1)) == -1
    assert judged_by(-1, ring([], 1)) == -1, "it has no label"
    assert judged_by(2, ring([], 1), classes=(20, 20, 9)) == -1, "there are not ten others that could be near"
    group = np.zeros(61, np.int32) - 1
    group[[0, *range(1, 13)]] = 7  # Twelve of the twenty others of its class do not vote.
    assert judged_by(0, ring([], 1), groups=[group]) == -1


def test_labels_that_do_not_fit_the_vectors_are_not_doubted_one_by_one():
    labels = np.array([0] * 20 + [1] * 20, np.int32)
    near = np.array([[n + at for n in range(NEAREST)] for at in [0] * 20 + [0] * 10 + [20] * 10], np.int32)
    made = doubts(near, labels, [])
    assert made.unsure == {0: (30, pytest.approx(2 / 3))} and (made.other == -1).all()
    assert made.judged.tolist() == [False] * 30 + [True] * 10


def picture(cls: str, seed) -> Image.Image:
    """Of one class as much alike as pictures of one thing."""
    return Image.blend(photo(cls, (96, 96)), photo(f"{cls} {seed}", (96, 96)), 0.4)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Three classes of pictures, some of them of a session; one mislabelled, one copied to test, one mirrored and mislabelled."""
    home = tmp_path_factory.mktemp("이웃")
    folder, source = mmdata.new("shapes", home), home / "source"
    labels = folder / "labels.yaml"
    labels.write_text(labels.read_text(encoding="utf-8") + "  세모: {en: triangle}\n", encoding="utf-8")
    builder = folder / "builder.py"
    text = builder.read_text(encoding="utf-8").replace("import Id,", "import Group, Id,")
    text = text.replace(
        "label: Annotated[str, Label()]",
        "label: Annotated[str, Label()]\n    session: Annotated[str | None, Group()] = None",
    )
    text = text.replace(
        '{"label": label}', '{"label": label, "session": file.stem.partition("_")[0] if "_" in file.stem else None}'
    )
    builder.write_text(text, encoding="utf-8")
    for cls in CLASSES:
        for n in range(EACH):
            put(source, f"train/{cls}/{n:02}.png", encoded(picture(cls, n)))
    put(source, "train/세모/틀림.png", encoded(picture("네모", "틀림")))
    put(source, "test/동그라미/복사.jpg", encoded(picture("동그라미", 3).resize((70, 70)), "JPEG", quality=50))
    mirror = picture("세모", 5).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    put(source, "train/네모/거울.png", encoded(mirror))
    for n in range(SESSION):  # With one mistake: they would believe each other.
        put(source, f"train/세모/모임_{n:02}.png", encoded(picture("동그라미", f"모임 {n}")))
    mmdata.build(folder, source)
    return folder


def test_without_an_index_one_note(shapes):
    (shapes / ".search").exists() and pytest.fail("built without an index")
    report = check(shapes)
    runs = {one.name: one for one in report.checks}
    assert runs["near duplicate"].could_not == runs["label outlier"].could_not == NO_INDEX
    left_out = {one.name: one.could_not for one in check(shapes, pictures=False).checks}
    assert left_out["label outlier"] == left_out["dark"]


def test_planted_mistakes_are_found_and_nothing_else(shapes, tmp_path):
    mmdata.index(shapes)
    page = tmp_path / "보고서.html"
    report = check(shapes, html=page)
    found = {name: [one for one in report.faults if one.check == name] for name in ("near duplicate", "label outlier")}
    wrong = {f"train/세모/모임_{n:02}" for n in range(SESSION)} | {"train/세모/틀림", "train/네모/거울"}
    assert {one.row_id for one in found["label outlier"]} == wrong
    told = next(one for one in found["label outlier"] if one.row_id == "train/세모/틀림")
    assert re.match(
        r"label is 세모, which none of the 10 nearest pictures has; \d+ have 네모, such as (train/네모/\d\d, ){2}",
        told.message,
    )
    assert "(builtin)" in told.message and told.level == "warning" and told.cls == "세모"
    copies = {one.row_id: one.message for one in found["near duplicate"]}
    assert copies.keys() <= {"train/세모/05", "train/네모/거울", "test/동그라미/복사"}
    mirrored = copies.get("train/세모/05") or copies["train/네모/거울"]
    assert "label is" in mirrored and "one is wrong" in mirrored
    leaks = [one for one in report.faults if one.check == "leak" and "복사.jpg" in one.message]
    assert len(leaks) + ("test/동그라미/복사" in copies) == 1, "the build says it, or this check: never both"
    runs = {one.name: one for one in report.checks}
    assert runs["near duplicate"].judged == 3 * EACH + 3 + SESSION
    for id in wrong:
        assert f'"{id}":' in page.read_text(encoding="utf-8"), "with a picture"
    listed = check(shapes, limit=1)
    assert next(one.row_id for one in listed.faults if one.check == "near duplicate") == next(iter(copies))
    assert next(one for one in listed.checks if one.name == "label outlier").found == len(wrong)


def test_too_many_pictures_are_not_held_against_each_other(shapes, monkeypatch):
    mmdata.index(shapes)
    monkeypatch.setattr(neighbours, "MOST", 41)
    monkeypatch.setattr(seen, "compared", lambda *_, **__: pytest.fail("they are"))
    could_not = {one.name: one.could_not for one in check(shapes).checks}
    assert could_not["near duplicate"] == could_not["label outlier"]
    assert re.match("42 pictures: at most 41 are held against each other. `mmdata search", could_not["label outlier"])


def test_pictures_without_a_label_do_not_vote_and_all_are_compared_once(shapes, monkeypatch):
    passes = []
    monkeypatch.setattr(seen, "compared", lambda *given, **more: passes.append(1) or compared(*given, **more))
    corpus = Corpus(shapes)
    newest = Releases(corpus).newest()
    some = seen.seen(Whole(corpus, Release(shapes, newest), 9), index_of(corpus, newest.build))
    names, classes = some.labels["label"]
    held_back = np.arange(len(classes)) % 3 == 0
    fewer = replace(some, labels={"label": (names, classes), "some": (names, np.where(held_back, -1, classes))})
    neighbours.near_duplicate(fewer)
    neighbours.label_outlier(fewer)
    assert passes == [1]
    asked = fewer.nearest("some")
    assert not held_back[asked[asked >= 0]].any() and held_back[fewer.nearest("label")].any()


def test_the_index_is_of_this_very_build_and_of_a_learned_model_sooner(shapes):
    corpus = Corpus(shapes)
    build = Releases(corpus).newest().build
    assert index_of(corpus, "another") is None
    mmdata.index(shapes)
    assert index_of(corpus, build).model.name == "builtin"
    learned = shapes / ".search" / "clip"
    learned.mkdir(exist_ok=True)
    for path in (shapes / ".search" / "builtin").iterdir():
        text = path.read_bytes().replace(b'"model":"builtin"', b'"model":"abcdefg"')  # As long, so still Parquet.
        (learned / path.name).write_bytes(text.replace(b'"name": "builtin"', b'"name": "abcdefg"'))
    (learned / "broken.parquet").write_bytes(b"PAR1")
    assert index_of(corpus, build).home == learned


def test_a_damaged_index_is_named_and_stops_nothing(shapes):
    home = shapes / ".search" / "builtin"
    shutil.rmtree(shapes / ".search")
    mmdata.index(shapes)
    for name in ("hashes.bin", "vectors.f32"):
        with (home / name).open("r+b") as file:
            held = file.read()
            file.write(held)
    (could_not,) = {one.could_not for one in check(shapes).checks if one.name in {"near duplicate", "label outlier"}}
    assert could_not.startswith("the index by builtin has two vectors") and ".search/builtin" in could_not
    shutil.rmtree(shapes / ".search")


def test_builtin_knows_copies_again():
    images = [photo(n, (128, 128)) for n in range(12)]
    vectors = Builtin().pictures(images)

    def jpeg(image):
        return Image.open(io.BytesIO(encoded(image.resize((64, 64)), "JPEG", quality=60))).convert("RGB")

    for change in (jpeg, lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)):
        near = alike(vectors, Builtin().pictures([change(image) for image in images]))
        assert np.diag(near).min() >= BUILTIN_COPY
        assert near[~np.eye(len(near), dtype=bool)].max() < BUILTIN_COPY

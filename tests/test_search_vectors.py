"""The file of vectors: append-only, whole after any cut; and the columns of entries."""

import errno
import itertools
import os
from datetime import date
from hashlib import sha256

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexes import unit

from mmdata import MmdataError
from mmdata.corpus import Corpus
from mmdata.searching.columns import AT_ONCE, Columns, unpacked
from mmdata.searching.facts import Column
from mmdata.searching.vectors import HASH, ModelNote, VectorFile, appending, home_of, homes, slug, written_to

MODEL = ModelNote(name="a/작은 model", revision="1", dimensions=3)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors") / "새 폴더"
    folder.mkdir()
    (folder / "builder.py").touch()
    return Corpus(folder)


def some(first: int, last: int):
    numbers = range(first, last)
    return [sha256(str(n).encode()).digest() for n in numbers], unit([[n, 0.5, -n] for n in numbers])


def held(corpus: Corpus):
    file = VectorFile(home_of(corpus, MODEL.name))
    return [row.tobytes() for row in file.hashes], file.vectors.tolist()


@settings(max_examples=60)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_cut_at_any_byte_both_files_hold_what_is_whole_in_both(corpus, sizes, data):
    home = home_of(corpus, MODEL.name)
    for path in home.glob("*"):
        path.unlink()
    many = sum(sizes)
    with appending(corpus, MODEL) as (file, why):
        assert why == ""
        for first, last in itertools.pairwise([0, *itertools.accumulate(sizes)]):
            file.append(*some(first, last))
            file.commit()
    assert held(corpus) == (some(0, many)[0], some(0, many)[1].tolist())
    left = []
    for name, each in (("vectors.f32", 12), ("hashes.bin", HASH)):
        size = data.draw(st.integers(0, many * each))
        with (home / name).open("r+b") as cut:
            cut.truncate(size)
        left.append(size // each)
    whole = min(left)
    assert held(corpus) == (some(0, whole)[0], some(0, whole)[1].tolist())
    with appending(corpus, MODEL) as (file, _):
        assert file.known() == set(some(0, whole)[0])
        file.append(*some(whole, many + 1))
    assert held(corpus) == (some(0, many + 1)[0], some(0, many + 1)[1].tolist())


def test_what_was_appended_is_kept_where_what_came_after_it_failed(corpus):
    model = MODEL.model_copy(update={"name": "failing"})
    with pytest.raises(ZeroDivisionError), appending(corpus, model) as (file, _):
        file.append(*some(0, 3))
        raise ZeroDivisionError
    assert VectorFile(home_of(corpus, "failing")).count == 3
    with appending(corpus, model) as (file, _), pytest.raises(ValueError, match="2 hashes, vectors of shape"):
        file.append(some(0, 2)[0], np.zeros((2, 4), np.float32))


@pytest.mark.parametrize("at", [1, 2])
def test_interrupted_while_it_is_put_on_the_disk_nothing_is_there_twice(corpus, monkeypatch, at):
    model, calls = MODEL.model_copy(update={"name": f"interrupted {at}"}), itertools.count(1)
    with appending(corpus, model):
        pass

    def fsync(_):
        if next(calls) == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as slow, appending(corpus, model) as (file, _):
        slow.setattr("os.fsync", fsync)
        file.append(*some(0, 3))
        file.commit()
    with appending(corpus, model) as (file, _):
        file.append(*some(len(file.known()), 5))
    file = VectorFile(home_of(corpus, model.name))
    assert (file.hashes.tobytes(), file.vectors.tolist()) == (b"".join(some(0, 5)[0]), some(0, 5)[1].tolist())
    numbers = file.numbers(pl.Series([some(n, n + 1)[0][0].hex() for n in (4, 9, 0, 4)]))
    assert numbers.to_list() == [4, None, 0, 4]


def test_another_revision_or_a_broken_note_begins_anew_and_says_why(corpus):
    model = MODEL.model_copy(update={"name": "changing"})
    home = home_of(corpus, "changing")
    with appending(corpus, model) as (file, _):
        file.append(*some(0, 3))
    (home / "1.0.0.parquet").touch()
    with appending(corpus, model.model_copy(update={"revision": "2"})) as (file, why):
        assert file.count == 0 and "made by changing 1; it is 2 now" in why
    assert {path.name for path in home.iterdir()} == {".lock", "model.json", "vectors.f32", "hashes.bin"}
    for broken in ("{", (home / "model.json").read_text().replace("3", "0")):
        (home / "model.json").write_text(broken)
        with pytest.raises(
            MmdataError, match=r"damaged: model\.json cannot be read.*`mmdata index '/.*' --model NAME`"
        ):
            VectorFile(home)
        with appending(corpus, model) as (_, why):
            assert "cannot be read" in why
    assert home in homes(corpus)


def test_damaged_vectors_are_dropped_and_it_is_said_why(corpus):
    model, count = MODEL.model_copy(update={"name": "damaged"}), 9000
    home = home_of(corpus, "damaged")
    hashes, vectors = some(0, count)
    for where, what in ((5000, b"\0" * 12), (8999, b"\xff" * 12), (7, b"\0\0\0\x7f" * 3)):
        with appending(corpus, model) as (file, _):
            file.append(hashes[file.count :], vectors[file.count :])
        with appending(corpus, model) as (file, why):
            assert (file.count, why) == (count, "")
        with (home / "vectors.f32").open("r+b") as file:
            file.seek(12 * where)
            file.write(what)
        with appending(corpus, model) as (file, why):
            assert file.count == 0 and "not of length 1" in why
            file.append(hashes, vectors)
    (home / "hashes.bin").write_bytes(b"".join([*hashes[:-1], hashes[0]]))
    with appending(corpus, model) as (file, why):
        assert file.count == 0 and "names a picture twice" in why
    with appending(corpus, model.model_copy(update={"dimensions": 4})) as (_, why):
        assert "told of damaged with 3 numbers a vector, where damaged gives 4" in why


def test_a_full_disk_is_told_with_the_place_and_the_next_step(corpus, monkeypatch):
    model = MODEL.model_copy(update={"name": "full"})

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    says = r"full: cannot be written: No space left on device\. What is embedded is kept\. Free some disk space and run the"
    with pytest.raises(MmdataError, match=says), appending(corpus, model) as (file, _):
        file.append(*some(0, 3))
        monkeypatch.setattr("os.fsync", full)
    arrow = "Error writing bytes to file. Detail: [errno 28] No space left on device"
    with pytest.raises(MmdataError, match=says), written_to(home_of(corpus, "full")):
        raise OSError(arrow)


def test_a_model_s_folder_is_named_after_it():
    assert slug("google/siglip2-base-patch16-224") == "google--siglip2-base-patch16-224"
    assert slug("builtin") == "builtin"
    assert slug("/models/내 모델") != slug("/other/내 모델")
    assert slug("/models/내 모델").startswith("내--모델-")
    assert slug("../../x") == "--..--x" and "/" not in slug("a/" * 50) and len(slug("가/" * 200).encode()) < 120


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abc"),
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(exclude_categories=["Cs"])) | st.lists(st.text("가b")) | st.just({"x": [1, None]}),
        ),
        max_size=8,
    )
)  # fmt: skip
def test_values_come_out_as_they_went_in(rows):
    noted = Columns()
    for row in rows:
        noted.add(row)
    columns, table = noted.table()
    out = unpacked(table.to_pylist(), columns) if columns else []
    for row, found in zip(rows, out, strict=False):
        for column in columns:
            assert found[column.name] == row.get(column.name)


def test_kinds_are_those_of_all_values_together():
    noted = Columns()
    for n in range(AT_ONCE + 2):
        late = n >= AT_ONCE
        noted.add(
            {
                "number": 1.5 if late else 1, "mixed": "a" if late else 1, "none": None, "day": date(2026, 1, 2),
                "nan": float("nan") if late else 2.0, "bytes": b"ab",
            }
            | ({"new": True} if late else {"old": ["가"]})
        )  # fmt: skip
    columns, table = noted.table()
    assert columns == [
        Column(name="number", kind="real"), Column(name="mixed", kind="other"), Column(name="none", kind="text"),
        Column(name="day", kind="text"), Column(name="nan", kind="real"), Column(name="bytes", kind="text"),
        Column(name="old", kind="texts"), Column(name="new", kind="flag"),
    ]  # fmt: skip
    first, last = (unpacked(table.slice(n, 1).to_pylist(), columns)[0] for n in (0, AT_ONCE + 1))
    assert first == {
        "number": 1.0, "mixed": 1, "none": None, "day": "2026-01-02", "nan": 2.0, "bytes": "YWI=", "old": ["가"], "new": None,
    }  # fmt: skip
    assert (last["mixed"], last["nan"], last["old"], last["new"]) == ("a", None, None, True)


@pytest.mark.parametrize("between", [0, AT_ONCE])
@pytest.mark.parametrize("large", [2**53 + 1, -(2**53) - 1])
def test_a_whole_number_that_no_fraction_is_beside_is_kept_as_it_is(between, large):
    noted = Columns()
    for value in [large, *[None] * between, 1.5]:
        noted.add({"number": value})
    columns, table = noted.table()
    assert columns == [Column(name="number", kind="other")]
    found = [row["number"] for row in unpacked(table.to_pylist(), columns)]
    assert (found[0], found[-1]) == (large, 1.5)

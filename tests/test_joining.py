"""Which published row a row here is, by its pictures; by id and labels where several have them."""

from dataclasses import replace

from answering import answer, newest
from hypothesis import given
from hypothesis import strategies as st

import mmdata
from mmdata.annotation.joining import PublishedRows, Theirs, differing, rows_with_pictures, same_row
from mmdata.reading import Row


def row(id: str, label: str) -> Row:
    return Row("train", 0, id, "", {"label": label}, {})


def one(number: int, id: str, label: str, said: str) -> Theirs:
    return Theirs(number, id, {"label": label}, {"describe": said})


def test_rows_that_share_their_pictures_are_told_apart():
    a, b, c = one(0, "a", "건선", "x"), one(1, "b", "정상", "y"), one(2, "c", "정상", "y")
    assert same_row(row("z", "주사"), [a]) == a  # There is no other.
    assert same_row(row("b", "건선"), [a, b, c]) == b
    assert same_row(row("z", "건선"), [a, b, c]) == a
    assert same_row(row("z", "정상"), [a, b, c]) == b  # c would do as well.
    assert same_row(row("z", "주사"), [a, b, c]) is None
    assert same_row(row("z", "정상"), [a, b, one(2, "c", "정상", "other")]) is None
    assert same_row(row("z", "정상"), []) is None


WORDS = st.sampled_from("abc")


@given(WORDS, WORDS, st.lists(st.tuples(WORDS, WORDS, WORDS), unique_by=lambda told: told[0]))
def test_a_row_gets_an_answer_only_if_no_other_could_be_meant(id, label, told):
    candidates = [one(n, *line) for n, line in enumerate(told)]
    found = same_row(row(id, label), candidates)
    assert found is None or found in candidates
    if any(theirs.id == id for theirs in candidates):
        assert found.id == id
    elif len({(theirs.labels["label"], theirs.answers["describe"]) for theirs in candidates}) == 1:
        assert found == candidates[0]
    elif found:
        alike = [theirs for theirs in candidates if not differing(row(id, label), theirs)]
        assert {theirs.answers["describe"] for theirs in alike} == {found.answers["describe"]}
    assert same_row(row(id, label), candidates[::-1]) == found or found.id != id


def test_rows_are_found_again_on_disk(built_skin, tmp_path, monkeypatch):
    answer(built_skin, value=lambda row: row.values["label"] if row.number else None)
    mmdata.release(built_skin)
    release = newest(built_skin)
    own = list(rows_with_pictures(release, ["label", "view"]))
    with PublishedRows(tmp_path / "each", release, ["describe"]) as rows:
        found = rows.matching(own[:-1])
        assert [theirs.id for theirs in found] == [row.id for row, _ in own[:-1]]
        assert [theirs.labels["label"] for theirs in found] == [row.values["label"] for row, _ in own[:-1]]
        assert found[0].answers == {} and rows.not_here() == 1
        assert rows.matching([(own[0][0], [("image", "0" * 64)]), (own[0][0], [])]) == [None, None]

    monkeypatch.setattr("mmdata.annotation.joining._pictures", lambda release: 36 * [[("image", "blank")]])
    blank = [("image", "blank")]
    with PublishedRows(tmp_path / "blank", release, ["describe"]) as rows:
        last = own[-1][0]
        [named, alike, neither] = rows.matching(
            [(last, blank), (replace(last, id="new"), blank), (row("new", "?"), blank)]
        )
        assert (named.id, alike.answers, neither) == (last.id, {"describe": last.values["label"]}, None)
        assert rows.not_here() == 0

    monkeypatch.setattr("mmdata.annotation.joining._pictures", lambda release: [[] for _ in range(36)])
    with PublishedRows(tmp_path / "none", release, ["describe"]) as rows:
        [named, other] = rows.matching([(last, []), (replace(last, id="new"), [])])
        assert (named.id, other, rows.not_here()) == (last.id, None, 35)

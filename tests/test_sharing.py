"""What all rows of a build have in common, and what a change of it changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdata.builder import Item
from mmdata.errors import CorpusError
from mmdata.plan import values_digest
from mmdata.sharing import Shared


@given(st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=4), max_size=5), max_size=3))
def test_what_is_shared_is_read_elsewhere_as_it_was(tmp_path_factory, lists):
    folder = tmp_path_factory.mktemp("공유") / "shared"
    here = Shared(folder)
    for name, values in lists.items():
        here.put(name, values)
    there = Shared(folder)
    assert {name: there.get(name) for name in lists} == lists
    assert here.digest() == there.digest() and bool(lists) == bool(there.digest())
    for name in lists:
        assert there.get(name) is there.get(name)


def test_a_changed_list_changes_the_digest(tmp_path):
    digests = set()
    for number, values in enumerate((["a", "b"], ["ab"], ["b", "a"], [])):
        shared = Shared(tmp_path / str(number))
        shared.put("answers", values)
        digests.add(shared.digest())
    assert len(digests) == 4


@pytest.mark.parametrize("folder", [None, "shared"])
def test_what_nobody_shared_is_said(tmp_path, folder):
    shared = Shared(tmp_path / folder if folder else None)
    shared.put("answers", ["yes"])
    assert shared.get("answers") == ["yes"]
    with pytest.raises(CorpusError, match="asks for what is shared as 'questions', but items"):
        shared.get("questions")


def test_the_digest_of_values_tells_them_apart_and_not_their_order():
    values = [{"a": 1}, {"a": "1"}, {"a": b"1"}, {"a": [1]}, {"b": 1}, {"a": 1, "b": None}, {"a": {"b": 1}}, {}]
    assert len({values_digest(value) for value in values}) == len(values)
    assert values_digest({"a": 1, "b": b"x"}) == values_digest({"b": b"x", "a": 1})


def test_an_item_without_files_is_placed_by_its_record():
    assert Item("1", "train", {}, {}, "metadata.jsonl:17").place == "metadata.jsonl:17"
    assert Item("1", "train").place == "1"

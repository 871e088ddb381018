"""A large JSON document, a part at a time."""

import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdata import json_parts
from mmdata.json_parts import JsonFault, parts

TEXT = st.text('ab"\\[]{},:가 \n', max_size=6)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=25,
)
WAYS = st.fixed_dictionaries(
    {
        "ensure_ascii": st.booleans(),
        "indent": st.sampled_from([None, 1]),
        "separators": st.sampled_from([None, (",", ":")]),
    }
)


def told(raw: bytes, each=("data.rows",)) -> list:
    return [(path, json.loads(part)) for path, part in parts(io.BytesIO(raw), each)]


@pytest.fixture(params=[1, 7, 4 << 20])
def window(request, monkeypatch):
    monkeypatch.setattr(json_parts, "READ_BYTES", request.param)


@given(rows=st.lists(VALUE, max_size=4), before=VALUE, after=VALUE, way=WAYS, size=st.sampled_from([1, 3, 50, 10_000]))
def test_every_part_comes_once_in_order_whatever_the_window(rows, before, after, way, size):
    raw = json.dumps({"x": before, "data": {"y": after, "rows": rows, "z": before}, "w": 1}, **way).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_parts, "READ_BYTES", size)
        assert told(raw) == [
            ("x", before),
            ("data.y", after),
            *(("data.rows", row) for row in rows),
            ("data.z", before),
            ("w", 1),
        ]


def test_deep_values_and_a_byte_order_mark_are_read(window):
    deep = json.loads("[" * 50 + '"]"' + "]" * 50)
    raw = b"\xef\xbb\xbf" + json.dumps({"data": {"rows": [deep, deep]}, "deep": deep}).encode()
    assert told(raw) == [("data.rows", deep), ("data.rows", deep), ("deep", deep)]


def test_an_array_that_is_none_comes_whole(window):
    assert told(b'{"data": {"rows": {"a": 1}}, "data.rows": [2]}') == [("data.rows", {"a": 1}), ("data.rows", 2)]
    assert told(b'{"data": [1, 2]}') == [("data", [1, 2])]
    assert told(b" { } ") == []


GOOD = b'{"v": 1.0, "data": {"rows": [{"a": [1, "x"]}, {"a": []}]}, "s": "t"}'


@given(st.integers(0, len(GOOD) - 1))
def test_a_cut_document_is_never_taken_for_a_whole_one(length):
    with pytest.raises(JsonFault, match=r"^byte \d+: (the file ends|no JSON object)"):
        told(GOOD[:length])


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"[1, 2]", "byte 0: no JSON object begins here"),
        (b"<html>", "byte 0: no JSON object begins here"),
        (b'{"a": 1} {', "byte 9: the document ends here, but the file goes on"),
        (b'{"a" 1}', "byte 5: '1}' where ':' should be"),
        (b'{"a": 1 "b": 2}', "byte 8: '\"b\": 2}' where ',' should be"),
        (b"{a: 1}", "byte 1: 'a: 1}' where a name in double quotes should be"),
        (b'{"a": }', "byte 6: '}' where a value should be"),
        (b'{"data": {"rows": [1, ]}}', "byte 22: ']}}' where a value should be"),
        (b'{"data": {"rows": [1 2]}}', "byte 21: '2]}}' where ',' should be"),
        (b'{"a": %}', "byte 6: '%}' where a value should be"),
    ],
)
def test_what_is_no_json_is_placed(window, raw, words):
    with pytest.raises(JsonFault) as error:
        told(raw)
    assert str(error.value) == words


def test_a_bracket_that_is_never_closed_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(json_parts, "LARGEST", 1 << 20)
    with pytest.raises(JsonFault, match=r"byte 19: this value is over 1 MiB: a bracket or a quote may never be closed"):
        told(b'{"data": {"rows": [[' + b'"a", ' * 500_000)


def test_a_large_document_is_gone_through_in_little_memory(tmp_path):
    row = json.dumps({"n": list(range(2000))}).encode()
    with (tmp_path / "large.json").open("wb") as out:
        out.write(b'{"data": {"rows": [' + b", ".join([row] * 4000) + b"]}}")
    assert (tmp_path / "large.json").stat().st_size > 40_000_000
    tracemalloc.start()
    try:
        with (tmp_path / "large.json").open("rb") as opened:
            assert sum(part == row for _, part in parts(opened, ["data.rows"])) == 4000
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()

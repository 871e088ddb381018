"""fashion: CSV as shops and Excel write it; a broken line costs itself alone."""

import csv
import io

import pytest
from fashion_files import FOLDER, builder_of, item, made, read, refused, source, table
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdata.corpus import Corpus

TABLES = Corpus(FOLDER).module("tables")


def records(content: bytes) -> list[tuple[int, object]]:
    return list(TABLES.records(lambda: io.BytesIO(content)))


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    return builder_of(tmp_path_factory.mktemp("cache"))


# CSV


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_an_encoding_is_found_by_what_is_in_the_file(builder, encoding):
    lines = [item(n, color="똠방각하 블랙") for n in range(3)]
    files = source(*lines) | {"의류.csv": table(*lines, encoding=encoding)}
    assert made(builder, files) == made(builder, source(*lines)) and len(made(builder, files)) == 3


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_a_line_of_another_encoding_is_rejected_alone(builder, encoding):
    other = {"utf-8": "cp949", "cp949": "utf-8"}[encoding]
    whole = table(*(item(n) for n in range(6)), encoding=encoding)
    broken = table(item(7, goods_name="흰색 옷"), encoding=other).split(b"\r\n", 1)[1]
    files = source(*(item(n) for n in range(8))) | {"의류.csv": whole + broken}
    why = refused(builder, files)
    assert list(why) == ["의류.csv:8"] and f"it is not {encoding.upper()}" in why["의류.csv:8"].reason
    assert len(made(builder, files)) == 6


@given(
    st.lists(st.text("ab,한", max_size=5).map(lambda t: f"{t},z"), max_size=8),
    st.binary(max_size=40),
    st.integers(0, 8),
)
@settings(max_examples=80)
def test_a_broken_line_costs_itself_alone(lines, garbage, at):
    """Where it stands hangs on no line but itself: a quote that is never closed does not swallow the file."""
    garbage = garbage.replace(b"\n", b"").replace(b"\r", b"")
    good = [line.encode() for line in lines]
    content = b"\n".join([b"a,b", *good[:at], garbage, *good[at:]]) + b"\n"
    found = dict(records(content))
    width_two = {n for n, line in enumerate(lines, 2) if line.count(",") == 1}
    moved = {n if n < at + 2 else n + 1 for n in width_two}
    read = {n for n, fields in found.items() if isinstance(fields, list) and n > 1}
    # What begins with a quote may be closed by the next: then it is one value over two lines, as CSV has it.
    assert moved - read == set() or b'"' in garbage
    assert moved - read <= {at + 2}
    for number, fields in found.items():
        if number in moved:
            assert fields == content.split(b"\n")[number - 1].decode().split(",")


@given(st.binary(max_size=300))
@settings(max_examples=80)
def test_no_bytes_are_more_than_broken_lines(content):
    numbers = [number for number, _ in records(content)]
    assert numbers == sorted(set(numbers)) and len(numbers) <= content.count(b"\n") + 1


def test_values_may_hold_commas_quotes_and_lines():
    name = '12" 힐,\r\n"한정판"'
    out = io.StringIO()
    csv.writer(out).writerows([["a", "b"], ["1", name], ["2", "x"]])
    assert records(out.getvalue().encode()) == [(1, ["a", "b"]), (2, ["1", name]), (4, ["2", "x"])]


@pytest.mark.parametrize(("separator", "ending"), [(";", "csv"), ("\t", "csv"), ("\t", "TSV")])
def test_semicolons_and_tabs_are_read_too(builder, separator, ending):
    line = item(1, season="봄, 가을", goods_name="a;b\tc", price="39,000")
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows(csv.reader(io.StringIO(table(line).decode("utf-8-sig"))))
    files = source(line)
    plain = made(builder, files)
    del files["의류.csv"]
    assert made(builder, files | {f"의류.{ending}": out.getvalue().encode()}) == plain and len(plain) == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1,2,3", "it has 3 values, the header names 18; a comma in a value wants quotes around it"),
        (",".join(["x"] * 19), "it has 19 values"),
        ('"never closed', "',' expected after '\"'"),
    ],
)
def test_a_broken_line_is_a_rejected_row_with_its_place(builder, line, words):
    files = source(item(1), line, item(2))
    why = refused(builder, files)
    assert (
        list(why) == ["의류.csv:3"] and words in why["의류.csv:3"].reason and "의류.csv:3" in why["의류.csv:3"].reason
    )
    assert made(builder, files).keys() == {"1/봄", "2/봄"}


@pytest.mark.parametrize(
    ("content", "level", "words"),
    [
        (b"", "error", "its first line is no header: it is empty"),
        (b"\x00\xff\xfe", "error", "its first line is no header: it is not UTF-8"),
        (b"filename,link\n1.jpg,http://x\n", "warning", "its columns are filename, link; a catalogue has season, "),
        (b"sub_category,season,image_id,fit\n", "error", "but no main_category"),
        (b"sub_category,season,image_id,season\n", "error", "it has the column 'season' twice"),
        (b"Sub_Category|Season|image_id\n", "error", "separated by commas, semicolons or tabs"),
        (
            b"sub_category;season;brand\n",
            "error",
            "sub_category, season, brand; a catalogue has season, sub_category and one of",
        ),
        (b"id\tseason\n", "error", "styles.csv has articleType, id, masterCategory, season"),
    ],
)
def test_a_csv_that_is_no_catalogue_is_left_out_and_said(builder, content, level, words):
    """An error, if it was surely meant as one: a catalogue does not disappear unseen."""
    files = source(item(1), **{"딴것.tsv": content})
    _, findings = read(builder, files)
    ((found, text),) = [(f.level, f.message) for f in findings if f.check == "no catalogue"]
    assert found == level and text.startswith("딴것.tsv is left out: ") and words in text
    assert made(builder, files).keys() == {"1/봄"}

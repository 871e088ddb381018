"""`fetch --urls`: pictures that a column of a catalogue names."""

import csv
import json

import pytest
from fetch_server import Fault
from fetching import listed_in, listing, tree
from kit import encoded, photo

from mmdata.errors import SourceError
from mmdata.fetching.columns import read_column
from mmdata.verbs.fetch import as_screen, fetch

pytestmark = pytest.mark.usefixtures("quick")
PICTURE = encoded(photo(1))


def catalogue(corpus, site, kind="csv"):
    rows = [f"{site.url}/{n % 4}?w=1" for n in range(6)] + ["", None, "//cdn/x.jpg", "n/a", f"{site.url}/gone"]
    path = corpus.parent / f"상품.{kind}"
    if kind == "csv":
        with path.open("w", encoding="cp949", newline="") as out:
            csv.writer(out).writerows([["번호", "thumbnail_url"], *([n, row or ""] for n, row in enumerate(rows))])
    elif kind == "jsonl":
        path.write_text("".join(json.dumps({"번호": n, "thumbnail_url": row}) + "\n" for n, row in enumerate(rows)))
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"thumbnail_url": rows}), path)
    return f"{path}:thumbnail_url"


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_pictures_of_a_column_are_named_by_us_and_found_by_url(corpus, site, kind):
    kinds = ["PNG", "JPEG", "WEBP"]
    site.files = {f"/{n}": encoded(photo(n), k) for n, k in enumerate(kinds)} | {"/3": b"GIF89a, so to say"}
    site.always["/0"] = Fault("evil name")
    done = fetch(corpus, urls=catalogue(corpus, site, kind))
    assert (done.fetched, len(site.asked)) == (3, 6), "each URL once, a broken picture twice"
    assert sorted(failure.kind for failure in done.failures) == ["bad url", "bad url", "http 404", "not an image"]
    assert all("상품." in f.place and any(c.isdigit() for c in f.place) for f in done.failures)
    with (corpus / "source/fetched.csv").open(encoding="utf-8", newline="") as file:
        found = {row["url"]: row["file"] for row in csv.DictReader(file)}
    for n, ending in enumerate([".png", ".jpg", ".webp"]):
        file = found[f"{site.url}/{n}?w=1"]
        assert file.startswith("pictures/") and file.endswith(ending)
        assert (corpus / "source" / file).read_bytes() == site.files[f"/{n}"]
    assert not list(corpus.parent.rglob("evil*"))
    site.asked.clear()
    again = fetch(corpus, urls=catalogue(corpus, site, kind))
    assert again.here == 3 and {path for path, _ in site.asked} == {"/3?w=1", "/gone"}
    assert len(listed_in(corpus)) == 4, "a value that is no URL is listed once, however often it was read"
    listing(corpus, site, "gone")
    fetch(corpus)
    assert len(listed_in(corpus)) == 5, "of the other list nothing is said"


@pytest.mark.parametrize("cut", [50, -9], ids=["in the URL", "in the hash"])
def test_a_picture_that_lost_its_line_is_not_asked_for_again(corpus, site, cut):
    site.files = {f"/{n}": PICTURE for n in range(4)}
    urls = catalogue(corpus, site)
    fetch(corpus, urls=urls)
    ledger = corpus / "source/.fetch/ledger.csv"
    lines = ledger.read_text().splitlines(keepends=True)
    seen = (corpus / "source/fetched.csv").read_text()
    assert [line.rpartition(",")[0] for line in lines] == seen.splitlines()
    ledger.write_text("".join(lines[:3]) + lines[3][:cut])
    site.asked.clear()
    assert fetch(corpus, urls=urls).here == 4
    assert [path for path, _ in site.asked] == ["/gone"]
    assert ledger.read_text().splitlines(keepends=True) == lines


def test_a_signature_is_no_part_of_a_pictures_name(corpus, site):
    """Unless two rows would be one picture by it."""

    def brought(*queries):
        rows = "".join(f"{site.url.replace('//', '//user:geheim@')}/{query}\n" for query in queries)
        (corpus / "목록 표.csv").write_text(f"이미지:주소\n{rows}")
        site.asked.clear()
        done = fetch(corpus, urls=f"{corpus}/목록 표.csv:이미지:주소")
        return done.here, done.fetched

    site.files = {"/a": PICTURE, "/b": PICTURE}
    assert brought("a?w=1&X-Amz-Signature=geheim", "b?token=geheim", "b?token=geheim2") == (0, 3)
    assert brought("a?w=1&X-Amz-Signature=another", "b?token=geheim2", "b?token=geheim") == (3, 0)
    assert brought("a?w=2&X-Amz-Signature=another", "b?token=geheim") == (0, 2)
    kept = [content for name, content in tree(corpus / "source").items() if not name.startswith("pictures/")]
    assert f"{site.url}/a?w=1,pictures/".encode() in b"".join(kept) and b"geheim" not in b"".join(kept)
    assert "nothing fetched" in str(
        as_screen(
            fetch(corpus, urls=f"{corpus}/목록 표.csv:이미지:주소", into=corpus / "there", max_bytes=9)
        ).renderables[0]
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv:url", "a,b\n1,2\n", "no column 'url'. Columns: a, b"),
        ("a.jsonl:url", '{"a": 1}\n', "no column 'url'. Columns: a"),
        ("a.jsonl:url", '{"a": 1\n', "line 1: not readable as JSON"),
        ("a.parquet:url", "PAR1", "no parquet file"),
        ("a.xlsx:url", "", "FILE:COLUMN is wanted"),
        ("a.csv", "", "FILE:COLUMN is wanted"),
        ("b.csv:url", None, "No such file"),
        ("b.csv:a:url", None, "b.csv: cannot be read: No such file"),
    ],
)
def test_a_column_that_cannot_be_read_is_said(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name.partition(":")[0]).write_text(content)
    with pytest.raises(SourceError, match=said):
        read_column(f"{tmp_path}/{name}")

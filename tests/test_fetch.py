"""`fetch` brings what there is, says of the rest why not, and asks for nothing twice."""

import csv
import json
import random
import unicodedata

import pytest
import yaml
from fetch_server import Fault
from fetching import faults, listing, sha256
from kit import encoded, photo

from mmdata.corpus import HOME
from mmdata.errors import CorpusError, SourceError
from mmdata.fetching import hosts, running
from mmdata.fetching.columns import read_column
from mmdata.fetching.sources_file import read_sources
from mmdata.listing import Listing
from mmdata.lock import locked
from mmdata.sources import open_source
from mmdata.verbs.fetch import as_json, as_screen, fetch

pytestmark = pytest.mark.usefixtures("quick")
DATA = random.Random(0).randbytes(200_000)
PICTURE = encoded(photo(1))


def test_files_come_once_and_are_not_asked_for_again(corpus, site):
    site.files = {"/가 나.bin": DATA, "/b.json": b'{"a": 1}\n'}
    entries = [
        {"url": f"{site.url}/가 나.bin", "name": "자료/a.bin", "bytes": len(DATA), "sha256": sha256(DATA)},
        {"url": f"{site.url}/b.json", "name": "b.json"},
    ]
    (corpus / "sources.yaml").write_text(yaml.safe_dump(entries, allow_unicode=True))
    site.files = {"/%EA%B0%80%20%EB%82%98.bin": DATA, "/b.json": b'{"a": 1}\n'}
    done = fetch(corpus)
    assert (done.fetched, done.here, done.failures) == (2, 0, [])
    assert (corpus / "source/자료/a.bin").read_bytes() == DATA
    assert (corpus / "source/b.json").read_bytes() == b'{"a": 1}\n'
    before = (corpus / "source/fetched.csv").read_bytes()
    site.asked.clear()
    done = fetch(corpus)
    assert (done.fetched, done.here, site.asked) == (0, 2, [])
    assert (corpus / "source/fetched.csv").read_bytes() == before
    assert (corpus / "source/.gitignore").read_text() == "*\n"
    assert not (corpus / "source/failures.jsonl").exists()


def test_what_is_half_done_is_no_part_of_a_source(corpus, site, tmp_path):
    import sqlite3

    site.files["/a.bin"] = DATA
    listing(corpus, site, "a.bin")
    fetch(corpus)
    files = Listing.of(open_source(corpus / "source"), sqlite3.connect(":memory:")).files()
    assert {file.path for file in files} == {".gitignore", "a.bin", "fetched.csv"}


def test_split_and_only_choose(corpus, site):
    site.files = {"/a": DATA, "/b": DATA, "/c": DATA}
    entries = [
        {"url": f"{site.url}/{n}", "name": n} | ({"split": s} if s else {})
        for n, s in zip("abc", ["train", "val", None])
    ]
    (corpus / "sources.yaml").write_text(yaml.safe_dump(entries))
    assert fetch(corpus, split="train").fetched == 2
    assert not (corpus / "source/b").exists()
    assert fetch(corpus, only=["b", "[c]"]).fetched == 1
    with pytest.raises(CorpusError, match=r"'test'\. Splits: train, val"):
        fetch(corpus, split="test")
    with pytest.raises(CorpusError, match=r"'\*.zip'. Files: a, b, c"):
        fetch(corpus, only=["*.zip"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a list of files is wanted"),
        ("- {url: 'http://h/a', name: ../a}", "leads out of its folder"),
        ("- {url: 'http://h/a', name: /etc/a}", "absolute"),
        ("- {url: 'http://h/a', name: .fetch/a}", "kept for mmdata"),
        ("- {url: 'http://h/a', name: fetched.csv}", "kept for mmdata"),
        ("- {url: 'ftp://h/a', name: a}", "http:// or https:// is wanted"),
        ("- {url: 'file:///etc/passwd', name: a}", "http:// or https:// is wanted"),
        ("- {url: 'http://h/a', name: a, sha: 1}", "sha: Extra inputs"),
        ("- {url: 'http://h/a', name: a, bytes: '3'}", "bytes: Input should be a valid integer"),
        ("- {url: 'http://h/a', name: a, sha256: abc}", "sha256: String should match"),
        ("- {url: 'http://h/a', name: A.bin}\n- {url: 'http://h/b', name: a.bin}", "would be one place"),
        ("- {url: 'http://h/a', name: a.zip}\n- {url: 'http://h/b', name: a.tar.gz}", "would be one place"),
        ("- {url: 'http://h/a', name: a.bin, unpack: true}", "ends in none of .zip"),
    ],
)
def test_a_mistake_in_sources_yaml_is_named(corpus, text, said):
    (corpus / "sources.yaml").write_text(text)
    with pytest.raises(CorpusError, match=said):
        fetch(corpus)
    assert not (corpus / "source").exists()


@pytest.mark.parametrize("path", sorted(HOME.glob("*/sources.yaml")), ids=lambda path: path.parent.name)
def test_the_lists_that_ship_can_be_read(path):
    listed = read_sources(path.parent)
    for one in listed:
        assert one.sha256 or one.url.startswith("https://"), f"{one.name}: http without a hash is anybody's"


def test_without_sources_yaml_it_says_what_that_is(corpus):
    with pytest.raises(CorpusError, match="lists what to fetch"):
        fetch(corpus)


def test_failures_are_listed_without_secrets(corpus, site, capsys):
    site.files = {"/ok": DATA}
    address = site.url.replace("http://", "http://user:geheim@")
    entries = [
        {"url": f"{address}/none.zip?signature=geheim", "name": "none.zip"},
        {"url": f"{site.url}/ok?signature=geheim", "name": "ok"},
    ]
    site.always["/forbidden"] = Fault("status", status=403)
    entries.append({"url": f"{site.url}/forbidden?signature=geheim", "name": "forbidden"})
    (corpus / "sources.yaml").write_text(yaml.safe_dump(entries))
    done = fetch(corpus)
    assert faults(done) == {"none.zip": "http 404", "forbidden": "http 403"}
    assert len(site.asked) == 3, "no second try"
    lines = [json.loads(line) for line in (corpus / "source/failures.jsonl").read_text().splitlines()]
    assert {line["place"] for line in lines} == {"sources.yaml: none.zip", "sources.yaml: forbidden"}
    from rich.console import Console

    Console(width=200).print(as_screen(done))
    shown = capsys.readouterr().out + as_json(done) + (corpus / "source/failures.jsonl").read_text()
    assert "404" in shown and "geheim" not in shown
    site.always.clear()
    site.files["/forbidden"] = site.files["/none.zip"] = DATA
    assert faults(fetch(corpus)) == {"none.zip": "broken archive"}
    assert (corpus / "source/forbidden").read_bytes() == DATA


def test_a_file_put_there_by_hand_is_taken_if_it_is_the_one(corpus, site):
    site.files = {"/a.bin": DATA, "/b.bin": DATA}
    listing(corpus, site, "a.bin", "b.bin")
    (corpus / "source").mkdir()
    (corpus / "source/a.bin").write_bytes(DATA)
    (corpus / "source/b.bin").write_bytes(b"mine")
    done = fetch(corpus)
    assert (done.here, done.fetched, faults(done), site.asked) == (1, 0, {"b.bin": "name taken"}, [])
    assert (corpus / "source/b.bin").read_bytes() == b"mine"


def test_an_entry_that_changes_is_fetched_anew(corpus, site):
    site.files["/a.bin"] = DATA
    listing(corpus, site, "a.bin")
    fetch(corpus)
    site.files["/a.bin"] = DATA[::-1]
    listing(corpus, site, "a.bin")
    assert fetch(corpus).fetched == 1
    assert (corpus / "source/a.bin").read_bytes() == DATA[::-1]


def test_only_one_fetch_at_a_time(corpus, site):
    site.files["/a.bin"] = DATA
    listing(corpus, site, "a.bin")
    (corpus / "source/.fetch").mkdir(parents=True)
    said = pytest.raises(SourceError, match="birds/source is being fetched into by another process")
    with locked(corpus / "source/.fetch/lock", "fetched into", SourceError), said:
        fetch(corpus)


def test_each_server_gets_its_share_of_requests(corpus, site):
    site.delay = 0.03
    site.files = {f"/{n}": DATA[:1000] for n in range(12)}
    listing(corpus, site, *(path[1:] for path in site.files))
    assert fetch(corpus, per_host=3).fetched == 12
    assert site.busiest == 3
    site.busiest = 0
    fetch(corpus, per_host=8, concurrency=2, into=corpus / "there")
    assert site.busiest == 2
    with pytest.raises(SourceError, match="per_host=0: at least 1"):
        fetch(corpus, per_host=0)


def test_a_server_that_is_down_is_not_asked_for_all(corpus, site):
    site.files = {f"/{n}": DATA for n in range(60)}
    site.always = {path: Fault("cut", part=0) for path in site.files}
    listing(corpus, site, *(path[1:] for path in site.files))
    done = fetch(corpus)
    assert len(done.failures) == 60
    assert set(faults(done).values()) == {"connection", "host down"}
    assert len(site.asked) <= 6 * (hosts.DOWN_AFTER + 12), "no more than were in hand"
    site.always.clear()
    assert fetch(corpus).fetched == 60


def test_a_server_that_gives_some_files_is_not_down(corpus, site, quick):
    quick.setattr(hosts, "DOWN_AFTER", 2)
    quick.setattr(running, "AT_WORK", 1)
    site.files = {f"/{n}": DATA for n in range(1, 8, 2)}
    site.always = {f"/{n}": Fault("status", status=500) for n in range(0, 8, 2)}
    listing(corpus, site, *map(str, range(8)))
    done = fetch(corpus, per_host=1)
    assert done.fetched == 4 and faults(done) == dict.fromkeys("0246", "http 500")


# A column of URLs


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


@pytest.mark.parametrize("cut", [50, -9], ids=["in the URL", "in the hash"])
def test_a_picture_that_lost_its_line_is_not_asked_for_again(corpus, site, cut):
    site.files = {f"/{n}": PICTURE for n in range(4)}
    urls = catalogue(corpus, site)
    fetch(corpus, urls=urls)
    ledger = corpus / "source/fetched.csv"
    lines = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join(lines[:3]) + lines[3][:cut])
    site.asked.clear()
    assert fetch(corpus, urls=urls).here == 4
    assert [path for path, _ in site.asked] == ["/gone"]
    assert ledger.read_text().splitlines(keepends=True) == lines


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
    ],
)
def test_a_column_that_cannot_be_read_is_said(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name.partition(":")[0]).write_text(content)
    with pytest.raises(SourceError, match=said):
        read_column(f"{tmp_path}/{name}")


def test_names_of_two_normal_forms_are_one_place(corpus):
    names = [unicodedata.normalize(form, "가.bin") for form in ("NFC", "NFD")]
    entries = [{"url": "http://h/a", "name": name} for name in names]
    (corpus / "sources.yaml").write_text(yaml.safe_dump(entries, allow_unicode=True))
    with pytest.raises(CorpusError, match="would be one place"):
        fetch(corpus)

"""`fetch` brings what there is, says of the rest why not, and asks for nothing twice."""

import json
import os
import random
import signal
import sqlite3
import threading
import time
import unicodedata

import pytest
import yaml
from fetch_server import Fault
from fetching import faults, listed_in, listing, sha256, tree
from typer.testing import CliRunner

from mmdata.cli import app
from mmdata.corpus import HOME
from mmdata.errors import CorpusError, SourceError
from mmdata.fetching import hosts, running
from mmdata.fetching.sources_file import read_sources
from mmdata.listing import Listing
from mmdata.lock import locked
from mmdata.sources import open_source
from mmdata.verbs.fetch import as_json, as_screen, fetch

pytestmark = pytest.mark.usefixtures("quick")
DATA = random.Random(0).randbytes(200_000)


def test_files_come_once_and_are_not_asked_for_again(corpus, site):
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
    before = tree(corpus)
    site.asked.clear()
    done = fetch(corpus)
    assert (done.fetched, done.here, site.asked) == (0, 2, [])
    assert tree(corpus) == before
    assert (corpus / ".gitignore").read_text() == "data/\nsource/\n"
    assert {path.name for path in (corpus / "source/.fetch").iterdir()} == {"ledger.csv", "lock"}


def test_only_what_was_wanted_is_part_of_a_source(corpus, site):
    site.files["/a.bin"] = DATA
    listing(corpus, site, "a.bin", "gone")
    assert fetch(corpus).failures and listed_in(corpus)
    files = Listing.of(open_source(corpus / "source"), sqlite3.connect(":memory:")).files()
    assert [file.path for file in files] == ["a.bin"]


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
    lines = [json.loads(line) for line in (corpus / "source/.fetch/failures.jsonl").read_text().splitlines()]
    assert {line["place"] for line in lines} == {"sources.yaml: none.zip", "sources.yaml: forbidden"}
    from rich.console import Console

    Console(width=200).print(as_screen(done))
    kept = b"".join(content for name, content in tree(corpus / "source").items() if name != "ok").decode()
    shown = capsys.readouterr().out + as_json(done) + kept
    assert "404" in shown and "/ok," in shown and "geheim" not in shown
    entries[1]["url"] = f"{site.url}/ok?signature=another"
    (corpus / "sources.yaml").write_text(yaml.safe_dump(entries))
    assert fetch(corpus, only=["ok"]).here == 1, "it is the same file under a new signature"
    done = fetch(corpus, only=["ok"])
    assert (done.failures, done.earlier, listed_in(corpus)) == ([], 2, ["none.zip", "forbidden"])
    Console(width=200).print(as_screen(done))
    assert "2 files of earlier runs still to be had" in capsys.readouterr().out
    site.always.clear()
    site.files["/forbidden"] = site.files["/none.zip"] = DATA
    assert faults(fetch(corpus)) == {"none.zip": "broken archive"}
    assert (corpus / "source/forbidden").read_bytes() == DATA
    assert listed_in(corpus) == ["none.zip"]
    (corpus / "sources.yaml").write_text(yaml.safe_dump(entries[1:]))
    assert (fetch(corpus).earlier, listed_in(corpus)) == (0, []), "it is wanted no more"


def test_ctrl_c_ends_with_one_line_and_what_came_is_kept(corpus, site, quick):
    quick.setattr(running, "READ_SECONDS", 20)
    site.files["/a"], site.faults["/a"] = DATA, [Fault("stall")]
    listing(corpus, site, "a", "b")

    def interrupt():
        parts = (corpus / "source/.fetch").glob
        while not (listed_in(corpus) and any(part.stat().st_size == 100_000 for part in parts("a-*.part"))):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    done = CliRunner().invoke(app, ["fetch", str(corpus)])
    assert (done.exit_code, done.stdout) == (130, "")
    assert done.stderr == "stopped; what came is kept, and the same command goes on from there.\n"
    assert listed_in(corpus) == ["b"]
    assert fetch(corpus).bytes == 100_000


def test_a_file_put_there_by_hand_is_taken_if_it_is_the_one(corpus, site):
    site.files = {"/a.bin": DATA, "/b.bin": DATA}
    listing(corpus, site, "a.bin", "b.bin")
    (corpus / "source").mkdir()
    (corpus / "source/a.bin").write_bytes(DATA)
    (corpus / "source/b.bin").write_bytes(b"mine")
    done = fetch(corpus)
    assert (done.here, done.fetched, faults(done), site.asked) == (1, 0, {"b.bin": "name taken"}, [])
    assert (corpus / "source/b.bin").read_bytes() == b"mine"


def test_a_file_that_was_damaged_since_is_fetched_anew(corpus, site):
    site.files = {"/a.bin": DATA, "/b.bin": DATA}
    listing(corpus, site, "a.bin", "b.bin", sha256=None)
    fetch(corpus)
    (corpus / "source/a.bin").write_bytes(DATA[:-1] + b"?")
    (corpus / "source/b.bin").touch()
    done = fetch(corpus)
    assert (done.fetched, done.here) == (1, 1)
    assert (corpus / "source/a.bin").read_bytes() == DATA


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


def test_names_of_two_normal_forms_are_one_place(corpus):
    names = [unicodedata.normalize(form, "가.bin") for form in ("NFC", "NFD")]
    entries = [{"url": "http://h/a", "name": name} for name in names]
    (corpus / "sources.yaml").write_text(yaml.safe_dump(entries, allow_unicode=True))
    with pytest.raises(CorpusError, match="would be one place"):
        fetch(corpus)

"""Whatever a server does, a file is the one that was wanted, or is not there and the reason is."""

import asyncio
import gzip
import io
import json
import tarfile

import pytest
from fetch_server import PAGE, Fault
from fetching import BIG, DATA, OTHER, bring, faults, listing, sha256

from mmdata.errors import SourceError
from mmdata.fetching import getting, hosts
from mmdata.fetching.requests import wait_of
from mmdata.verbs.fetch import fetch

pytestmark = pytest.mark.usefixtures("quick")


def test_a_cut_file_is_gone_on_with_where_it_stopped(corpus, site):
    done, content = bring(corpus, site, Fault("cut"), Fault("stall"), Fault("status", status=503))
    assert content == DATA and done.bytes == len(DATA), "no byte came twice"
    assert site.ranges("/a") == [None, "bytes=150000-", "bytes=225000-", "bytes=225000-"]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_status_that_passes_is_waited_for(corpus, site, status):
    assert bring(corpus, site, Fault("status", status=status, wait="0"))[1] == DATA


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 405, 410, 451])
def test_a_status_that_stays_is_asked_for_once(corpus, site, status):
    done, content = bring(corpus, site, *[Fault("status", status=status)] * 5)
    assert (content, faults(done), len(site.asked)) == (None, {"a": f"http {status}"}, 1)


def test_it_gives_up_and_goes_on_the_next_time(corpus, site):
    done, content = bring(corpus, site, Fault("cut"), *[Fault("status", status=500)] * 20)
    assert (content, faults(done), len(site.asked)) == (None, {"a": "http 500"}, getting.TRIES)
    site.faults.clear()
    assert fetch(corpus).bytes == 150_000
    assert (corpus / "source/a").read_bytes() == DATA


def test_a_server_that_asks_to_wait_long_is_left_alone(corpus, site):
    site.files["/b"] = DATA
    listing(corpus, site, "a", "b")
    for path in ("/a", "/b"):
        site.always[path] = Fault("status", status=429, wait="3600")
    done = fetch(corpus, per_host=1)
    assert faults(done) == {"a": "http 429", "b": "host down"} and len(site.asked) == 1
    assert "60 minutes" in done.failures[0].reason


@pytest.mark.parametrize("validators", ["etag", "weak", "date", "none"])
@pytest.mark.parametrize("known", [False, True], ids=["unknown", "hash known"])
@pytest.mark.parametrize("heedless", [False, True])
def test_a_file_that_changes_in_between_is_never_a_mixture(corpus, site, validators, known, heedless):
    site.validators, site.heedless = validators, heedless
    new = DATA[::-1]
    site.files["/a"], site.faults["/a"] = DATA, [Fault("cut"), Fault("swap", content=new)]
    listing(corpus, site, "a", sha256=sha256(new) if known else None)
    fetch(corpus)
    assert (corpus / "source/a").read_bytes() == new


def test_a_part_of_another_url_is_not_gone_on_with(corpus, site):
    bring(corpus, site, *[Fault("cut")] * 30)
    site.files["/b"] = DATA
    listing(corpus, site, "a", url=f"{site.url}/b")
    assert fetch(corpus).fetched == 1 and site.ranges("/b") == [None]


def test_a_file_that_comes_in_many_pieces_comes(corpus, site, quick):
    quick.setattr(getting, "PROGRESS_BYTES", 1000)
    done, content = bring(corpus, site, *[Fault("cut", part=0.3)] * 10)
    assert content == DATA and done.bytes == len(DATA)


def test_nothing_to_compare_by_and_no_hash_begins_anew(corpus, site):
    site.validators = "none"
    assert bring(corpus, site, Fault("cut"), sha256=None)[1] == DATA
    assert site.ranges("/a") == [None, None]


def test_a_server_that_ignores_range_is_read_from_the_start(corpus, site):
    assert bring(corpus, site, Fault("cut"), Fault("deaf"))[1] == DATA
    assert bring(corpus, site, Fault("cut"), Fault("wrong range"), content=OTHER)[1] == OTHER


def test_a_length_too_large_is_seen_through(corpus, site):
    assert bring(corpus, site, Fault("long"), sha256=None)[1] == DATA
    assert site.ranges("/a") == [None, "bytes=300000-"], "416 says that all was here"
    site.asked.clear()
    (corpus / "source/a").unlink()
    assert bring(corpus, site, Fault("long"), sha256=None, bytes=len(DATA))[1] == DATA
    assert site.ranges("/a") == [None], "the size is known"
    site.always["/a"] = Fault("long")
    assert bring(corpus, site, content=OTHER)[1] == OTHER, "the hash is known"
    assert faults(bring(corpus, site, sha256="0" * 64)[0]) == {"a": "connection"}, "it is not the file"
    site.always.clear()
    done, _ = bring(corpus, site, sha256=None, bytes=getting.WORTH_SEEING + 1)
    assert faults(done) == {"a": "wrong size"} and done.bytes == 0


def test_lengths_too_small_or_missing_are_seen_through(corpus, site):
    for fault in (Fault("short"), Fault("unlengthed"), Fault("chunked")):
        (corpus / "source/a").unlink(missing_ok=True)
        assert bring(corpus, site, fault)[1] == DATA, fault
        (corpus / "source/a").unlink()
        assert bring(corpus, site, fault, sha256=None, bytes=len(DATA))[1] == DATA, fault


def test_a_shrunken_file_is_begun_anew(corpus, site):
    small = DATA[:1000]
    listing(corpus, site, "a", sha256=sha256(small), url=f"{site.url}/a")
    site.validators = "none"
    site.files["/a"], site.faults["/a"] = DATA, [Fault("cut"), Fault("swap", content=small)]
    fetch(corpus)
    assert (corpus / "source/a").read_bytes() == small


def test_more_than_was_declared_or_allowed_is_not_taken(corpus, site):
    for fault in ((), (Fault("chunked"),) * 9):
        done, content = bring(corpus, site, *fault, sha256=None, bytes=1000)
        assert (content, faults(done)) == (None, {"a": "wrong size"})
        site.files["/a"], site.faults["/a"] = DATA, list(fault)
        listing(corpus, site, "a", sha256=None)
        done = fetch(corpus, max_bytes=100_000)
        assert faults(done) == {"a": "too large"} and "write its `bytes`" in done.failures[0].reason
        assert not list((corpus / "source/.fetch").glob("*.part"))


def test_a_wrong_hash_is_tried_twice(corpus, site):
    done, content = bring(corpus, site, sha256="0" * 64)
    assert (content, faults(done), len(site.asked)) == (None, {"a": "wrong hash"}, 2)


@pytest.mark.parametrize("name", ["a.zip", "a.png", "a.json", "a.bin"])
@pytest.mark.parametrize("said", ["text/html", "application/octet-stream"])
def test_a_web_page_is_no_file(corpus, site, name, said):
    site.files["/a"], site.types["/a"] = PAGE, said
    listing(corpus, site, "a", name=name, sha256=None)
    kind = faults(fetch(corpus)).get(name)
    assert kind == (None if (name, said) == ("a.bin", "application/octet-stream") else "web page")


def test_a_file_that_is_called_a_page_and_is_none_is_taken(corpus, site):
    site.types["/a"] = "text/html"
    assert bring(corpus, site, content=BIG, name="a.png")[1] == BIG


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "not an image"), ("a.zip", "broken archive"), ("a.json", "broken json")]
)
def test_what_begins_as_another_kind_is_not_read_to_its_end(corpus, site, name, kind):
    done, content = bring(corpus, site, content=b"\0\0\0\x18ftypmp42" + bytes(3_000_000), sha256=None, name=name)
    assert (content, faults(done), done.bytes) == (None, {name: kind}, 0)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.png", BIG[: len(BIG) // 2], "truncated image"),
        ("a.jpg", b"", "empty file"),
        ("a.zip", b"PK\3\4" + DATA, "broken archive"),
        ("a.tar.gz", DATA, "broken archive"),
        ("a.json", b'{"a": [1, 2', "broken json"),
        ("a.json", b'{"a": [1, 2]', "broken json"),
        ("a.jsonl", b'{"a": 1}\n[{"a": 1}', "broken json"),
        ("a.json.gz", gzip.compress(DATA)[:-4], "broken gzip"),
        ("a.json.gz", DATA, "broken gzip"),
        ("a.tgz", gzip.compress(DATA)[:-4], "broken gzip"),
    ],
)
def test_what_is_not_of_its_kind_is_said(corpus, site, name, content, kind):
    site.files["/a"] = content
    listing(corpus, site, "a", name=name, sha256=None)
    assert faults(fetch(corpus)) == {name: kind}


def test_a_transfer_packed_unasked_is_unpacked_and_a_packed_file_is_not(corpus, site):
    assert bring(corpus, site, Fault("gzip"))[1] == DATA
    assert bring(corpus, site, Fault("gzip"), content=BIG, sha256=None, name="a.png")[1] == BIG
    assert bring(corpus, site, Fault("gzip"), content=b"[]", sha256=None, bytes=2, name="a.json")[1] == b"[]"
    done, _ = bring(corpus, site, Fault("br"), name="b")
    assert faults(done) == {"b": "packed"}
    done, content = bring(
        corpus, site, Fault("gzip"), Fault("gzip"), content=bytes(5_000_000), sha256=None, name="zeros", bytes=9
    )
    assert content is None and faults(done) == {"zeros": "too large"}
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as out:
        out.addfile(tarfile.TarInfo("x/y"))
    done, content = bring(corpus, site, Fault("gzip"), content=tar.getvalue(), sha256=None, name="b.tar.gz")
    assert gzip.decompress(content) == tar.getvalue() and done.unpacked == 1


def test_a_packed_transfer_that_is_cut_goes_on_packed(corpus, site):
    packed = len(gzip.compress(DATA, mtime=0))
    site.always["/a"] = Fault("gzip")
    done, content = bring(corpus, site, sha256=None)
    assert content == DATA and done.bytes == packed


def test_retry_after_is_a_number_or_a_date():
    assert wait_of({"Retry-After": "7"}) == 7
    assert wait_of({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert wait_of({"Retry-After": "soon"}) is wait_of({}) is wait_of({"Retry-After": "-5"}) is None


def test_a_server_that_is_not_there_is_said(corpus, site, quick):
    listing(corpus, site, "a", url="http://127.0.0.1:9/a")
    assert faults(fetch(corpus)) == {"a": "connection"}
    listing(corpus, site, "a", url="http://nowhere.invalid/a")
    assert faults(fetch(corpus)) == {"a": "connection"}


def test_failures_that_are_not_in_a_row_do_not_count():
    host = hosts.Host("h", asyncio.Semaphore())
    for _ in range(5):
        for _ in range(hosts.DOWN_AFTER - 1):
            host.failed("cut")
        host.gave()
    assert host.down is None
    for _ in range(hosts.DOWN_AFTER):
        host.failed("cut")
    assert host.down == "h failed at 8 files in a row (the last: cut)"


def test_a_file_that_trickles_is_asked_for_again(corpus, site, quick):
    quick.setattr(getting, "SLOW_SECONDS", 0.1)
    quick.setattr(getting, "SLOW_BYTES", 10**7)
    site.delay = 0.12
    assert bring(corpus, site)[1] == DATA and len(site.asked) > 1


def test_a_full_disk_ends_the_run_and_keeps_what_came(corpus, site, quick):
    import errno

    from mmdata.fetching import parts

    class Full:
        def __init__(self, opened):
            self.opened = opened

        def write(self, chunk):
            left = 100_000 - self.opened.tell()
            self.opened.write(chunk[:left])
            if len(chunk) > left:
                raise OSError(errno.ENOSPC, "No space left on device")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.opened.close()

    begin = parts.Part.begin
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts.Part, "begin", lambda *args: Full(begin(*args)))
        with pytest.raises(SourceError, match=r"No space left on device\. Make room"):
            bring(corpus, site)
    assert fetch(corpus).bytes == len(DATA) - 100_000
    assert (corpus / "source/a").read_bytes() == DATA


def test_notes_of_a_part_that_are_no_notes_are_passed_over(corpus, site):
    bring(corpus, site, *[Fault("cut")] * 30)
    note = next((corpus / "source/.fetch").glob("*.json"))
    for text in ("", "[]", '{"url": 1}', json.dumps({"url": "another"})):
        note.write_text(text)
        site.faults.clear()
        (corpus / "source/a").unlink(missing_ok=True)
        (corpus / "source/.fetch/ledger.csv").unlink(missing_ok=True)
        assert fetch(corpus).fetched == 1, text
        assert (corpus / "source/a").read_bytes() == DATA
        bring(corpus, site, *[Fault("cut")] * 30, content=OTHER)
        site.files["/a"] = DATA
        listing(corpus, site, "a")
        note = next((corpus / "source/.fetch").glob("*.json"))

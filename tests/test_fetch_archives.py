"""Archives are part of a fetch: unpacked once, never over what is the user's."""

import gzip
import zipfile

import pytest
from fetching import a_tar, a_zip, faults, listing, tree

from mmdata.verbs.fetch import fetch

pytestmark = pytest.mark.usefixtures("quick")
FILES = [("폴더/건선.png", b"not looked at"), ("b.json", b"{}")]
OTHERS = [(f"{n}.bin", bytes([n])) for n in range(20)]


def test_archives_are_unpacked_once_and_may_be_removed_then(corpus, site):
    site.files = {"/a.zip": a_zip(*FILES), "/b.zip": a_zip(*FILES)}
    listing(corpus, site, "a.zip", "b.zip")
    done = fetch(corpus, unpack=False)
    assert (done.fetched, done.archives) == (2, 0)
    done = fetch(corpus)
    assert (done.here, done.archives, done.unpacked) == (2, 2, 4)
    assert tree(corpus / "source/a") == tree(corpus / "source/b") == dict(FILES)
    site.asked.clear()
    (corpus / "source/a.zip").unlink()
    done = fetch(corpus)
    assert (done.here, done.archives, site.asked) == (2, 0, [])
    site.files["/a.zip"] = a_zip(*OTHERS)
    listing(corpus, site, "a.zip")
    assert fetch(corpus).unpacked == 20
    assert tree(corpus / "source/a") == dict(OTHERS)


def test_a_folder_of_the_users_is_left_alone(corpus, site):
    site.files["/a.zip"] = a_zip(*FILES)
    listing(corpus, site, "a.zip")
    (corpus / "source/a").mkdir(parents=True)
    (corpus / "source/a/mine").write_text("mine")
    done = fetch(corpus)
    assert faults(done) == {"a.zip": "name taken"} and tree(corpus / "source/a") == {"mine": b"mine"}


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
def test_a_broken_archive_is_not_taken_for_whole_the_next_time(corpus, site, name):
    whole = a_zip(*FILES, method=zipfile.ZIP_STORED) if name == "a.zip" else a_tar(*FILES, packed=name == "a.tar.gz")
    cut = {"a.zip": whole.replace(b"not looked at", b"not looked AT"), "a.tar": whole[:1024]}
    cut["a.tar.gz"] = gzip.compress(gzip.decompress(whole)[:1024]) if name == "a.tar.gz" else b""
    site.files[f"/{name}"] = cut[name]
    listing(corpus, site, name, sha256=None)
    done = fetch(corpus)
    assert faults(done) == {name: "broken archive"} and "It was removed" in done.failures[0].reason
    (corpus / f"source/{name}").write_bytes(cut[name])
    done = fetch(corpus)
    assert faults(done) == {name: "broken archive"} and "Remove the archive" in done.failures[0].reason
    assert (corpus / f"source/{name}").read_bytes() == cut[name], "it was put there by hand"
    (corpus / f"source/{name}").unlink()
    site.files[f"/{name}"] = whole
    assert fetch(corpus).unpacked == 2 and tree(corpus / "source/a") == dict(FILES)


def test_a_hostile_archive_fails_and_says_what_to_do(corpus, site):
    site.files["/a.zip"] = a_zip(("../evil", b"x"))
    listing(corpus, site, "a.zip")
    done = fetch(corpus)
    assert faults(done) == {"a.zip": "unsafe archive"} and "leads out of its folder" in done.failures[0].reason
    assert not list(corpus.parent.rglob("evil"))

"""Archives are part of a fetch: unpacked once, never over what is the user's."""

import pytest
from fetching import a_zip, faults, listing, tree

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


def test_a_hostile_archive_fails_and_says_what_to_do(corpus, site):
    site.files["/a.zip"] = a_zip(("../evil", b"x"))
    listing(corpus, site, "a.zip")
    done = fetch(corpus)
    assert faults(done) == {"a.zip": "unsafe archive"} and "leads out of its folder" in done.failures[0].reason
    assert not list(corpus.parent.rglob("evil"))

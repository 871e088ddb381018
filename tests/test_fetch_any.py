"""Whatever faults come in whatever order, a file is the server's in the end."""

import tempfile
from pathlib import Path

import yaml
from fetch_server import Fault, Site, serving_files
from fetching import BIG, BIG_OTHER, DATA, empty_corpus, quickly, sha256
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mmdata.verbs.fetch import fetch

PASSING = st.one_of(
    st.builds(Fault, st.sampled_from(["cut", "stall", "unlengthed"]), part=st.sampled_from([0, 0.3, 0.8])),
    st.builds(Fault, st.sampled_from(["long", "chunked", "deaf", "gzip", "evil name", "wrong range", "garbage"])),
    st.builds(
        Fault, st.just("status"), status=st.sampled_from([408, 429, 500, 503]), wait=st.sampled_from([None, "0"])
    ),
    st.just(Fault("redirect", to="?x=1")),
)
LYING = st.builds(Fault, st.sampled_from(["short", "html"]), part=st.sampled_from([0, 0.3, 0.8]))
SWAP = st.builds(Fault, st.just("swap"), content=st.sampled_from([BIG, BIG_OTHER]))


@given(
    st.lists(st.one_of(PASSING, LYING, SWAP), max_size=5),
    st.lists(st.one_of(PASSING, LYING), max_size=5),
    st.sampled_from(["etag", "weak", "date", "none"]),
    st.booleans(),
    st.booleans(),
)
@example([Fault("cut"), Fault("swap", content=BIG_OTHER)], [Fault("gzip"), Fault("cut")], "date", False, True)
@settings(max_examples=60)
def test_whatever_happens_the_file_is_the_servers_in_the_end(of_a, of_b, validators, hashed, heedless):
    """At most four runs, for one may give up. /a may change, /b is known."""
    with (
        tempfile.TemporaryDirectory() as home,
        quickly(),
        serving_files(Site(validators=validators, heedless=heedless)) as site,
    ):
        site.freed.set()  # A stall is then a cut; one real stall is tested above.
        corpus = empty_corpus(Path(home) / "birds")
        site.files = {"/a.png": BIG, "/b": DATA}
        site.faults = {"/a.png": of_a, "/b": of_b}
        entries = [{"url": f"{site.url}/a.png", "name": "a.png"}, {"url": f"{site.url}/b", "name": "b"}]
        entries[1] |= {"sha256": sha256(DATA)} if hashed else {"bytes": len(DATA)}
        (corpus / "sources.yaml").write_text(yaml.safe_dump(entries))
        for _ in range(4):
            done = fetch(corpus)
            for name in ("a.png", "b"):  # Never anything else under a name.
                path = corpus / "source" / name
                if path.exists():
                    assert path.read_bytes() in {BIG, BIG_OTHER, DATA}, done
            if not done.failures:
                break
        assert (corpus / "source/a.png").read_bytes() == site.files["/a.png"], done
        assert (corpus / "source/b").read_bytes() == DATA, done
        assert not list((corpus / "source/.fetch").glob("*.p*"))
        assert {path.name for path in corpus.rglob("*")} <= {
            "builder.py", ".gitignore", "sources.yaml", "source", "a.png", "b", ".fetch", "lock", "ledger.csv",
        }  # fmt: skip
        asked = len(site.asked)
        assert fetch(corpus).here == 2 and len(site.asked) == asked

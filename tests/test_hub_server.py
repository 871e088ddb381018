"""The loopback Hub keeps the promises of the real one: without these no test against it means anything."""

import io

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub_api import READ, STRANGER
from hub_server import Fault, Hub, at, serving
from hubbing import using
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<:DeprecationWarning")  # huggingface_hub's own.

REPO = "our-team/skin"
CARD = """---
configs:
- config_name: {name}
  data_files: data/{name}/*.parquet
---
"""


def rows(*numbers: int) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"n": list(numbers)}), out)
    return out.getvalue()


def send(api: HfApi, files: dict[str, bytes], gone: tuple[str, ...] = (), parent: str | None = None) -> str:
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    operations += [CommitOperationDelete(path) for path in gone]
    return api.create_commit(REPO, operations, commit_message="m", repo_type="dataset", parent_commit=parent).oid


@pytest.fixture
def api(hub) -> HfApi:
    api = HfApi()
    api.create_repo(REPO, repo_type="dataset")
    return api


def status(call) -> int:
    with pytest.raises(HfHubHTTPError) as caught:
        call()
    return caught.value.response.status_code


def test_a_commit_replaces_adds_and_deletes_and_the_old_tree_stays(api, hub):
    first = send(api, {"README.md": b"one", "data/a.parquet": rows(1)})
    second = send(api, {"README.md": b"two", "data/b.parquet": rows(2)}, gone=("data/a.parquet",), parent=first)
    head, _, files = hub.snapshot(REPO)
    assert head == second == api.dataset_info(REPO).sha
    assert set(files) == {".gitattributes", "README.md", "data/b.parquet"} and files["README.md"] == b"two"
    assert hub.files(REPO, first)["data/a.parquet"] == rows(1)
    assert hub.uploaded == len(rows(1)) + len(rows(2)) == sum(r.bytes for r in hub.requests if r.method == "PUT")


def test_a_stale_parent_is_refused_and_nothing_is_there(api, hub):
    head = api.dataset_info(REPO).sha
    hub.put(REPO, {"theirs.txt": b"x"})
    assert status(lambda: send(api, {"ours.txt": b"y"}, parent=head)) == 412
    assert "ours.txt" not in hub.snapshot(REPO)[2]


def test_a_tag_is_set_once(api, hub):
    api.create_tag(REPO, tag="v1.0.0", repo_type="dataset")
    assert status(lambda: api.create_tag(REPO, tag="v1.0.0", repo_type="dataset")) == 409
    assert {t.name: t.target_commit for t in api.list_repo_refs(REPO, repo_type="dataset").tags} == hub.snapshot(REPO)[
        1
    ]
    assert status(lambda: api.create_repo(REPO, repo_type="dataset")) == 409


def test_a_tree_comes_in_pages(api, hub):
    wanted = {f"data/{n}/{n}.txt": b"%d" % n for n in range(5)}
    send(api, wanted)
    hub.page = 2
    hub.forget()
    found = [entry.path for entry in api.list_repo_tree(REPO, recursive=True, repo_type="dataset")]
    assert len(found) == len(set(found)) == 1 + 1 + 5 + 5 and set(wanted) < set(found)
    assert len(hub.requests) == 6


def test_who_may_do_what(api, hub, tmp_path):
    hub.new("our-team/secret", private=True)
    tag = {"tag": "v1.0.0", "repo_type": "dataset"}
    for token, public, private, write in [(READ, 0, 0, 403), (STRANGER, 0, 404, 403), (None, 0, 401, 401)]:
        with using(hub, tmp_path, token):
            other = HfApi()
            for repo, expected in ((REPO, public), ("our-team/secret", private)):
                if expected:
                    with pytest.raises(RepositoryNotFoundError) as caught:
                        other.dataset_info(repo)
                    assert caught.value.response.status_code == expected
                else:
                    other.dataset_info(repo)
            assert status(lambda: other.create_tag(REPO, **tag)) == write
    with using(hub, tmp_path, "hf_nobodyKnowsThisToken0123456789"):
        assert status(lambda: HfApi().dataset_info(REPO)) == 401
    assert not hub.repos[REPO].tags


def test_a_gitignore_there_hides_files_as_on_the_real_one(api, hub):
    hub.put(REPO, {".gitignore": b"data/\n"})
    send(api, {"data/a.parquet": rows(1), "seen.txt": b"x"})
    files = hub.snapshot(REPO)[2]
    assert "seen.txt" in files and "data/a.parquet" not in files


def test_broken_metadata_is_refused(api, hub):
    head = hub.snapshot(REPO)[0]
    with pytest.raises(ValueError, match="metadata"):
        send(api, {"README.md": b"---\na: [1\n---\n"})
    assert hub.snapshot(REPO)[0] == head


@pytest.mark.parametrize("after", [False, True])
def test_a_cut_is_before_or_after_the_work(api, hub, after):
    head = hub.snapshot(REPO)[0]
    hub.behave = lambda r: Fault(how="cut", after=after) if "/commit/" in r.path else None
    with pytest.raises(httpx2.TransportError):
        send(api, {"a.txt": b"x"})
    assert (hub.snapshot(REPO)[0] != head) is after


def test_a_fault_that_passes_is_tried_again_by_the_client(api, hub):
    hub.forget()
    hub.behave = at(2, Fault(503))
    send(api, {"a.parquet": rows(1)})
    assert [r.path.rpartition("/")[2] for r in hub.requests][1:3] == ["batch", "batch"]


def test_two_hubs_do_not_mix(tmp_path):
    with serving() as one, serving(Hub()) as other:
        one.new(REPO)
        for hub, there in ((one, True), (other, False)):
            with using(hub, tmp_path):
                assert HfApi().repo_exists(REPO, repo_type="dataset") is there

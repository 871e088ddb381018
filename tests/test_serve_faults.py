"""What the service says when what it needs is away, slow, or of no use."""

import io
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kit import encoded, photo
from PIL import Image
from serving import Advising, app_of, clients, indexed_fashion
from starlette.testclient import TestClient

import mmdata
from mmdata import Corpus
from mmdata.errors import CorpusError, MmdataError
from mmdata.searching.local import LocalIndex
from mmdata.searching.opening import opened
from mmdata.serving.advising import MAX_SIDE, BadAnswer, NoServer, TooSlow

HOODIE = "tiny/의류/1002.png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return indexed_fashion(tmp_path_factory.mktemp("가게"))


@pytest.fixture
def asking(folder):
    with clients(folder) as made:
        yield made


def search(client, **fields):
    return client.post("/search", data=fields)


def recommend(client, folder, **fields):
    return client.post("/recommend", data=fields, files={"image": (folder / HOODIE).read_bytes()})


def logged(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]


class Broken:
    """An index that fails once it is served."""

    def __init__(self, folder, error):
        self.facts, self.error = LocalIndex(Corpus(folder)).facts, error
        self.asked = 0

    def nearest(self, vector, k, where=None):
        raise self.error

    def rows(self, where=None, limit=None, columns=None):
        self.asked += 1
        if self.asked == 1:
            return []
        raise self.error


@pytest.mark.parametrize("error", [MmdataError("PostgreSQL at db.internal: gone"), OSError(5, "몰래"), TimeoutError()])
def test_an_index_that_is_away_is_no_ones_mistake(asking, folder, error, capsys):
    client = asking(index=Broken(folder, error))
    for answer in (client.get("/ready"), search(client, text="a")):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.json() == {"detail": "the index of fashion does not answer. Try again in a moment"}
    assert client.get("/health").status_code == 200
    lines = logged(capsys)
    assert [type(error).__name__ in line.get("fault", "") for line in lines] == [True, True, False]
    assert "몰래" not in json.dumps(lines, ensure_ascii=False)


def test_many_who_ask_whether_it_is_ready_cost_one_question(asking, folder):
    class Waiting(Broken):
        def rows(self, where=None, limit=None, columns=None):
            time.sleep(0.3 if self.asked else 0)
            return super().rows(where, limit, columns)

    index = Waiting(folder, MmdataError("gone"))
    client = asking(index=index)
    with ThreadPoolExecutor(12) as pool:
        assert {one.status_code for one in pool.map(lambda _: client.get("/ready"), range(12))} == {503}
    assert index.asked <= 1 + 2
    asked = index.asked
    assert (client.get("/ready").status_code, index.asked) == (503, asked + 1)


def test_where_a_local_model_lies_is_nobodys_business(asking, folder):
    index = LocalIndex(Corpus(folder))
    index.facts = index.facts.model_copy(update={"model": "/home/누구/models/siglip"})
    client = asking(index=index)
    found, facts, vector = search(client, text="a"), client.get("/facts"), client.post("/embed", data={"text": "a"})
    told = found.json()["facts"]["model"], facts.json()["index"]["model"], vector.json()["model"]
    assert told == ("siglip", "siglip", "siglip")
    assert "누구" not in found.text + facts.text + vector.text


def test_pictures_follow_an_index_that_follows_what_is_published(folder, tmp_path):
    """The sample was built anew, with another picture, and published while the service runs."""
    other = shutil.copytree(folder, tmp_path / "fashion")
    index = LocalIndex(Corpus(other))
    before = index.rows(limit=1)[0]["picture"]
    with TestClient(app_of(other, index=index)) as client:
        assert client.get(f"/pictures/{before}").status_code == 200
        new = encoded(photo(77))
        (other / "sample").mkdir(exist_ok=True)
        table = pa.table({"picture": [{"bytes": new, "path": "새.png"}]})
        pq.write_table(table, other / "sample" / "more-00000-of-00001.parquet")
        name = sha256(new).hexdigest()
        assert client.get(f"/pictures/{name}").status_code == 404
        index.facts = index.facts.model_copy(update={"build": "another"})
        assert client.get(f"/pictures/{name}").status_code == 200
        index.facts = index.facts.model_copy(update={"version": "9.9.9"})
        known = index.rows(limit=2)[1]["picture"]
        assert client.get(f"/pictures/{known}").status_code == 200, "that release is not in the folder"


def test_a_fault_of_ours_is_a_500_with_its_place_in_the_log(asking, folder, capsys):
    client = asking(index=Broken(folder, ValueError("몰래")))
    answer = search(client, text="a")
    assert (answer.status_code, answer.headers["x-request-id"] in answer.json()["detail"]) == (500, True)
    (line,) = logged(capsys)
    assert line["fault"].startswith("ValueError at test_serve_faults.py:")
    assert "몰래" not in answer.text + line["fault"]


@pytest.mark.parametrize(
    ("how", "status"),
    [
        (None, 200),
        (NoServer("the model server is busy", wait=7.2), 503),
        (TooSlow("no answer within 24 s"), 504),
        (BadAnswer(["season is 봄."]), 502),
        (MmdataError("PostgreSQL at db.internal: gone"), 503),
        (CorpusError("recommend.py fails"), 500),
    ],
)
def test_an_adviser_that_fails_is_told_as_what_it_is(asking, folder, how, status):
    advisor = Advising(how)
    client = asking(advisor=advisor)
    wish = json.dumps({"season": "봄", "max_total": 50_000}, ensure_ascii=False)
    answer = recommend(client, folder, wish=wish)
    assert answer.status_code == status
    assert "db.internal" not in answer.text
    ((picture, asked),) = advisor.asked
    sent = Image.open(io.BytesIO(picture))
    assert (asked.season, asked.max_total, sent.format, max(sent.size) <= MAX_SIDE) == ("봄", 50_000, "JPEG", True)
    if status == 503 and how.__class__ is NoServer:
        assert answer.headers["retry-after"] == "8"


@pytest.mark.parametrize("wish", ["{", "[]", '{"season": "장마"}', '{"sesson": "봄"}', "null"])
def test_a_wish_that_is_none_is_refused(asking, folder, wish):
    client = asking(advisor=Advising())
    answer = recommend(client, folder, wish=wish)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("wish")


def test_a_request_may_take_so_long_and_no_longer(asking, folder):
    client = asking(advisor=Advising("silent"), timeout=0.6)
    began = time.monotonic()
    answer = recommend(client, folder)
    assert (answer.status_code, "within 0.6 seconds" in answer.json()["detail"]) == (504, True)
    assert time.monotonic() - began < 5
    assert search(client, text="a").status_code == 200


def test_without_an_adviser_there_is_no_recommend(asking):
    client = asking()
    assert client.post("/recommend").status_code == 404
    assert client.get("/facts").json()["wish"] is None
    assert "/recommend" not in client.get("/openapi.json").json()["paths"]


def test_neighbours_may_be_chosen_by_a_filter_and_the_picture_may_be_one_of_the_corpus(asking, folder):
    advisor = Advising()
    client = asking(advisor=advisor)
    known = search(client, text="a", k="1").json()["hits"][0]["picture"]
    answer = client.post("/recommend", data={"picture": known, "where": "category = '신발'", "k": "4"}).json()
    assert {hit["row"]["category"] for group in answer["groups"] for hit in group["hits"]} == {"신발"}
    assert advisor.asked[0][1].in_stock is True
    assert client.post("/recommend", data={"text": "코트"}).status_code == 422


def test_what_it_holds_is_let_go_of_at_the_end(folder):
    advisor = Advising()
    with TestClient(app_of(folder, advisor=advisor)):
        assert not advisor.closed
    assert advisor.closed


def test_an_answer_is_not_waited_for_by_those_who_ask_something_else(asking, folder):
    """A search that takes its time leaves the others' way free."""

    class Slow(LocalIndex):
        def nearest(self, vector, k, where=None):
            time.sleep(0.5 if k == 99 else 0)
            return super().nearest(vector, k, where)

    client = asking(index=Slow(Corpus(folder)))
    with ThreadPoolExecutor(3) as pool:
        slow = [pool.submit(search, client, text="a", k="99") for _ in range(2)]
        time.sleep(0.1)
        began = time.monotonic()
        assert client.get("/health").status_code == search(client, text="b").status_code == 200
        assert time.monotonic() - began < 0.35
        assert [one.result().status_code for one in slow] == [200, 200]


@pytest.mark.slow
def test_a_database_that_is_killed_is_a_503_until_it_is_back(asking, folder, monkeypatch):
    monkeypatch.setattr("mmdata.searching.connecting.RETRY_SECONDS", 0.5)
    server = pg.server()
    dsn = server.new()
    mmdata.index(folder, dsn=dsn)
    index = opened(Corpus(folder), dsn=dsn)
    client = asking(index=index)
    found = search(client, text="a", where="price < 50000").json()["hits"]
    assert found
    server.kill()
    try:
        assert client.get("/ready").status_code == search(client, text="a").status_code == 503
        assert client.get("/health").status_code == 200
    finally:
        server.start()
    assert search(client, text="a", where="price < 50000").json()["hits"] == found
    assert client.get("/ready").status_code == 200
    index.close()

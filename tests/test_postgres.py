"""An index in PostgreSQL: what it finds beside what files find, and what a publication writes."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pg
import psycopg
import pytest
from indexes import an_index, clustered, picture, unit

import mmdata
from mmdata.corpus import Corpus
from mmdata.errors import MmdataError
from mmdata.searching import postgres, publishing
from mmdata.searching.connecting import Database
from mmdata.searching.local import LocalIndex
from mmdata.searching.postgres import PostgresIndex, publish
from mmdata.searching.tables import name_of, rows_of
from mmdata.verbs.index import measured

FILTERS = (
    None,
    "price < 50 and 계절 = '여름'",
    "not in_stock or price is null",
    "price = 7",
    "\"상표 %\" like 'O''N%'",
    "price > 500",
)


def catalogue(count, rows, seed=0):
    """Entries, of which some share a picture."""
    r = random.Random(seed)
    return [
        {
            "id": f"옷 {n:05}", "picture": n % count, "price": r.choice([None, *range(100)]), "in_stock": r.random() < 0.5,
            "ratio": r.random(), "계절": r.sample(["봄", "여름", "가을", "겨울"], r.randrange(3)),
            "상표 %": r.choice(["O'Neill", '50% "할인"', "무신사\n", None]), "card": {"b": 1.0, "a": [None, "가"]} if n % 3 else None,
        }
        for n in range(rows)
    ]  # fmt: skip


VECTORS = clustered(440, 24)
ROWS = catalogue(400, 500)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return an_index(tmp_path_factory.mktemp("색인"), VECTORS[:400], ROWS, name='옷장 "2" 100%')


@pytest.fixture(scope="module")
def dsn(files):
    dsn = pg.server().new()
    publish(files, dsn).close()
    return dsn


@pytest.fixture
def index(dsn, files):
    found = PostgresIndex(dsn, files.facts.corpus)
    yield found
    found.close()


def stored(dsn, name):
    """Row or picture → the transaction that wrote it."""
    with psycopg.connect(dsn) as connection:
        lines = connection.execute(f'SELECT {"id" if name.endswith("_rows") else "picture"}, xmin::text FROM "{name}"')
        found = lines.fetchall()
    assert len(dict(found)) == len(found), "a row twice"
    return dict(found)


# What is found


@pytest.mark.parametrize("where", FILTERS)
@pytest.mark.parametrize("few", [20_000, 10], ids=["exact", "approximate"])
def test_what_is_found_is_what_files_find(index, files, where, few, monkeypatch):
    monkeypatch.setattr(postgres, "FEW", few)
    for vector in (*VECTORS[400:406], unit(VECTORS[0] + VECTORS[7])):
        for k in (1, 10, 395, 1200):
            assert index.nearest(vector, k, where) == files.nearest(vector, k, where)


@pytest.mark.parametrize("where", FILTERS)
def test_rows_are_those_in_files(index, files, where):
    for limit in (None, 3, 0):
        found, wanted = index.rows(where, limit), files.rows(where, limit)
        assert found == wanted
        assert [list(row) for row in found] == [list(row) for row in wanted]
    for columns in ([], ["price"], ["card", "계절"]):
        found, wanted = index.rows(where, 20, columns), files.rows(where, 20, columns)
        assert found == wanted
        assert not found or found[0].keys() == {"id", "picture", *columns}


def test_facts_are_those_of_files(index, files):
    assert index.facts == files.facts


def test_pictures_as_near_are_in_order_of_their_hashes(tmp_path):
    same = np.repeat(clustered(1, 8), 40, axis=0)
    files = an_index(tmp_path, same)
    index = publish(files, pg.server().new())
    assert [hit.picture for hit in index.nearest(same[0], 40)] == sorted(picture(n).hex() for n in range(40))
    index.close()


def test_pictures_nearer_than_half_precision_tells_are_ordered_in_full(tmp_path):
    near = unit(np.repeat(clustered(1, 64), 14, axis=0) + 2e-4 * clustered(14, 64, seed=3))
    files = an_index(tmp_path, near)
    index = publish(files, pg.server().new())
    assert index.nearest(near[0], 4) == files.nearest(near[0], 4)
    index.close()


def test_many_threads_search_at_once(index, files):
    wanted = [files.nearest(vector, 5, "price < 50") for vector in VECTORS[:64]]
    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(lambda vector: index.nearest(vector, 5, "price < 50"), VECTORS[:64])) == wanted


@pytest.mark.parametrize(
    ("vector", "k", "where", "said"),
    [
        (VECTORS[0][:5], 3, None, r"shape \(5,\); the index of tiny wants \(24,\)"),
        (VECTORS[0], 3, "prise < 3", "there is no column 'prise'"),
        (VECTORS[0], 3, "price < 3; drop table x", "without a semicolon"),
    ],
)
def test_what_cannot_be_asked_is_said(index, vector, k, where, said):
    with pytest.raises(MmdataError, match=said):
        index.nearest(vector, k, where)
    assert index.nearest(VECTORS[0], 0) == []


def test_too_many_dimensions_for_an_index_are_searched_exactly(tmp_path):
    files = an_index(tmp_path, clustered(20, 4100))
    index = publish(files, pg.server().new())
    assert index.nearest(files.vectors[3], 5) == files.nearest(files.vectors[3], 5)
    index.close()


def test_the_verb_publishes_what_it_made(built_skin):
    dsn = pg.server().new()
    done = mmdata.index(built_skin, dsn=dsn)
    assert [one.backend for one in done.latency] == ["file", "postgresql"] and done.latency[1].recall == 1.0
    files, index = LocalIndex(Corpus(built_skin)), PostgresIndex(dsn, "skin")
    assert index.rows() == files.rows()
    for vector in files.some(9):
        assert index.nearest(vector, 3, "label = '건선'") == files.nearest(vector, 3, "label = '건선'")
    index.close()


def test_a_publication_reads_some_at_a_time(tmp_path, monkeypatch):
    dsn, files = pg.server().new(), an_index(tmp_path, VECTORS[:400], ROWS)
    monkeypatch.setattr(publishing, "AT_ONCE", 70)
    largest = []
    for name in ("batches", "row_batches"):
        given = getattr(files, name)
        monkeypatch.setattr(files, name, lambda size, given=given: (largest.append(size), given(size))[1])
    monkeypatch.setattr(files, "rows", None)
    monkeypatch.setattr(type(files), "vectors", None)
    index = publish(files, dsn)
    assert publishing.written(files, Database(dsn)) == (0, 0, 0, 0, False)
    monkeypatch.undo()
    assert index.rows() == files.rows() and set(largest) == {70}
    index.close()


# What a publication writes


def test_few_changes_touch_nothing_else(tmp_path):
    dsn, rows = pg.server().new(), catalogue(400, 500)
    before = an_index(tmp_path / "one", VECTORS[:400], rows)
    index, other = publish(before, dsn), PostgresIndex(dsn, "옷장")
    names = [name_of("옷장", "tiny"), rows_of(name_of("옷장", "tiny"))]
    old = [stored(dsn, name) for name in names]
    assert publishing.written(before, Database(dsn)) == (0, 0, 0, 0, False)
    assert [stored(dsn, name) for name in names] == old

    # Two entries are gone, of which one had a picture of its own; one costs less; four pictures are new.
    changed = [
        {**row, "price": 1} if row["id"] == "옷 00003" else row
        for row in rows
        if row["id"] not in ("옷 00001", "옷 00222")
    ]
    changed += [{**rows[0], "id": f"새 옷 {n}", "picture": 400 + n} for n in range(4)]
    after = an_index(tmp_path / "two", VECTORS[:404], changed)
    assert publishing.written(after, Database(dsn)) == (4, 5, 1, 2, False)
    new = [stored(dsn, name) for name in names]
    assert {key for key, wrote in new[0].items() if old[0].get(key) != wrote} == {
        picture(400 + n).hex() for n in range(4)
    }
    assert {key for key, wrote in new[1].items() if old[1].get(key) != wrote} == {
        "옷 00003",
        *(f"새 옷 {n}" for n in range(4)),
    }
    assert old[0].keys() - new[0].keys() == {picture(222).hex()}
    assert [index.nearest(vector, 9) for vector in VECTORS[::9]] == [
        after.nearest(vector, 9) for vector in VECTORS[::9]
    ]
    assert other.rows() == after.rows()
    assert index.facts == other.facts == after.facts, "who has it open follows"
    index.close()
    other.close()


def test_other_columns_are_followed(tmp_path):
    dsn = pg.server().new()
    index = publish(an_index(tmp_path / "one", VECTORS[:50], catalogue(50, 50)), dsn)
    priced = [{"id": str(n), "picture": n, "cost": n / 2, "price": "비싸다"} for n in range(50)]
    after = an_index(tmp_path / "two", VECTORS[:50], priced)
    assert publishing.written(after, Database(dsn)) == (0, 50, 0, 0, False)
    assert index.nearest(VECTORS[0], 5) == after.nearest(VECTORS[0], 5)
    assert index.rows("cost < 3 and price = '비싸다'") == after.rows("cost < 3")
    index.close()


def test_an_older_release_may_follow_a_newer_one(tmp_path):
    dsn = pg.server().new()
    old, new = (an_index(tmp_path / str(n), VECTORS[:n], catalogue(n, n)) for n in (60, 90))
    old.facts, new.facts = (i.facts.model_copy(update={"version": v}) for i, v in ((old, "1.0.0"), (new, "1.1.0")))
    for files in (old, new, old):
        index = publish(files, dsn)
        assert index.facts.version == files.facts.version
        assert index.nearest(VECTORS[70], 20) == files.nearest(VECTORS[70], 20) and index.rows() == files.rows()
        index.close()
    with pytest.raises(MmdataError, match=r"has the index of 옷장 1\.0\.0, not of 1\.1\.0"):
        PostgresIndex(dsn, "옷장", version="1.1.0")


def test_other_weights_make_all_anew_and_who_has_it_open_is_told(tmp_path):
    dsn, files = pg.server().new(), an_index(tmp_path, VECTORS[:50])
    index = publish(files, dsn)
    files.facts = files.facts.model_copy(update={"revision": "2"})
    assert publishing.written(files, Database(dsn)).whole
    with pytest.raises(MmdataError, match=r"made anew with another tiny \(2\)\. Open it again"):
        index.nearest(VECTORS[0], 3)
    index.close()


def test_several_models_and_corpora_lie_side_by_side(tmp_path):
    dsn = pg.server().new()
    here = [an_index(tmp_path, VECTORS[:40], name=name, model=model) for name, model in
            (("옷장", "tiny"), ("옷장", "/폴더/아주 긴 이름의 " * 9 + "모델"), ("Wardrobe", "tiny"))]  # fmt: skip
    for files in here:
        publish(files, dsn).close()
    for files in here:
        index = PostgresIndex(dsn, files.facts.corpus, files.facts.model)
        assert index.facts == files.facts and len(index.nearest(VECTORS[0], 50)) == 40
        index.close()
    with pytest.raises(MmdataError, match=r"옷장 has indexes by several models: .*tiny.*Choose one"):
        PostgresIndex(dsn, "옷장")
    with pytest.raises(MmdataError, match=r"no index of Wardrobe by 'clip' \(there is one by tiny\)"):
        PostgresIndex(dsn, "Wardrobe", "clip")


def test_a_text_that_postgresql_cannot_keep_is_named(tmp_path):
    files = an_index(
        tmp_path, VECTORS[:2], [{"id": "하나", "picture": 0, "a": "\0"}, {"id": "둘", "picture": 1, "a": "b"}]
    )
    with pytest.raises(MmdataError, match=r"cannot keep the entry '하나': .*NUL"):
        publish(files, pg.server().new())


@pytest.mark.slow
def test_thirty_thousand(tmp_path):
    """Recall and filters at the size that matters, and a republication of 1 %."""
    vectors = clustered(30_300, 512)
    rows = [{"id": f"{n:06}", "picture": n, "bucket": n * 7919 % 100} for n in range(30_300)]
    files = an_index(tmp_path / "one", vectors[:30_000], rows[:30_000])
    dsn = pg.server().new()
    index = publish(files, dsn)
    assert measured(index, files, "postgresql").recall >= 0.99
    asked = unit(vectors[:60] + 0.5 * clustered(60, 512, seed=1))

    def recall(where):
        pairs = [(index.nearest(v, 10, where), files.nearest(v, 10, where)) for v in asked]
        return np.mean([len({h.picture for h in a} & {h.picture for h in b}) / 10 for a, b in pairs])

    assert recall(None) >= 0.99
    assert recall("bucket = 42") == 1.0, "1 % of the pictures: searched exactly"
    assert recall("bucket < 80") >= 0.95, "24,000 pictures: by the index"
    more = an_index(tmp_path / "two", vectors, rows)
    assert publishing.written(more, Database(dsn)) == (300, 300, 0, 0, False)
    assert np.mean([index.nearest(v, 1)[0].score > 0.99 for v in vectors[30_000:]]) >= 0.99, "what is new is found"
    index.close()

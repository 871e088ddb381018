"""What is said to have changed between versions, from manifests and indexes alone."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mmdata.hub.changes import CLASSES, Version, changes_of
from mmdata.manifest import Annotated, Manifest, Origin, ShardFile
from mmdata.row_index import write_index

IDS = st.text("가a/", min_size=1, max_size=2)
ROWS = st.dictionaries(
    IDS, st.tuples(st.sampled_from(["train", "test"]), st.lists(st.sampled_from(["p", "q"]), max_size=2))
)
"""id → (split, its pictures)"""


def manifest(version="1.0.0", **more) -> Manifest:
    rows = more.pop("rows", {})
    said = {
        "version": version, "created": "2026-01-02T03:04:05+00:00", "corpus": "skin",
        "origin": Origin(source="s", files=1, bytes=1, sha256="0"), "schema_sha256": "0", "labels_sha256": "0",
        "code": {}, "decode": "full", "features": [{"name": "id", "dtype": "string"}], "counts": {}, "rejected": {},
        "files": [ShardFile(path=s, split=s, rows=n, bytes=1, sha256="0") for s, n in rows.items()],
        "rejected_sha256": "0", "index_sha256": version, "findings": [],
    }  # fmt: skip
    return Manifest.model_validate(said | more)


def note(column="describe", **more) -> Annotated:
    said = {
        "column": column, "prompt_sha256": "p", "model": "m", "parameters": {}, "sha256": "a", "rows": 3,
        "made_by": {}, "first": "", "last": "", "cost": 0.0,
    }  # fmt: skip
    return Annotated.model_validate(said | more)


def said_between(a: Manifest, b: Manifest) -> list[str]:
    return changes_of([Version(a, None), Version(b, None)])[1].sentences()


@settings(max_examples=50)
@given(ROWS, ROWS)
def test_rows_are_counted_as_they_changed(old, new):
    with tempfile.TemporaryDirectory() as folder:
        versions = []
        for n, rows in enumerate((old, new)):
            path = Path(folder) / f"{n}.parquet"
            write_index(path, ((split, id, "", [("image", p) for p in ps]) for id, (split, ps) in rows.items()))
            versions.append(Version(manifest(f"1.{n}.0"), path))
        first, found = changes_of(versions)
    assert first.sentences() == ["the first version"]
    both = old.keys() & new.keys()
    assert sum(found.added.values()) == len(new) - len(both)
    assert sum(found.removed.values()) == len(old) - len(both)
    for split in ("train", "test"):
        assert found.added.get(split, 0) == sum(new[id][0] == split for id in new.keys() - both)
        assert found.removed.get(split, 0) == sum(old[id][0] == split for id in old.keys() - both)
    moves = {(a, b): n for a, b in [("test", "train"), ("train", "test")]
             if (n := sum((old[id][0], new[id][0]) == (a, b) for id in both))}  # fmt: skip
    assert found.moved == moves
    assert found.pictures == sum(old[id][1] != new[id][1] for id in both)
    same = old.keys() == new.keys() and not moves and not found.pictures
    assert (found.sentences() == ["the same rows and pictures"]) == same


def test_without_indexes_the_rows_of_each_split_are_compared():
    a, b = manifest(rows={"train": 2, "old": 1}), manifest("1.1.0", rows={"train": 1_000, "test": 1})
    assert said_between(a, b) == ["train: 2 → 1,000 rows", "old: 1 → 0 rows", "test: 0 → 1 row"]
    assert said_between(a, a) == []


def test_columns_labels_schema_and_rejections():
    a = manifest(features=[{"name": n, "dtype": "string"} for n in ("id", "old")])
    b = manifest(
        features=[{"name": n, "dtype": "string"} for n in ("id", "x", "y", "describe")],
        annotations=[note()], rejected={"broken image": 2}, labels_sha256="1", schema_sha256="1",
    )  # fmt: skip
    assert said_between(a, b) == [
        "columns added: x, y",
        "column removed: old",
        "answers to describe added: 3 rows, by m",
        "rows rejected by the build: 0 → 2",
        "another label map",
        "another schema",
    ]


def test_answers_before_and_after():
    a = manifest(annotations=[note("a"), note("b"), note("c"), note("d")])
    b = manifest(
        annotations=[note("b"), note("c", sha256="z", rows=5, model="n", prompt_sha256="q"), note("d", sha256="z")]
    )
    assert said_between(a, b) == [
        "answers to c changed: rows answered 3 → 5, model m → n, another wording of the prompt",
        "answers to d changed",
        "answers to a removed",
    ]


def test_the_classes_that_moved_most_are_named_in_their_order():
    names = [f"병{n}" for n in range(CLASSES + 3)]
    a = manifest(counts={"label": {name: {"train": 10} for name in [*names, "같음"]}})
    b = manifest(
        counts={
            "label": {**{name: {"train": 10 + n, "test": 1} for n, name in enumerate(names)}, "같음": {"train": 10}}
        }
    )
    (said,) = said_between(a, b)
    assert said.startswith("label: 병3 10 → 14, 병4 10 → 15, ")
    assert said.endswith("병10 10 → 21 and 3 more classes")

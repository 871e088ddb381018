"""The order of a build: listing, shards, versions."""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from mmdata.builder import Item
from mmdata.checks import check_rows
from mmdata.corpus import Corpus
from mmdata.listing import Listing
from mmdata.plan import MiB, Plan, items_of, shard_bytes
from mmdata.releases import Releases
from mmdata.schemas import SkinLesion
from mmdata.sources import SourceFile


@given(st.integers(0, 1 << 45))
def test_a_shard_is_at_most_512_mib_and_there_are_few(total):
    size = shard_bytes(total)
    assert size in {32 * MiB << n for n in range(5)}
    assert total <= 64 * size or size == 512 * MiB
    assert size == 32 * MiB or total > 64 * (size // 2)


@given(
    st.lists(
        st.tuples(st.sampled_from(["train", "test", "validation"]), st.integers(0, 60 * MiB)), min_size=1, max_size=60
    )
)
def test_every_item_is_in_exactly_one_shard_in_order(rows):
    items = [
        Item(str(n), split, {"image": SourceFile(f"{n}", f"{n}", size, "")}, {}) for n, (split, size) in enumerate(rows)
    ]
    with TemporaryDirectory() as folder, closing(Plan(Path(folder) / "plan.sqlite")) as plan:
        plan.add(items)
        shards = plan.shards()
        found = [(shard.split, [item for _, item in items_of(plan.db, shard)]) for shard in shards]
    assert [s.index for s in shards] == list(range(len(shards)))
    for split in {i.split for i in items}:
        assert [i for s, run in found if s == split for i in run] == [i for i in items if i.split == split]
    for _, run in found:
        assert len(run) == 1 or sum(i.size for i in run) <= shard_bytes(sum(i.size for i in items) + MiB)


@given(st.sets(st.tuples(*[st.integers(0, 30)] * 3), max_size=8), st.sampled_from(["major", "minor", "patch"]))
def test_the_next_version_is_above_all_others_and_one_step_from_the_newest(versions, bump):
    with TemporaryDirectory() as folder:
        for version in versions:
            release = Path(folder, "data", ".".join(map(str, version)))
            release.mkdir(parents=True)
            (release / "manifest.json").touch()
        Path(folder, "builder.py").touch()
        following = tuple(map(int, Releases(Corpus(folder)).next_version(bump).split(".")))
    if not versions:
        assert following == (1, 0, 0)
        return
    assert following > max(versions), "10 is above 9, which as text it is not"
    step = ["major", "minor", "patch"].index(bump)
    assert following == (*max(versions)[:step], max(versions)[step] + 1, *[0] * (2 - step))


def test_half_made_and_foreign_folders_are_no_versions(tmp_path):
    for name, file in {"2.0.0": "train.parquet", "3.0": "manifest.json", "old 9.0.0": "manifest.json"}.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / file).touch()
    (tmp_path / "builder.py").touch()
    assert Releases(Corpus(tmp_path)).next_version("minor") == "1.0.0"


class Fixed:
    """A source of these files, listed in this order."""

    url, readers = "fixed", 1

    def __init__(self, files):
        self.files = files

    def list(self):
        yield from self.files


@given(st.permutations(["나/b.png", "가/a.png", "가/a.json", "c.PNG", "가.png"]))
def test_a_listing_is_in_the_order_of_paths_however_it_came(names):
    files = [SourceFile(name, name, 1, "x") for name in names]
    with closing(sqlite3.connect(":memory:")) as db:
        listing = Listing.of(Fixed(files), db)
        assert [f.path for f in listing.files()] == sorted(names)
        assert [f.path for f in listing.files("*.png")] == ["가.png", "가/a.png", "나/b.png"]
        assert listing.find("가/a.json").stem == "a" and listing.find("없음") is None
        digest = listing.digest()
    with closing(sqlite3.connect(":memory:")) as db:
        assert Listing.of(Fixed(sorted(files, key=str)), db).digest() == digest


def test_the_checks_of_all_rows_take_time_in_proportion_to_the_rows():
    steps = {}
    for rows in (500, 5000):
        with TemporaryDirectory() as folder, closing(Plan(Path(folder) / "plan.sqlite")) as plan:
            files = [(n, f"{n:064x}") for n in range(rows)]
            plan.accept([(n, "test" if n % 9 == 0 else "train", f"{n}.png", "") for n, _ in files], [])
            for kind, field, value in (
                ("bytes", "image", None), ("look", "image", None), ("group", "subject", None),
                ("group", "site", "H1"), ("label", "diagnosis", "건선"),
            ):  # fmt: skip
                plan.accept([], [(n, (kind, field, value or sha)) for n, sha in files])
            plan.index_facts()
            count = 0

            def step() -> int:
                nonlocal count
                count += 1
                return 0

            plan.db.set_progress_handler(step, 1000)
            plan.digest()
            list(check_rows(plan.db, SkinLesion, {"diagnosis": ["건선"]}))
            plan.label_counts()
            steps[rows] = count
    assert steps[5000] < 15 * steps[500]

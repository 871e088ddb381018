"""Generation steps: made once, made again only where something changed, killed and gone on with, the same everywhere."""

import json
import os
import signal
import sqlite3
import subprocess
import time

import pytest
from game import BUILDER, MAKING, made, owners, ran
from kit import encoded, photo, put, run
from nest import shared

import mmdata
from mmdata.corpus import Corpus
from mmdata.errors import CorpusError
from mmdata.releases import Releases
from mmdata.steps.current import current


@pytest.fixture
def game(tmp_path, monkeypatch):
    monkeypatch.setenv("STEPS_RAN", str(tmp_path / "ran"))
    return made(tmp_path)


def test_rows_come_out_of_the_steps_and_the_manifest_names_them(game):
    done = mmdata.build(*game)
    assert done.manifest.splits == {"train": 4, "test": 2} and not done.manifest.rejected
    assert [(s.name, s.rows) for s in done.manifest.steps] == [("cards", 6), ("decks", 3), ("owners", 3), ("hands", 6)]
    assert [f.message for f in done.findings] == ["다 wants nothing"], "and that many rows have one card is no leak"
    assert ran(game) == ["cards", "decks", "hands 가", "hands 나", "hands 다", "owners"]
    table = current(game[0], "hands")
    assert next(table.rows(["cards"])).values["cards"]
    assert not mmdata.build(*game).created and ran(game) == [], "unchanged: nothing runs"


def test_only_what_hangs_on_a_change_runs_again(game):
    first = mmdata.build(*game)
    ran(game)
    owners(game[1], 가="a", 나="c", 다="")
    second = mmdata.build(*game)
    assert ran(game) == ["hands 나", "owners"], "the others' parts are remembered"
    before, after = ({row.id: row.pictures for row in mmdata_rows(game[0], one.version)} for one in (first, second))
    assert {id for id in before if before[id] != after[id]} <= {"나/0", "나/1"}
    mmdata.build(*game, options={"size": "3"})
    assert ran(game) == ["decks", "hands 가", "hands 나", "hands 다"]
    mmdata.build(*game, options={"size": 3})
    assert ran(game) == []
    (game[0] / "builder.py").write_text(BUILDER + "\n# other\n")
    mmdata.build(*game, options={"size": 3})
    assert ran(game) == [], "no step's module imports builder.py"
    put(game[1], "그림/카드9.png", encoded(photo(9)))
    mmdata.build(*game)
    assert ran(game) == ["cards", "decks", "hands 가", "hands 나", "hands 다"]


def mmdata_rows(folder, version):
    from mmdata.reading import Release

    return list(Release(folder, Releases(Corpus(folder)).manifest(version)).rows())


def test_going_back_takes_the_earlier_tables(game):
    mmdata.build(*game)
    mmdata.build(*game, options={"size": 3})
    ran(game)
    done = mmdata.build(*game)
    assert ran(game) == [] and done.created and done.version == "1.2.0"


def test_steps_alone_make_no_release(game):
    done = mmdata.run_steps(*game, ["decks"])
    assert [(one.step.name, len(one.table), one.again) for one in done] == [("cards", 6, True), ("decks", 3, True)]
    assert not (game[0] / "data").exists()
    assert [(one.step.name, one.again) for one in mmdata.run_steps(*game, ["3"])] == [("owners", True)], (
        "no other is needed"
    )
    said = run("build", game[0], "--source", game[1], "--steps", "decks,9")
    assert said.returncode == 1 and "no step '9'. There are: 1 cards, 2 decks, 3 owners, 4 hands" in said.stderr
    said = run("build", game[0], "--source", game[1], "--steps", "1", "2", "4", "--set", "seed=1", "--json")
    assert [(one["step"], one["again"]) for one in json.loads(said.stdout)] == [
        ("cards", False), ("decks", False), ("owners", False), ("hands", True),
    ]  # fmt: skip
    said = run("build", game[0], "--source", game[1], "zu viel")
    assert said.returncode == 2 and "'zu viel' is one word too many" in said.stderr
    said = run("build", game[0], "--source", game[1], "--set", "sed=1")
    assert said.returncode == 1 and "no option 'sed'. It has: size, seed" in said.stderr
    said = run("build", game[0], "--source", game[1], "--set", "seed=viele")
    assert said.returncode == 1 and "valid integer" in said.stderr and "Traceback" not in said.stderr


def test_many_parts_by_one_worker_and_by_two_make_the_same_bytes(game):
    owners(game[1], **{f"사람{n:03d}": f"{n}" for n in range(100)})
    one = mmdata.build(*game, workers=1)
    assert len(ran(game)) == 103
    for memory in (".steps", ".cache.sqlite"):
        subprocess.run(["rm", "-r", str(game[0] / memory)], check=True)
    two = mmdata.build(*game, workers=2)
    assert len(ran(game)) == 103 and not two.created
    assert one.manifest.steps == two.manifest.steps


@pytest.mark.slow
def test_killed_in_any_step_it_goes_on_and_the_bytes_are_the_same(game, tmp_path):
    owners(game[1], **{f"사람{n:03d}": f"{n}" for n in range(60)})
    environment = os.environ | {"STEPS_SLOW": "0.02"}
    log = tmp_path / "ran"
    for wanted in ("cards", "decks", "owners", "hands 사람005", "hands 사람045"):
        process = shared().start("build", game[0], "--source", game[1], "--workers", 2, env=environment)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (log.exists() and wanted in log.read_text().split("\n")):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, wanted
        assert not (game[0] / "data").exists()
        time.sleep(0.2)
    before = ran(game)
    mended = mmdata.build(*game)
    after = ran(game)
    assert not {"cards", "decks", "owners"} & set(after), "steps that were done stay done"
    assert len(after) <= 60 - 16, f"parts that were done stay done: {len(before)} before, {len(after)} after"
    fresh = mmdata.new("game", tmp_path / "다시", like=None)
    for name in ("builder.py", "making.py"):
        (fresh / name).write_text((game[0] / name).read_text())
    (fresh / "labels.yaml").unlink(missing_ok=True)
    again = mmdata.build(fresh, game[1])
    assert [f.sha256 for f in again.manifest.files] == [f.sha256 for f in mended.manifest.files]
    assert again.manifest.steps == mended.manifest.steps


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "def decks(cards, *, size)",
            "def decks(card, *, size)",
            "has the parameter 'card', which is no earlier step, no prompt",
        ),
        (
            "def decks(cards, *, size)",
            "def decks(cards, *, sise)",
            "the config has no option 'sise'. Add it to Options",
        ),
        ('each="owners"', 'each="owner"', "each='owner' is no earlier step. Those before it: cards, decks, owners"),
        ("Deck(id=str(n // size)", 'Deck(id="0"', "step decks: two rows have the id '0'"),
        (
            "yield Deck(id=str(n // size), cards=ids[n : n + size])",
            "yield 1",
            "it yields int; a step yields Deck or Finding",
        ),
        (
            'yield Hand(id=f"{owner.id}/{n}", owner=owner.id, cards=r.sample(deck.cards, len(deck.cards)))',
            "yield deck",
            "it yields Deck; a step yields Hand or Finding",
        ),
        ("r = random.Random(", "r = random.Randon(", "making.py, line 69: AttributeError"),
        ('"*.png",', '"*.gif",', "step cards made no row, so there is nothing to go on with"),
    ],
)
def test_a_fault_of_a_step_is_one_line_that_names_it(game, old, new, says):
    assert old in MAKING
    (game[0] / "making.py").write_text(MAKING.replace(old, new))
    with pytest.raises(CorpusError) as error:
        mmdata.build(*game)
    assert says in str(error.value)


def test_damaged_memory_costs_time_only(game):
    first = mmdata.build(*game)
    with sqlite3.connect(game[0] / ".cache.sqlite") as memory:
        memory.execute("UPDATE step_parts SET made = x'00'")
    for damage in (".steps/current.json", f".steps/{current(game[0], 'hands').folder.name}/manifest.json"):
        (game[0] / damage).write_text("{")
    again = mmdata.build(*game)
    assert not again.created and again.manifest.steps == first.manifest.steps


def test_what_a_step_imports_and_uses_is_noticed(game):
    (game[0] / "sizes.py").write_text("SIZE = 2")
    (game[0] / "making.py").write_text("from .sizes import SIZE\n" + MAKING)
    mmdata.run_steps(*game, ["decks"])
    (game[0] / "sizes.py").write_text("SIZE = 3")
    assert [one.again for one in mmdata.run_steps(*game, ["decks"])] == [True, True]
    (game[0] / "making.py").write_text(MAKING.replace("@step(Deck)", '@step(Deck, uses=("no-such-thing",))'))
    with pytest.raises(
        CorpusError, match="step decks: it uses no-such-thing, which is not installed: pip install no-such"
    ):
        mmdata.build(*game)


def test_a_broken_picture_of_a_table_is_left_out_and_said(game):
    put(game[1], "그림/카드7.png", encoded(photo(7))[:90])
    done = mmdata.build(*game)
    assert [f.check for f in done.findings if "카드7" in f.message] == ["truncated image"]
    assert done.manifest.steps[0].rows == 6


def test_it_is_a_datasets_builder_too(game, tmp_path):
    builder = Corpus(game[0]).builder(data_dir=str(game[1]), cache_dir=str(tmp_path / "cache"))
    builder.download_and_prepare()
    assert builder.as_dataset()["train"].num_rows == 4
    assert len(list(builder.as_streaming_dataset()["test"])) == 2


def test_the_old_tables_go(game):
    for size in (2, 3, 4, 5):
        mmdata.build(*game, options={"size": size})
    kept = list((game[0] / ".steps").glob("decks-*"))
    assert len(kept) == 2
    released = mmdata.build(*game, options={"size": 5}).manifest.steps[1]
    for size in (2, 3, 4):
        mmdata.run_steps(*game, ["decks"], options={"size": size})
    assert current(game[0], "decks", released.sha256), "what the release was made of stays"
    assert len(list((game[0] / ".steps").glob("decks-*"))) <= 3
    assert len(list((game[0] / ".steps").glob("cards-*"))) == 1

"""Generation steps: made once, made again only where something changed, killed and gone on with, the same everywhere."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from kit import encoded, photo, put, run
from openai_server import Act, completion, serving

import mmdata
from mmdata.corpus import Corpus
from mmdata.errors import BuildError, CorpusError
from mmdata.releases import Releases
from mmdata.steps.current import current

BUILDER = '''
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import datasets
from mmdata import CorpusBuilder, Finding, Item
from mmdata.schemas import Group, Id, Image, Part, Picture, Record
from mmdata.steps import step

from .making import Card, Deck, Hand, cards, decks, hands, owners


class Row(Record):
    id: Annotated[str, Id()]
    cards: list[Annotated[Picture, Image(shared=True)]]
    owner: Annotated[str, Group()]


@dataclass
class Options(datasets.BuilderConfig):
    size: int = 2
    seed: int = 7


class Game(CorpusBuilder):
    """Hands of cards."""

    schema = Row
    BUILDER_CONFIG_CLASS = Options
    BUILDER_CONFIGS = [Options(name="plain")]
    steps = (cards, decks, owners, hands)

    def items(self, listing):
        pictures = {card.id: card.picture.bytes for card in self.table("cards")}
        self.share("pictures", pictures.values())
        places = {id: n for n, id in enumerate(pictures)}
        for hand in self.table("hands"):
            split = "test" if hand.owner == "나" else "train"
            yield Item(hand.id, split, {}, {"cards": [places[c] for c in hand.cards], "owner": hand.owner}, hand.id)

    def record(self, item, files):
        pictures = [Picture(path=f"{n}.png", bytes=self.shared("pictures")[n]) for n in item.data["cards"]]
        return {"id": item.id, "cards": pictures, "owner": item.data["owner"]}
'''

MAKING = '''
import json, os, random, time
from pathlib import Path
from typing import Annotated

from mmdata import Finding
from mmdata.schemas import Id, Image, Picture, Record
from mmdata.steps import step


class Card(Record):
    id: Annotated[str, Id()]
    picture: Annotated[Picture, Image(shared=True)]


class Deck(Record):
    id: Annotated[str, Id()]
    cards: list[str]


class Owner(Record):
    id: Annotated[str, Id()]
    wants: str


class Hand(Record):
    id: Annotated[str, Id()]
    owner: str
    cards: list[str]


def ran(what):
    """Leave a trace, and take time, as the test says."""
    if at := os.environ.get("STEPS_RAN"):
        with open(at, "a") as file:
            file.write(what + "\\n")
    time.sleep(float(os.environ.get("STEPS_SLOW", "0")))


@step(Card, reads=("*.png",))
def cards(listing):
    ran("cards")
    for file in listing.files():
        with listing.open(file) as opened:
            yield Card(id=file.stem, picture=Picture(path=file.path, bytes=opened.read()))


@step(Deck)
def decks(cards, *, size):
    ran("decks")
    ids = cards.column("id")
    for n in range(0, len(ids), size):
        yield Deck(id=str(n // size), cards=ids[n : n + size])


@step(Owner, reads=("owners.json",))
def owners(listing):
    ran("owners")
    with listing.open(listing.find("owners.json")) as opened:
        for id, wants in json.load(opened).items():
            if not wants:
                yield Finding.warning("no wish", f"{id} wants nothing", [id])
            yield Owner(id=id, wants=wants)


@step(Hand, each="owners")
def hands(owner, decks, *, seed):
    ran(f"hands {owner.id}")
    r = random.Random(f"{seed} {owner.id} {owner.wants}")
    for n in range(2):
        deck = r.choice(list(decks))
        yield Hand(id=f"{owner.id}/{n}", owner=owner.id, cards=r.sample(deck.cards, len(deck.cards)))
'''
ASKING = """
@step(Hand, each="owners")
def hands(owner, decks, names, *, seed):
    ran(f"hands {owner.id}")
    known = [deck for deck in decks if names[deck.id] is not None and owner.wants in names[deck.id]]
    for n, deck in enumerate(known or list(decks)[:1]):
        yield Hand(id=f"{owner.id}/{n}", owner=owner.id, cards=deck.cards)
"""
PROMPT = """
id: names
over: decks
model: gpt-4o-mini
image: null
fields: [cards]
user: "What are these? ⟦{{ cards | join(' ') }}⟧"
"""


@pytest.fixture
def game(tmp_path, monkeypatch):
    """A corpus with four steps, a source of six cards and three owners, and a log of what ran."""
    folder = mmdata.new("game", tmp_path / "내 말뭉치")
    (folder / "builder.py").write_text(BUILDER)
    (folder / "making.py").write_text(MAKING)
    (folder / "labels.yaml").unlink(missing_ok=True)
    source = tmp_path / "카드 원본"
    for n in range(6):
        put(source, f"그림/카드{n}.png", encoded(photo(n)))
    owners(source, 가="a", 나="b", 다="")
    monkeypatch.setenv("STEPS_RAN", str(tmp_path / "ran"))
    return folder, source


def owners(source, **wants):
    put(source, "owners.json", json.dumps(wants, ensure_ascii=False).encode())


def ran(game) -> list[str]:
    log = game[0].parent.parent / "ran"
    lines = log.read_text().split("\n")[:-1] if log.exists() else []
    log.unlink(missing_ok=True)
    return sorted(lines)


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
    assert [(one.name, one.rows, one.again) for one in done] == [("cards", 6, True), ("decks", 3, True)]
    assert not (game[0] / "data").exists()
    assert [one.again for one in mmdata.run_steps(*game, ["3"])] == [False, False, True]
    said = run("build", game[0], "--source", game[1], "--steps", "decks,9")
    assert said.returncode == 1 and "no step '9'. There are: 1 cards, 2 decks, 3 owners, 4 hands" in said.stderr
    said = run("build", game[0], "--source", game[1], "--steps", "all", "--set", "seed=1", "--json")
    assert [one["again"] for one in json.loads(said.stdout)] == [False, False, False, True]
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
    command = [sys.executable, "-m", "mmdata.cli", "build", game[0], "--source", game[1], "--workers", "2"]
    environment = os.environ | {"STEPS_SLOW": "0.02"}
    log = tmp_path / "ran"
    for wanted in ("cards", "decks", "owners", "hands 사람005", "hands 사람045"):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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


@pytest.fixture
def asking(game):
    (game[0] / "making.py").write_text(MAKING + ASKING)
    (game[0] / "prompts").mkdir(exist_ok=True)
    (game[0] / "prompts/names.yaml").write_text(PROMPT)
    return game


def test_a_step_waits_for_answers_and_takes_them(asking, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    folder = asking[0]
    with pytest.raises(
        BuildError, match=r"needs the answers to prompt names: 3 of 3 decks were never asked about\. Run `mm"
    ):
        mmdata.build(*asking)
    assert ran(asking) == ["cards", "decks", "owners"]
    with serving() as server:
        server.behave = lambda row, call: Act(body=completion("a b" if "카드0" in row else "b"))
        url = f"http://127.0.0.1:{server.port}/v1"
        done = mmdata.annotate(folder, "names", base_url=url)
        assert done.states == {"ok": 3} and done.version == "step decks"
        built = mmdata.build(*asking)
        assert ran(asking) == ["hands 가", "hands 나", "hands 다"]
        assert mmdata.annotate(folder, "names", base_url=url).calls == 0
        owners(asking[1], 가="a", 나="b", 다="b")
        mmdata.build(*asking)
        assert ran(asking) == ["hands 다", "owners"] and mmdata.annotate(folder, "names", base_url=url).calls == 0
    [note] = [one for step in built.manifest.steps for one in step.asked]
    assert (note.column, note.model, note.rows) == ("names", "gpt-4o-mini", 3) and note.prompt["over"] == "decks"
    report = mmdata.check(folder)
    assert report.answers == {"names": {"ok": 3}}
    assert all(fault.split in {"", "decks"} for fault in report.faults if fault.prompt == "names")
    with pytest.raises(CorpusError, match="asked over the step decks, so its answers are no column"):
        mmdata.release(folder, prompts=["names"])


def test_an_edited_answer_runs_the_step_again_and_a_refused_one_is_said(asking, monkeypatch):
    from mmdata.verbs.fix import set_answer

    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with serving() as server, pytest.raises(BuildError):
        mmdata.build(*asking)
    with serving() as server:
        server.behave = lambda row, call: Act(body=completion("b")) if "카드0" in row else Act(body=completion(""))
        mmdata.annotate(asking[0], "names", base_url=f"http://127.0.0.1:{server.port}/v1")
    done = mmdata.build(*asking)
    [lost] = [f for f in done.findings if f.check == "no answer"]
    assert lost.message.startswith("2 of 3 decks have no good answer to names (2 empty), such as 1")
    ran(asking)
    set_answer(asking[0], "names", "0", "a")
    mmdata.build(*asking)
    assert ran(asking) == ["hands 가", "hands 나", "hands 다"]


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
    assert len(list((game[0] / ".steps").glob("decks-*"))) == 2
    assert len(list((game[0] / ".steps").glob("cards-*"))) == 1

"""A corpus whose rows are made in steps: hands of cards, two for each owner."""

import json
from pathlib import Path

from kit import encoded, photo, put

import mmdata

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


def made(where: Path) -> tuple[Path, Path]:
    """The corpus, and a source of six cards and three owners."""
    folder = mmdata.new("game", where / "내 말뭉치")
    (folder / "builder.py").write_text(BUILDER)
    (folder / "making.py").write_text(MAKING)
    (folder / "labels.yaml").unlink(missing_ok=True)
    source = where / "카드 원본"
    for n in range(6):
        put(source, f"그림/카드{n}.png", encoded(photo(n)))
    owners(source, 가="a", 나="b", 다="")
    return folder, source


def owners(source, **wants):
    put(source, "owners.json", json.dumps(wants, ensure_ascii=False).encode())


def ran(game) -> list[str]:
    """What ran since this was asked last, sorted."""
    log = game[0].parent.parent / "ran"
    lines = log.read_text().split("\n")[:-1] if log.exists() else []
    log.unlink(missing_ok=True)
    return sorted(lines)

"""AAC: from pictograms and personas to combinations of cards, step by step; or items that the original made."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from mmdata import CorpusBuilder, Finding, Item, Listing, Reject
from mmdata.schemas import AacItem, Picture
from mmdata.steps import Step

from . import arasaac, drawn, unread
from .cards import cards
from .clusters import clusters
from .combinations import combinations, said_of_shares
from .completed import FILES as COMPLETED
from .completed import entries, read
from .interpreted import FILES as INTERPRETED
from .interpreted import interpreted
from .options import Options, checked
from .personas import FILES as PERSONAS
from .personas import homes_of, personas
from .preferences import preferences, said_of
from .splits import by_hash, by_rank, key_of
from .topics import keyword_topics, model_topics
from .vectors import vectors

Row = dict[str, Any]

PICTURES = "cards"
KEYS_SHOWN = 10
TABLES = (*PERSONAS, *COMPLETED, *INTERPRETED, *arasaac.RECORDS, *drawn.MULBERRY, *drawn.OPENMOJI)


class Aac(CorpusBuilder):
    """Pictogram cards laid by a person in a situation, for a model that says what is meant."""

    schema = AacItem
    layout = (
        "personas*.json and, in any folders, ARASAAC's {id}_{keyword}.png with *arasaac*.json, Mulberry's symbol-info.csv "
        "and OpenMoji's openmoji.json with their SVG, .obf and .obz boards"
    )
    BUILDER_CONFIG_CLASS = Options
    BUILDER_CONFIGS = [  # noqa: RUF012 - as `datasets` has it
        Options(name="keyword_topics", description="Clusters are named by their cards; asks no model."),
        Options(
            name="model_topics",
            description="A model says what clusters are about, by the prompt topics.",
            topics="model",
        ),
        Options(name="completed", description="Items of dataset_completed.json.", completed=True, filter_cards=False),
    ]
    DEFAULT_CONFIG_NAME = "keyword_topics"

    def __init__(self, **options: Any):
        super().__init__(**options)
        checked(self.config)

    @property
    def steps(self) -> Sequence[Step]:
        """In their order. Imported items need nothing but their pictures."""
        if self.config.completed:
            return (cards,)
        topics = model_topics if self.config.topics == "model" else keyword_topics
        return cards, vectors, clusters, topics, personas, preferences, combinations

    def items(self, listing: Listing) -> Iterator[Item | Finding]:
        """A row a combination."""
        yield from unread.tables(listing, TABLES)
        yield from self._completed(listing) if self.config.completed else self._made(listing)

    def _made(self, listing: Listing) -> Iterator[Item | Finding]:
        chosen = {one.id: one for one in self.table("preferences")}
        everyone = list(self.table("personas"))
        homes = homes_of(everyone)
        people = {
            one.id: {
                "persona": one.persona.model_dump() | {"preferred_category_types": chosen[one.id].clusters},
                "home": homes[one.id],
            }
            for one in everyone
        }
        laid = self.table("combinations")
        keys = zip(laid.column("persona_id"), map(tuple, laid.column("card_ids")), strict=True)
        texts, faults = interpreted(listing, set(keys))
        yield from faults
        sizes = map(len, laid.column("card_ids"))
        drawn = zip(laid.column("persona_id"), laid.column("preferred"), sizes, laid.column("size_drawn"), strict=True)
        yield from said_of(chosen.values(), self.config.similarity_wanted)
        yield from said_of_shares(drawn, self.config.preferred_share)
        yield from self._items(
            lambda: (
                row.model_dump(exclude={"size_drawn"})
                | people[row.persona_id]
                | texts.get((row.persona_id, tuple(row.card_ids)), {})
                for row in laid
            )
        )

    def _completed(self, listing: Listing) -> Iterator[Item | Finding]:
        values: list[Row] = []
        failed: list[str] = []
        faults: list[str] = []
        dropped: dict[str, list[str]] = {}
        people: dict[str, Row] = {}
        for place, entry in entries(listing):
            try:
                made = read(entry)
            except ValueError as why:
                yield Item(place, "train", data={"broken": f"{place}: {why}. Correct or remove it"}, at=place)
                continue
            persona = people.setdefault(repr(made.values["persona"]), made.values["persona"])  # One, of many rows.
            values.append(made.values | {"persona": persona, "home": made.values["persona_id"], "at": place})
            failed += [place] * made.failed
            faults += [f"{place}: {made.fault}"] * bool(made.fault)
            for key in made.dropped:
                dropped.setdefault(key, []).append(place)
        if failed:
            text = f"on {len(failed)} items the original failed; their texts are left out, to be written again: {failed[0]}"
            yield Finding.warning("failed before", text, failed, len(failed))
        if faults:
            text = f"{len(faults)} outputs are not three texts; they are left out, to be written again: {faults[0]}"
            yield Finding.warning("output", text, faults, len(faults))
        if dropped:
            keys = ", ".join(f"{key:.40} ({len(places)})" for key, places in sorted(dropped.items())[:KEYS_SHOWN])
            more = f" and {len(dropped) - KEYS_SHOWN} more" if len(dropped) > KEYS_SHOWN else ""
            places = [f"{found[0]}: {key:.40}" for key, found in sorted(dropped.items())]
            text = f"no column is for these keys of items, which are left out: {keys}{more}, such as {places[0]}"
            yield Finding.warning("dropped keys", text, places, sum(map(len, dropped.values())))
        yield from self._items(lambda: values)

    def _items(self, rows: Callable[[], Iterable[Row]]) -> Iterator[Item | Finding]:
        """The rows with what their cards are, each in its split. They are gone through twice."""
        wanted: set[str] = set()
        personas: set[str] = set()
        for row in rows():
            wanted.update(row["card_ids"])
            personas.add(row["home"])
        numbers: dict[str, int] = {}
        facts: dict[str, dict[str, str]] = {}

        def pictures() -> Iterator[bytes]:
            for card in self.table("cards"):
                if card.id in wanted:
                    numbers[card.id] = len(numbers)
                    facts[card.id] = {
                        "keyword": card.keyword,
                        "source": card.source,
                        "attribution": card.attribution,
                        "path": card.image.path,
                        "sha256": sha256(card.image.bytes).hexdigest(),
                        "excluded": card.excluded,
                    }
                    yield card.image.bytes

        self.share(PICTURES, pictures())
        splits = by_rank(personas)
        excluded: list[str] = []
        for row in rows():
            row, ids = dict(row), row["card_ids"]
            at, home, names = row.pop("at", row["id"]), row.pop("home"), row.pop("names", ids)
            if lacking := [name for id, name in zip(ids, names, strict=True) if id not in numbers]:
                yield Item(row["id"], "train", data={"lacking": lacking}, at=at)
                continue
            by_person = self.config.split_by == "persona"
            row["group"] = home if by_person else key_of(facts[id]["sha256"] for id in ids)
            split = splits[home] if by_person else by_hash(row["group"])
            excluded += [f"{at}: {id}: {facts[id]['excluded']}" for id in ids if facts[id]["excluded"]][:1]
            row["numbers"] = [numbers[id] for id in ids]
            row["paths"] = [facts[id]["path"] for id in ids]
            row["keywords"] = [facts[id]["keyword"] for id in ids]
            row["sources"] = [facts[id]["source"] for id in ids]
            row["attributions"] = list(dict.fromkeys(facts[id]["attribution"] for id in ids))
            yield Item(row["id"], split, data=row, at=at)
        if excluded:
            text = (
                f"{len(excluded)} rows have a card that filter_cards would leave out, and stay, for it is off: {excluded[0]}. "
                "If nobody is to be shown it, remove such items from their file, or leave filter_cards on"
            )
            yield Finding.warning("excluded cards", text, excluded, len(excluded))

    def record(self, item: Item, files: Mapping[str, bytes]) -> Any:
        """The combination with its cards' pictures."""
        row = dict(item.data)
        if "broken" in row:
            raise Reject("broken item", field="id", value=item.id, reason=row["broken"])
        if "lacking" in row:
            name = row["lacking"][0]
            reason = f"{item.place}: the source has no usable picture {name}. Add it, in any folder"
            raise Reject("missing picture", field="cards", value=name, reason=reason)
        pictures = self.shared(PICTURES)
        found = zip(row.pop("paths"), row.pop("numbers"), strict=True)
        return row | {"cards": [Picture(path=path, bytes=pictures[number]) for path, number in found]}

"""AAC: from pictograms and personas to combinations of cards, step by step; or items that the original made."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import datasets

from mmdata import CorpusBuilder, Finding, Item, Listing, Reject
from mmdata.schemas import AacItem, Picture
from mmdata.steps import Step

from .cards import cards
from .clusters import clusters
from .combinations import combinations, said_of_shares
from .completed import entries, values_of
from .embedding import BUILTIN, state_of
from .personas import personas
from .preferences import preferences, said_of
from .splits import by_hash, by_rank, key_of
from .topics import keyword_topics, model_topics
from .vectors import vectors

Row = dict[str, Any]

PICTURES = "cards"
EXCLUDED = [
    "alphabet", "letter", "crime", "drug", "erotic", "pornography", "sexuality", "violence", "weapon",
]  # fmt: skip


@dataclass
class Options(datasets.BuilderConfig):
    """What a build chooses."""

    topics: Literal["keyword", "model"] = "keyword"
    """Of clusters: the keywords of their medoids, or what a model says (`mmdata annotate --prompt topics`)."""
    completed: bool = False
    """Rows are the items of dataset_completed.json, and nothing is made."""
    split_by: Literal["persona", "combination"] = "persona"
    """What is in one split only."""
    seed: int = 42

    filter_cards: bool = True
    exclude_flags: list[str] = field(default_factory=lambda: ["sex", "violence", "rated"])
    """ARASAAC's `sex` and `violence`, Mulberry's `rated`."""
    exclude_categories: list[str] = field(default_factory=lambda: list(EXCLUDED))
    """Categories, with those under them (Food: Food Fruit too), and tags."""
    symbol_size: int = 256
    """Pixels of a side that SVG symbols are drawn in."""
    language: str = "ko"
    """Of the keywords, where a table has several; else English."""

    embedding: str = BUILTIN
    """`builtin`, or a CLIP or SigLIP model of transformers: its name on the Hub, or its folder."""
    clusters_wanted: int = 64
    similarity_wanted: float = 0.75
    """(cosine + 1) / 2 of a persona's topic and a cluster's, from which a cluster is preferred."""
    preferred_at_most: int = 8
    preferred_share: float = 0.9
    """Of combinations, those of preferred clusters."""
    items_per_persona: int = 200

    @property
    def embedding_state(self) -> str:
        """What else decides vectors. Steps are given it, so that they notice when it changes."""
        return state_of(self.embedding)


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

    @property
    def steps(self) -> Sequence[Step]:
        """In their order. Imported items need nothing but their pictures."""
        if self.config.completed:
            return (cards,)
        topics = model_topics if self.config.topics == "model" else keyword_topics
        return cards, vectors, clusters, topics, personas, preferences, combinations

    def items(self, listing: Listing) -> Iterator[Item | Finding]:
        """A row a combination."""
        yield from self._completed(listing) if self.config.completed else self._made()

    def _made(self) -> Iterator[Item | Finding]:
        chosen = {one.id: one for one in self.table("preferences")}
        people = {
            one.id: one.persona.model_dump() | {"preferred_category_types": chosen[one.id].clusters}
            for one in self.table("personas")
        }
        laid = self.table("combinations")
        drawn = zip(laid.column("persona_id"), laid.column("preferred"), strict=True)
        yield from said_of(chosen.values(), self.config.similarity_wanted)
        yield from said_of_shares(drawn, self.config.preferred_share)
        yield from self._items(lambda: (row.model_dump() | {"persona": people[row.persona_id]} for row in laid))

    def _completed(self, listing: Listing) -> Iterator[Item | Finding]:
        values: list[Row] = []
        failed: list[str] = []
        people: dict[str, Row] = {}
        for place, entry in entries(listing):
            try:
                made, is_failed = values_of(entry)
            except ValueError as why:
                yield Item(place, "train", data={"broken": f"{place}: {why}. Correct or remove it"}, at=place)
                continue
            persona = people.setdefault(made["persona_id"], made["persona"])  # One, however many lay by it.
            values.append(made | {"persona": persona, "at": place})
            if is_failed:
                failed.append(place)
        if failed:
            text = f"on {len(failed)} items the original failed; their texts are left out, to be written again: {failed[0]}"
            yield Finding.warning("failed before", text, failed, len(failed))
        yield from self._items(lambda: values)

    def _items(self, rows: Callable[[], Iterable[Row]]) -> Iterator[Item]:
        """The rows with what their cards are, each in its split. They are gone through twice."""
        wanted: set[str] = set()
        personas: set[str] = set()
        for row in rows():
            wanted.update(row["card_ids"])
            personas.add(row["persona_id"])
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
                    }
                    yield card.image.bytes

        self.share(PICTURES, pictures())
        splits = by_rank(personas)
        for row in rows():
            row, ids = dict(row), row["card_ids"]
            at, key = row.pop("at", row["id"]), key_of(ids)
            persona = self.config.split_by == "persona"
            split = splits[row["persona_id"]] if persona else by_hash(key)
            row["group"] = row["persona_id"] if persona else key
            if lacking := [id for id in ids if id not in numbers]:
                yield Item(row["id"], split, data={"lacking": lacking}, at=at)
                continue
            row["numbers"] = [numbers[id] for id in ids]
            row["paths"] = [facts[id]["path"] for id in ids]
            row["keywords"] = [facts[id]["keyword"] for id in ids]
            row["sources"] = [facts[id]["source"] for id in ids]
            row["attributions"] = list(dict.fromkeys(facts[id]["attribution"] for id in ids))
            yield Item(row["id"], split, data=row, at=at)

    def record(self, item: Item, files: Mapping[str, bytes]) -> Any:
        """The combination with its cards' pictures."""
        row = dict(item.data)
        if "broken" in row:
            raise Reject("broken item", field="id", value=item.id, reason=row["broken"])
        if "lacking" in row:
            name = f"{row['lacking'][0]}.png"
            reason = f"{item.place}: the source has no usable picture {name}. Add it, in any folder"
            raise Reject("missing picture", field="cards", value=name, reason=reason)
        pictures = self.shared(PICTURES)
        found = zip(row.pop("paths"), row.pop("numbers"), strict=True)
        return row | {"cards": [Picture(path=path, bytes=pictures[number]) for path, number in found]}

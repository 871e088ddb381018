"""AAC: from pictograms and personas to combinations of cards, step by step; or items that the original made."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import datasets

from mmdata import CorpusBuilder, Finding, Item, Listing, Reject
from mmdata.schemas import AacItem, Picture
from mmdata.steps import Step

from .cards import cards
from .clusters import clusters
from .combinations import combinations
from .completed import entries, values_of
from .personas import personas
from .preferences import preferences
from .splits import by_hash, by_rank, key_of
from .topics import keyword_topics, model_topics
from .vectors import vectors

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

    embedding: str = "builtin"
    """`builtin`, or a CLIP or SigLIP model of transformers."""
    clusters_wanted: int = 64
    similarity_wanted: float = 0.75
    """(cosine + 1) / 2 of a persona's topic and a cluster's, from which a cluster is preferred."""
    preferred_at_most: int = 8
    preferred_share: float = 0.9
    """Of combinations, those of preferred clusters."""
    items_per_persona: int = 200


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
        people = {one.id: one.persona for one in self.table("personas")}
        preferred = {one.id: one for one in self.table("preferences")}
        rows = list(self.table("combinations"))
        yield from said_of(preferred.values(), self.config.similarity_wanted)
        yield from said_of_shares(((row.persona_id, row.preferred) for row in rows), self.config.preferred_share)
        values = []
        for row in rows:
            chosen = {"preferred_category_types": preferred[row.persona_id].clusters}
            persona = people[row.persona_id].model_dump() | chosen
            values.append(row.model_dump() | {"persona": persona})
        yield from self._items(values)

    def _completed(self, listing: Listing) -> Iterator[Item | Finding]:
        values, failed = [], []
        for place, entry in entries(listing):
            try:
                made, is_failed = values_of(entry)
            except ValueError as why:
                yield Item(place, "train", data={"broken": f"{place}: {why}. Correct or remove it"}, at=place)
                continue
            values.append(made | {"at": place})
            if is_failed:
                failed.append(place)
        if failed:
            text = f"on {len(failed)} items the original failed; their texts are left out, to be written again: {failed[0]}"
            yield Finding.warning("failed before", text, failed, len(failed))
        yield from self._items(values)

    def _items(self, rows: Sequence[dict[str, Any]]) -> Iterator[Item]:
        """The rows with what their cards are, each in its split."""
        wanted = {id for row in rows for id in row["card_ids"]}
        numbers: dict[str, int] = {}
        facts: dict[str, dict[str, str]] = {}

        def pictures() -> Iterator[bytes]:
            for card in self.table("cards"):
                if card.id in wanted:
                    numbers[card.id] = len(numbers)
                    facts[card.id] = {"keyword": card.keyword, "source": card.source, "attribution": card.attribution}
                    yield card.image.bytes

        self.share(PICTURES, pictures())
        splits = by_rank(row["persona_id"] for row in rows)
        for row in rows:
            row, ids = dict(row), row["card_ids"]
            at, key = row.pop("at", row["id"]), key_of(ids)
            persona = self.config.split_by == "persona"
            split = splits[row["persona_id"]] if persona else by_hash(key)
            row["group"] = row["persona_id"] if persona else key
            if lacking := [id for id in ids if id not in numbers]:
                yield Item(row["id"], split, data={"lacking": lacking}, at=at)
                continue
            row["numbers"] = [numbers[id] for id in ids]
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
        found = [(id, pictures[number]) for id, number in zip(row["card_ids"], row.pop("numbers"), strict=True)]
        kinds = {id: "jpg" if data.startswith(b"\xff\xd8") else "png" for id, data in found}
        return row | {"cards": [Picture(path=f"{id}.{kinds[id]}", bytes=data) for id, data in found]}


def said_of(preferences: Iterable[Any], wanted: float) -> Iterator[Finding]:
    """Which personas prefer clusters that are not as near as is asked for, or that they name by number."""
    given = [one.id for one in preferences if not one.similarities]
    found = [one for one in preferences if one.similarities]
    far = [one.id for one in found if not one.reached]
    short = [one.id for one in found if 0 < one.reached < len(one.clusters)]
    if given:
        text = (
            f"{len(given)} personas name their clusters by number. The numbers are of the clustering that they were chosen "
            f"by; if that is not this one, give them preferred_category_types []: {given[0]}"
        )
        yield Finding.warning("preferred clusters", text, given, len(given))
    if far:
        text = f"{len(far)} personas have topics near to no cluster (under {wanted}); the nearest are taken: {far[0]}"
        yield Finding.warning("preferred clusters", text, far, len(far))
    if short:
        text = (
            f"{len(short)} personas prefer too few cards for their combinations; the nearest clusters under {wanted} are "
            f"taken too: {short[0]}"
        )
        yield Finding.warning("preferred clusters", text, short, len(short))


def said_of_shares(drawn: Iterable[tuple[str, bool]], share: float) -> Iterator[Finding]:
    """Which personas got clearly more or less of their preferred cards than they should: there were no others."""
    counts: dict[str, Counter[bool]] = {}
    for persona, preferred in drawn:
        counts.setdefault(persona, Counter())[preferred] += 1
    off = []
    for persona, count in counts.items():
        items = count.total()
        if abs(count[True] - share * items) > 4 * (items * share * (1 - share)) ** 0.5 + 1:
            off.append(f"{persona}: {count[True]} of {items}")
    if off:
        text = f"{len(off)} personas have not {share:.0%} preferred combinations, for there are no more: {off[0]}"
        yield Finding.warning("preferred share", text, off, len(off))

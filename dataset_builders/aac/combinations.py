"""Step `combinations`: the cards that each persona lays together, each persona by itself."""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

from mmdata import Finding, MmdataError
from mmdata.schemas import CardCluster, CardCombination, PersonaPreference
from mmdata.steps import Table, step

SIZES = {"simple": range(1, 3), "moderate": range(1, 4), "complex": range(2, 5)}
"""Cards at once, by `selection_complexity`."""
TRIES = 20


@step(CardCombination, each="preferences")
def combinations(
    preference: PersonaPreference, clusters: Table[CardCluster], *, preferred_share: float, seed: int
) -> Iterator[CardCombination]:
    """As many as the persona is to have. No other persona is looked at, so that none changes another's."""
    cluster_of = {
        id: number
        for number, ids in zip(clusters.column("number"), clusters.column("card_ids"), strict=True)
        for id in ids
    }
    drawn = draw(
        cluster_of,
        preference.clusters,
        preference.selection_complexity,
        preference.items,
        preferred_share,
        Random(f"{seed} {preference.id}"),  # noqa: S311 - to be repeated, not to be secret
    )
    for number, (ids, preferred, size) in enumerate(drawn, 1):
        yield CardCombination(
            id=f"{preference.id}/{number:04}",
            persona_id=preference.id,
            card_ids=ids,
            clusters=[cluster_of[id] for id in ids],
            preferred=preferred,
            size_drawn=size,
        )


def different(cards: int, complexity: str) -> int:
    """How many different combinations so many cards give."""
    return sum(math.comb(cards, size) for size in SIZES[complexity])


def draw(
    cluster_of: Mapping[str, int], preferred: Sequence[int], complexity: str, items: int, share: float, random: Random
) -> Iterator[tuple[list[str], bool, int]]:
    """Combinations, each with whether its cards are of the preferred clusters, and the size that was drawn for it.

    Each is of preferred cards with the probability `share`, else of other cards; then its size is drawn, and its cards
    are dealt, so that all are used equally often. None comes twice while there is one that did not come: if need be
    one of another size, then one of the other cards.

    Raises:
        MmdataError: there are not cards enough for one.
    """
    wanted = set(preferred)
    cards = {
        True: sorted(id for id, number in cluster_of.items() if number in wanted),
        False: sorted(id for id, number in cluster_of.items() if number not in wanted),
    }
    sides = {side: _Side(found, random) for side, found in cards.items()}
    if not any(one.left(size) for one in sides.values() for size in SIZES[complexity]):
        raise MmdataError(f"{len(cluster_of)} cards are too few to lay {SIZES[complexity][0]} of them at once")
    for _ in range(items):
        side, drawn = random.random() < share, random.choice(SIZES[complexity])
        sizes = [drawn, *(other for other in SIZES[complexity] if other != drawn)]
        choices = [(one, size) for one in (side, not side) for size in sizes]
        if not any(sides[one].left(size) for one, size in choices):  # All came: once more.
            for one in sides.values():
                one.forget()
        side, size = next((one, size) for one, size in choices if sides[one].left(size))
        yield sides[side].take(size), side, drawn


def said_of_shares(drawn: Iterable[tuple[str, bool, int, int]], share: float) -> Iterator[Finding]:
    """Which personas got clearly more or less of their preferred cards than they should, or combinations of other sizes:
    there were no others.

    Args:
        drawn: persona, whether of preferred clusters, number of cards, number that was drawn.
    """
    counts: dict[str, Counter[bool]] = {}
    resized: Counter[str] = Counter()
    for persona, preferred, size, wanted in drawn:
        counts.setdefault(persona, Counter())[preferred] += 1
        resized[persona] += size != wanted
    off = []
    for persona, count in counts.items():
        items = count.total()
        if abs(count[True] - share * items) > 4 * (items * share * (1 - share)) ** 0.5 + 1:
            off.append(f"{persona}: {count[True]} of {items}")
    if off:
        text = f"{len(off)} personas have not {share:.0%} preferred combinations, for there are no more: {off[0]}"
        yield Finding.warning("preferred share", text, off, len(off))
    if others := [f"{persona}: {count} of {counts[persona].total()}" for persona, count in resized.items() if count]:
        text = (
            f"{len(others)} personas have combinations of another number of cards than was drawn, for too few cards are in "
            f"their clusters: {others[0]}"
        )
        yield Finding.warning("preferred share", text, others, len(others))


class _Side:
    """The preferred cards of a persona, or the others: a deck that is dealt to its end and shuffled anew."""

    def __init__(self, cards: Sequence[str], random: Random):
        self.cards, self.random = cards, random
        self.deck: list[str] = []
        self.seen: set[frozenset[str]] = set()
        self.laid: Counter[int] = Counter()

    def left(self, size: int) -> int:
        """How many combinations of this size did not come yet."""
        return math.comb(len(self.cards), size) - self.laid[size]

    def forget(self) -> None:
        """All may come again."""
        self.seen.clear()
        self.laid.clear()

    def take(self, size: int) -> list[str]:
        """One that did not come yet."""
        found = next(self._tries(size), None)
        if found is None:  # Nearly all came, so that there are not many to go through.
            rest = [one for one in itertools.combinations(self.cards, size) if frozenset(one) not in self.seen]
            found = list(self.random.choice(rest))
            self.random.shuffle(found)
            self._without(found)
        self.seen.add(frozenset(found))
        self.laid[size] += 1
        return found

    def _tries(self, size: int) -> Iterator[list[str]]:
        """From the deck; where its top is laid already, from a shuffled one; then from all cards."""
        for _ in range(TRIES):
            found = self._dealt(size)
            if frozenset(found) not in self.seen:
                yield found
            self.deck += found
            self.random.shuffle(self.deck)
        for _ in range(TRIES):
            found = self.random.sample(self.cards, size)
            if frozenset(found) not in self.seen:
                self._without(found)
                yield found

    def _dealt(self, size: int) -> list[str]:
        """From the top of the deck: each card comes once before any comes again."""
        found: list[str] = []
        twice: list[str] = []
        while len(found) < size:
            if not self.deck:
                self.deck = self.random.sample(self.cards, len(self.cards))
            card = self.deck.pop()
            (twice if card in found else found).append(card)
        self.deck += twice
        return found

    def _without(self, cards: Sequence[str]) -> None:
        self.deck = [card for card in self.deck if card not in cards]

"""Step `preferences`: which clusters each persona prefers."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from mmdata import Finding, MmdataError
from mmdata.schemas import CardCluster, ClusterTopics, PersonaEntry, PersonaPreference
from mmdata.steps import Table, step

from .combinations import different
from .embedding import similarity, text_vector


@step(PersonaPreference, each="personas", uses=("numpy",))
def preferences(
    person: PersonaEntry,
    clusters: Table[CardCluster],
    cluster_topics: Table[ClusterTopics],
    *,
    embedding: str,
    embedding_state: str,
    similarity_wanted: float,
    preferred_at_most: int,
    items_per_persona: int,
) -> Iterator[PersonaPreference]:
    """Its own list, if it has one; else the clusters whose topics are near its interesting topics."""
    persona, items = person.persona, person.items or items_per_persona
    sizes = dict(zip(clusters.column("number"), map(len, clusters.column("card_ids")), strict=True))
    if persona.preferred_category_types:
        chosen = given(person, sizes)
        similarities, reached = [], len(chosen)
    else:
        near = {
            number: nearness(persona.interesting_topics, topics, embedding, embedding_state)
            for number, topics in zip(cluster_topics.column("number"), cluster_topics.column("topics"), strict=True)
        }
        chosen, reached = preferred(
            near, sizes, persona.selection_complexity, items, similarity_wanted, preferred_at_most
        )
        similarities = [near[number] for number in chosen]
    yield PersonaPreference(
        id=person.id,
        selection_complexity=persona.selection_complexity,
        items=items,
        clusters=chosen,
        similarities=similarities,
        reached=reached,
    )


def given(person: PersonaEntry, sizes: Mapping[int, int]) -> list[int]:
    """The clusters that the persona names. Raises MmdataError where there is none of such a number."""
    chosen = list(dict.fromkeys(person.persona.preferred_category_types))
    if absent := [number for number in chosen if number not in sizes]:
        raise MmdataError(
            f"persona {person.id}: preferred_category_types: there is no cluster {absent[0]}; there are 0 to {len(sizes) - 1}. "
            "These numbers are of the clustering that they were chosen by: give [], and they are chosen by topics"
        )
    return chosen


def nearness(interests: Sequence[str], topics: Sequence[str], embedding: str, state: str = "") -> float:
    """Of the two topics that are most alike."""
    ours, theirs = ([_vector(text, embedding, state) for text in texts] for texts in (interests, topics))
    return max((similarity(one, other) for one in ours for other in theirs), default=0.0)


def preferred(
    near: Mapping[int, float], sizes: Mapping[int, int], complexity: str, items: int, wanted: float, at_most: int
) -> tuple[list[int], int]:
    """The nearest clusters, and how many of them are as near as is wanted.

    Those below are taken too while there are less than `at_most`, and only until their cards give as many different
    combinations as there are items: a persona that is near to no cluster gets its nearest.
    """
    order = sorted(near, key=lambda number: (-near[number], number))[:at_most]
    chosen = [number for number in order if near[number] >= wanted]
    reached = len(chosen)
    for number in order[reached:]:
        if chosen and different(sum(sizes[one] for one in chosen), complexity) >= items:
            break
        chosen.append(number)
    return chosen, reached


def said_of(preferences: Iterable[PersonaPreference], wanted: float) -> Iterator[Finding]:
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


@lru_cache(4096)
def _vector(text: str, embedding: str, state: str) -> Sequence[float]:
    """Kept, for every persona is compared with the same topics; an array is a quarter of a list."""
    return array("d", text_vector(text, embedding, state))

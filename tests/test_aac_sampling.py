"""aac: which cards a persona lays together, and in which split they are."""

import math
import random
from collections import Counter
from itertools import combinations as every

import pytest
from aac_files import COMPLEXITIES, CORPUS, Rows, clusters_of, people, persona
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdata import MmdataError
from mmdata.schemas import ClusterTopics, PersonaEntry, PersonaPreference

COMBINATIONS = CORPUS.module("combinations")
PREFERENCES = CORPUS.module("preferences")
SPLITS = CORPUS.module("splits")
AT_ONCE = {"simple": (1, 2), "moderate": (1, 3), "complex": (2, 4)}
LARGE = clusters_of(*[40] * 64)


def wishing(number: int, complexity: str, clusters: list[int], items: int) -> PersonaPreference:
    return PersonaPreference(
        id=f"p{number}", selection_complexity=complexity, items=items, clusters=clusters, similarities=[], reached=0
    )


def laid(preference, clusters, share=0.9, seed=42):
    return list(COMBINATIONS.combinations(preference, clusters, preferred_share=share, seed=seed))


def entry(number: int, **changes) -> PersonaEntry:
    return PersonaEntry.model_validate({"id": str(number), "persona": persona(number, **changes)})


def preference_of(person: PersonaEntry, clusters, topics, embedding="builtin") -> PersonaPreference:
    options = {"similarity_wanted": 0.75, "preferred_at_most": 8, "items_per_persona": 200}
    (made,) = PREFERENCES.preferences(person, clusters, topics, embedding=embedding, embedding_state="", **options)
    return made


def topics_of(*topics: list[str]) -> Rows:
    return Rows(ClusterTopics(id=str(n), number=n, topics=one) for n, one in enumerate(topics))


# Combinations


@settings(max_examples=60)
@given(
    st.sampled_from(COMPLEXITIES),
    st.lists(st.integers(1, 12), min_size=2, max_size=12),
    st.integers(1, 60),
    st.integers(0, 2**32),
    st.data(),
)
def test_sizes_fit_the_complexity_and_nothing_comes_twice_while_there_is_more(complexity, sizes, items, seed, data):
    clusters = clusters_of(*sizes)
    chosen = data.draw(st.lists(st.sampled_from(range(len(sizes))), min_size=1, max_size=8, unique=True))
    home = {id: one.number for one in clusters for id in one.card_ids}
    low, high = AT_ONCE[complexity]
    sides = [[id for id in home if (home[id] in chosen) == side] for side in (True, False)]
    possible = sum(math.comb(len(side), size) for side in sides for size in range(low, high + 1))
    if not possible:
        with pytest.raises(MmdataError, match="too few"):
            laid(wishing(1, complexity, chosen, items), clusters, seed=seed)
        return
    made = laid(wishing(1, complexity, chosen, items), clusters, seed=seed)
    assert [one.id for one in made] == [f"p1/{n:04}" for n in range(1, items + 1)]
    for one in made:
        assert low <= len(one.card_ids) <= high
        assert len(set(one.card_ids)) == len(one.card_ids)
        assert one.clusters == [home[id] for id in one.card_ids]
        assert {number in chosen for number in one.clusters} == {one.preferred}
    times = Counter(frozenset(one.card_ids) for one in made)
    assert len(times) == min(items, possible)
    assert max(times.values()) == math.ceil(items / possible)


def test_nine_tenths_of_4800_items_are_preferred_within_binomial_bounds():
    r = random.Random(1)
    made = [
        one
        for n in range(24)
        for one in laid(wishing(n, COMPLEXITIES[n % 3], r.sample(range(64), r.randint(6, 8)), 200), LARGE)
    ]
    assert len(made) == 4800
    share = sum(one.preferred for one in made)
    assert abs(share - 0.9 * 4800) < 4 * math.sqrt(4800 * 0.9 * 0.1)
    cards = [one.preferred for one in made for _ in one.card_ids]
    assert abs(sum(cards) / len(cards) - 0.9) < 0.02
    by_size = Counter((COMPLEXITIES[int(one.persona_id[1:]) % 3], len(one.card_ids)) for one in made)
    for complexity, (low, high) in AT_ONCE.items():  # Each size is as frequent.
        count = [by_size[complexity, size] for size in range(low, high + 1)]
        assert sum(count) == 1600 and max(count) - min(count) < 6 * math.sqrt(1600 / len(count))


def test_sizes_that_had_to_be_others_are_said_of_their_personas():
    few = [one for n in (1, 2) for one in laid(wishing(n, "simple", [0], 6), clusters_of(3 if n == 1 else 99))]
    drawn = [(one.persona_id, one.preferred, len(one.card_ids), one.size_drawn) for one in few]
    others = sum(persona == "p1" and size != wanted for persona, _, size, wanted in drawn)
    told = [one.message for one in COMBINATIONS.said_of_shares(drawn, 0.5) if "another number" in one.message]
    assert others and told[0].endswith(f"too few cards are in their clusters: p1: {others} of 6")


def test_cards_are_used_equally_often():
    made = laid(wishing(1, "moderate", [0, 1, 2, 3], 400), LARGE, share=1.0)
    used = Counter(id for one in made for id in one.card_ids)
    assert len(used) == 160 and max(used.values()) - min(used.values()) <= 2


def test_the_order_of_clusters_and_cards_is_nothing():
    r = random.Random(3)
    clusters = clusters_of(5, 9, 4, 7)
    shuffled = Rows(
        one.model_copy(update={"card_ids": r.sample(one.card_ids, len(one.card_ids))}) for one in reversed(clusters)
    )
    for n, complexity in enumerate(COMPLEXITIES):
        assert laid(wishing(n, complexity, [0, 2], 30), clusters) == laid(wishing(n, complexity, [2, 0], 30), shuffled)
        assert laid(wishing(n, complexity, [0, 2], 30), clusters) != laid(
            wishing(n, complexity, [0, 2], 30), clusters, seed=7
        )


# Preferences


def test_each_persona_has_its_own_preferences_though_it_is_like_another():
    """The original took the first persona of the same age, gender and disability: 12 of 24 got another's."""
    everyone = [PersonaEntry.model_validate({**one, "id": str(one["id"])}) for one in people()]
    alike = Counter((one.persona.age, one.persona.gender, one.persona.disability_type) for one in everyone)
    assert set(alike.values()) == {2}
    topics = topics_of(*[[topic] for one in everyone for topic in one.persona.interesting_topics[:1]][:12])
    clusters = clusters_of(*[20] * 12)
    made = [preference_of(one, clusters, topics) for one in everyone]
    for one, preference in zip(everyone, made, strict=True):
        ours = {n for n, held in enumerate(topics) if held.topics[0] in one.persona.interesting_topics}
        assert ours <= set(preference.clusters[: preference.reached])
    first, second = everyone[0], everyone[1]
    assert made[0].clusters != made[1].clusters
    changed = [preference_of(entry(5, interesting_topics=["기차"]), clusters, topics), *made[1:]]
    assert changed[1:] == [preference_of(one, clusters, topics) for one in everyone[1:]]
    assert laid(made[1], clusters) == laid(preference_of(second, clusters, topics), clusters)
    assert first.persona.disability_type == second.persona.disability_type


@settings(max_examples=60)
@given(
    st.dictionaries(st.integers(0, 30), st.floats(0, 1).map(lambda x: round(x, 6)), min_size=1),
    st.integers(1, 20),
    st.sampled_from(COMPLEXITIES),
    st.integers(1, 300),
)
def test_at_most_eight_the_nearest_first_and_those_below_only_as_needed(near, size, complexity, items):
    sizes = dict.fromkeys(near, size)
    chosen, reached = PREFERENCES.preferred(near, sizes, complexity, items, 0.75, 8)
    assert 1 <= len(chosen) <= min(8, len(near))
    assert reached == min(8, sum(value >= 0.75 for value in near.values()))
    values = [near[number] for number in chosen]
    assert values == sorted(values, reverse=True)
    assert values == sorted(near.values(), reverse=True)[: len(chosen)]
    if len(chosen) > max(reached, 1):
        assert COMBINATIONS.different(size * (len(chosen) - 1), complexity) < items
    elif len(chosen) < min(8, len(near)):
        assert COMBINATIONS.different(size * len(chosen), complexity) >= items


def test_a_list_of_its_own_wins_and_must_name_clusters_that_there_are():
    clusters, topics = clusters_of(*[5] * 4), topics_of(["음식"], ["동물"], ["가족"], ["옷"])
    made = preference_of(entry(0, preferred_category_types=[3, 1, 3]), clusters, topics)
    assert (made.clusters, made.similarities) == ([3, 1], [])
    with pytest.raises(
        MmdataError, match=r"persona 0: preferred_category_types: there is no cluster 4; there are 0 to 3"
    ):
        preference_of(entry(0, preferred_category_types=[4]), clusters, topics)


def test_different_counts_what_there_is():
    for cards in range(8):
        for complexity, (low, high) in AT_ONCE.items():
            there = [one for size in range(low, high + 1) for one in every(range(cards), size)]
            assert COMBINATIONS.different(cards, complexity) == len(there)


# Splits


@settings(max_examples=30)
@given(st.sets(st.text(min_size=1, max_size=6), min_size=1, max_size=80), st.randoms(use_true_random=False))
def test_a_persona_is_in_one_split_by_its_name_alone(names, r):
    splits = SPLITS.by_rank(names)
    assert splits == SPLITS.by_rank(r.sample(sorted(names), len(names)))
    count = Counter(splits.values())
    assert count["train"] >= 1
    if len(names) > 2:
        assert count["test"] == count["validation"] == max(1, round(len(names) / 10))


def test_combinations_are_split_by_their_cards_in_whatever_order():
    keys = {SPLITS.key_of(cards) for cards in every([f"{n}_카드" for n in range(14)], 3)}
    assert SPLITS.key_of(["b", "a"]) == SPLITS.key_of(["a", "b"])
    count = Counter(map(SPLITS.by_hash, keys))
    assert 0.7 < count["train"] / len(keys) < 0.9 and min(count.values()) > 0.05 * len(keys)

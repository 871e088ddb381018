"""Retrieval against loops written out, scikit-learn's silhouette, and the map."""

import io
import math
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmdata.metrics.retrieval import retrieve

KINDS = st.lists(st.sampled_from("가나다"), min_size=2, max_size=24)


def figures(made):
    return {score.name: score.value for score in made.scores}


def unequal(labels, size=8):
    return np.random.default_rng(len(labels)).normal(size=(len(labels), size))


def by_loops(vectors, labels, ks=(1, 5, 10)):
    """Each row asks all others. Those of another class come first among the equally near."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    each = []
    for me in range(len(labels)):
        others = [other for other in range(len(labels)) if other != me]
        near = sorted(others, key=lambda one: (-round(float(unit[me] @ unit[one]), 9), labels[one] == labels[me]))
        same = [labels[one] == labels[me] for one in near]
        r = sum(same)
        if r:
            found = {f"R@{k}": float(any(same[:k])) for k in ks}
            found["R-precision"] = sum(same[:r]) / r
            found["MAP@R"] = sum(sum(same[: i + 1]) / (i + 1) for i in range(r) if same[i]) / r
            each.append((labels[me], found))
    return each


@settings(max_examples=60, deadline=None)
@given(KINDS, st.booleans())
def test_figures_are_those_of_the_loops(labels, equal):
    vectors = unequal(labels)
    if equal:  # Many lie on one place.
        vectors = np.sign(vectors[:, :2]) + 0.0
    each = by_loops(vectors, labels)
    made = retrieve(vectors, labels, points=0, rounds=5)
    if not each:
        assert made.scores == [] and "nothing to retrieve" in made.notes[0]
        return
    found = figures(made)
    for name in ("R@1", "R@5", "R@10", "R-precision", "MAP@R"):
        assert found[name] == pytest.approx(sum(one[name] for _, one in each) / len(each))
        by_class = [[one[name] for cls, one in each if cls == kind] for kind in sorted({cls for cls, _ in each})]
        assert found[f"macro {name}"] == pytest.approx(sum(sum(of) / len(of) for of in by_class) / len(by_class))
    assert found["majority share"] == max(map(labels.count, labels)) / len(labels)


@settings(max_examples=25, deadline=None)
@given(KINDS, st.booleans())
def test_silhouette_is_scikit_learns(labels, equal):
    from sklearn.metrics import silhouette_score

    vectors = unequal(labels)
    if equal:
        vectors = np.sign(vectors[:, :2]) + 0.0
    if 1 < len(set(labels)) < len(labels):
        found = figures(retrieve(vectors, labels, points=0, rounds=5))["silhouette"]
        assert found == pytest.approx(silhouette_score(vectors, labels, metric="cosine"), abs=1e-6)


@settings(max_examples=20)
@given(KINDS, st.randoms(use_true_random=False), st.floats(0.1, 100))
def test_order_and_length_are_nothing(labels, order, factor):
    vectors, places = unequal(labels), list(range(len(labels)))
    order.shuffle(places)
    ours = retrieve(vectors, labels, points=0, rounds=20)
    theirs = retrieve(vectors[places] * factor, [labels[at] for at in places], points=0, rounds=20)
    for one, other in zip(ours.scores, theirs.scores, strict=True):
        assert (one.name, one.n) == (other.name, other.n)
        assert [one.value, one.low, one.high] == pytest.approx([other.value, other.low, other.high])


def test_a_hand_computed_case():
    """On a line of angles: a a b a. The first a asks a, b, a: R = 2, one of two; AP = 1/2 · 1. And so on."""
    angles = [0, 10, 25, 60]
    vectors = [[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in angles]
    made = retrieve(vectors, ["a", "a", "b", "a"], points=0)
    found = figures(made)
    # 0°: a b a. 10°: a b a. 60°: b a a. 25° is alone in its class and asks nothing.
    assert found["R@1"] == pytest.approx(2 / 3) and found["R@5"] == 1
    assert found["R-precision"] == pytest.approx(1 / 2)
    assert found["MAP@R"] == pytest.approx((1 / 2 + 1 / 2 + 1 / 4) / 3)
    assert made.notes == ["1 classes have one row, which asks nothing"]
    assert {row[0]: row[1:4] for row in made.tables[0].rows}["b"] == [1, None, None]


def test_classes_apart_are_one_and_one_place_for_all_is_nothing():
    labels = ["건선"] * 3 + ["정상"] * 4
    apart = retrieve(np.eye(2)[[0] * 3 + [1] * 4], labels, points=0)
    assert {value for name, value in figures(apart).items() if name != "majority share"} == {1.0}
    assert figures(retrieve(np.ones((7, 3)), labels, points=0))["R@1"] == 0


@pytest.mark.parametrize(
    ("vectors", "message"),
    [([[1.0], [0.0]], "of length 0"), ([[1.0], [float("nan")]], "no number"), ([[1.0]], "one for each of 2 labels")],
)
def test_what_is_no_direction_is_said(vectors, message):
    with pytest.raises(ValueError, match=message):
        retrieve(vectors, ["a", "b"])


def test_5000_vectors_in_three_seconds_and_little_memory():
    random = np.random.default_rng(0)
    vectors, labels = random.normal(size=(5000, 256)), [f"c{n}" for n in random.integers(0, 5, 5000)]
    tracemalloc.start()
    begun = time.process_time()
    retrieve(vectors, labels, points=0)
    took, peak = time.process_time() - begun, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took < 3 and peak < 150e6


@pytest.mark.parametrize(("rows", "how"), [(4, "PCA"), (30, "t-SNE")])
def test_the_map_shows_each_class_in_its_colour(rows, how):
    labels = [("Casual_Basic", "건선")[n % 2] for n in range(rows)]
    vectors = np.eye(2)[[n % 2 for n in range(rows)]] + 0.1 * unequal(labels, 2)
    (figure,) = retrieve(vectors, labels).figures
    assert figure == retrieve(vectors, labels).figures[0], "the same again"
    assert f"{how} of {rows} rows" in figure.title and "1 Casual_Basic, 2 건선" in figure.title
    image = Image.open(io.BytesIO(figure.png)).convert("RGB")
    map_colours = {colour for count, colour in image.crop((0, 0, 630, 640)).getcolors(1 << 16) if count > 20} - {
        (255,) * 3
    }
    assert len(map_colours) == 2
    shown = retrieve(vectors, labels, points=3).figures[0].title if rows > 4 else "of 3 rows"
    assert "of 3 rows" in shown

"""Step `clusters`: cards that lie near each other, by k-means."""

from collections.abc import Iterator, Sequence

import numpy as np

from mmdata import Finding
from mmdata.schemas import AacCard, CardCluster, CardVector
from mmdata.steps import Table, step

MEDOIDS = 3
RUNS = 10
"""From different beginnings; the best is kept."""
DIGITS = 9


@step(CardCluster, uses=("scikit-learn", "numpy"))
def clusters(
    cards: Table[AacCard], vectors: Table[CardVector], *, clusters_wanted: int, seed: int
) -> Iterator[CardCluster | Finding]:
    """As many clusters as are wanted; fewer, where a cluster would have less than three cards on average."""
    ids, found = vectors.column("id"), np.array(vectors.column("vector"))
    order = np.argsort(np.array(ids))  # The order of the source is nothing.
    ids, found = [ids[at] for at in order], found[order]
    number = max(1, min(clusters_wanted, len(ids) // MEDOIDS, len(np.unique(found, axis=0))))
    if number < clusters_wanted:
        text = f"{len(ids)} cards make {number} clusters of about {MEDOIDS} cards, not the {clusters_wanted} that are wanted"
        yield Finding.warning("few cards", text)
    groups = grouped(ids, *nearest(found, number, seed))
    medoids = {id: None for group in groups for id in group[:MEDOIDS]}
    keywords = dict(zip(cards.column("id"), cards.column("keyword"), strict=True))
    pictures = {card.id: card.image for card in cards.pick(list(medoids))}
    for at, group in enumerate(groups):
        yield CardCluster(
            id=str(at),
            number=at,
            card_ids=group,
            keywords=[keywords[id] for id in group[:MEDOIDS]],
            medoids=[pictures[id] for id in group[:MEDOIDS]],
        )


def nearest(vectors: "np.ndarray", number: int, seed: int) -> tuple[list[int], list[float]]:
    """The cluster of each vector, and how far it is from the cluster's centre."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # Several threads add up in another order.
        model = KMeans(number, n_init=RUNS, random_state=seed).fit(vectors)
        far = np.linalg.norm(vectors - model.cluster_centers_[model.labels_], axis=1)
    return model.labels_.tolist(), [round(one, DIGITS) for one in far.tolist()]


def grouped(ids: Sequence[str], labels: Sequence[int], far: Sequence[float]) -> list[list[str]]:
    """The ids of each cluster, the nearest to its centre first. Clusters are numbered by the first id in each."""
    groups: dict[int, list[tuple[float, str]]] = {}
    for id, label, distance in sorted(zip(ids, labels, far, strict=True)):
        groups.setdefault(label, []).append((distance, id))
    return [[id for _, id in sorted(group)] for group in groups.values()]

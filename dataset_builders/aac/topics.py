"""Step `cluster_topics`, in two ways: the medoids' keywords, or what a model says of their pictures."""

from collections.abc import Iterator

from mmdata.schemas import CardCluster, ClusterTopics
from mmdata.steps import Answers, Table, step


@step(ClusterTopics, name="cluster_topics")
def keyword_topics(clusters: Table[CardCluster]) -> Iterator[ClusterTopics]:
    """The keywords of its medoids; asks nobody."""
    for id, number, keywords in _columns(clusters):
        yield ClusterTopics(id=id, number=number, topics=keywords)


@step(ClusterTopics, name="cluster_topics")
def model_topics(clusters: Table[CardCluster], topics: Answers) -> Iterator[ClusterTopics]:
    """Up to three topics by the prompt `topics`; the medoids' keywords, where it gave no good answer."""
    for id, number, keywords in _columns(clusters):
        said = topics[id]
        yield ClusterTopics(id=id, number=number, topics=said.topics if said else keywords)


def _columns(clusters: Table[CardCluster]) -> Iterator[tuple[str, int, list[str]]]:
    return zip(*(clusters.column(name) for name in ("id", "number", "keywords")), strict=True)

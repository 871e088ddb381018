"""Step `vectors`: where each card lies among the others."""

from collections.abc import Iterator

from mmdata.schemas import AacCard, CardVector
from mmdata.steps import step

from .embedding import BUILTIN, both, picture_vector, text_vector


@step(CardVector, each="cards", uses=("pillow", "numpy"))
def vectors(card: AacCard, *, embedding: str, embedding_state: str) -> Iterator[CardVector]:
    """The mean of the normalised vectors of its picture and its keyword."""
    seen = picture_vector(card.image.bytes, embedding, embedding_state)
    said = text_vector(words_of(card, embedding), embedding, embedding_state)
    yield CardVector(id=card.id, vector=both(seen, said, embedding))


def words_of(card: AacCard, embedding: str) -> str:
    """Its keyword; for "builtin", which knows letters and no meanings, its categories too: fruit is not near food else."""
    if embedding != BUILTIN:
        return card.keyword
    return " ".join([card.keyword, *card.categories, *card.categories])

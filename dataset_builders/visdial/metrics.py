"""How well a model ranks the options, or answers in its own words. Plain functions: they may be copied."""

from collections.abc import Sequence

from mmdata import MmdataError
from mmdata.evaluating.pairs import Pair
from mmdata.metrics.encoding import MULTILINGUAL
from mmdata.metrics.encoding import encoder as loaded
from mmdata.metrics.generation import generate
from mmdata.metrics.measures import Measures, Outcome
from mmdata.metrics.ranking import ranking as ranked
from mmdata.metrics.ranking import ranks_of


def ranking(pairs: Sequence[Pair], *, rounds: int = 1000) -> Measures:
    """MRR, R@1/5/10 and mean rank of the person's answer over all rounds, NDCG over pictures; as the challenge has them.

    Intervals are over pictures, since the rounds of one dialogue hang together.

    Args:
        pairs: rows of the view `ranking`, with a score for each of the 100 options.
        rounds: of the bootstrap.

    Raises:
        MmdataError: a prediction has not a score for each option.
    """
    for row, prediction in pairs:
        given, wanted = len(prediction.scores or ()), len(row["answer_options"])
        if given != wanted:
            raise MmdataError(
                f"{prediction.id}: {wanted} scores are wanted, one for each option, and the prediction has {given}. "
                "training_recipes/rank.py makes them"
            )
    scores = [pair.prediction.scores for pair in pairs]
    right = [pair.row["gt_index"] for pair in pairs]
    made = ranked(
        scores,
        right,
        relevance=[pair.row["relevance"] for pair in pairs],
        groups=[pair.row["image_id"] for pair in pairs],
        rounds=rounds,
    )
    places = ranks_of(scores) if pairs else []
    outcomes = []
    for (row, prediction), gold, ranks in zip(pairs, right, places, strict=True):
        options = row["answer_options"]
        rank = None if gold is None else int(ranks[gold])
        outcomes.append(
            Outcome(
                id=prediction.id,
                truth="" if gold is None else options[gold],
                said=options[int(ranks.argmin())],
                right=None if rank is None else rank == 1,
                note="" if rank is None else f"rank {rank}",
            )
        )
    return made.model_copy(update={"outcomes": outcomes})


def replies(
    pairs: Sequence[Pair], *, tokenize: str = "13a", encoder: str = MULTILINGUAL, rounds: int = 1000
) -> Measures:
    """BLEU-4, ROUGE-1/2/L and similarity of written answers with the person's.

    Args:
        pairs: rows of the view `replies`, with text as output.
        tokenize: as of `mmdata.metrics.generation`.
        encoder: a model of sentence-transformers, by name or folder; "none" leaves similarity out.
        rounds: of the bootstrap.
    """
    return generate(
        [(pair.prediction.output or "").strip() for pair in pairs],
        [[pair.row["response"]] for pair in pairs],
        tokenize=tokenize,
        encode=loaded(encoder),
        encoder=encoder,
        groups=[pair.row["image_id"] for pair in pairs],
        ids=[pair.prediction.id for pair in pairs],
        rounds=rounds,
    )


ranking.view = "ranking"
replies.view = "replies"

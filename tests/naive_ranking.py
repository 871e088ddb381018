"""Ranking without a shortcut: the picture and the whole text go through the model for each option."""

from collections.abc import Sequence

import torch

from mmdata.training_recipes.common.generating import Model, filled
from mmdata.training_recipes.common.questions import Question


@torch.inference_mode()
def naive_scores(model: Model, question: Question, at_once: int = 1) -> list[float]:
    """As `scoring.Ranker.scores`, some options at a time, each with its own copy of picture and prompt."""
    found: list[float] = []
    for start in range(0, len(question.options), at_once):
        suffixes = [model.suffix(option) for option in question.options[start : start + at_once]]
        found += _scores(model, question, suffixes)
    return found


def _scores(model: Model, question: Question, suffixes: Sequence[list[int]]) -> list[float]:
    one = model.prefix([filled(question)])  # The picture is made ready once: only the model's own work is repeated.
    inputs = {name: torch.cat([part] * len(suffixes)) for name, part in one.items()}
    before = inputs["input_ids"].shape[1]
    longest = max(map(len, suffixes))
    pad = model.tokenizer.pad_token_id
    behind = torch.tensor([suffix + [pad] * (longest - len(suffix)) for suffix in suffixes], device=model.model.device)
    inputs["input_ids"] = torch.cat([inputs["input_ids"], behind], 1)
    for name in {"token_type_ids", "mm_token_type_ids", "attention_mask"} & inputs.keys():
        inputs[name] = torch.cat([inputs[name], torch.full_like(behind, name == "attention_mask")], 1)
    logits = model.model(**inputs).logits[:, before - 1 : -1].float().log_softmax(-1)
    said = logits.gather(2, behind[..., None]).squeeze(2).double()
    return [float(row[: len(suffix)].sum()) for row, suffix in zip(said, suffixes, strict=True)]

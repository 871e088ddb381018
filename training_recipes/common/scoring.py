"""How likely a generative model is to say each of many options: the picture and the dialogue are encoded once."""

import copy

import torch
from torch.nn.functional import cross_entropy
from transformers import DynamicCache

from mmdata.errors import MmdataError
from mmdata.training_recipes.common.generating import Model, filled
from mmdata.training_recipes.common.questions import Question


class Ranker:
    """Scores options, and holds the states of the last prompt for the next one."""

    def __init__(self, model: Model, at_once: int = 100, mean: bool = False):
        if getattr(model.model.config.get_text_config(), "cross_attention_layers", None):
            raise MmdataError(
                f"{model.name}: keeps the picture beside the text (cross-attention), which is not ranked here"
            )
        self.model, self.at_once, self.mean = model, at_once, mean
        self._pictures: list[bytes] | None = None
        self._ids = torch.empty(0, dtype=torch.long)
        self._cache = DynamicCache()
        # Qwen's models keep, outside the cache, how far a picture moves the positions of what follows it.
        self._moved = {part: None for part in model.model.modules() if hasattr(part, "rope_deltas")}

    @torch.inference_mode()
    def scores(self, question: Question) -> list[float]:
        """One for each option, in their order: log p(option and end of turn | messages), natural logarithm."""
        first, cache = self._prompt(question)
        suffixes = [self.model.suffix(option) for option in question.options]
        made = torch.empty(len(suffixes), dtype=torch.float64)
        order = sorted(range(len(suffixes)), key=lambda n: len(suffixes[n]))  # So that little is padding.
        for start in range(0, len(order), self.at_once):
            some = order[start : start + self.at_once]
            made[some] = self._summed([suffixes[n] for n in some], first, cache)
        return made.tolist()

    def _prompt(self, question: Question) -> tuple[torch.Tensor, DynamicCache]:
        """(logits of what comes next, (1, 1, vocabulary); states of the prompt)"""
        inputs = self.model.prefix([filled(question)])
        ids = inputs["input_ids"][0]
        shared = 0
        known = self.model.picture_token is not None or not question.pictures
        if known and question.pictures == self._pictures:
            size = min(len(ids) - 1, len(self._ids))  # One is left, to say what comes next.
            shared = int((ids[:size] == self._ids[:size]).long().cumprod(0).sum())
        pictured = bool((ids[shared:] == (self.model.picture_token or -1)).any())
        if shared and not pictured:  # Else a picture lies behind where they differ.
            self._cache.crop(shared - len(self._ids))
            inputs = {"input_ids": inputs["input_ids"][:, shared:]}
        else:
            # Of full length in layers with a sliding window too, so that it can be cut; their mask does the rest.
            self._cache = DynamicCache()
            self._moved = dict.fromkeys(self._moved)
        for part, moved in self._moved.items():
            part.rope_deltas = moved
        self._pictures = None  # Should the model fail, nothing is known of the cache.
        logits = self.model.model(**inputs, past_key_values=self._cache, use_cache=True, logits_to_keep=1).logits
        self._pictures, self._ids = question.pictures, ids
        self._moved = {part: part.rope_deltas for part in self._moved}
        return logits, self._cache

    def _summed(self, suffixes: list[list[int]], first: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
        """Of each suffix, all behind one prompt. Attention looks back only, so padding on the right changes nothing."""
        ids = [torch.tensor(suffix, device=first.device) for suffix in suffixes]
        padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=-100)
        logits = first.expand(len(ids), -1, -1)
        if padded.shape[1] > 1:
            behind = self.model.model(
                input_ids=padded[:, :-1].clamp(min=0), past_key_values=repeated(cache, len(ids)), use_cache=True
            )
            logits = torch.cat([logits, behind.logits], 1)
        losses = cross_entropy(logits.float().transpose(1, 2), padded, ignore_index=-100, reduction="none")
        total = -losses.double().sum(1).cpu()
        return total / torch.tensor([len(suffix) for suffix in suffixes]) if self.mean else total


def repeated(cache: DynamicCache, times: int) -> DynamicCache:
    """The same states for each of a batch. They are not copied until the model puts others behind them."""
    made = copy.copy(cache)
    made.layers = [copy.copy(layer) for layer in cache.layers]
    for layer in made.layers:
        layer.keys, layer.values = (states.expand(times, -1, -1, -1) for states in (layer.keys, layer.values))
    return made

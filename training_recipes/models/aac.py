"""AAC's persona conditioning: who lays the cards, of which clusters they are and where, as tokens that a model learns.

A prompt names them by tokens of their own, so that collators, losses and `generate()` need to know nothing of it:

    <persona_3><persona_3><persona_3><persona_3><cluster_7><cluster_12>카드를 내놓은 사람 … <ctx>- 장소: 학교</ctx> …

Each `<persona_3>` is a slot: person, clusters and slot make a query that attends over the situation between the ctx
marks, and what comes out takes the token's place among the embeddings. It is all in the forward pass, so in the loss.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import PeftModel
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from mmdata.training_recipes.common.generating import PERSONA, Model, base_of, conditions_of

OPEN, CLOSE = "<ctx>", "</ctx>"


class Conditions(BaseModel):
    """What the tokens mean. Kept in the config of a whole model, and in persona.json beside an adapter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    people: list[str]
    """Ids of the persons of the training split: person n is <persona_{n + 1}>. <persona_0> is anybody else."""
    clusters: int
    first: int = 0
    """Number of the first of the tokens, which are in the order of `tokens`."""
    slots: int = 4
    width: int = 128
    heads: int = 4
    unknown: float = 0.15
    """Share of the rows in which training takes the person for an unknown one: so that <persona_0> is learned."""
    scale: float = 1.0
    """Root mean square of the model's own embeddings, which these are to stay at."""

    @property
    def tokens(self) -> list[str]:
        people, clusters = range(len(self.people) + 1), range(self.clusters)
        return [OPEN, CLOSE, *(f"<persona_{n}>" for n in people), *(f"<cluster_{n}>" for n in clusters)]

    def numbered(self, processor: Any) -> "Conditions":
        """The same, once the processor's tokenizer knows the tokens."""
        processor.tokenizer.add_tokens(self.tokens, special_tokens=True)
        return self.model_copy(update={"first": processor.tokenizer.convert_tokens_to_ids(OPEN)})

    def told(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The prompt of a row with the tokens in its first text.

        Args:
            row: of the view persona_interpretations or references: prompt, persona_id, clusters, context.
        """
        number = self.people.index(row["persona_id"]) + 1 if row["persona_id"] in self.people else 0
        clusters = (f"<cluster_{n}>" for n in row["clusters"] or [] if n < self.clusters)
        turn = row["prompt"][0]
        first, *others = turn["content"]
        text = first["text"]
        if row["context"]:
            text = text.replace(row["context"], f"{OPEN}{row['context']}{CLOSE}", 1)
        text = f"<persona_{number}>" * self.slots + "".join(clusters) + text
        return [{**turn, "content": [{**first, "text": text}, *others]}, *row["prompt"][1:]]


class Conditioner(nn.Module):
    """Puts what was learned of persons and clusters in the places of their tokens.

    Its parts' names do not end in "persona": PEFT finds what it is to save whole by the end of a name.
    """

    def __init__(self, dimensions: int, about: Conditions):
        super().__init__()
        self.about = about
        self.people = nn.Embedding(len(about.people) + 1, about.width)
        self.clusters = nn.Embedding(about.clusters, about.width)
        self.slots = nn.Embedding(about.slots, about.width)
        self.queries = nn.Linear(about.width, about.width)
        self.keys = nn.Linear(dimensions, about.width)
        self.values = nn.Linear(dimensions, about.width)
        self.norm = nn.LayerNorm(about.width)
        self.out = nn.Linear(about.width, dimensions)

    def forward(self, ids: Tensor, embeddings: Tensor) -> Tensor:
        """The embeddings (rows, tokens, dimensions) of the ids (rows, tokens), those of our tokens taken over."""
        about = self.about
        who = ids - (about.first + 2)
        which = who - (len(about.people) + 1)
        persons, clusters = (who >= 0) & (which < 0), (which >= 0) & (which < about.clusters)
        if not persons.any():  # While an answer is generated: no token of ours is in it.
            return embeddings
        opened, closed = ((ids == about.first + n).cumsum(1) for n in (0, 1))
        context = (opened > closed) & (ids != about.first)

        rows, places = persons.nonzero(as_tuple=True)
        who, which = who[rows, places], which.clamp(0, about.clusters - 1)
        if self.training and about.unknown:
            dropped = torch.rand(len(ids), device=ids.device) < about.unknown
            who = who.masked_fill(dropped[rows], 0)
        kinds = self.clusters(which) * clusters.unsqueeze(-1)
        mean = kinds.sum(1) / clusters.sum(1, keepdim=True).clamp(1)
        slot = (persons.cumsum(1) - 1)[rows, places] % about.slots
        query = self.people(who) + mean[rows] + self.slots(slot)
        attended = self._attended(query, (embeddings / about.scale).to(query.dtype)[rows], context[rows])

        changed = embeddings.clone()
        changed[rows, places] = self._scaled(query + attended).to(embeddings.dtype)
        changed[clusters] = self._scaled(kinds[clusters]).to(embeddings.dtype)
        return changed

    def _attended(self, query: Tensor, tokens: Tensor, context: Tensor) -> Tensor:
        """(slots, width) over (slots, tokens, dimensions) of the situation; zeros stand for there being none."""
        keys, values = (nn.functional.pad(part(tokens), (0, 0, 1, 0)) for part in (self.keys, self.values))
        seen = nn.functional.pad(context, (1, 0), value=True)
        heads = self.about.heads
        query, keys, values = (
            part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (self.queries(query).unsqueeze(1), keys, values)
        )
        found = nn.functional.scaled_dot_product_attention(query, keys, values, attn_mask=seen[:, None, None])
        return found.transpose(1, 2).flatten(1)

    def _scaled(self, learned: Tensor) -> Tensor:
        made = self.out(self.norm(learned))
        return nn.functional.rms_norm(made, made.shape[-1:]) * self.about.scale


def conditioned(kind: type[transformers.PreTrainedModel]) -> type[transformers.PreTrainedModel]:
    """A model class whose `config.persona` builds, saves and loads a Conditioner with the model."""

    def __init__(self: Any, config: Any, *arguments: Any, **options: Any) -> None:  # noqa: N807
        kind.__init__(self, config, *arguments, **options)
        self.persona = Conditioner(config.get_text_config().hidden_size, Conditions(**config.persona))
        # Looked up when it is called: PEFT puts the copy that it trains in its place.
        self.get_input_embeddings().register_forward_hook(lambda _, inputs, made: self.persona(inputs[0], made))

    return type(kind.__name__, (kind,), {"__init__": __init__, "__module__": kind.__module__})


def condition(name: str, processor: Any, about: Conditions, **options: Any) -> tuple[Any, Conditions]:
    """A model with a Conditioner that has learned nothing yet, and what its tokens now mean.

    Args:
        name: the model's folder, or its name on the Hub.
        processor: the model's; gets the tokens.
        options: of `from_pretrained`.
    """
    about = about.numbered(processor)
    revision = {key: options[key] for key in ("revision",) if key in options}
    config = transformers.AutoConfig.from_pretrained(name, **revision)
    config.persona = about.model_dump()
    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()  # It would warn of the Conditioner, which no file can have.
    try:
        kind = conditioned(_class_of(config))
        model, found = kind.from_pretrained(name, config=config, output_loading_info=True, **options)
    finally:
        transformers.logging.set_verbosity(level)
    if lacking := sorted(one for one in found["missing_keys"] if not one.startswith("persona.")):
        raise ValueError(f"{name}: {len(lacking)} of the model's weights are in no file of it, such as {lacking[0]}")
    _grow(model, len(processor.tokenizer))
    sample = torch.arange(0, about.first, max(1, about.first // 1000), device=model.device)
    with torch.no_grad():
        scale = model.get_input_embeddings()(sample[None]).float().pow(2).mean().sqrt().item()
    for part in model.persona.children():
        part.reset_parameters()  # transformers' 0.02 would leave the attention without a gradient to speak of.
    model.persona.about = about = about.model_copy(update={"scale": scale})
    model.config.persona = about.model_dump()
    return model, about


def conditions(folder: str | Path) -> Conditions:
    """What the tokens of a conditioned model mean. Raises ValueError: the folder holds none."""
    found = conditions_of(folder)
    if not found:
        raise ValueError(f"{folder}: no conditioned model: no {PERSONA} is there, and no config.json with a persona")
    return Conditions.model_validate(found)


def load(folder: str | Path, **options: Any) -> tuple[Any, Any, Conditions]:
    """A conditioned model that was saved, whole or as an adapter, with its processor and what its tokens mean.

    Raises:
        ValueError: the folder holds none.
    """
    folder, about = Path(folder), conditions(folder)
    processor = transformers.AutoProcessor.from_pretrained(folder)
    processor.chat_template = processor.chat_template or processor.tokenizer.chat_template  # Phi-4's is forgotten.
    if not (folder / "adapter_config.json").exists():
        config = transformers.AutoConfig.from_pretrained(folder)
        model = conditioned(_class_of(config)).from_pretrained(folder, **options)
        return model.eval(), processor, about
    model, about = condition(base_of(str(folder)), processor, about, **options)
    return PeftModel.from_pretrained(model, folder).eval(), processor, about


class Interpreter(Model):
    """A conditioned model, asked as any other is. Its questions are those that `Conditions.told` made."""

    def _opened(self, dtype: str, **kwargs: Any) -> tuple[Any, Any]:
        # Never spread over several: the Conditioner gives its rows to the embeddings where these are.
        device = {"device_map": "cuda"} if torch.cuda.is_available() else {}
        return load(self.name, dtype=dtype, **device, **kwargs)[:2]


def _class_of(config: Any) -> type[transformers.PreTrainedModel]:
    for auto in (transformers.AutoModelForImageTextToText, transformers.AutoModelForCausalLM):
        if type(config) in auto._model_mapping:
            return auto._model_mapping[type(config)]
    raise ValueError(f"{config.model_type}: no model of this kind reads pictures and writes text")


def _grow(model: Any, tokens: int) -> None:
    """Rows for the new tokens, where the model has none to spare: the mean of the others, so the same each time."""
    before = model.get_input_embeddings().weight.shape[0]
    if tokens > before:
        model.resize_token_embeddings(tokens, mean_resizing=False)
        for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
            layer.weight.data[before:] = layer.weight.data[:before].float().mean(0).to(layer.weight.dtype)

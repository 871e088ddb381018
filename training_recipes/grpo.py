"""Tunes a fine-tuned model on answers of its own, rewarded for the right class and for their form.

    python training_recipes/grpo.py --config training_recipes/configs/skin_grpo_qwen.yaml
    accelerate launch training_recipes/grpo.py --config training_recipes/configs/skin_grpo_qwen.yaml

Rows have images, prompt and the class, as skin's view `diagnosis`. It begins at the merged model of sft.py, which says the
tags already: where no answer of a group is right, there is nothing to learn from. `reward_weights` is TRL's own.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trl

from mmdata.corpus import Corpus
from mmdata.errors import MmdataError
from mmdata.labels import LabelMap
from mmdata.metrics.classification import knowing, read_tag
from mmdata.training_recipes.common import finishing, opening

Reward = Callable[..., list[float]]


@dataclass
class Recipe(opening.DataArguments):
    tags: list[str] = field(
        default_factory=lambda: ["label", "summary"],
        metadata={"help": "Of an answer, in their order. The first is also the column and the label map of the class."},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tags = [self.tags] if isinstance(self.tags, str) else self.tags


def main(recipe: Recipe, training: trl.GRPOConfig, model: trl.ModelConfig) -> None:
    label = recipe.tags[0]
    train, held_out = opening.open_rows(recipe, "images", "prompt", label, evaluate=training.eval_strategy != "no")
    names = opening.class_names(train, label, recipe.dataset_train_split)
    if not names:  # A stream may not know.
        feature = (train.features or {}).get(label)
        opening.stop(f"{recipe.dataset_name}: the column {label} has no classes' names, it is {feature}")
    processor = opening.chat_processor(recipe, training, model)
    run = finishing.begin(recipe, training, model, train)
    if run is None:
        return

    training.model_init_kwargs = opening.loading(model, training)
    with opening.setting_up(model.model_name_or_path):
        trainer = trl.GRPOTrainer(
            model.model_name_or_path,
            reward_funcs=[right_class(label, names, label_map(recipe.dataset_name, label)), well_formed(recipe.tags)],
            args=training,
            processing_class=processor,
            train_dataset=train,
            eval_dataset=held_out,
            quantization_config=trl.get_quantization_config(model),
            peft_config=trl.get_peft_config(model),
        )
    trainer.train(resume_from_checkpoint=run.checkpoint)
    run.end(trainer)


def label_map(folder: str, name: str) -> LabelMap | None:
    """That of the corpus, whose aliases count as the class; None of a dataset that is no corpus folder."""
    if not Path(folder, "builder.py").is_file():
        return None
    try:
        return Corpus(folder).labels.get(name)
    except MmdataError as error:
        opening.stop(str(error))


def right_class(label: str, names: Sequence[str], labels: LabelMap | None) -> Reward:
    """1 for an answer in whose tag the row's class stands, by name or alias; 0 for none, another, or two that differ.

    Args:
        label: of the tag, and the column, whose values are numbers of `names`.
        labels: as they are now, where there are any: a class may have been renamed since the release.
    """
    known = knowing(labels, names) if labels else None
    classes = [known.named(name) for name in names] if known else names

    def right_class(completions: Sequence[Any], **columns: Sequence[int | None]) -> list[float]:
        read = (read_tag(text_of(one), label, known or names) for one in completions)
        truth = (None if number is None else classes[number] for number in columns[label])
        return [float(said is not None and said == true) for said, true in zip(read, truth, strict=True)]

    return right_class


def well_formed(tags: Sequence[str]) -> Reward:
    """1 for an answer of the tags in their order, each once, with a text in it and nothing around them; else 0."""
    form = re.compile(r"\s*".join(rf"<{tag}>\s*[^<>\s][^<>]*</{tag}>" for tag in tags))

    def well_formed(completions: Sequence[Any], **_: Any) -> list[float]:
        return [float(form.fullmatch(text_of(one).strip()) is not None) for one in completions]

    return well_formed


def text_of(completion: Any) -> str:
    """Of a turn, as a conversation's completions are, or as it is."""
    return completion if isinstance(completion, str) else str(completion[0]["content"])


if __name__ == "__main__":
    main(*opening.parse(Recipe, trl.GRPOConfig, trl.ModelConfig))

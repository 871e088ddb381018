"""Learns vectors in which pictures of one class lie near each other: a backbone and a small head, by triplets.

python training_recipes/metric_learning.py --config training_recipes/configs/character_qwen.yaml
accelerate launch training_recipes/metric_learning.py --config training_recipes/configs/character_clip.yaml
python training_recipes/metric_learning.py --config … --predict test

The last line trains nothing: it embeds a split for `mmdata evaluate`.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pytorch_metric_learning import distances, losses, miners
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from transformers import EvalPrediction, Trainer, TrainingArguments, set_seed
from trl import ModelConfig

from mmdata.errors import MmdataError
from mmdata.training_recipes.common import finishing, opening
from mmdata.training_recipes.common.vectors import write_vectors
from mmdata.training_recipes.models.embedder import Collator, Embedder, Mode, Settings, keep
from mmdata.training_recipes.models.triplets import Collapse, PerClass

COSINE, CPU = distances.CosineSimilarity(), torch.device("cpu")


@dataclass
class Recipe(opening.DataArguments):
    train: Mode = field(default="frozen", metadata={"help": "What of the backbone is trained: frozen, lora or full."})
    label_column: str = field(default="style", metadata={"help": "The class that is to be learned."})
    text_column: str | None = field(default=None, metadata={"help": "Words to be read beside the picture."})
    dimensions: int = field(default=128, metadata={"help": "Of a vector."})
    classes: int = field(default=8, metadata={"help": "Of a batch; all that there are, where these are fewer."})
    per_class: int = field(default=4, metadata={"help": "Pictures of a class in a batch: its size is both multiplied."})
    margin: float = field(default=0.2, metadata={"help": "By which a like picture must be nearer than another."})
    miner: Literal["semihard", "all", "hard"] = field(default="semihard", metadata={"help": "Which triplets count."})
    predict: str | None = field(default=None, metadata={"help": "Embed this split instead of training."})
    predictions: str | None = field(default=None, metadata={"help": "Where to: vectors-SPLIT.jsonl in output_dir."})


# transformers' own trainer and not sentence-transformers': a checkpoint of the latter is the whole model, ours is what
# `state_dict` gives, a head of some hundred kB; and one loop resumes, evaluates and keeps the best as in every recipe.
class MetricTrainer(Trainer):
    def _get_train_sampler(self, train_dataset: Any = None) -> PerClass:
        labels, size = self.train_dataset[self.recipe.label_column], self._train_batch_size
        return PerClass(labels, self.recipe.per_class, size, self.args.seed, lambda: self.state.epoch or 0)


def main(flags: list[str] | None = None) -> int:
    """The exit code; that of `--predict` says whether some rows are errors."""
    recipe, args, model_args = opening.parse(Recipe, TrainingArguments, ModelConfig, args=flags)
    if recipe.predict:
        path = Path(recipe.predictions or Path(args.output_dir, f"vectors-{recipe.predict}.jsonl"))
        asked = recipe.dataset_name, recipe.dataset_config, recipe.predict, recipe.dataset_version
        try:
            return write_vectors(args.output_dir, *asked, path, args.per_device_eval_batch_size)
        except (MmdataError, ValueError) as error:
            opening.stop(str(error))
    label = recipe.label_column
    columns = ["id", "image", label] + [recipe.text_column] * bool(recipe.text_column)
    train, test = opening.open_rows(recipe, *columns, evaluate=args.eval_strategy != "no")
    for rows, split in ((train, recipe.dataset_train_split), (test, recipe.dataset_test_split)):
        if rows:
            opening.class_names(rows, label, split, each=True)
    opening.open_config(model_args.model_name_or_path, model_args.model_revision)
    args.per_device_train_batch_size = check(recipe, train[label], test[label] if test else None)
    settings = Settings(
        model=model_args.model_name_or_path, revision=model_args.model_revision, train=recipe.train,
        text=recipe.text_column, dimensions=recipe.dimensions, lora_r=model_args.lora_r, lora_alpha=model_args.lora_alpha,
        lora_dropout=model_args.lora_dropout, lora_targets=model_args.lora_target_modules or "all-linear",
        dtype=model_args.dtype or "float32", processor=recipe.processor_kwargs or {},
    )  # fmt: skip
    run = finishing.begin(recipe, args, model_args, train)
    if run is None:
        return 0
    keep(settings, args.output_dir)

    loss = losses.TripletMarginLoss(margin=recipe.margin, distance=COSINE)
    hard = miners.BatchHardMiner(distance=COSINE)
    mined = miners.TripletMarginMiner(margin=recipe.margin, distance=COSINE, type_of_triplets=recipe.miner)
    miner = hard if recipe.miner == "hard" else mined
    args.remove_unused_columns, args.label_names = False, ["labels"]
    set_seed(args.seed)  # The trainer sets it too, when the head has its first weights already.
    with opening.setting_up(settings.model):
        trainer = MetricTrainer(
            Embedder(settings), args, Collator(settings, label), train, test,
            compute_loss_func=lambda made, labels, **_: loss(made["vectors"], labels, miner(made["vectors"], labels)),
            compute_metrics=retrieval, callbacks=[Collapse(recipe.margin)],
        )  # fmt: skip
    trainer.recipe = recipe
    trainer.train(resume_from_checkpoint=run.checkpoint)
    run.end(trainer)
    return 0


def check(recipe: Recipe, train: list[int], test: list[int] | None) -> int:
    """The size of a batch. Stops before a model is loaded, where nothing can be learned or measured."""
    classes, name = len(set(train)), recipe.label_column
    if classes < 2:
        opening.stop(
            f"the split {recipe.dataset_train_split} has {classes} class of {name}: nothing is to be told apart"
        )
    if test is not None and max(Counter(test).values()) < 2:
        opening.stop(f"the split {recipe.dataset_test_split} has no two pictures of one {name}, so none can be found "
                     "again: set dataset_test_split to another, or eval_strategy to no")  # fmt: skip
    return min(recipe.classes, classes) * recipe.per_class


def retrieval(found: EvalPrediction) -> dict[str, float]:
    """R@1, R-precision and MAP@R, each picture looked for among the others; the mean over classes, and over pictures."""
    names = {"recall_at_1": "precision_at_1", "r_precision": "r_precision", "map_at_r": "mean_average_precision_at_r"}
    said = {}
    for suffix, macro in (("", True), ("_micro", False)):
        measure = AccuracyCalculator(tuple(names.values()), avg_of_avgs=macro, device=CPU, knn_func=CustomKNN(COSINE))
        values = measure.get_accuracy(found.predictions, np.asarray(found.label_ids))
        said |= {f"{name}{suffix}": float(values[theirs]) for name, theirs in names.items()}
    return said


if __name__ == "__main__":
    raise SystemExit(main())

"""Fine-tunes a model that is told by number who lays the AAC cards (models/aac.py), or the same without, to compare.

python training_recipes/aac_persona.py --config training_recipes/configs/aac_persona_qwen.yaml
python training_recipes/aac_persona.py --config training_recipes/configs/aac_persona_qwen.yaml --predict test
python training_recipes/aac_persona.py --config … --conditioned false --output_dir out/aac_text_qwen

Always train the last too: words alone are the baseline to beat, and what vLLM can serve. `--predict` trains nothing: it
writes the interpretations of a split's rows, those of the view `references`, for `mmdata evaluate`.
"""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import transformers
import trl
from rich.console import Console

from mmdata.errors import MmdataError
from mmdata.predictions import PredictionFile
from mmdata.progress import Terminal
from mmdata.training_recipes import preflight
from mmdata.training_recipes.common import finishing, opening
from mmdata.training_recipes.common.generating import Model
from mmdata.training_recipes.common.predicting import Run
from mmdata.training_recipes.common.questions import of_view
from mmdata.training_recipes.models import aac

TOLD = ["prompt", "persona_id", "clusters", "context"]


@dataclass
class Recipe(opening.DataArguments):
    conditioned: bool = field(default=True, metadata={"help": "False trains on the words alone: the baseline."})
    slots: int = field(default=4, metadata={"help": "Tokens that a person takes in a prompt."})
    width: int = field(default=128, metadata={"help": "Of a person's vector."})
    unknown: float = field(
        default=0.15, metadata={"help": "Share of rows whose person is hidden, for persons to come."}
    )
    predict: str | None = field(default=None, metadata={"help": "Interpret this split instead of training."})
    predictions: str | None = field(default=None, metadata={"help": "Where to; said-SPLIT.jsonl in output_dir."})


def main(recipe: Recipe, training: trl.SFTConfig, model: trl.ModelConfig) -> int:
    """The exit code; that of `--predict` says whether some rows are errors."""
    if recipe.predict:
        return predict(recipe, Path(training.output_dir), training.per_device_eval_batch_size)
    train, held_out = opening.open_rows(recipe, *TOLD, "images", "completion", evaluate=training.eval_strategy != "no")
    processor = opening.chat_processor(recipe, training, model)
    run = finishing.begin(recipe, training, model, train)
    if run is None:
        return 0

    about = None
    if recipe.conditioned:
        people, clusters = sorted(set(train["persona_id"])), [n for row in train["clusters"] for n in row or []]
        about = aac.Conditions(people=people, clusters=max(clusters, default=0) + 1, slots=recipe.slots,
                               width=recipe.width, unknown=recipe.unknown).numbered(processor)  # fmt: skip
        if held_out and not {*people} & {*held_out["persona_id"]} and training.process_index == 0:
            print(f"{recipe.dataset_test_split}: no person of it is in {recipe.dataset_train_split}: all are strangers")
        made = (rows and rows.map(told, fn_kwargs={"about": about}, input_columns=TOLD) for rows in (train, held_out))
        train, held_out = made
    with training.main_process_first(desc="preflight"):
        preflight.checked(train, held_out, processor, training, recipe)

    start: Any = model.model_name_or_path
    quantised, adapter = trl.get_quantization_config(model), trl.get_peft_config(model)
    training.model_init_kwargs = opening.loading(model, training)
    with opening.setting_up(model.model_name_or_path):
        if about:
            if adapter:
                adapter.modules_to_save = [*(adapter.modules_to_save or []), "persona"]
            if quantised:
                quantised.llm_int8_skip_modules = ["persona", "lm_head"]
            transformers.set_seed(training.seed)
            loaded, training.model_init_kwargs = training.model_init_kwargs, None
            start, about = aac.condition(start, processor, about, **{"quantization_config": quantised, **loaded})
            if adapter and training.should_save:  # Now: a run that was killed at its very end is ended without a model.
                opening.write_json(Path(training.output_dir, aac.PERSONA), about.model_dump())
        trainer = trl.SFTTrainer(
            start,
            training,
            processing_class=processor,
            train_dataset=train,
            eval_dataset=held_out,
            quantization_config=None if about else quantised,
            peft_config=adapter,
        )
    trainer.train(resume_from_checkpoint=run.checkpoint)
    run.end(trainer, trainer._total_train_tokens)
    return 0


def told(prompt: list[Any], person: str, clusters: list[int], context: str, about: aac.Conditions) -> dict[str, Any]:
    return {"prompt": about.told(dict(zip(TOLD, (prompt, person, clusters, context), strict=True)))}


def begun(row: dict[str, Any], about: aac.Conditions | None) -> dict[str, Any]:
    """A row as it was taught, its answer begun: the first word of that is the style."""
    prompt = about.told(row) if about else row["prompt"]
    style = {"type": "text", "text": f"<{row['style']}>"}
    return row | {"prompt": [*prompt, {"role": "assistant", "content": [style]}]}


def predict(recipe: Recipe, folder: Path, size: int) -> int:
    """Interpret a split's rows of `references`; what an earlier run did is not done again. Returns the exit code."""
    path = Path(recipe.predictions or folder / f"said-{recipe.predict}.jsonl")
    rows = recipe.dataset_name, "references", recipe.predict, recipe.dataset_version
    try:
        about = aac.conditions(folder) if recipe.conditioned else None
        with Terminal(Console(stderr=True)) as progress, PredictionFile(path) as file:
            asked = of_view(*rows, told=partial(begun, about=about))
            run = Run(asked, file, str(folder), {"max_new_tokens": 128, "temperature": 0.0}, progress)
            run.ask((aac.Interpreter if about else Model)(str(folder)), size)
            return run.end(as_json=False)
    except (MmdataError, ValueError, OSError) as error:
        opening.stop(str(error))


if __name__ == "__main__":
    raise SystemExit(main(*opening.parse(Recipe, trl.SFTConfig, trl.ModelConfig)))

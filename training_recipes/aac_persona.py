"""Fine-tunes a model that is told by number who lays the AAC cards (models/aac.py), or the same without, to compare.

python training_recipes/aac_persona.py --config training_recipes/configs/aac_persona_qwen.yaml
python training_recipes/aac_persona.py --config training_recipes/configs/aac_persona_qwen.yaml --predict test
python training_recipes/aac_persona.py --config training_recipes/configs/aac_text_qwen.yaml

Always train the second too: words alone are the baseline to beat, and what vLLM can serve. `--predict` trains nothing: it
writes the most likely interpretation of a split's rows for `mmdata evaluate`.
"""

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import transformers
import trl
from mmdata.training_recipes.generating import Model, revision_of
from mmdata.training_recipes.models import aac

import mmdata
from mmdata.corpus import Corpus
from mmdata.errors import MmdataError
from mmdata.predictions import Prediction, PredictionFile
from mmdata.training_recipes import opening, preflight
from mmdata.views import newest_or_sample

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


def main(recipe: Recipe, training: trl.SFTConfig, model: trl.ModelConfig) -> None:
    if recipe.predict:
        return predict(recipe, Path(training.output_dir))
    train, held_out = opening.open_rows(recipe, *TOLD, "images", "completion", evaluate=training.eval_strategy != "no")
    processor = opening.chat_processor(recipe, training, model)
    facts = opening.facts(recipe, model, training, train)
    facts |= {name: getattr(recipe, name) for name in ("conditioned", "slots", "width", "unknown")}
    checkpoint = opening.guard(training.output_dir, facts)
    quantised, adapter = trl.get_quantization_config(model), trl.get_peft_config(model)
    loaded = {"revision": model.model_revision, "attn_implementation": model.attn_implementation, "dtype": model.dtype}

    about = None
    if recipe.conditioned:
        people, clusters = sorted(set(train["persona_id"])), [n for row in train["clusters"] for n in row or []]
        about = aac.Conditions(people=people, clusters=max(clusters, default=0) + 1, slots=recipe.slots,
                               width=recipe.width, unknown=recipe.unknown).numbered(processor)  # fmt: skip
        train, held_out = (
            rows and rows.map(told, fn_kwargs={"about": about}, input_columns=TOLD) for rows in (train, held_out)
        )
    with training.main_process_first(desc="preflight"):
        preflight.checked(train, held_out, processor, training, recipe)

    start: Any = model.model_name_or_path
    if about:
        if adapter:
            adapter.modules_to_save = [*(adapter.modules_to_save or []), "persona"]
        if quantised:
            quantised.llm_int8_skip_modules = ["persona", "lm_head"]
        transformers.set_seed(training.seed)
        start, about = aac.condition(start, processor, about, quantization_config=quantised, **loaded)
    else:
        training.model_init_kwargs = loaded
    trainer = trl.SFTTrainer(
        start,
        training,
        processing_class=processor,
        train_dataset=train,
        eval_dataset=held_out,
        quantization_config=None if about else quantised,
        peft_config=adapter,
    )
    trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_model()
    if about and adapter and trainer.is_world_process_zero():
        opening.write_json(Path(training.output_dir, aac.PERSONA), about.model_dump())


def told(prompt: list[Any], person: str, clusters: list[int], context: str, about: aac.Conditions) -> dict[str, Any]:
    return {"prompt": about.told(dict(zip(TOLD, (prompt, person, clusters, context), strict=True)))}


def predict(recipe: Recipe, folder: Path) -> None:
    """Write the most likely interpretation of each row of `references`; what an earlier run did is not done again."""
    try:
        version = recipe.dataset_version or newest_or_sample(Corpus(recipe.dataset_name))
        rows = mmdata.view(recipe.dataset_name, "references", split=recipe.predict, version=version, streaming=False)
        if recipe.conditioned:
            model, processor, about = aac.load(folder)
        else:
            plain = Model(str(folder))
            model, processor, about = plain.model, plain.processor, None
        said = {"view": "references", "split": recipe.predict, "version": version, "model": str(folder)}
        said["revision"] = revision_of(str(folder))
        with PredictionFile(recipe.predictions or folder / f"said-{recipe.predict}.jsonl") as file:
            done = file.done(said["model"], said["revision"])
            for row in rows:
                pictures = [hashlib.sha256(picture.tobytes()).hexdigest() for picture in row["images"]]
                asked = json.dumps([about.told(row) if about else row["prompt"], pictures], ensure_ascii=False)
                prompt, start = hashlib.sha256(asked.encode()).hexdigest(), time.monotonic()
                if (row["id"], prompt) not in done:
                    text = aac.interpret(
                        model, processor, row, about, ["most_likely"], max_new_tokens=128, do_sample=False
                    )
                    seconds = time.monotonic() - start
                    file.add(
                        Prediction(id=row["id"], prompt=prompt, output=text["most_likely"], seconds=seconds, **said)
                    )
    except (MmdataError, ValueError, OSError) as error:
        opening.stop(str(error))


if __name__ == "__main__":
    main(*opening.parse(Recipe, trl.SFTConfig, trl.ModelConfig))

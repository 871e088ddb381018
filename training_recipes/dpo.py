"""Tunes a fine-tuned model on preferences: what people put in the place of an answer over what stood there.

    python training_recipes/dpo.py --config training_recipes/configs/aac_dpo_qwen.yaml
    accelerate launch training_recipes/dpo.py --config training_recipes/configs/aac_dpo_qwen.yaml

Rows have images, prompt, chosen and rejected, as AAC's view `preferences`. It begins at the merged model of sft.py: one
that never saw such answers would learn the form of them, and not which is better.
"""

from typing import Any

import trl

from mmdata.training_recipes.common import finishing, opening


def main(args: opening.DataArguments, training: trl.DPOConfig, model: trl.ModelConfig) -> None:
    evaluate = training.eval_strategy != "no"
    train, held_out = opening.open_rows(args, "images", "prompt", "chosen", "rejected", evaluate=evaluate)
    if training.max_length is not None:
        opening.stop("max_length: null is the only safe value: a prompt cut short loses its pictures' tokens")
    if same := sum(alike(row) for row in train.select_columns(["chosen", "rejected"])):
        opening.stop(f"{args.dataset_name} {args.dataset_config}: {same} rows have one text as chosen and rejected")
    processor = opening.chat_processor(args, training, model)
    run = finishing.begin(args, training, model, train)
    if run is None:
        return

    training.model_init_kwargs = opening.loading(model, training)
    with opening.setting_up(model.model_name_or_path):
        trainer = trl.DPOTrainer(
            model.model_name_or_path,
            args=training,
            processing_class=processor,
            train_dataset=train,
            eval_dataset=held_out,
            quantization_config=trl.get_quantization_config(model),
            peft_config=trl.get_peft_config(model),  # Without the adapter it is its own reference: no second model.
        )
    trainer.train(resume_from_checkpoint=run.checkpoint)
    run.end(trainer)


def alike(row: dict[str, Any]) -> bool:
    return bool(row["chosen"] == row["rejected"])


if __name__ == "__main__":
    main(*opening.parse(opening.DataArguments, trl.DPOConfig, trl.ModelConfig))

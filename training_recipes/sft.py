"""Fine-tunes a vision-language model on a corpus: LoRA, QLoRA or whole, with loss on the answers only.

    python training_recipes/sft.py --config training_recipes/configs/skin_gemma.yaml
    accelerate launch --num_processes 4 training_recipes/sft.py --config training_recipes/configs/skin_gemma.yaml

Flags count more than the YAML: `--max_steps 20`. The same command run again goes on at the newest checkpoint, and does
nothing where nothing is left. Before the model is loaded, every row goes through its processor (preflight.py).
"""

import re
from typing import Any

import trl
from transformers import EarlyStoppingCallback

from mmdata.training_recipes import preflight
from mmdata.training_recipes.common import finishing, opening


def main(args: opening.SFTArguments, training: trl.SFTConfig, model: trl.ModelConfig) -> None:
    if args.patience and not training.load_best_model_at_end:
        opening.stop("patience: set load_best_model_at_end: true, or there is no best model to stop at")
    train, held_out = opening.open_chat(args, training)
    processor = opening.chat_processor(args, training, model)
    run = finishing.begin(args, training, model, train)
    if run is None:
        return
    with training.main_process_first(desc="preflight"):
        preflight.checked(train, held_out, processor, training, args)

    training.model_init_kwargs = opening.loading(model, training)
    with opening.setting_up(model.model_name_or_path):
        trainer = trl.SFTTrainer(
            model.model_name_or_path,
            training,
            processing_class=processor,
            train_dataset=train,
            eval_dataset=held_out,
            quantization_config=trl.get_quantization_config(model),
            peft_config=trl.get_peft_config(model),
            callbacks=[EarlyStoppingCallback(args.patience)] if args.patience else None,
        )
    trainer.accelerator.print(freeze(trainer.model, args.freeze))
    trainer.train(resume_from_checkpoint=run.checkpoint)
    run.end(trainer, trainer._total_train_tokens)


def freeze(model: Any, patterns: list[str]) -> str:
    """Leaves parameters as they are, and says how many are trained.

    Raises SystemExit: a pattern that finds none, or nothing is left to train.
    """
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        if not any(re.search(pattern, name) for name in names):
            parts = dict.fromkeys(".".join(name.split(".")[:-2]) for name in names)
            opening.stop(f"freeze: no parameter's name has {pattern!r} in it. There are: {', '.join(list(parts)[:40])}")
    for name, parameter in model.named_parameters():
        if any(re.search(pattern, name) for pattern in patterns):
            parameter.requires_grad = False
    trained = sum(one.numel() for one in model.parameters() if one.requires_grad)
    if not trained:
        opening.stop(f"freeze: {', '.join(patterns)} leaves nothing to train")
    return f"training {trained:,} of {sum(one.numel() for one in model.parameters()):,} parameters"


if __name__ == "__main__":
    main(*opening.parse(opening.SFTArguments, trl.SFTConfig, trl.ModelConfig))

"""Lays a LoRA adapter into the model that it was trained on: one model, as servers want it.

    python training_recipes/merge.py out/skin_gemma out/skin_gemma/merged

After QLoRA too the adapter is laid into the full weights, never into 4-bit ones: evaluate the merged model. It is
written only if it says what base and adapter say of a picture and a text. A model trained whole is only linked.
"""

import argparse
import json
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import PeftModel

from mmdata.training_recipes.common import opening
from mmdata.training_recipes.common.finishing import NOT_THE_MODEL
from mmdata.training_recipes.common.generating import conditions_of, revision_of
from mmdata.training_recipes.common.probing import logits, probe

TOLERANCE = {torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}
"""Largest difference of a logit, as a share of the largest logit. Rounding of the merged weights makes it."""


def merge(trained: Path, into: Path, base: str | None = None, dtype: str = "auto") -> dict[str, Any]:
    """Writes the merged model, whole or not at all.

    Args:
        trained: folder of an adapter, or of a model that was trained whole.
        into: is made.
        base: the model that the adapter was trained on; by default the one that the adapter names.
        dtype: of the weights; by default that of the base's.

    Returns: what `merged.json` says.

    Raises:
        SystemExit: not a trained folder, no base, another model in `into`, or the merged model says something else.
    """
    adapter = opening.read_json(trained / "adapter_config.json")
    if not any(trained.glob("*.safetensors")) or not (adapter or (trained / "config.json").is_file()):
        opening.stop(
            f"{trained}: neither an adapter nor a model: no adapter_config.json or config.json with *.safetensors"
        )
    if conditions_of(trained):
        opening.stop(f"{trained}: is conditioned on persons, which a plain model forgets: aac_persona.py --predict")
    origin = {"trained": str(trained), "weights": revision_of(str(trained)), "asked": dtype, "asked_base": base}
    before = opening.read_json(into / "merged.json")
    if before and origin.items() <= before.items():
        return before
    if into.exists():
        opening.stop(f"{into}: exists already, and is not what {trained} merges into. Delete it, or name another")
    for left in into.parent.glob(f".{into.name}.*"):
        shutil.rmtree(left, ignore_errors=True)  # By a merge that was killed.
    aside = into.with_name(f".{into.name}.{os.getpid()}")
    try:
        aside.mkdir(parents=True)
        done = origin | (_merged(trained, adapter, base, dtype, aside) if adapter else _linked(trained, aside))
        opening.write_json(aside / "merged.json", done)
        os.rename(aside, into)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return done


def _merged(trained: Path, adapter: dict[str, Any], base: str | None, dtype: str, aside: Path) -> dict[str, Any]:
    name = base or adapter["base_model_name_or_path"]
    revision = (None if base else adapter.get("revision")) or "main"
    config = opening.open_config(name, revision)
    known = ((opening.read_json(trained / "recipe.json") or {}).get("facts") or {}).get("revision", "")
    if known.startswith("sha256:") and Path(name).is_dir() and revision_of(name) != known:
        opening.stop(
            f"{name}: its weights are not those that {trained} was trained on. Name the folder that has: --base"
        )
    kind = getattr(transformers, (config.architectures or [""])[0], None)
    if kind is None:
        opening.stop(f"{name}: its class {config.architectures} is not in transformers {transformers.__version__}")
    own = (trained / "processor_config.json").is_file()
    processor = opening.open_processor(str(trained)) if own else opening.open_processor(name, revision)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = kind.from_pretrained(name, revision=revision, dtype=dtype).to(device)
    try:
        with warnings.catch_warnings():  # PEFT leaves what it does not find as it was born.
            warnings.filterwarnings("error", "Found missing adapter keys")
            model = PeftModel.from_pretrained(model, trained).eval()
    except (ValueError, RuntimeError, KeyError, UserWarning) as error:
        opening.stop(f"{trained}: was not trained on {name}: {error!s:.200}. Name its base: --base")
    asked = probe(processor).to(device, model.dtype)
    apart = logits(model, asked)
    model.merge_and_unload(safe_merge=True).save_pretrained(aside)
    processor.save_pretrained(aside)
    del model
    whole = kind.from_pretrained(aside, dtype=dtype).to(device).eval()
    together = logits(whole, asked)
    differs = float((apart - together).abs().max() / apart.abs().max())
    allowed = TOLERANCE[whole.dtype]
    if not differs <= allowed:  # So written, it catches NaN.
        opening.stop(
            f"the merged model differs from {name} with {trained} by {differs:.2g} of a logit, over {allowed:.2g}. "
            "Nothing was written. Try --dtype float32"
        )
    same = float((apart.argmax(-1) == together.argmax(-1)).float().mean())
    return {"merged": True, "base": name, "revision": revision, "class": kind.__name__, "dtype": str(whole.dtype),
            "differs": differs, "tolerance": allowed, "same_token": same}  # fmt: skip


def _linked(trained: Path, aside: Path) -> dict[str, Any]:
    print(f"{trained}: trained whole, nothing to merge; its files are linked")
    for path in sorted(trained.iterdir()):
        if path.is_file() and path.name not in NOT_THE_MODEL and not path.name.startswith("."):
            try:
                os.link(path, aside / path.name)
            except OSError:  # Another disk, or one that knows no links.
                shutil.copy2(path, aside / path.name)
    return {"merged": False}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path, help="folder of the adapter")
    parser.add_argument("into", type=Path, help="folder to be made")
    parser.add_argument("--base", help="the model that it was trained on; by default the one that the adapter names")
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"])
    given = parser.parse_args()
    sys.stdout.write(json.dumps(merge(given.trained, given.into, given.base, given.dtype), ensure_ascii=False) + "\n")

"""What sft.py costs over `trl sft`, and what reading pictures costs a training run.

    OMP_NUM_THREADS=1 python tests/benchmarks/training.py --work /tmp/mmdata-bench

`ours` and `trl` train a tiny model of random weights on skin's sample, in turns in one process: a step takes
milliseconds, so that whatever is beside the model shows. What counts is the CPU time of their training loops, which a
busy machine disturbs little. `piped` decodes PNGs of 1024 × 1024 in a worker, answers as long as skin's, while a wider
model trains on one core; `collated` is given the same batches, made before. There the clock counts: two cores must be
free.
"""

import argparse
import shutil
import statistics
import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "benchmarks")]

from measuring import measured  # noqa: E402

SKIN = {"max_steps": 60, "per_device_train_batch_size": 4}
ROWS, LONG = 96, {"max_steps": 24, "per_device_train_batch_size": 4}
WIDER = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 3, "head_dim": 128}
QUIET = {"save_strategy": "no", "eval_strategy": "no", "load_best_model_at_end": "false", "logging_steps": 100}


def flags(work: Path, case: str, dataset: Path, **given: object) -> list[str]:
    given = {"model_name_or_path": work / "gemma3", "dataset_name": dataset, "output_dir": work / "out" / case} | given
    config = ROOT / "training_recipes" / "configs" / "tiny_skin_gemma.yaml"
    asked = {"config": config, "disable_tqdm": "true", **QUIET, **given}
    return [str(part) for name, value in asked.items() for part in (f"--{name}", value)]


def prepare(work: Path) -> None:
    """The models, skin's sample as a written view, and long answers about pictures as cameras make them."""
    from datasets import Dataset, Features, Image, List, Value

    from mmdata.corpus import Corpus
    from mmdata.training_recipes.models import tiny
    from mmdata.written_view import write_view

    if (work / "long").is_dir():
        return
    tiny.write("gemma3", work / "gemma3")
    (work / "skin").mkdir()
    write_view(Corpus(ROOT / "dataset_builders" / "skin"), "chat", "sample", work / "skin")
    tiny.TEXT.update(WIDER)
    tiny.write("gemma3", work / "wider")
    turn = List({"role": Value("string"), "content": Value("string")})
    said = "<label>건선</label> <summary>경계가 분명한 붉은 판 위에 은백색 인설이 보입니다.</summary> " * 20
    row = {
        "prompt": [{"role": "user", "content": "이 정면 사진의 진단명과 소견을 작성해 주세요."}],
        "completion": [{"role": "assistant", "content": said}],
    }
    kinds = {"images": List(Image()), "prompt": turn, "completion": turn}
    rows = [{"images": [{"bytes": _photograph(n), "path": None}], **row} for n in range(ROWS)]
    (work / "long").mkdir()
    Dataset.from_list(rows, features=Features(kinds)).to_parquet(work / "long" / "train.parquet")


def _photograph(seed: int) -> bytes:
    """1024 × 1024, with the grain that makes a PNG of AI Hub's about a megabyte."""
    import io

    import numpy as np
    from PIL import Image

    random = np.random.default_rng(seed)
    smooth = Image.fromarray(random.integers(0, 255, (16, 16, 3), np.uint8)).resize(
        (1024, 1024), Image.Resampling.BICUBIC
    )
    grain = random.normal(0, 2, (1024, 1024, 1))
    made = io.BytesIO()
    Image.fromarray((np.asarray(smooth) + grain).clip(0, 255).astype(np.uint8)).save(made, "PNG")
    return made.getvalue()


def watched() -> tuple[type, list[tuple[float, float]]]:
    """A trainer that puts down its steps a second, and its CPU seconds a step."""
    import trl

    rates: list[tuple[float, float]] = []

    class Watched(trl.SFTTrainer):
        def train(self, **options: object) -> object:
            began = time.process_time()
            done = super().train(**options)
            spent = time.process_time() - began
            rates.append((done.metrics["train_steps_per_second"], spent / self.state.global_step))
            return done

    return Watched, rates


def run_sides(work: Path, rounds: int) -> None:
    """Both in turns, the first of each not counted."""
    import trl
    from trl.scripts.sft import main, make_parser

    from mmdata.training_recipes import sft
    from mmdata.training_recipes.common import opening

    trl.SFTTrainer, rates = watched()
    for number in range(2 * (rounds + 1)):
        shutil.rmtree(work / "out", ignore_errors=True)
        if number % 2:
            given = flags(work, "trl", work / "skin", **SKIN)
            main(*make_parser().parse_args_and_config(given, fail_with_unknown_args=False))
        else:
            given = flags(work, "ours", ROOT / "dataset_builders" / "skin", **SKIN)
            sft.main(*opening.parse(opening.SFTArguments, trl.SFTConfig, trl.ModelConfig, args=given))
    ours, theirs = ([cpu for _, cpu in rates[first + 2 :: 2]] for first in (0, 1))
    for name, found in (("ours", ours), ("trl", theirs)):
        print(
            f"{name:9} {1e3 * statistics.median(found):6.2f} ms of CPU a step ({1e3 * min(found):.2f} – {1e3 * max(found):.2f})"
        )
    print(f"ours / trl: {statistics.median(theirs) / statistics.median(ours):.3f} of its rate")


def run_piped(work: Path, case: str, workers: int) -> float:
    """Steps a second by the clock."""
    import trl

    from mmdata.training_recipes import sft
    from mmdata.training_recipes.common import opening

    trl.SFTTrainer, rates = watched()
    long = {"dataset_config": "default", "model_name_or_path": work / "wider", **LONG}
    if case == "piped":
        long["dataloader_num_workers"] = workers
    given = flags(work, case, work / "long", **long)
    args, training, model = opening.parse(opening.SFTArguments, trl.SFTConfig, trl.ModelConfig, args=given)
    args.dataset_version = None
    if case == "piped":
        sft.main(args, training, model)
    else:
        _train_collated(args, training, model, trl.SFTTrainer)
    return rates[0][0]


def _train_collated(args: object, training: object, model: object, kind: type) -> None:
    import trl

    from mmdata.training_recipes.common import opening, tokens

    train, _ = opening.open_chat(args, training)
    processor = opening.chat_processor(args, training, model)
    made = tokens.collator_of(processor, training, train.column_names)
    size = LONG["per_device_train_batch_size"]
    batches = [made([train[n] for n in range(first, first + size)]) for first in range(0, ROWS, size)]
    turns = iter(batches * (LONG["max_steps"] // len(batches) + 2))
    train = train.map(lambda row: {"images": []}, remove_columns=["images"])
    options = {"processing_class": processor, "peft_config": trl.get_peft_config(model)}
    kind(model.model_name_or_path, training, lambda rows: dict(next(turns)), train, **options).train()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--case", choices=["piped", "collated"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    asked.work.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(asked.work / "out", ignore_errors=True)
    if asked.case:
        print(run_piped(asked.work, asked.case, asked.workers))
        return
    prepare(asked.work)
    run_sides(asked.work, asked.rounds)
    rates: dict[str, list[float]] = {"piped": [], "collated": []}
    for _ in range(asked.rounds):
        for case, found in rates.items():
            found.append(measured(__file__, case, asked.work, memory=False)[0])
    for case, found in rates.items():
        print(f"{case:9} {statistics.median(found):6.2f} steps/s ({min(found):.2f} – {max(found):.2f})")
    ratios = [mine / theirs for mine, theirs in zip(rates["piped"], rates["collated"], strict=True)]
    print(f"piped / collated: {statistics.median(ratios):.3f} ({min(ratios):.3f} – {max(ratios):.3f})")


if __name__ == "__main__":
    main()

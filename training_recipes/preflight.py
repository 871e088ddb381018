"""Puts every row through the model's processor before a GPU is rented: what would be cut, is broken, or teaches nothing.

    python training_recipes/preflight.py --config training_recipes/configs/skin_qwen.yaml

Its arguments are sft.py's, which does the same before it loads the model. What was found is remembered until the rows,
the processor or the settings change.
"""

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import trl
from rich.console import Console
from rich.table import Table

from mmdata.training_recipes.common import opening
from mmdata.training_recipes.common.tokens import Fault, Measured, measured


@dataclass
class PreflightArguments(opening.SFTArguments):
    json: bool = field(default=False, metadata={"help": "Print what was found as JSON."})


def checked(train: Any, held_out: Any, processor: Any, training: Any, args: opening.DataArguments) -> list[Measured]:
    """Both splits, shown. Raises SystemExit where training would lose something and not say so."""
    splits = [(train, args.dataset_train_split), (held_out, args.dataset_test_split)]
    done = [measured(rows, split, processor, training, args) for rows, split in splits if rows is not None]
    console = Console(stderr=True)
    for one in done if training.process_index == 0 else ():
        show(one, console)
    errors = [f"{one.split}: {said(fault)}" for one in done for fault in one.faults if fault.level == "error"]
    if errors:
        opening.stop("\n".join(["Training would lose rows, or parts of them:", *errors, "Nothing was started."]))
    return done


def said(fault: Fault) -> str:
    more = f" and {len(fault.ids) - 5:,} more" if len(fault.ids) > 5 else ""
    rows = f"{len(fault.ids):,} row{'s' * (len(fault.ids) > 1)}"
    return f"{fault.what}: {rows}: {', '.join(fault.ids[:5])}{more}{fault.example and f'. {fault.example}'}"


def show(one: Measured, console: Console) -> None:
    """A table, a histogram of the tokens and what is wrong, on the screen."""
    table = Table(title=f"{one.split}: {one.rows:,} rows", title_justify="left")
    for name in ("tokens a row", "fewest", "median", "95 %", "most"):
        table.add_column(name, justify="left" if " a " in name else "right")
    for name in ("tokens", "pictures", "answer"):
        values = getattr(one, name) or [0]
        table.add_row(name, *(f"{round(number):,}" for number in np.percentile(values, [0, 50, 95, 100])))
    console.print(table)
    counts, edges = np.histogram(one.tokens, bins=min(10, max(1, len(set(one.tokens)))))
    for count, low, high in zip(counts, edges, edges[1:], strict=False):
        console.print(
            f"{round(low):>7,} – {round(high):<7,} {'█' * round(40 * count / max(1, counts.max()))} {count:,}"
        )
    for fault in one.faults:
        console.print(
            f"{fault.level}: {said(fault)}", style="red" if fault.level == "error" else "yellow", markup=False
        )


def main(args: PreflightArguments, training: trl.SFTConfig, model: trl.ModelConfig) -> None:
    train, held_out = opening.open_chat(args, training)
    processor = opening.chat_processor(args, training, model)
    if not args.json:
        checked(train, held_out, processor, training, args)
        return
    splits = [(train, args.dataset_train_split), (held_out, args.dataset_test_split)]
    done = [measured(rows, split, processor, training, args) for rows, split in splits if rows is not None]
    print(json.dumps([asdict(one) for one in done], ensure_ascii=False))
    sys.exit(any(fault.level == "error" for one in done for fault in one.faults))


if __name__ == "__main__":
    main(*opening.parse(PreflightArguments, trl.SFTConfig, trl.ModelConfig))

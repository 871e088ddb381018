"""Ranks the options of a view with a generative model: each gets the log-likelihood of being said next.

    python training_recipes/rank.py --model out/visdial/merged --folder dataset_builders/visdial --view ranking \\
        --split validation --out ranks.jsonl

The score of an option is the sum of the log-probabilities of its tokens and of the end of the turn, given the picture
and the dialogue: how likely the model is to say just that, as VisDial's own generative baselines are ranked. `--mean`
divides by the number of tokens, which favours long options. Higher is better; `mmdata evaluate` makes ranks of them.

The picture is encoded once a dialogue: a round's prompt goes on where it first differs from the one before. The options
go through together behind a repeated view of the prompt's cache. Neither changes a score beyond rounding.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mmdata.errors import MmdataError
from mmdata.predictions import PredictionFile
from mmdata.progress import Terminal
from mmdata.training_recipes.common.predicting import CTRL_C, Run
from mmdata.training_recipes.common.questions import of_view


def main(arguments: Sequence[str] | None = None) -> int:
    given = parsed(arguments)
    try:
        with Terminal(Console(stderr=True)) as progress:
            progress.stage("reading")
            asked = of_view(given.folder, given.view, given.split, given.version, options=True)
            with PredictionFile(given.out) as file:
                progress.stage("opening the model")
                from mmdata.training_recipes.common.generating import Model  # What is asked is looked at first.
                from mmdata.training_recipes.common.scoring import Ranker

                ranker = Ranker(Model(given.model), given.at_once, given.mean)
                run = Run(asked, file, given.model, {"mean": given.mean}, progress, ranker.model.revision)
                try:
                    for question in run.pending():
                        began = time.monotonic()
                        try:
                            said = {"scores": ranker.scores(question)}
                        except Exception as error:  # Of one row: the run goes on.
                            said = {"error": " ".join(f"{type(error).__name__}: {error}".split())[:500]}
                        run.keep(question, time.monotonic() - began, **said)
                except KeyboardInterrupt:
                    run.stopped = CTRL_C
                return run.end(given.json)
    except MmdataError as error:
        raise SystemExit(f"error: {error}") from None


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--model", required=True, help="a folder (a merged model, an adapter), or a name on the Hub")
    add("--folder", type=Path, required=True, help="a corpus")
    add("--view", default="ranking", help="of the corpus, with answer_options")
    add("--split", default="test", help="of the corpus")
    add("--version", help="of the corpus; the newest release by default")
    add("--out", type=Path, required=True, help="the file of predictions")
    add("--at-once", "--at_once", type=int, default=100, help="options at once; fewer take less memory")
    add("--mean", action="store_true", help="the mean over an option's tokens, in place of the sum")
    add("--json", action="store_true", help="print one line of JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())

"""Asks a fine-tuned model, here or behind a server: about one picture, a corpus's view, or a file of questions.

    python training_recipes/infer.py --model out/skin/merged --image face.png --ask "이 정면 사진의 진단명과 소견을 작성해 주세요."
    python training_recipes/infer.py --model out/visdial/merged --image beach.jpg --conversation "Q: is it sunny?\\nA: yes\\n\\nQ: who is there?"
    python training_recipes/infer.py --model out/skin/merged --folder dataset_builders/skin --view diagnosis --out said.jsonl
    python training_recipes/infer.py --model out/skin/merged --file questions.jsonl --out said.jsonl

With `--base-url` the model is a name on any server that talks like OpenAI's, such as vLLM's (`"image": 4` for aac, whose
cards are up to four):

    vllm serve out/skin/merged --served-model-name skin --max-model-len 4096 --limit-mm-per-prompt '{"image": 1}'
    python training_recipes/infer.py --base-url http://localhost:8000/v1 --model skin \\
        --folder dataset_builders/skin --view diagnosis --out said.jsonl

An answer is a line of --out as soon as it is had; the same command run again asks what has none yet, and what failed.
`mmdata evaluate FOLDER --predictions FILE` judges them. Exit codes: 0 all are answered, 4 some are errors, 3 the server
was given up, 130 stopped by Ctrl-C.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mmdata.errors import MmdataError
from mmdata.predictions import PredictionFile
from mmdata.progress import Terminal
from mmdata.training_recipes.common.predicting import Run
from mmdata.training_recipes.common.questions import Questions, of_file, of_pictures, of_view


def main(arguments: Sequence[str] | None = None) -> int:
    given = parsed(arguments)
    try:
        with tempfile.TemporaryDirectory() as scratch, Terminal(Console(stderr=True)) as progress:
            progress.stage("reading")
            asked = chosen(given)
            with PredictionFile(given.out or Path(scratch) / "said.jsonl") as file:
                settings = {"max_new_tokens": given.max_new_tokens, "temperature": given.temperature}
                run = Run(asked, file, given.model, settings, progress)
                served(run, given) if given.base_url else generated(run, given)
                return run.end(given.json, aloud=given.image is not None)
    except MmdataError as error:
        raise SystemExit(f"error: {error}") from None


def chosen(given: argparse.Namespace) -> Questions:
    """What is asked; a mistake in it is said before a model is opened."""
    if not given.image and not given.out:
        raise MmdataError("--out is missing: the file for the predictions, such as --out said.jsonl")
    if given.folder and not given.view:
        raise MmdataError("--view is missing: the corpus's view to ask about, such as --view diagnosis")
    if given.folder:
        return of_view(given.folder, given.view, given.split, given.version)
    return of_file(given.file) if given.file else of_pictures(given.image, given.conversation, given.ask)


def generated(run: Run, given: argparse.Namespace) -> None:
    """Ask the model on this machine, a batch at a time."""
    run.progress.stage("opening the model")
    from mmdata.training_recipes.common.generating import Model  # A server is asked without torch.

    run.ask(Model(given.model), given.batch_size)


def served(run: Run, given: argparse.Namespace) -> None:
    """Ask the server, many at once."""
    from mmdata.training_recipes.common.served import ask

    run.stopped = ask(
        run.pending(), run.keep, model=run.model, base_url=given.base_url, concurrency=given.concurrency, **run.settings
    )


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add(
        "--model",
        required=True,
        help="a folder (a merged model, an adapter), a name on the Hub, or the server's name for it",
    )
    add("--base-url", "--base_url", help="of a server, such as http://localhost:8000/v1; its key is OPENAI_API_KEY")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--image", type=Path, nargs="+", help="one picture, or several in order; with --ask or --conversation"
    )
    what.add_argument("--folder", type=Path, help="a corpus, with --view")
    what.add_argument("--file", type=Path, help='JSONL: {"id": "1", "images": ["face.png"], "prompt": "…"}')
    add("--ask", default="", help="the question about --image, in the words that the model was trained with")
    add("--conversation", default="", help='what was said before, as "Q: …\\nA: …\\n\\nQ: …"; --ask comes after it')
    add("--view", help="of the corpus, such as diagnosis or references")
    add("--split", default="test", help="of the corpus")
    add("--version", help="of the corpus; the newest release by default")
    add("--out", type=Path, help="the file of predictions")
    add("--batch-size", "--batch_size", type=int, default=8, help="questions at once on this machine")
    add("--concurrency", type=int, default=32, help="questions at once to a server")
    add("--max-new-tokens", "--max_new_tokens", type=int, default=512, help="the longest answer")
    add("--temperature", type=float, default=0.0, help="0 takes the likeliest token each time")
    add("--json", action="store_true", help="print one line of JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())

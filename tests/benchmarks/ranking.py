"""100 options a round: `rank.py`'s scores beside those of naive scoring, on tiny models with prompts of a real length.

    OMP_NUM_THREADS=1 python tests/benchmarks/ranking.py --rounds 3    # about 4 minutes

A dialogue of ten rounds about one picture of 256 tokens. Naive: picture, dialogue and option go through the model
for each option, one at a time, or 100 at once; of the rounds, the first, fifth and ninth are timed so. All must give
the same scores. The cases take turns, in random order.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import torch
import transformers
from kit import encoded, photo
from naive_ranking import naive_scores

from mmdata.training_recipes.common.generating import Model, filled
from mmdata.training_recipes.common.questions import Question, question
from mmdata.training_recipes.common.scoring import Ranker
from mmdata.training_recipes.models import tiny

WORDS = [
    "yes",
    "no,",
    "is",
    "it",
    "sunny?",
    "2",
    "can't",
    "tell",
    "the",
    "picture",
    "in",
    "a",
    "few",
    "words",
    "as",
    "person",
    "would",
]
SIDE = {"gemma3": 128, "qwen3_vl": 512}
"""Pixels of a picture of 256 tokens."""


def gemma3() -> tuple[torch.nn.Module, transformers.ProcessorMixin]:
    """The tiny one, with a vision tower of 256 patches and as many tokens."""
    small, processor = tiny.gemma3()
    config = small.config
    config.mm_tokens_per_image, config.vision_config.image_size = 256, SIDE["gemma3"]
    config.text_config.sliding_window = 512
    pictures = transformers.Gemma3ImageProcessor(size={"height": SIDE["gemma3"], "width": SIDE["gemma3"]})
    template = {"image_seq_length": 256, "chat_template": processor.chat_template}
    model = type(small)(config).eval()
    held = small.state_dict()
    model.load_state_dict({k: held[k] if held[k].shape == v.shape else v for k, v in model.state_dict().items()})
    return model, transformers.Gemma3Processor(pictures, processor.tokenizer, **template)


def qwen3_vl() -> tuple[torch.nn.Module, transformers.ProcessorMixin]:
    model, processor = tiny.qwen3_vl()
    processor.image_processor.size = {"shortest_edge": 32 * 32, "longest_edge": SIDE["qwen3_vl"] ** 2}
    return model, processor


def dialogue(side: int, seed: int = 0) -> list[Question]:
    """Ten rounds as VisDial's view has them, each with 100 options of one to six words."""
    r = random.Random(seed)

    def words(count: int) -> str:
        return " ".join(r.choices(WORDS, k=count))

    picture = [encoded(photo(seed, (side, side)))]
    talk, made = [{"role": "user", "content": f"{words(10)}\n\n{words(7)}"}], []
    for number in range(10):
        made.append(question(str(number), picture, talk, [words(r.randint(1, 6)) for _ in range(100)]))
        talk = [*talk, {"role": "assistant", "content": words(3)}, {"role": "user", "content": words(7)}]
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--family", choices=SIDE, help="only this one")
    asked = parser.parse_args()
    for family in (gemma3, qwen3_vl):
        if asked.family not in (None, family.__name__):
            continue
        with tempfile.TemporaryDirectory() as folder:
            for part in reversed(family()):
                part.save_pretrained(folder)
            measure(family.__name__, Model(folder), asked.rounds)


def measure(name: str, model: Model, rounds: int) -> None:
    talk = dialogue(SIDE[name])
    lengths = [model.prefix([filled(one)])["input_ids"].shape[1] for one in talk]
    suffixes = statistics.mean(len(model.suffix(option)) for one in talk for option in one.options)
    cases: dict[str, Callable[[], list[list[float]]]] = {
        "rank.py": lambda: list(map(Ranker(model).scores, talk)),
        "rank.py, each round anew": lambda: [Ranker(model).scores(one) for one in talk],
        "naive, 100 at once": lambda: [naive_scores(model, one, 100) for one in talk[::4]],
        "naive, one at a time": lambda: [naive_scores(model, one) for one in talk[::4]],
    }
    cases["rank.py"]()  # The first pass of all warms up torch.
    seconds: dict[str, list[float]] = {case: [] for case in cases}
    scores = {}
    for _ in range(rounds):
        for case in random.sample(list(cases), len(cases)):
            began = time.perf_counter()
            scores[case] = torch.tensor(cases[case]())
            seconds[case].append((time.perf_counter() - began) / len(scores[case]))
    medians = {case: statistics.median(times) for case, times in seconds.items()}
    whole = scores["rank.py"]
    apart = max(
        float((made - (whole if len(made) == len(whole) else whole[::4])).abs().max()) for made in scores.values()
    )
    print(
        f"{name}: prompts of {lengths[0]} to {lengths[-1]} tokens, options of {suffixes:.1f}; scores within {apart:.1e}"
    )
    for case, median in medians.items():
        spread = f"{min(seconds[case]) * 1000:.0f} – {max(seconds[case]) * 1000:.0f}"
        print(f"  {case:26}{median * 1000:9.0f} ms a round {median / medians['rank.py']:7.1f} x   ({spread})")


if __name__ == "__main__":
    main()

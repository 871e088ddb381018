"""Writes a VisDial v1.0 file of any size, to the official one's shape and proportions; no pictures.

    python tests/big_visdial.py /tmp/big --dialogues 123287    # about 1 GB, half a minute

Every round has 100 options as the real ones do: 30 are the same in all rounds, the others come from the whole pool,
a few answers often and most of them seldom.
"""

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson

ROUNDS, OPTIONS, COMMON = 10, 100, 30
AT_ONCE = 500


def pool(count: int, seed: str, ends: str = "") -> list[str]:
    """Distinct short texts, of 1 to 6 words."""
    r = random.Random(seed)
    words = ["".join(r.choices("aeioustnrlmd", k=r.randint(2, 6))) for _ in range(3000)]
    return [" ".join([*r.choices(words, k=r.randint(0, 5)), f"{words[n % 3000]}{n}"]) + ends for n in range(count)]


def dialogues(count: int, questions: int, answers: int, seed: int) -> Iterator[bytes]:
    """Each as JSON, spaced as Python's own `json` does."""
    r = np.random.default_rng(seed)
    ids, by_rank = r.permutation(600_000)[:count] + 1, r.permutation(answers)
    rest = np.arange(OPTIONS - COMMON)
    for first in range(0, count, AT_ONCE):
        shape = (min(AT_ONCE, count - first), ROUNDS)
        drawn = np.sort(r.random((*shape, OPTIONS - COMMON)), axis=2) ** 4 * (answers - OPTIONS)
        common = np.broadcast_to(np.arange(COMMON), (*shape, COMMON))
        ranks = np.concatenate([common, COMMON + drawn.astype(np.int64) + rest], axis=2)  # Rising, so distinct.
        options = r.permuted(by_rank[ranks], axis=2)
        gold, asked = r.integers(OPTIONS, size=shape), r.integers(questions, size=shape)
        for n in range(shape[0]):
            rounds = [
                {
                    "answer": options[n, k, gold[n, k]],
                    "gt_index": gold[n, k],
                    "question": asked[n, k],
                    "answer_options": np.ascontiguousarray(options[n, k]),
                }
                for k in range(ROUNDS)
            ]
            caption = f"a caption of picture {first + n} with a few words"
            row = {"image_id": int(ids[first + n]), "dialog": rounds, "caption": caption}
            yield orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY).replace(b",", b", ").replace(b":", b": ")


def write(
    folder: Path, count: int, split: str = "train", questions: int = 376_000, answers: int = 337_507, seed: int = 0
) -> Path:
    """`visdial_1.0_<split>.json` in the folder; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"visdial_1.0_{split}.json"
    with path.open("wb") as out:
        out.write(b'{"version": "1.0", "data": {"dialogs": [')
        for n, dialogue in enumerate(dialogues(count, questions, answers, seed)):
            out.write(b", " * bool(n) + dialogue)
        out.write(b'], "questions": ' + orjson.dumps(pool(questions, "q")))
        out.write(b', "answers": ' + orjson.dumps(pool(answers, "a")) + b'}, "split": "' + split.encode() + b'"}')
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dialogues", type=int, default=123_287)
    given = parser.parse_args()
    print(write(given.folder, given.dialogues))

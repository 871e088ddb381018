"""Small files of VisDial's official form, and the rows that are made of them."""

import json
import random
from pathlib import Path

from kit import encoded, photo, put

import mmdata
from mmdata.corpus import HOME, Corpus
from mmdata.errors import Reject
from mmdata.rows import RowMaker

CORPUS = Corpus(HOME / "visdial")
VIEWS = CORPUS.module("views")
PICTURE = encoded(photo("visdial"), "JPEG")


def official(split="val", dialogues=3, rounds=3, seed=0) -> dict:
    """A file of the official form, all of its answers different."""
    r = random.Random(seed)
    answers = [f"answer {n}" for n in range(500)]
    made = []
    for number in range(dialogues):
        turns = []
        for _ in range(rounds):
            options, gold = r.sample(range(500), 100), r.randrange(100)
            turns.append(
                {
                    "question": r.randrange(20),
                    "answer": options[gold],
                    "answer_options": options,
                    "gt_index": gold,
                }
            )
        made.append({"image_id": 100 + number, "caption": f"caption {number}", "dialog": turns})
    data = {"dialogs": made, "questions": [f"question {n}" for n in range(20)], "answers": answers}
    return {"version": "1.0", "data": data, "split": split}


def rows_of(source: Path, config="text_only") -> dict[str, dict | Reject]:
    """id → row, or why there is none; as a build makes them, in this process."""
    builder = CORPUS.builder(data_dir=source, config_name=config, cache_dir=str(source / ".cache"))
    maker = RowMaker(builder, CORPUS, "full")
    found = {}
    for item in list(builder.items(builder._listing)):  # All of them: the pools may come last.
        if not isinstance(item, mmdata.Finding):
            made = maker.make(item, [(source / f.path).read_bytes() for f in item.files.values()])
            assert item.id not in found
            found[item.id] = made if isinstance(made, Reject) else made.row
    return found


def findings_of(source: Path) -> list[mmdata.Finding]:
    builder = CORPUS.builder(data_dir=source, config_name="text_only", cache_dir=str(source / ".cache"))
    return [one for one in builder.items(builder._listing) if isinstance(one, mmdata.Finding)]


def saved(root: Path, content, name="visdial_1.0_val.json") -> Path:
    put(root, name, json.dumps(content).encode())
    return root

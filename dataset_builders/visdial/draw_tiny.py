"""Writes `tiny/`: real dialogues of VisDial v1.0 (CC BY 4.0), with drawings in the place of COCO's photographs.

    python draw_tiny.py visdial_1.0_val_50_reindexed.json visdial_1.0_test_50_reindexed.json

Four of the validation dialogues stand for the training split, three are left as they are, and three are of the test
split. Two dialogues have a made-up dense annotation. A drawing shows nothing that its dialogue speaks of.
"""

import json
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw

ROWS = {"train": 4, "val": 3, "test": 3}
PICTURES = {
    "train": ("train2014/COCO_train2014", "val2014/COCO_val2014"),
    "val": ("VisualDialog_val2018/VisualDialog_val2018",),
    "test": ("VisualDialog_test2018/VisualDialog_test2018",),
}


def draw(seed: int) -> Image.Image:
    """Coloured shapes."""
    r = random.Random(seed)  # noqa: S311
    image = Image.new("RGB", (96, 72), tuple(r.randint(150, 250) for _ in range(3)))
    pen = ImageDraw.Draw(image)
    for _ in range(5):
        x, y, size = r.randint(0, 80), r.randint(0, 60), r.randint(8, 40)
        colour = tuple(r.randint(0, 220) for _ in range(3))
        (pen.ellipse if r.random() < 0.5 else pen.rectangle)((x, y, x + size, y + size), fill=colour)
    return image


def only(data: dict, dialogs: list[dict]) -> dict:
    """The dialogues with the texts that they use, numbered anew."""
    used: dict[str, dict[int, int]] = {"questions": {}, "answers": {}}

    def place(pool: str, index: int) -> int:
        return used[pool].setdefault(index, len(used[pool]))

    made = []
    for dialogue in dialogs:
        turns = []
        for turn in dialogue["dialog"]:
            new = {"question": place("questions", turn["question"])}
            if "answer" in turn:
                new["answer"] = place("answers", turn["answer"])
            if "answer_options" in turn:
                new["answer_options"] = [place("answers", option) for option in turn["answer_options"]]
            if "gt_index" in turn:
                new["gt_index"] = turn["gt_index"]
            turns.append(new)
        made.append({"image_id": dialogue["image_id"], "caption": dialogue["caption"], "dialog": turns})
    return {"dialogs": made} | {pool: [data[pool][index] for index in order] for pool, order in used.items()}


def main(validation: Path, test: Path, root: Path) -> None:
    val, tested = (json.loads(path.read_text(encoding="utf-8"))["data"] for path in (validation, test))
    first, second = ROWS["train"], ROWS["train"] + ROWS["val"]
    of = {
        "train": (val, val["dialogs"][:first]),
        "val": (val, val["dialogs"][first:second]),
        "test": (tested, tested["dialogs"][: ROWS["test"]]),
    }
    root.mkdir(exist_ok=True)
    for split, (data, dialogs) in of.items():
        content = {
            "version": "1.0",
            "split": split if split == "train" else f"{split}2018",
            "data": only(data, dialogs),
        }
        (root / f"visdial_1.0_{split}.json").write_text(json.dumps(content), encoding="utf-8")
        for number, dialogue in enumerate(dialogs):
            names = PICTURES[split]
            path = root / f"{names[number % len(names)]}_{dialogue['image_id']:012d}.jpg"
            path.parent.mkdir(exist_ok=True)
            draw(dialogue["image_id"]).save(path, quality=85)
    for split, key in (("train", "relevance"), ("val", "gt_relevance")):
        dialogue = of[split][1][0]
        gold = dialogue["dialog"][2]["gt_index"]
        relevance = [1.0 if n == gold else 0.4 if n % 25 == 0 else 0.0 for n in range(100)]
        annotated = [{"image_id": dialogue["image_id"], "round_id": 3, key: relevance}]
        name = "train_dense_sample" if split == "train" else "val_dense_annotations"
        (root / f"visdial_1.0_{name}.json").write_text(json.dumps(annotated), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(__file__).parent / "tiny")

"""The challenge's own file, `[{"image_id", "round_id", "ranks"}]`: written of predictions, and read as such.

`ranks` has the place of each option, from 1, in the order of the options; `round_id` counts from 1.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmdata import Corpus, MmdataError
from mmdata.evaluating.choosing import chosen
from mmdata.metrics.ranking import ranks_of
from mmdata.predictions import Prediction, PredictionFile, held, lines_of
from mmdata.views import rows_of

from .official import OPTIONS, SPLITS

CORPUS = Corpus(Path(__file__).parent)
VIEW = "ranking"
PLACES = list(range(1, OPTIONS + 1))
KEYS = {"image_id", "round_id", "ranks"}


def write(
    predictions: str | Path,
    into: str | Path,
    *,
    split: str | None = None,
    version: str | None = None,
    model: str | None = None,
) -> int:
    """Write a submission of a file of predictions; returns how many rounds are in it.

    Args:
        predictions: of the view `ranking`.
        into: a JSON file that is not there yet.
        split, version, model: which, where the file has several.

    Raises:
        MmdataError: a round of the split is not in the file, or has no scores, or `into` is there.
    """
    wanted = {"view": VIEW, "split": split, "version": version, "model": model}
    found = held(chosen(lines_of(predictions), str(predictions), wanted))
    one, said = found[0], {one.id for one in found}
    rounds = {row["id"]: None for _, row in rows_of(CORPUS, VIEW, split=one.split, version=one.version)[1]}
    place = f"the {one.split} split of version {one.version}"
    if missing := [id for id in rounds if id not in said]:
        raise MmdataError(
            f"{predictions}: {len(missing):,} of the {len(rounds):,} rounds of {place} are missing, such as {missing[0]}. "
            "A submission has all: run the same rank.py command again, which goes on where it stopped"
        )
    if unknown := [one.id for one in found if one.id not in rounds]:
        raise MmdataError(
            f"{predictions}: {len(unknown):,} of {len(found):,} rounds are not in {place}, such as {unknown[0]}. "
            "Rank that split anew"
        )
    if wrong := [one for one in found if len(one.scores or ()) != OPTIONS]:
        raise MmdataError(
            f"{predictions}: {len(wrong):,} of {len(found):,} rounds have not {OPTIONS} scores, {wrong[0].id} "
            f"({wrong[0].error or 'another kind of prediction'}). Rank them again: a submission has all rounds"
        )
    entries = []
    for one, ranks in zip(found, ranks_of([one.scores for one in found]).tolist(), strict=True):
        _, image_id, round_id = one.id.split("/")
        entries.append({"image_id": int(image_id), "round_id": int(round_id), "ranks": ranks})
    try:
        with Path(into).open("x", encoding="utf-8") as out:
            json.dump(entries, out)
    except OSError as error:
        raise MmdataError(f"{into}: cannot be written ({error.strerror}). Name a file that is not there yet") from None
    return len(entries)


def read(submission: str | Path, into: str | Path, *, split: str, version: str, model: str = "") -> int:
    """Write a submission as predictions, for `mmdata evaluate`; returns how many. A rank becomes its negative as score.

    Args:
        submission: the JSON file.
        into: a file of predictions that is not there yet.
        split: of the release, such as "validation".
        version: of the release, or "sample".
        model: who ranked; the file's name by default.

    Raises:
        MmdataError: the file is no submission; it says where.
    """
    if Path(into).exists():
        raise MmdataError(f"{into} is there already. Name another file")
    made = [
        Prediction(id=id, view=VIEW, split=split, version=version, model=model or Path(submission).name, prompt="",
                   scores=[float(-rank) for rank in ranks], seconds=0)
        for id, ranks in _entries(Path(submission), split)
    ]  # fmt: skip
    with PredictionFile(into) as out:
        for one in made:
            out.add(one)
    return len(made)


def _entries(path: Path, split: str) -> Iterator[tuple[str, list[int]]]:
    names = {ours: theirs for theirs, ours in SPLITS.items()}
    if split not in names:
        raise MmdataError(f"there is no split {split!r}; choose {', '.join(names)}")
    try:
        said: Any = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise MmdataError(f"{path}: no submission: {error}") from None
    if not isinstance(said, list) or not said:
        raise MmdataError(
            f'{path}: no submission: a list is wanted, [{{"image_id": 1, "round_id": 1, "ranks": […]}}, …]'
        )
    seen = set()
    for number, one in enumerate(said):
        at = f"{path}: entry {number}"
        if not isinstance(one, dict) or not one.keys() >= KEYS:
            raise MmdataError(f"{at}: image_id, round_id and ranks are wanted")
        image_id, round_id, ranks = (one[key] for key in ("image_id", "round_id", "ranks"))
        if type(image_id) is not int or type(round_id) is not int or round_id < 1:
            raise MmdataError(f"{at}: image_id {image_id!r} and round_id {round_id!r} must be whole numbers, from 1")
        if not isinstance(ranks, list) or any(type(rank) is not int for rank in ranks) or sorted(ranks) != PLACES:
            raise MmdataError(f"{at}: ranks must be each number from 1 to {OPTIONS} once, in the order of the options")
        if (image_id, round_id) in seen:
            raise MmdataError(f"{at}: round {round_id} of picture {image_id} is there twice. Remove one")
        seen.add((image_id, round_id))
        yield f"{names[split]}/{image_id}/{round_id}", ranks

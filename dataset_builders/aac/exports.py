"""A release as the files of the original system, whose scripts then go on working."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmdata import MmdataError
from mmdata.steps.current import current

from .views import CONTEXT, context_of, output_of

EMPTY = dict.fromkeys(CONTEXT, "") | {"time": None}
"""The original's context before one is written."""

Row = dict[str, Any]


def dataset_completed(rows: Iterator[Row], into: Path, pictures: bool = False) -> None:
    """dataset_completed.json, items as the original's; with --pictures, images/ and ATTRIBUTION.txt too."""
    items: list[tuple[Any, Row]] = []
    written: dict[str, str] = {}
    attributions: set[str] = set()
    for row in rows:
        items.append((_order(row["id"]), _item(row)))
        for name, source, picture in zip(_names(row), row["sources"], row["cards"], strict=True) if pictures else ():
            attributions.update(row["attributions"])
            if name not in written:
                written[name] = source
                (into / "images").mkdir(exist_ok=True)
                (into / "images" / name).write_bytes(picture["bytes"])
    if written:
        lines = ["The pictures in images/ are to be shown with their authors and licences:", *sorted(attributions), ""]
        lines += [f"{name}\t{source}" for name, source in sorted(written.items())]
        (into / "ATTRIBUTION.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    items.sort(key=lambda one: one[0])
    counted = [item["id"] for _, item in items if isinstance(item["id"], int)]
    others = (item for _, item in items if not isinstance(item["id"], int))
    for number, item in enumerate(others, max(counted, default=0) + 1):
        item["id"] = number  # The original counts, so texts go on behind the numbers there are.
    path = into / "dataset_completed.json"
    with path.open("w", encoding="utf-8") as file:
        json.dump([item for _, item in items], file, ensure_ascii=False, indent=2)


def clustering_results(rows: Iterator[Row], into: Path) -> None:
    """clustering_results.json: the cluster of every card, also of those that no row has."""
    table = current(Path(__file__).parent, "clusters")
    groups = dict(zip(table.column("number"), table.column("card_ids"), strict=True)) if table else {}
    cluster_of = {f"{id}.png": number for number, ids in groups.items() for id in ids}
    for row in rows:
        if row["clusters"] is None:
            raise MmdataError(
                f"row {row['id']}: an imported item, whose cards are in no clusters. Build with --config keyword_topics, then "
                "export that release"
            )
        laid = zip(row["card_ids"], row["clusters"], strict=True)
        if any(cluster_of.get(f"{id}.png") != number for id, number in laid):
            raise MmdataError(
                f"row {row['id']}: the clusters that this folder has now are not those that the release was made with, or it "
                "was made without. Build it again, then export"
            )
    names = sorted(cluster_of)
    path = into / "clustering_results.json"
    result = {
        "cluster_labels": [cluster_of[name] for name in names],
        "clustered_files": {
            str(number): [name for name in names if cluster_of[name] == number] for number in sorted(groups)
        },
        "n_clusters": len(groups),
        "filenames": names,
    }
    path.write_text(json.dumps(result, ensure_ascii=False, indent=2), encoding="utf-8")


def _item(row: Row) -> Row:
    return {
        "id": _number(row["id"]),
        "input": {
            "persona": row["persona"],
            "context": context_of(row) or row["context"] or EMPTY,
            "past_interpretation": row["past_interpretation"] or "",
            "AAC_card_combination": _names(row),
        },
        "output": output_of(row) or "",
    }


def _names(row: Row) -> list[str]:
    """Of the pictures' files: a JPEG is no PNG."""
    endings = ("jpg" if card["path"].endswith(".jpg") else "png" for card in row["cards"])
    return [f"{id}.{ending}" for id, ending in zip(row["card_ids"], endings, strict=True)]


def _number(id: str) -> int | str:
    """An imported item's own number; other ids as they are."""
    return int(id) if id.isascii() and id.isdecimal() and str(int(id)) == id else id


def _order(id: str) -> Any:
    number = _number(id)
    return (0, number, "") if isinstance(number, int) else (1, 0, id)

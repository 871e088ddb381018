"""A view written out: a plain dataset folder that `load_dataset`, and so `trl sft`, opens without mmdata."""

from pathlib import Path
from typing import Any

import yaml

from .corpus import Corpus
from .errors import ReleaseError
from .views import GivesNothing, newest_or_sample, view

SHARD = 500_000_000
"""Bytes a Parquet file, about."""


def write_view(corpus: Corpus, name: str, version: str | None, into: Path) -> str:
    """Write a view of all splits that it gives something for; returns the version that was written.

    `into` then holds README.md, whose head makes the view a config of its own name, and Parquet files by split. Rows
    with their pictures are on the disk once more meanwhile, in the cache of `datasets`.

    Raises:
        CorpusError: no such view, or it fails on a row.
        ReleaseError: no such version.
    """
    import datasets

    version = version or newest_or_sample(corpus)
    try:
        splits = datasets.get_dataset_split_names(str(corpus.folder), version)
    except (ValueError, FileNotFoundError) as error:
        raise ReleaseError(f"{corpus.name}, version {version}: {error}") from None
    written = []
    for split in splits:
        try:
            rows = view(corpus.folder, name, split=split, version=version, streaming=False)
        except GivesNothing:
            continue  # The test split of VisDial has no answers to learn.
        (into / name).mkdir(exist_ok=True)
        shards = max(1, -(-rows.data.nbytes // SHARD))
        for number in range(shards):
            part = rows.shard(shards, number, contiguous=True)
            part.to_parquet(into / name / f"{split}-{number:05d}-of-{shards:05d}.parquet")
        written.append(split)
    if not written:
        return version  # Nothing is in the folder then, which its caller says.
    files = [{"split": split, "path": f"{name}/{split}-*.parquet"} for split in written]
    head: dict[str, Any] = {key: corpus.card[key] for key in ("license", "license_name") if key in corpus.card}
    head["configs"] = [{"config_name": name, "data_files": files}]
    said = yaml.safe_dump(head, allow_unicode=True, sort_keys=False)
    text = f"The view `{name}` of {corpus.name} {version}, written by mmdata. What holds for the corpus holds for it."
    (into / "README.md").write_text(f"---\n{said}---\n\n{text}\n", encoding="utf-8")
    return version

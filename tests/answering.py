"""Answers put into a store as `mmdata annotate` would, without a model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets

from mmdata.annotation.prompt import read_prompt
from mmdata.annotation.questions import key_of
from mmdata.annotation.store import Answer, Status, writing
from mmdata.corpus import Corpus
from mmdata.reading import Release, Row
from mmdata.releases import Releases


def finding(row: Row) -> str:
    return f"<label>{row.values['label']}</label>\n<summary>{row.number}번 사진의 얼굴 중앙에 붉은 반점이 보입니다.</summary>"


def newest(folder: Path) -> Release:
    manifest = Releases(Corpus(folder)).newest()
    assert manifest
    return Release(folder, manifest)


def answer(
    folder: Path,
    prompt: str = "describe",
    value: Callable[[Row], str | None] = finding,
    status: Status = "ok",
    made_by: str = "model",
) -> int:
    """Answer each row of the newest release for which `value` is not None; returns how many."""
    release = newest(folder)
    asked = read_prompt(folder, prompt, release.kinds)
    rows = [(row, text) for row in release.rows(["label", *asked.fields]) if (text := value(row)) is not None]
    answers = [
        Answer(
            key_of(asked, row)[0], row.id, status, value=text if status == "ok" else None, made_by=made_by, cost=0.001
        )
        for row, text in rows
    ]
    with writing(folder) as store:
        store.keep_prompt(asked.sha256, asked.id, asked.model_dump_json())
        store.add(asked.id, asked.sha256, asked.model, answers)
    return len(rows)


def stored(folder: Path, version: str | None = None) -> dict[str, dict[str, Any]]:
    """id → row of a release, pictures as bytes."""
    loaded = datasets.load_dataset(str(folder), version)
    return {row["id"]: row for s in loaded.values() for row in s.cast_column("image", datasets.Image(decode=False))}

"""The tiny AAC corpus with interpretations in its newest release, as a run of `annotate` and `release` leaves it."""

import functools
import json
import shutil
import tempfile
from pathlib import Path

import mmdata
from mmdata.annotation.prompt import read_prompt
from mmdata.annotation.questions import key_of
from mmdata.annotation.store import Answer, writing
from mmdata.corpus import Corpus
from mmdata.reading import Release
from mmdata.releases import Releases

_home = tempfile.TemporaryDirectory(prefix="mmdata-tests-", ignore_cleanup_errors=True)
STYLES = ("most_likely", "alternative", "creative")


def situation(row) -> dict:
    return {
        "time": "오후 3시",
        "place": "학교",
        "interaction_partner": "선생님",
        "current_activity": f"놀이 {row.number}",
    }


def interpretation(row) -> dict:
    return {style: f"{' '.join(row.values['keywords'])} 주세요. {style}" for style in STYLES}


def corpus(under: Path) -> Path:
    """A copy of its own."""
    return shutil.copytree(_made(), under / "내 말뭉치" / "aac")


@functools.cache
def _made() -> Path:
    folder = mmdata.new("aac", Path(_home.name), like="aac")
    (folder / "tiny" / "interpreted.jsonl").unlink()  # Texts that a source brings count more than answers.
    mmdata.build(folder, folder / "tiny", workers=1)
    for prompt, said in (("situation", situation), ("interpretations", interpretation)):
        _answer(folder, prompt, said)
        mmdata.release(folder, prompts=[prompt] if prompt == "situation" else ["situation", "interpretations"])
    return folder


def _answer(folder: Path, prompt: str, said) -> None:
    release = Release(folder, Releases(Corpus(folder)).newest())
    asked = read_prompt(folder, prompt, release.kinds)
    answers = [
        Answer(key_of(asked, row)[0], row.id, "ok", value=json.dumps(said(row), ensure_ascii=False))
        for row in release.rows(list(dict.fromkeys(["keywords", *asked.fields])))
    ]
    with writing(folder) as store:
        store.keep_prompt(asked.sha256, asked.id, asked.model_dump_json())
        store.add(asked.id, asked.sha256, asked.model, answers)

"""What the tests of `annotate` share: a small corpus with one prompt, and a look into its store."""

import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from kit import GOOD, encoded, photo, put

import mmdata

KEY = "sk-loopback-0123456789abcdef"
SECRET = "이 문장은 어떤 기록에도 나타나서는 안 되는 비밀 문장입니다"
PROMPT = f"""
id: caption
model: tiny-vision
parameters: {{max_tokens: 20}}
fields: [id, label]
system: {SECRET}.
user: "⟦{{{{ id }}}}⟧ {{{{ label }}}} 사진을 설명해 주세요."
"""

_home = tempfile.TemporaryDirectory(prefix="mmdata-tests-", ignore_cleanup_errors=True)


def small_corpus(under: Path, rows: int = 24) -> Path:
    """A corpus folder of its own, with a release of so many tiny pictures and the prompt `caption`."""
    folder = under / "말뭉치" / "skin"
    shutil.copytree(_built(rows), folder)
    return folder


@cache
def _built(rows: int) -> Path:
    home = Path(_home.name) / str(rows)
    for n in range(rows):
        put(home / "source", f"{GOOD}/r{n:03}.png", encoded(photo(n, (32, 32))))
    folder = mmdata.new("skin", home, like="skin")
    for shipped in (folder / "prompts").iterdir():
        shipped.unlink()
    (folder / "prompts" / "caption.yaml").write_text(PROMPT, encoding="utf-8")
    mmdata.build(folder, home / "source")
    return folder


def edit_prompt(folder: Path, old: str, new: str) -> None:
    path = folder / "prompts" / "caption.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def look(folder: Path, query: str) -> list[tuple]:
    """What SQL finds in the store."""
    with closing(sqlite3.connect(folder / "annotations.sqlite")) as store:
        return store.execute(query).fetchall()


def held(folder: Path) -> dict[str, tuple[str, str]]:
    """Row id → (status, kind) of its newest answer."""
    return {
        row: (status, kind)
        for row, status, kind in look(folder, "SELECT row_id, status, kind FROM answers ORDER BY seq")
    }

"""Found words written into terms.yaml as empty entries, everything else in the file left as it is."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from ..errors import CorpusError
from ..strict import parse_yaml, read_text
from .wording import canonical

HEAD = "# Foreign words, and what to write instead; those below keep: may stay. Fill in, then run `mmdata fix`.\n"


def unknown(words: Mapping[str, int], known: list[str]) -> dict[str, int]:
    """The words that are not among `known` in any case, the most frequent first, spelled as they mostly are."""
    seen = {canonical(word) for word in known}
    merged: dict[str, tuple[int, str]] = {}
    for word, count in sorted(words.items(), key=lambda one: (-one[1], one[0].swapcase())):
        key = canonical(word)
        if key not in seen:
            before, spelled = merged.get(key, (0, word))
            merged[key] = (before + count, spelled)
    return {word: count for count, word in sorted(merged.values(), key=lambda one: (-one[0], one[1]))}


def with_entries(text: str, words: Mapping[str, int], place: str) -> str:
    """The text of a terms.yaml with empty entries below `replace:`, their counts as comments.

    Raises:
        CorpusError: it is written so that entries cannot be put in.
    """
    if not words:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise CorpusError(f"{place}: expected `replace:` and the words below it")
    pairs = {key.value: (key, value) for key, value in root.value} if root is not None else {}
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    if root is not None and root.flow_style:
        raise CorpusError(
            f"{place}: write `replace:` on a line of its own and each word on one below it, without {{ }}"
        )
    if "replace" not in pairs:
        return "".join((*lines, f"replace:{newline}", *_entries(words, 2, newline)))
    key, entries = pairs["replace"]
    if isinstance(entries, yaml.MappingNode) and entries.value and not entries.flow_style:
        column = entries.value[0][0].start_mark.column
        at = _last_line(entries.value[-1], text) + 1
        return "".join((*lines[:at], *_entries(words, column, newline), *lines[at:]))
    if isinstance(entries, yaml.MappingNode) and entries.value:
        raise CorpusError(f"{place}: write each word of `replace:` on a line of its own, without {{ }}")
    at = key.start_mark.line
    if entries.start_mark.line == at and lines[at][entries.start_mark.column :].startswith("{"):
        if entries.end_mark.line != at:
            raise CorpusError(f"{place}: write each word of `replace:` on a line of its own, without {{ }}")
        lines[at] = lines[at][: entries.start_mark.column].rstrip() + lines[at][entries.end_mark.column :]
    elif entries.tag != "tag:yaml.org,2002:null" or entries.value:
        lines[at] = re.sub(r":\s*(~|null)", ":", lines[at], count=1, flags=re.IGNORECASE)
    return "".join((*lines[: at + 1], *_entries(words, 2, newline), *lines[at + 1 :]))


def add_entries(path: Path, words: Mapping[str, int]) -> None:
    """Put empty entries into terms.yaml, in one step. Raises CorpusError where the file would not say just that."""
    old = path.read_bytes().decode("utf-8") if path.exists() and read_text(path) else HEAD
    new = with_entries(old, words, str(path))
    before, after = (parse_yaml(text, str(path)) or {} for text in (old, new))
    expected = {**before, "replace": {**(before.get("replace") or {}), **dict.fromkeys(words)}}
    if after != expected:
        raise CorpusError(
            f"{path}: the words cannot be put in as it is written. Write `replace:` and each word on a line"
        )
    aside = path.with_name(f".{path.name}.new")
    try:
        with open(aside, "wb") as file:
            file.write(new.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise CorpusError(f"{path}: cannot be written: {error.strerror}") from None


def _entries(words: Mapping[str, int], column: int, newline: str) -> list[str]:
    return [f"{' ' * column}{_key(word)}:  # {count:,}{newline}" for word, count in words.items()]


def _key(word: str) -> str:
    """The word as a YAML key: plain where that reads back as itself."""
    try:
        plain = yaml.safe_load(f"{word}:") == {word: None}
    except yaml.YAMLError:
        plain = False
    return word if plain else json.dumps(word, ensure_ascii=False)


def _last_line(entry: tuple[yaml.Node, yaml.Node], text: str) -> int:
    """Number of the last line of an entry. An empty value's node may lie on a later line than its key."""
    key, value = entry
    if isinstance(value, yaml.ScalarNode) and value.start_mark.index == value.end_mark.index:
        return int(key.end_mark.line)
    # A block scalar ends at the beginning of the line after it.
    end = value.end_mark
    return int(end.line) - (1 if end.column == 0 and end.line > value.start_mark.line else 0)

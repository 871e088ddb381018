"""YAML that a person wrote, read strictly: no repeated keys, no unknown ones, mistakes named."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from .errors import CorpusError


class _Loader(yaml.SafeLoader):
    pass


def _mapping(loader: _Loader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.MarkedYAMLError(problem=f"the key {key!r} is written twice", problem_mark=key_node.start_mark)
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse_yaml(text: str, place: str) -> Any:
    """The value in `text`. Raises CorpusError naming `place`, line and column."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise CorpusError(f"{place}{at}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise CorpusError(f"{place}: not readable as YAML: {error}") from None


def read_text(path: Path) -> str:
    """The file's text. Raises CorpusError where it is missing or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")  # Notepad writes a mark before the text.
    except FileNotFoundError:
        raise CorpusError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror}") from None


def explain(error: ValidationError) -> str:
    """A pydantic error on one line: `en: Input should be a valid string (got 3)`."""
    return "; ".join(
        f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']} (got {e['input']!r:.80})" for e in error.errors()
    )

"""A prompt: one YAML file of a corpus's prompts/, read strictly, rendered for each row."""

import functools
import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import jinja2.meta
import jinja2.sandbox
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_serializer

import mmdata.schemas

from ..errors import CorpusError
from ..strict import explain, parse_yaml, read_text

_TEMPLATES = jinja2.sandbox.SandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=False)


class Tag(BaseModel):
    """An answer's `<label>건선</label>`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    field: str | None = None
    """The label field that the tag's text must agree with; none if the text is free."""
    none: str | None = None
    """What the tag says when the model cannot tell, such as 진단불가."""


class Wanted(BaseModel):
    """What a good answer is, for `mmdata check`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    scripts: list[str] = []
    """Unicode scripts of its words, such as [Hangul]; any, if empty."""
    min_chars: int = 1
    max_chars: int | None = None
    tags: dict[str, Tag] = {}
    """Each must be there once."""


class Prompt(BaseModel):
    """One question to a model about each row."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Its name, that of its file, and that of the column its answers become."""
    over: str | None = None
    """The generation step over whose table it is asked; the rows of the release, without it."""
    model: str
    parameters: dict[str, JsonValue] = {}
    """Sent as they are beside the messages: temperature, max_tokens, …"""
    image: str | None = "image"
    """The picture field the model sees, all of its pictures in order; null for none."""
    max_side: int | None = Field(None, ge=32)
    """The model is sent a JPEG copy of at most so many pixels a side; the picture itself, without it."""
    fields: list[str] = []
    """The row's fields that `system` and `user` may use."""
    needs: list[list[str]] | None = None
    """Of each group of these fields a row must have one, else it waits; by default, each answer to another prompt."""
    system: str = ""
    user: str
    """Jinja templates. A label is its class name."""
    response: str | None = None
    """A pydantic class of `mmdata.schemas` that the answer must be an object of; text, without it."""
    wanted: Wanted = Wanted()

    def render(self, row: dict[str, Any]) -> "Rendered":
        """The messages' texts for a row, given by field name. Raises CorpusError on a fault of the template."""
        values = tuple(row[name] for name in self.fields)
        try:
            try:
                return self._remembered(values)
            except TypeError:  # A list or a struct cannot be remembered by.
                return self._rendered(values)
        except jinja2.TemplateError as error:
            raise CorpusError(
                f"prompt {self.id}: {error}. It may use: {', '.join(self.fields) or 'no field'}"
            ) from None

    def key(self, rendered: "Rendered", pictures: Sequence[str]) -> bytes:
        """What is asked, as 32 bytes: two rows that ask the same share an answer, an edited row asks anew.

        Args:
            pictures: sha256 of each picture that is sent.
        """
        total = self._constant.copy()
        for part in (*rendered, *(pictures or [""])):
            content = part.encode()
            total.update(len(content).to_bytes(8) + content)
        return total.digest()

    def changed(self, **fields: Any) -> "Prompt":
        """This prompt with other values. (`model_copy` would keep what was worked out from the old ones.)"""
        return Prompt.model_validate(self.model_dump() | fields)

    @model_serializer(mode="wrap")
    def _without_absent(self, whole: Any) -> dict[str, Any]:
        """Without `over` and `needs` where there are none: prompts from before there were such things keep their hash."""
        return {
            name: value for name, value in whole(self).items() if value is not None or name not in {"over", "needs"}
        }

    @cached_property
    def sha256(self) -> str:
        """Of all that the file says."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @cached_property
    def response_schema(self) -> type[BaseModel] | None:
        return getattr(mmdata.schemas, self.response) if self.response else None

    @cached_property
    def response_format(self) -> dict[str, Any] | None:
        """The JSON schema in the strict form that servers take: every property required, none besides."""
        return response_format(self.response_schema) if self.response_schema else None

    @cached_property
    def _constant(self) -> "hashlib._Hash":
        asked = [self.model, self.parameters, self.response_format, self.max_side]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode())

    def _rendered(self, values: tuple[Any, ...]) -> "Rendered":
        seen = dict(zip(self.fields, values, strict=True))
        texts = (t if isinstance(t, str) else t.render(seen) for t in self._templates)
        return Rendered(*(text.strip() for text in texts))

    @cached_property
    def _remembered(self) -> "Callable[[tuple[Any, ...]], Rendered]":
        return functools.lru_cache(1024)(self._rendered)  # Rows of one class and view ask in the same words.

    @cached_property
    def _templates(self) -> "tuple[jinja2.Template | str, ...]":
        """A text that uses no field is rendered once."""
        made = []
        for text in (self.system, self.user):
            template = _TEMPLATES.from_string(text)
            fixed = not jinja2.meta.find_undeclared_variables(_TEMPLATES.parse(text))
            made.append(template.render() if fixed else template)
        return tuple(made)


class Rendered(NamedTuple):
    """The texts of one question."""

    system: str
    user: str


def read_prompt(folder: Path, name: str | None, columns: dict[str, str]) -> Prompt:
    """The prompt `prompts/<name>.yaml` of a corpus folder; the only one there, without a name.

    Args:
        columns: what the rows that it is asked about have, field → kind ("image", "label", "text", …).

    Raises:
        CorpusError: there is no such prompt, or it asks for what no row has.
    """
    prompt = find_prompt(folder, name)
    require_columns(folder, prompt, columns)
    return prompt


def find_prompt(folder: Path, name: str | None) -> Prompt:
    """As `read_prompt`, before it is known what it is asked about."""
    found = prompts_in(folder)
    if name is None and len(found) == 1:
        name = next(iter(found))
    if name not in found:
        choices = ", ".join(found) or f"none; write one in {folder / 'prompts'}"
        asked = f"no prompt {name!r}." if name else "which prompt?"
        raise CorpusError(f"{folder.name}: {asked} There are: {choices}")
    return parse_prompt(found[name])


def require_columns(folder: Path, prompt: Prompt, columns: dict[str, str]) -> None:
    """Raises CorpusError where the prompt asks for what no row has."""
    path = prompts_in(folder)[prompt.id]
    if prompt.over is None and (awaited := awaited_by(folder, prompt, columns)):
        raise CorpusError(
            f"{path}: it asks about the answers to {', '.join(awaited)}, which no row of the newest release has yet. Run "
            f"`mmdata annotate {folder} --prompt {awaited[0]}`, then `mmdata release {folder}`"
        )
    pictures = [field for field, kind in columns.items() if kind == "image"]
    if prompt.image is not None and prompt.image not in pictures:
        raise CorpusError(
            f"{path}: image: {prompt.image!r} is no picture field. There are: {', '.join(pictures) or 'none'}"
        )
    if unknown := [f for f in prompt.fields if f not in columns or f in pictures]:
        fields = ", ".join(f for f in columns if f not in pictures)
        raise CorpusError(f"{path}: fields: no row has {', '.join(unknown)}. There are: {fields}")
    for tag, rule in prompt.wanted.tags.items():
        if rule.field and columns.get(rule.field) != "label":
            raise CorpusError(f"{path}: wanted: tags: {tag}: {rule.field!r} is no label field")


def awaited_by(folder: Path, prompt: Prompt, columns: dict[str, str]) -> list[str]:
    """The prompts whose answers it asks about and no release has yet."""
    return [name for name in prompt.fields if name not in columns and name in prompts_in(folder)]


def answered_now(folder: Path, answered: Collection[str], columns: dict[str, str]) -> list[str]:
    """The prompts of a folder that have answers, and can be asked about these columns, or over a step's table."""
    found = {name: parse_prompt(path) for name, path in prompts_in(folder).items() if name in answered}
    return [name for name, one in found.items() if one.over is not None or not awaited_by(folder, one, columns)]


def prompts_in(folder: Path) -> dict[str, Path]:
    """The prompt files of a corpus folder by their names."""
    return {path.stem: path for path in sorted((folder / "prompts").glob("*.yaml"))}


def parse_prompt(path: Path) -> Prompt:
    """The prompt in a file. Raises CorpusError naming the fault."""
    raw = parse_yaml(read_text(path), str(path))
    try:
        prompt = Prompt.model_validate(raw)
    except ValidationError as error:
        raise CorpusError(f"{path}: {explain(error)}") from None
    if prompt.id != path.stem:
        raise CorpusError(f"{path}: its id is {prompt.id!r}; the file must be named {prompt.id}.yaml")
    for name in ("system", "user"):
        try:
            used = jinja2.meta.find_undeclared_variables(_TEMPLATES.parse(getattr(prompt, name)))
        except jinja2.TemplateSyntaxError as error:
            raise CorpusError(f"{path}: {name}, line {error.lineno}: {error.message}") from None
        if unseen := used - set(prompt.fields):
            raise CorpusError(f"{path}: {name} uses {', '.join(sorted(unseen))}; add it to `fields:` of the prompt")
    if unseen := {name for group in prompt.needs or () for name in group} - set(prompt.fields):
        raise CorpusError(f"{path}: needs: {', '.join(sorted(unseen))}; add it to `fields:` of the prompt")
    known = [n for n in mmdata.schemas.__all__ if n not in {"Id", "Image", "Label", "Group"}]
    if prompt.response and not hasattr(mmdata.schemas, prompt.response):
        raise CorpusError(f"{path}: response: mmdata.schemas has no {prompt.response!r}. There are: {', '.join(known)}")
    return prompt


def response_format(answer: type[BaseModel]) -> dict[str, Any]:
    """What servers are told of the answer: its JSON schema in their strict form."""
    schema = _strict(answer.model_json_schema())
    return {"type": "json_schema", "json_schema": {"name": answer.__name__, "strict": True, "schema": schema}}


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _strict(part) for name, part in schema.items() if name not in {"default", "title"}}
    if "properties" in schema:
        made["properties"] = {name: _strict(part) for name, part in schema["properties"].items()}
        made |= {"additionalProperties": False, "required": list(schema["properties"])}
    return made

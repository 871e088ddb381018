"""What a model is asked: the rows of a corpus's view, the lines of a file, or one picture and a question."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import AliasChoices, BaseModel, Field, ValidationError, model_validator

from mmdata.corpus import Corpus
from mmdata.errors import MmdataError
from mmdata.images import check_image
from mmdata.strict import explain
from mmdata.views import newest_or_sample, rows_of

Message = dict[str, Any]


class Question(NamedTuple):
    """One row that is asked about."""

    id: str
    pictures: list[bytes]
    """As they are stored, in order."""
    messages: list[Message]
    """Each content a list of texts and of places for pictures."""
    options: list[str]
    """To be ranked; none where an answer is to be written."""
    fault: str = ""
    """Why it cannot be asked."""

    def sha256(self, **settings: Any) -> str:
        """Of all that is asked, and of how the answer is made: a prediction under another is another's."""
        pictures = [hashlib.sha256(picture).hexdigest() for picture in self.pictures]
        asked = [self.messages, pictures, self.options, settings]
        return hashlib.sha256(json.dumps(asked, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


class Questions(NamedTuple):
    """Questions, and what predictions must say of where they came from."""

    rows: Iterator[Question]
    total: int
    view: str = ""
    split: str = ""
    version: str = ""


class _Line(BaseModel):
    """Of a batch file, by our names or by those of VisDial's original; what else it says is not asked."""

    id: str | int = Field(validation_alias=AliasChoices("id", "image_id"))
    images: list[str] | str = Field(default=[], validation_alias=AliasChoices("images", "image", "image_path"))
    prompt: str | list[Message] = ""
    conversation: str = ""

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if bool(self.prompt) == bool(self.conversation):
            raise ValueError("needs prompt, or conversation as VisDial's original writes it; one of the two")
        return self


def of_view(
    folder: str | Path,
    view: str,
    split: str,
    version: str | None = None,
    options: bool = False,
    told: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> Questions:
    """The rows of a corpus's view that has `id`, `prompt`, and `images` or `image`.

    Args:
        options: there must be `answer_options` too.
        told: makes of a row what is asked; by default it is asked as it is.

    Raises:
        MmdataError: no such corpus, view, split or version, or a view of other columns.
    """
    corpus = Corpus(folder)
    version = version or newest_or_sample(corpus)
    wanted = ["id", "prompt"] + ["answer_options"] * options
    total = 0
    for _, row in rows_of(corpus, view, split=split, version=version)[1]:  # No picture is read: it takes a moment.
        total += 1
        if missing := [name for name in wanted if name not in told(row)]:
            raise MmdataError(
                f"{folder}: the view {view} has no {' and no '.join(missing)}, so nothing can be asked. It has: "
                f"{', '.join(row)}. Choose a view for evaluation, such as diagnosis, ranking or references"
            )
    if not total:
        raise MmdataError(
            f"{folder}: the view {view} gives no row of the {split} split of version {version}, so there is nothing to ask. "
            "Choose another split, or build a release"
        )
    rows = rows_of(corpus, view, split=split, version=version, pictures=True)[1]
    return Questions((_of_row(told(row)) for _, row in rows), total, view, split, version)


def of_file(path: Path) -> Questions:
    """The lines of a JSONL (or the items of a JSON list): {id, images: [paths from the file's folder], prompt}.

    Raises:
        MmdataError: no such file, or a line that is none; names it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MmdataError(f"{path} cannot be read: {error}. It holds a line like {EXAMPLE} for each question") from None
    lines = [text] if text.lstrip().startswith("[") else [line for line in text.split("\n") if line.strip()]
    asked: list[_Line] = []
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
            asked += [_Line.model_validate(one) for one in (found if isinstance(found, list) else [found])]
        except ValueError as error:
            why = explain(error) if isinstance(error, ValidationError) else error
            raise MmdataError(f"{path}, line {number}: {why}. A line is like {EXAMPLE}") from None
    return Questions((_of_line(one, path.parent) for one in asked), len(asked))


def of_pictures(paths: Sequence[Path], conversation: str, ask: str) -> Questions:
    """One question about these pictures.

    Args:
        conversation: as VisDial's original writes it, "Q: …\\nA: …\\n\\nQ: …"; a shell's backslash and n is a new line.
        ask: what comes after it; at least one of the two says something.

    Raises:
        MmdataError: nothing is asked.
    """
    prompt = turns_of(conversation.replace("\\n", "\n"), ask)
    if not prompt:
        raise MmdataError("nothing is asked about the picture: give --ask or --conversation")
    names = [str(path.absolute()) for path in paths]
    return Questions(iter([_of_line(_Line(id=paths[0].name, images=names, prompt=prompt), Path())]), 1)


EXAMPLE = '{"id": "1", "images": ["face.png"], "prompt": "이 사진의 진단명과 소견을 작성해 주세요."}'


def question(
    id: str, pictures: Sequence[bytes], prompt: str | Sequence[Message], options: Sequence[str] = ()
) -> Question:
    """A question, its pictures looked at: one that is broken is its fault, not the run's."""
    faults = (check_image(picture, "full", hashed=False).reason for picture in pictures)
    fault = next(filter(None, faults), "")
    try:
        messages = messages_of(prompt, len(pictures))
    except ValueError as error:
        messages, fault = [], fault or str(error)
    return Question(id, list(pictures), messages, list(options), fault)


def turns_of(conversation: str, ask: str = "") -> list[Message]:
    """A dialogue written "Q: …\\nA: …\\n\\nQ: …", in the turns that a model is trained on; of any other text one turn.

    Args:
        conversation: what stands before its first question, such as a caption, is said with that.
        ask: comes after the last question.
    """
    before, *rounds = re.split(r"(?:^|\n)Q: ", conversation)
    turns: list[Message] = []
    for one in rounds:
        question, answered, answer = one.partition("\nA: ")
        turns.append({"role": "user", "content": question.strip()})
        if answered:
            turns.append({"role": "assistant", "content": answer.strip()})
    if not turns or (ask and turns[-1]["role"] == "assistant"):
        turns.append({"role": "user", "content": ""})
    turns[0]["content"] = "\n\n".join(filter(None, [before.strip(), turns[0]["content"]]))
    if ask:
        turns[-1]["content"] = "\n\n".join(filter(None, [turns[-1]["content"], ask]))
    return turns if turns[-1]["content"] and turns[-1]["role"] == "user" else []


def messages_of(prompt: str | Sequence[Message], pictures: int) -> list[Message]:
    """The conversation with a place for each picture, as TRL makes it of a training row.

    Args:
        prompt: a text is one turn of the user. Where contents are texts, the pictures come before the first of them.

    Raises:
        ValueError: not as many places as pictures.
    """
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    made: list[Message] = []
    waiting = pictures
    for turn in turns:
        content = turn["content"]
        if isinstance(content, str):
            before = waiting if turn["role"] == "user" else 0
            waiting -= before
            content = [{"type": "image"}] * before + [{"type": "text", "text": content}]
        # Arrow gives every block the keys of all.
        blocks = [{key: value for key, value in block.items() if value is not None} for block in content]
        made.append({"role": turn["role"], "content": blocks})
    places = sum(block["type"] == "image" for turn in made for block in turn["content"])
    if places != pictures:
        raise ValueError(f"the prompt has {places} places for pictures, and the row {pictures} pictures")
    return made


def _of_row(row: dict[str, Any]) -> Question:
    images = row["images"] if "images" in row else [row.get("image")]
    pictures = [picture["bytes"] for picture in images or [] if picture is not None]
    return question(row["id"], pictures, row["prompt"], row.get("answer_options") or ())


def _of_line(line: _Line, folder: Path) -> Question:
    names = [line.images] if isinstance(line.images, str) else line.images
    prompt = line.prompt or turns_of(line.conversation)
    if not prompt:
        return Question(str(line.id), [], [], [], "the conversation asks nothing: it ends with an answer")
    try:
        return question(str(line.id), [(folder / name).read_bytes() for name in names], prompt)
    except OSError as error:
        return Question(str(line.id), [], [], [], f"{error.filename}: {error.strerror}")

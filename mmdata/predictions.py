"""Predictions: what a model said of a view's rows, as JSON lines, one a row, that outlive a kill."""

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from .errors import MmdataError
from .strict import explain


class Prediction(BaseModel):
    """One answer of a model to one row, or the error that came in its place."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: str = Field(min_length=1)
    """Of the view's row."""
    view: str
    """Of the corpus, such as "diagnosis"."""
    split: str
    version: str
    """The release that was asked about, or "sample"."""
    model: str
    """Its folder, or its name on the Hub or on the server."""
    revision: str = ""
    """The Hub's commit, or "sha256:…" of a local model's weights; empty of a server that does not say."""
    prompt: str
    """SHA-256 of the messages, the pictures' own SHA-256 in them, and of how the answer was generated."""
    output: str | None = None
    """The text as it came."""
    scores: list[float] | None = None
    """One for each option, higher is better."""
    vector: list[float] | None = None
    """An embedding of the row."""
    error: str | None = None
    """Why there is no answer. An error is never judged as one."""
    seconds: float = Field(ge=0)
    """From the question to the answer."""

    @field_validator("output", "error", mode="before")
    @classmethod
    def _can_be_written(cls, text: Any) -> Any:
        """Half of a surrogate pair, which a server's JSON may hold, becomes U+FFFD: UTF-8 has no place for it."""
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(text, str) else text

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [name for name in ("output", "scores", "vector", "error") if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none of them"
            raise ValueError(f"a prediction has exactly one of output, scores, vector and error, not {said}")
        return self


class PredictionFile:
    """A file of predictions that is added to, and goes on where a killed run stopped.

    Each line is handed to the system whole as soon as it is had. A last line that a kill cut is removed. One
    process at a time has the file open.

    Args:
        path: the file; made with its folder where there is none.

    Raises:
        MmdataError: a line is no prediction, another process has it open, or it cannot be read or written.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.predictions: list[Prediction] = []
        """Of earlier runs and of this one, in the file's order."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = self.path.open("ab+", buffering=0)
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file.seek(0)
            whole, rest = _whole_lines(self._file.read())
            self.predictions += _parsed(whole, self.path)
            if rest is not None:
                self._file.truncate(len(whole))
            elif whole and not whole.endswith(b"\n"):
                self._file.write(b"\n")
        except OSError as error:
            self._file.close()
            if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                raise MmdataError(
                    f"{self.path}: another process is adding predictions to it. Wait until it ends, or name another file"
                ) from None
            raise self._unwritable(error) from None
        except MmdataError:
            self._file.close()
            raise

    def done(self, *, view: str, split: str, version: str, model: str, revision: str) -> set[tuple[str, str]]:
        """(id, prompt) of what this model answered without an error, about these rows: `evaluate` counts no others."""
        asked = (view, split, version, model, revision)
        return {(one.id, one.prompt) for one in self.predictions if one.error is None and about(one)[1:] == asked}

    def add(self, prediction: Prediction) -> None:
        """Write one line. Raises MmdataError: the disk is full, or refuses."""
        line = prediction.model_dump_json(exclude_none=True).encode() + b"\n"
        try:
            end = self._file.seek(0, os.SEEK_END)
            if self._file.write(line) < len(line):  # The disk is full: half a line is none.
                self._file.truncate(end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise self._unwritable(error) from None
        self.predictions.append(prediction)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _unwritable(self, error: OSError) -> MmdataError:
        return MmdataError(
            f"{self.path}: predictions cannot be kept here ({error.strerror}). Name a file in a folder that may be "
            "written to and has room"
        )


def read_predictions(path: str | Path) -> list[Prediction]:
    """What counts of a file: of several lines about one row (`about`), the last without an error, else the last.

    A last line that is cut is left out: a run is still writing it, or was killed.

    Raises:
        MmdataError: there is no such file, it is empty, or a line is no prediction; names file and line.
    """
    return held(lines_of(path))


def lines_of(path: str | Path) -> list[Prediction]:
    """Every line of a file, those too that a later one replaced. Raises as `read_predictions`."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MmdataError(f"{path}: no predictions can be read there ({error.strerror}). {_MAKE}") from None
    found = list(_parsed(_whole_lines(content)[0], path))
    if not found:
        raise MmdataError(f"{path}: holds no prediction. {_MAKE}")
    return found


def held(predictions: Iterable[Prediction]) -> list[Prediction]:
    """Those that count, in the order of the first line about each."""
    kept: dict[tuple[str, ...], Prediction] = {}
    for one in predictions:
        if about(one) not in kept or one.error is None or kept[about(one)].error is not None:
            kept[about(one)] = one
    return list(kept.values())


def about(one: Prediction) -> tuple[str, ...]:
    """The row that was asked about, and the model that was asked."""
    return one.id, one.view, one.split, one.version, one.model, one.revision


def _whole_lines(content: bytes) -> tuple[bytes, bytes | None]:
    """The content, and what a kill left of a last line; None where it is whole, though its end may be missing."""
    start = content.rfind(b"\n") + 1
    last = content[start:]
    if not last or last[: len(_START)] != _START[: len(last)]:  # No line of ours: it is not for us to cut.
        return content, None
    try:
        Prediction.model_validate_json(last)
    except ValidationError:
        return content[:start], last
    return content, None


def _parsed(content: bytes, path: Path) -> Iterator[Prediction]:
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            yield Prediction.model_validate_json(line)
        except ValidationError as error:
            raise MmdataError(f"{path}, line {number}: {_explained(error)}. Remove the line, or predict anew") from None


def _explained(error: ValidationError) -> str:
    """Missing keys are named once, together: the line as a whole is no prediction."""
    missing = [str(one["loc"][0]) for one in error.errors() if one["type"] == "missing"]
    return f"no prediction, it lacks {', '.join(missing)}" if missing else explain(error)


_START = b'{"id":'
_MAKE = "training_recipes/infer.py and training_recipes/rank.py write them"

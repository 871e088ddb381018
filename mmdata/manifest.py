"""manifest.json: what is in a release and where each number comes from."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from .findings import Finding


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShardFile(_Strict):
    """One Parquet file of a release."""

    path: str
    """Name in the release's folder: `train-00000-of-00003-<first 16 of sha256>.parquet`."""
    split: str
    rows: int
    bytes: int
    sha256: str


class Origin(_Strict):
    """What a release was built from."""

    source: str
    """Name of the source's last part; its full path is nobody's business."""
    files: int
    bytes: int
    sha256: str
    """Over every row's split, place and picture hashes, and over the rejected rows."""


class Annotated(_Strict):
    """A column of answers, and where they come from."""

    column: str
    prompt_sha256: str
    """Of the prompt as it was asked; a row has an answer to it, or null."""
    model: str
    parameters: dict[str, Any]
    sha256: str
    """Over the answers of all rows, in order."""
    rows: int
    """Rows that have an answer."""
    made_by: dict[str, int]
    """model, rule, person or published → rows whose text they wrote last."""
    first: str
    last: str
    """When the model was asked, UTC."""
    cost: float
    """US dollars that all answers under the prompt cost."""
    prompt: dict[str, Any] = {}
    """All that was asked with: the prompt's file as it was then. Empty in releases of before it was kept."""


class StepNote(_Strict):
    """A generation step that a release's rows came through."""

    name: str
    rows: int
    """Of its table."""
    sha256: str
    """Of its table's Parquet file."""
    asked: list[Annotated] = []
    """The answers of models that it was given."""


class Original(_Strict):
    """The release, with pictures, that a version without them was taken from."""

    features: list[dict[str, Any]]
    files: list[ShardFile]


class Manifest(_Strict):
    """What is in a release and where it came from: manifest.json."""

    format: Literal[1] = 1
    version: str
    created: str
    """UTC, ISO 8601."""
    corpus: str
    origin: Origin
    schema_sha256: str
    labels_sha256: str
    code: dict[str, str]
    """mmdata's version, the digest of all code that made the rows, and library versions."""
    decode: str
    """"full": every picture was decoded; "header": only its header was read."""
    config: str = ""
    """Of the builder's configs, the one that it was built by."""
    options: dict[str, Any] = {}
    """Options of the config that were set to something else (`--set`)."""
    steps: list[StepNote] = []
    """The generation steps between source and rows, in order."""
    features: list[dict[str, Any]]
    """As in a dataset card's `dataset_info`."""
    files: list[ShardFile]
    counts: dict[str, dict[str, dict[str, int]]]
    """label field → class → split → rows."""
    rejected: dict[str, int]
    """kind → rows; the rows themselves are in rejected.jsonl."""
    rejected_sha256: str
    index_sha256: str
    """Of index.parquet."""
    build: str = ""
    """Digest of what was built (`content`); the same for all releases that only add annotations to one build."""
    annotations: list[Annotated] = []
    findings: list[Finding]
    taken_from: Original | None = None
    """Set where this is only the ids, picture hashes, labels and answers of a release."""

    @property
    def splits(self) -> dict[str, int]:
        """split → rows."""
        sums: dict[str, int] = {}
        for file in self.files:
            sums[file.split] = sums.get(file.split, 0) + file.rows
        return sums

    def content(self) -> str:
        """Equal for two releases that hold the same rows and the same rejections."""
        return json.dumps([self.features, [f.model_dump() for f in self.files], self.rejected_sha256])

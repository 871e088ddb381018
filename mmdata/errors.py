"""What can go wrong, as a tree. A message names the value, the place, the choices, the next step.

MmdataError            anything a person can put right; the CLI prints it without a traceback, exit 1
├── CorpusError        the corpus folder: builder.py, labels.yaml, README.md, schema
├── SourceError        the source cannot be opened, listed or reached
│   └── FileProblem    one file of it cannot be read; its row is rejected, the build goes on
├── AnnotationError    asking a model, or the store of its answers
├── BuildError         the build cannot make a release: nothing to build, disk full, workers killed
├── ReleaseError       the release folder: another writer, missing version, damaged files
└── HubError           the Hub: what may not be published, what it refuses, what it does not hold
Reject                 not an error: one row is refused, with the reason that rejected.jsonl keeps
"""

from typing import Any


class MmdataError(Exception):
    """A mistake that its message explains."""


class CorpusError(MmdataError):
    """The corpus folder is not as it should be."""


class SourceError(MmdataError):
    """The source cannot be opened, listed or reached."""


class FileProblem(SourceError):
    """One file of a source cannot be read."""


class AnnotationError(MmdataError):
    """A model cannot be asked, or its answers not be kept."""


class BuildError(MmdataError):
    """No release can be made of this source."""


class ReleaseError(MmdataError):
    """A release cannot be written, found or trusted."""


class HubError(MmdataError):
    """A version cannot be published or fetched."""


class Reject(Exception):
    """One row is refused.

    Args:
        kind: short name that the summary counts by, such as "truncated image".
        field: the record's field.
        value: what was found there.
        reason: one sentence, with the choices and the next step.
    """

    def __init__(self, kind: str, *, field: str, value: Any, reason: str):
        super().__init__(reason)
        self.kind, self.field, self.value, self.reason = kind, field, value, reason

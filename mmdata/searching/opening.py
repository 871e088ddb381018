"""Which index is meant, and the model that it was made by."""

from pathlib import Path

from ..corpus import Corpus
from ..errors import MmdataError
from ..releases import Releases
from ..views import newest_or_sample
from .encoders import Encoder, encoder
from .facts import BUILTIN, Facts, Index, how_to_index
from .local import LocalIndex
from .vectors import home_of, homes


def opened(corpus: Corpus, model: str | None = None, version: str | None = None, dsn: str | None = None) -> Index:
    """The index of a corpus; close it at the end.

    Args:
        model: whose vectors, by its name or folder; needed where there are indexes of several.
        version: of a release, or "sample"; by default the newest that has an index.
        dsn: of the PostgreSQL it is in; by default it is the one in the corpus folder.

    Raises:
        MmdataError: there is no such index, or the database cannot be reached.
    """
    require_given(model=model, version=version, dsn=dsn)
    if model not in {None, BUILTIN} and (folder := Path(str(model)).expanduser()).is_dir():
        model = str(folder.resolve())  # As its vectors are kept under.
    if dsn is not None:
        from .postgres import PostgresIndex

        return PostgresIndex(dsn, corpus.name, model, version)
    return LocalIndex(corpus, model, version or _newest_indexed(corpus, model))


def require_given(**options: str | None) -> None:
    """Raises MmdataError for an option that is empty, as of a shell's variable that is not set."""
    for name, value in options.items():
        if value is not None and not value.strip():
            raise MmdataError(f"--{name} is empty: leave it out, or say which is meant")


def encoder_of(corpus: Corpus, facts: Facts) -> Encoder:
    """The model of an index, loaded. Raises MmdataError: it cannot be, or it has changed since."""
    found = encoder(facts.model)
    if (found.revision, found.dimensions) != (facts.revision, facts.dimensions):
        raise MmdataError(
            f"{facts.model} is {found.revision[:19]} now; the index of {facts.corpus} {facts.version} was made by "
            f"{facts.revision[:19]}, and the two see differently. Index again: "
            + how_to_index(corpus.folder, facts.model)
        )
    return found


def newer(corpus: Corpus, facts: Facts) -> str:
    """The newest release, where the index is of another; else ""."""
    newest = newest_or_sample(corpus)
    return newest if newest not in {"sample", facts.version} else ""


def _newest_indexed(corpus: Corpus, model: str | None) -> str | None:
    there = homes(corpus) if model is None else [home_of(corpus, model)]
    versions = [*reversed(Releases(corpus).versions()), "sample"]
    return next((one for one in versions if any((home / f"{one}.parquet").is_file() for home in there)), None)

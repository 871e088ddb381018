"""Which rows a prompt is asked about: those of the newest release, or of a generation step's table."""

from collections.abc import Collection
from contextlib import suppress

from ..corpus import Corpus
from ..errors import AnnotationError
from ..reading import Release
from ..releases import Releases, require_pictures
from ..steps.current import FOLDER, current
from .prompt import Prompt, answered_now, find_prompt, require_columns


def asked_about(corpus: Corpus, name: str | None, release: Release | None = None) -> tuple[Prompt, Release]:
    """A prompt of the corpus, and the rows that it is asked about.

    Args:
        name: of its file; may be left out where there is one.
        release: the newest one, if the caller has it; of a step, its table is then the one that it was made of, if that
            is still there, else the one that was made last.

    Raises:
        AnnotationError: no release, or no table, to ask about yet.
        CorpusError: no such prompt, or it asks for what no row has.
    """
    if release is None and not (corpus.folder / FOLDER).is_dir():  # Then nothing can be asked, whichever the prompt.
        release = _newest(corpus)
    prompt = find_prompt(corpus.folder, name)
    rows = rows_for(corpus, prompt, release)
    require_columns(corpus.folder, prompt, rows.kinds)
    return prompt, rows


def all_answered(corpus: Corpus, answered: Collection[str], release: Release) -> list[tuple[Prompt, Release]]:
    """The prompts that have answers, each with its rows; without those whose rows are not here any more."""
    found = []
    for name in answered_now(corpus.folder, answered, release.kinds):
        with suppress(AnnotationError):
            found.append(asked_about(corpus, name, release))
    return found


def rows_for(corpus: Corpus, prompt: Prompt, release: Release | None = None) -> Release:
    """The rows that a prompt is asked about. Arguments and errors as of `asked_about`."""
    if prompt.over is not None:
        made = next((step for step in release.manifest.steps if step.name == prompt.over), None) if release else None
        table = made and current(corpus.folder, prompt.over, made.sha256)
        table = table or current(corpus.folder, prompt.over)
        if table is None:
            raise AnnotationError(
                f"{corpus.name}: the prompt {prompt.id} is asked over the step {prompt.over}, which has not run yet: run "
                f"`mmdata build {corpus.folder} --source … --steps {prompt.over}` first"
            )
        return table
    return release or _newest(corpus)


def _newest(corpus: Corpus) -> Release:
    manifest = Releases(corpus).newest()
    if manifest is None:
        raise AnnotationError(f"{corpus.name} has no release to annotate yet: run `mmdata build` first")
    require_pictures(manifest)
    return Release(corpus.folder, manifest)

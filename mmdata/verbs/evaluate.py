"""`mmdata evaluate`: how right a model's predictions are, and the report of it."""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from ..corpus import Corpus
from ..errors import ReleaseError
from ..evaluating.choosing import chosen
from ..evaluating.csv_table import unanswered, write_table
from ..evaluating.evaluation import Counts, Data, Evaluation, Model
from ..evaluating.faults import faults_of
from ..evaluating.html import write_html
from ..evaluating.judging import evaluators_of, measured, settings_of
from ..evaluating.pairs import asked_of, joined
from ..functions import named
from ..manifest import Manifest
from ..metrics.measures import Measures
from ..predictions import held, lines_of
from ..progress import Progress, Silent
from ..reading import Release
from ..releases import Releases, blaming_damage, require_pictures


def evaluate(
    folder: str | Path,
    predictions: str | Path,
    *,
    metrics: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
    version: str | None = None,
    split: str | None = None,
    model: str | None = None,
    html: str | Path | None = None,
    table: str | Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Judge a file of predictions by the corpus's metrics.py. Nothing is changed.

    The rows are those of the release that was asked about, which the predictions name.

    Args:
        folder: the corpus folder.
        predictions: the file, as training_recipes/infer.py and rank.py write it.
        metrics: functions of metrics.py, of one view; by default all that judge the view that was asked.
        options: settings of theirs, as values or as text.
        version, split, model: which predictions, where the file has several; a model may be "name@revision".
        html: where to write the report as one self-contained HTML file, with pictures of the rows.
        table: where to write the answers as CSV: id, file, truth, prediction, O/X, summary, latency, raw. A row without
            an answer has a line too, with the error, or "no prediction", as its summary.
        progress: where to show how far it is.

    Raises:
        MmdataError: the file is none of predictions, or holds several models' or splits' and none is chosen.
        CorpusError: the corpus has no such metric or view, or one fails.
        ReleaseError: the release that was asked about is not here, or damaged; or a report cannot be written.
    """
    corpus, progress, path = Corpus(folder), progress or Silent(), Path(predictions)
    view = getattr(named(corpus, "metrics", "pairs", metrics[0]), "view", None) if metrics else None
    wanted = {"view": view, "version": version, "split": split, "model": model}
    lines = chosen(lines_of(path), path.name, wanted)
    first, said = lines[0], held(lines)
    evaluators = evaluators_of(corpus, first.view, metrics)
    settings = settings_of(corpus, evaluators, options or {})
    manifest, newest = _release(corpus, first.version, path.name)
    home = corpus.folder / "data" / first.version
    with blaming_damage(home, manifest) if manifest else contextlib.nullcontext():
        progress.stage("rows of the view")
        asked = asked_of(corpus, first.view, first.split, first.version)
        found = joined(asked.rows, said)
        progress.stage("metrics")
        measures = measured(corpus, evaluators, found.pairs, asked, settings) if found.pairs else Measures()
    answers = Counter(one.id for one in lines if one.error is None)
    repeated = [id for id, times in answers.items() if times > 1]
    made = Evaluation(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        mmdata=metadata.version("mmdata-corpus"),
        data=Data(
            corpus=corpus.name,
            version=first.version,
            build=manifest.build if manifest else "",
            view=first.view,
            split=first.split,
        ),
        model=Model(
            name=first.model,
            revision=first.revision,
            file=path.name,
            sha256=sha256(path.read_bytes()).hexdigest(),
            seconds=median(pair.prediction.seconds for pair in found.pairs) if found.pairs else None,
        ),
        metrics=list(evaluators),
        settings=settings,
        counts=Counts(
            rows=len(asked.rows),
            answered=len(found.pairs),
            errors=len(found.failed),
            missing=len(found.missing),
            unknown=len(found.unknown),
            repeated=len(lines) - len(said),
        ),
        measures=measures,
        faults=list(faults_of(found, repeated, first.version, newest, first.split)),
    )
    by_id = {one.id: one for one in said}
    if html is not None:
        licence = str(corpus.card.get("license_name") or corpus.card.get("license") or "")
        write_html(made, by_id, corpus, Path(html), licence=licence, progress=progress)
    if table is not None:
        places = _places(Release(corpus.folder, manifest)) if manifest else {}
        files = {id: places[origin] for id, origin in asked.origins.items() if origin in places}
        write_table([*measures.outcomes, *unanswered(found)], by_id, files, Path(table))
    return made


def _release(corpus: Corpus, version: str, file: str) -> tuple[Manifest | None, str]:
    """What was asked about, None for the sample; and the newest version."""
    releases = Releases(corpus)
    versions = releases.versions()
    if version not in {"sample", *versions}:
        raise ReleaseError(
            f"{file} answers questions about {corpus.name} {version}, which is not here. There are: "
            f"{', '.join([*versions, 'sample'])}. Fetch that release with `mmdata pull`, or predict anew"
        )
    manifest = None if version == "sample" else releases.manifest(version)
    if manifest:
        require_pictures(manifest)
    return manifest, versions[-1] if versions else "sample"


def _places(release: Release) -> dict[str, str]:
    """The release's row → where it came from in the source."""
    index = release.table([])
    return dict(zip(index["id"].to_pylist(), index["place"].to_pylist(), strict=True))

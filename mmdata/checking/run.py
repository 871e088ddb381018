"""All checks, on one release and the answers to its prompts."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from ..annotation.asked import rows_for
from ..annotation.prompt import Prompt, awaited_by, find_prompt, prompts_in, require_columns
from ..annotation.store import Store
from ..corpus import Corpus
from ..errors import AnnotationError
from ..labels import LabelMap
from ..progress import Progress
from ..reading import Release
from ..terms import read_terms
from .between import Said, disagreement, said_of
from .check import Answers, Check, Hits, summed
from .neighbours import NEIGHBOUR_CHECKS, check_neighbours
from .pictures import PICTURE_CHECKS, check_pictures, in_order
from .report import CheckRun, Fault, Report
from .rows import ROW_CHECKS, Whole
from .slices import Slice, slices
from .texts import TEXT_CHECKS

DISAGREEMENT = Check("warning", disagreement)
CHECKS: tuple[Check, ...] = (*ROW_CHECKS, *TEXT_CHECKS, DISAGREEMENT, *PICTURE_CHECKS, *NEIGHBOUR_CHECKS)
"""Every check there is, in the order of the report."""


def report_of(
    corpus: Corpus, release: Release, store: Store | None, prompts: Sequence[str | Prompt] | None, pictures: bool,
    limit: int, progress: Progress, could_not: Sequence[str] = (),
) -> Report:  # fmt: skip
    """Run all checks. Arguments as of `mmdata.check`, but for two.

    Args:
        prompts: names of files, or the prompts themselves.
        could_not: what is known beforehand of answers that cannot be judged.
    """
    whole = Whole(corpus, release, limit)
    runs: list[tuple[Check, str, Hits]] = []
    progress.stage("checking rows")
    runs += [(check, "", check.look(whole)) for check in ROW_CHECKS]
    counts: dict[str, dict[str, int]] = {}
    said: list[Said] = []
    notes = list(could_not)
    labels = corpus.label_maps(release.classes)
    places = [whole.rows]
    for asked in prompts if prompts is not None else prompts_in(corpus.folder):
        prompt = asked if isinstance(asked, Prompt) else find_prompt(corpus.folder, asked)
        name = prompt.id
        awaited = prompt.over is None and awaited_by(corpus.folder, prompt, release.kinds)
        if prompts is None and (store is None or name not in store.prompts() or awaited):
            awaits = f"the release has no answers to {', '.join(awaited)}, which it asks about" if awaited else ""
            notes.append(f"prompt {name}: {awaits or 'it has no answers yet'}")
            counts[name] = {"missing": len(whole.rows)} if prompt.over is None else {}
            continue
        try:
            rows = rows_for(corpus, prompt, release)
        except AnnotationError as why:
            if prompts is not None:
                raise
            notes.append(str(why))
            counts[name] = {}
            continue
        if not isinstance(asked, Prompt):
            require_columns(corpus.folder, prompt, rows.kinds)
        before = 0
        if rows is not release:
            before = sum(map(len, places))
            places.append(Whole(corpus, rows, limit).rows)
        mine = places[-1] if before else whole.rows
        progress.stage(f"checking answers to {name}")
        states: Counter[str] = Counter()
        parts = _counted(
            answers_of(rows, prompt, store, labels, corpus, limit), states, [] if before else said, progress, len(mine)
        )
        texts = check_texts(parts, limit, mine["id"].__getitem__, store)
        runs += [(check, name, hits.moved(before)) for check, hits in texts.items()]
        counts[name] = dict(states)
    runs.append((DISAGREEMENT, "", disagreement(said, limit)))
    if pictures:
        progress.stage("checking pictures")
        runs += [(check, "", hits) for check, hits in check_pictures(whole, progress)]
        progress.stage("comparing pictures")
        runs += [(check, "", hits) for check, hits in check_neighbours(whole, progress)]
    else:
        left_out = "pictures were left out, as asked"
        runs += [(check, "", Hits(could_not=[left_out])) for check in (*PICTURE_CHECKS, *NEIGHBOUR_CHECKS)]
    if prompts is None and not prompts_in(corpus.folder):
        notes.append(f"there is no prompt in {corpus.name}/prompts")
    return _report(whole, pl.concat(places), runs, notes, counts)


def check_texts(
    some: Iterable[Slice], limit: int, id: Callable[[int], str], store: Store | None, workers: int | None = None
) -> dict[Check, Hits]:
    """The text checks on all slices of a prompt, as many slices at once as there are cores."""
    found: dict[Check, list[Any]] = {check: [] for check in TEXT_CHECKS}
    seqs: list[Any] = []
    for part, seq in in_order(_look, some, workers):
        seqs.append(seq)
        for check, looked in part.items():
            # Enough faults are kept already: only count.
            if isinstance(looked, Hits) and sum(len(hits.first) for hits in found[check]) >= limit:
                looked.first.clear()
            found[check].append(looked)
    starts = [0]
    for seq in seqs:
        starts.append(starts[-1] + len(seq))

    def text(number: int) -> str:
        at = next(n for n, end in enumerate(starts[1:]) if number < end)
        seq = seqs[at][number - starts[at]]
        return (store.value(seq) or "") if store is not None and seq is not None else ""

    answers = Answers(limit, id, text)
    made = {}
    for check, parts in found.items():
        made[check] = check.sum_up(parts, answers) if check.sum_up and parts else summed(parts, limit)
        parts.clear()
    return made


def answers_of(
    release: Release, prompt: Prompt, store: Store | None, labels: Mapping[str, LabelMap], corpus: Corpus, limit: int
) -> Iterator[Slice]:
    """The slices of a prompt."""
    return slices(release, prompt, store, labels, read_terms(corpus.folder), limit)


def _look(some: Slice) -> tuple[dict[Check, Any], Any]:
    return {check: check.look(some) for check in TEXT_CHECKS}, some.rows["seq"]


def _counted(
    some: Iterable[Slice], states: Counter[str], said: list[Said], progress: Progress, total: int
) -> Iterator[Slice]:
    """The slices as they are, their statuses counted and their label tags noted on the way."""
    done, tags = 0, []
    for one in some:
        states.update(dict(one.rows["status"].value_counts().iter_rows()))
        tags.append(said_of(one))
        prompt = one.prompt
        yield one
        done += len(one.rows)
        progress.rows(done, total, "")
    if tags:
        said += Said.joined(prompt, tags)


def _could_not(notes: dict[str, list[str]]) -> list[str]:
    """The notes, each with its prompt unless all say the same."""
    if len({tuple(said) for said in notes.values()}) <= 1:
        return next(iter(notes.values()), [])
    return [f"prompt {prompt}: {note}" for prompt, said in notes.items() for note in said]


def _report(
    whole: Whole, places: pl.DataFrame, runs: list[tuple[Check, str, Hits]], notes: list[str],
    counts: dict[str, dict[str, int]],
) -> Report:  # fmt: skip
    checks, faults = [], []
    for check in CHECKS:
        mine = [(prompt, hits) for one, prompt, hits in runs if one == check]
        could_not = _could_not({prompt: hits.could_not for prompt, hits in mine})
        if check in TEXT_CHECKS:
            could_not += notes
        total = summed([hits for _, hits in mine], whole.limit)
        checks.append(
            CheckRun(
                name=check.name, level=check.level, doc=check.doc, judged=total.judged, found=total.found,
                could_not="; ".join(dict.fromkeys(could_not)),
            )
        )  # fmt: skip
        first = [(prompt, hit) for prompt, hits in mine for hit in hits.first][: whole.limit]
        rows = places[[hit.number or 0 for _, hit in first]] if len(places) and first else None
        for n, (prompt, hit) in enumerate(first):
            row = rows.row(n, named=True) if rows is not None and hit.number is not None else None
            faults.append(
                Fault(
                    check=check.name, level=check.level, message=hit.message, excerpt=hit.excerpt,
                    row_id=row["id"] if row else "", split=row["split"] if row else "", cls=row["cls"] if row else "",
                    prompt=prompt,
                )
            )  # fmt: skip
    manifest = whole.release.manifest
    return Report(
        corpus=whole.corpus.name,
        version=manifest.version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        classes=manifest.counts,
        answers=counts,
        checks=checks,
        faults=faults,
    )

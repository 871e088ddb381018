"""`mmdata fix`: answers put right by the label map, the term map and, if asked to, a model."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from itertools import groupby, islice
from pathlib import Path
from typing import Literal

import polars as pl

from ..annotation.asked import all_answered, asked_about
from ..annotation.joined import annotations, as_asked
from ..annotation.prompt import Prompt, prompts_in
from ..annotation.store import Answer, Store, reading, writing
from ..checking.run import report_of
from ..checking.texts import TEXT_CHECKS
from ..corpus import Corpus
from ..errors import AnnotationError, CorpusError
from ..fixing.outcome import Edit, Fixes
from ..fixing.rewriting import Rewriter, Rewriting
from ..fixing.rules import Fixed, Rules, misfit
from ..fixing.suggesting import add_entries, unknown
from ..fixing.tags import label_tags
from ..fixing.wording import Wording
from ..foreign import foreign_words
from ..progress import Progress, Silent
from ..reading import Release
from ..releases import Releases
from ..terms import Terms, read_terms

OnContradiction = Literal["keep", "reject", "reannotate"]
KINDS: dict[OnContradiction, str] = {"reject": "rejected", "reannotate": "reannotate"}
SLICE = 20_000
"""Answers held beside the table of all at a time."""
BATCH = 1_000
"""Edits written in one transaction."""
Part = Literal["terms", "labels"]


def fix(
    folder: str | Path,
    prompt: str | None = None,
    *,
    on_contradiction: OnContradiction = "keep",
    reannotate: Collection[str] = (),
    rewrite: Rewriter | None = None,
    only: Iterable[Part] = (),
    apply: bool = False,
    show: int = 20,
    progress: Progress | None = None,
) -> Fixes:
    """Put right the answers that hold now: term map, label aliases, and what a model rewrites.

    Nothing is overwritten: each edit is a new row of the store that names the one it corrects. Done
    twice, the second time changes nothing.

    Args:
        folder: the corpus folder.
        prompt: whose answers; by default those of every prompt that has some.
        on_contradiction: an answer that names another class than its row has is left alone ("keep"), no
            longer holds ("reject"), or no longer holds and is asked for again by `annotate` ("reannotate").
        reannotate: names of checks; answers in which one of them finds a fault no longer hold, and are asked for
            again by `annotate`. For what no map can put right: a refusal in words, a missing tag.
        rewrite: let a model rewrite the sentences that hold foreign words after the term map. Its answers are
            paid for and kept even where `apply` is False.
        only: the rules to use: terms, labels; both by default.
        apply: write the edits; else only say what they are.
        show: so many edits are returned; all are counted.
        progress: where to show how far it is.

    Raises:
        AnnotationError: no release, no answers, another process writes, the disk is full.
        CorpusError: terms.yaml or the prompt is wrong.
    """
    began = time.monotonic()
    if on_contradiction not in ("keep", *KINDS):
        raise AnnotationError(
            f"on_contradiction: {on_contradiction!r}: no such way. There are: keep, {', '.join(KINDS)}"
        )
    if unknown_checks := set(reannotate) - {check.name for check in TEXT_CHECKS}:
        known = ", ".join(sorted(check.name for check in TEXT_CHECKS))
        raise AnnotationError(
            f"reannotate: {', '.join(sorted(unknown_checks))}: no check of answers. There are: {known}"
        )
    corpus, progress = Corpus(folder), progress or Silent()
    release = _newest(corpus)
    terms = read_terms(corpus.folder)
    done = Fixes(corpus.name, release.manifest.version, apply)
    parts = set(only) or {"terms", "labels"}
    wording = Wording(terms if "terms" in parts else Terms(keep=terms.keep), str(corpus.folder / "terms.yaml"))
    with ExitStack() as stack:
        store = stack.enter_context(writing(corpus.folder) if apply or rewrite else reading(corpus.folder))
        for asked, rows in _chosen(corpus, release, store, prompt):
            assert store
            done.prompts.append(asked.id)
            tags = label_tags(asked, corpus.label_maps(rows.classes))
            rules = Rules(asked, wording, tags if "labels" in parts else [])
            rewriting = None
            if rewrite:
                _scripts(asked)
                # All tags, whatever rules are used: a label is no sentence.
                rewriting = Rewriting(rewrite, asked, tags, wording, terms, store, rows, corpus.folder)
            flagged = _flagged(corpus, release, rows, store, asked, reannotate, progress) if reannotate else set()
            edits = _edits(rules, rewriting, rows, store, on_contradiction, flagged, done, progress)
            kept_as = as_asked(asked, store)
            while batch := list(islice(edits, BATCH)):
                done.edits += batch[: max(0, show - len(done.edits))]
                if apply:
                    _write(store, kept_as, batch, rewrite)
            if rewriting:
                done.left += rewriting.left
                done.cost += rewriting.cost
                done.stopped = done.stopped or rewriting.stopped
    done.seconds = time.monotonic() - began
    return done


def suggest(folder: str | Path, prompt: str | None = None, *, progress: Progress | None = None) -> dict[str, int]:
    """Write the foreign words of the answers that hold now into terms.yaml, as empty entries to fill in.

    Words that terms.yaml knows, filled in or not, are left out: done twice, the second time adds nothing.

    Returns:
        What was added, with its count, the most frequent first.

    Raises:
        AnnotationError: no release or no answers yet.
        CorpusError: terms.yaml is wrong, or the prompt does not say which scripts are wanted.
    """
    corpus, progress = Corpus(folder), progress or Silent()
    release, terms = _newest(corpus), read_terms(corpus.folder)
    path = corpus.folder / "terms.yaml"
    wording, found = Wording(terms, str(path)), Counter[str]()
    with reading(corpus.folder) as store:
        for asked, rows in _chosen(corpus, release, store, prompt):
            assert store
            scripts = _scripts(asked)
            held = _held(rows, asked, store, [])
            for start in range(0, len(held), SLICE):
                progress.rows(start, len(held), asked.id)
                texts = held["value"].slice(start, SLICE)
                suspects = foreign_words(texts, scripts, terms)["row"].unique()
                # What the term map covers is known already, phrases and plurals too.
                after = [wording.replace(text) for text in texts.gather(suspects.cast(pl.UInt32))]
                found.update(foreign_words(pl.Series(after, dtype=pl.String), scripts, terms)["word"].to_list())
    added = unknown(found, [*terms.replace, *terms.keep])
    if added:
        add_entries(path, added)
    return added


def set_answer(folder: str | Path, prompt: str, row_id: str, text: str) -> None:
    """A person's own text for a row: it holds from now on, and what it replaces is kept.

    Raises:
        AnnotationError: no such row, no answer to replace, or the text is no object of the response class.
    """
    corpus = Corpus(folder)
    asked, release = asked_about(corpus, prompt)
    if why := misfit(asked, text):
        raise AnnotationError(f"row {row_id}: the text does not fit {asked.response}: {why}")
    with writing(corpus.folder) as store:
        row = annotations(release, asked, store).filter(pl.col("id") == row_id)
        if row.is_empty() or row["seq"][0] is None:
            why = (
                "no such row in the newest release"
                if row.is_empty()
                else f"no answer to {prompt} yet: run `mmdata annotate`"
            )
            raise AnnotationError(f"row {row_id!r}: {why}")
        answer = Answer(row["key"][0], row_id, "ok", value=text, made_by="person", edits=row["seq"][0])
        kept_as = as_asked(asked, store)
        store.keep_prompt(kept_as.sha256, kept_as.id, kept_as.model_dump_json())
        store.add(asked.id, kept_as.sha256, asked.model, [answer])


def _newest(corpus: Corpus) -> Release:
    manifest = Releases(corpus).newest()
    if manifest is None:
        raise AnnotationError(f"{corpus.name} has no release yet: run `mmdata build`, then `mmdata annotate`")
    return Release(corpus.folder, manifest)


def _chosen(corpus: Corpus, release: Release, store: Store | None, name: str | None) -> list[tuple[Prompt, Release]]:
    """The prompts to be fixed, each with the rows that it is asked about."""
    answered = store.prompts() if store else []
    chosen = [asked_about(corpus, name, release)] if name else all_answered(corpus, answered, release)
    if not chosen or any(asked.id not in answered for asked, _ in chosen):
        raise AnnotationError(
            f"{corpus.name}: no answers{f' to {name}' if name else ''} to fix. Prompts with answers: "
            f"{', '.join(found for found in prompts_in(corpus.folder) if found in answered) or 'none'}. "
            "Run `mmdata annotate` first"
        )
    return chosen


def _scripts(prompt: Prompt) -> list[str]:
    if not prompt.wanted.scripts:
        raise CorpusError(
            f"prompt {prompt.id}: it does not say which scripts are wanted, so no word is foreign. "
            "Add `wanted: {scripts: [Hangul]}` to it"
        )
    return prompt.wanted.scripts


def _held(release: Release, prompt: Prompt, store: Store, fields: list[str]) -> pl.DataFrame:
    """The good answers that hold now, each once for every row label it stands beside."""
    found = annotations(release, prompt, store, fields)
    columns = ["key", "seq", "id", "value", *fields]
    return found.lazy().filter(pl.col("status") == "ok").select(columns).unique(
        ["key", *fields], keep="first", maintain_order=True
    ).collect()  # fmt: skip


def _edits(
    rules: Rules,
    rewriting: Rewriting | None,
    release: Release,
    store: Store,
    on_contradiction: OnContradiction,
    flagged: set[bytes],
    done: Fixes,
    progress: Progress,
) -> Iterator[Edit]:
    """The edits of one prompt's answers; counts them in `done`. Rows that share an answer get one edit."""
    progress.stage(f"fixing {rules.prompt.id}")
    held = _held(release, rules.prompt, store, sorted({tag.field for tag in rules.tags}))
    done.answers += held["key"].n_unique()
    edited: set[bytes] = set()
    discarded: set[bytes] = set()
    for start in range(0, len(held), SLICE):
        progress.rows(start, len(held), f"{done.changes:,} changes")
        some = held.slice(start, SLICE)
        for line in some.filter(pl.col("key").is_in(flagged)).to_dicts():
            if line["key"] not in discarded:
                discarded.add(line["key"])
                done.discarded += 1
                yield Edit(rules.prompt.id, line["id"], line["key"], line["seq"], line["value"], line["value"],
                           status="discarded", kind="reannotate")  # fmt: skip
        some = some.with_columns(rules.suspects(some).alias("suspect"))
        # A foreign sentence may be in any answer.
        lines = (some if rewriting else some.filter(pl.col("suspect"))).to_dicts()
        fixed = [rules.fix(line["value"]) if line["suspect"] else Fixed(line["value"]) for line in lines]
        for line, one in zip(lines, fixed, strict=True):
            if one.contradicts(line) and line["key"] not in discarded:
                done.contradictions += 1
                if on_contradiction != "keep":
                    discarded.add(line["key"])
                    done.discarded += 1
                    yield Edit(rules.prompt.id, line["id"], line["key"], line["seq"], line["value"], line["value"],
                               status="discarded", kind=KINDS[on_contradiction])  # fmt: skip
        closed = discarded | edited
        open_ = [n for n, line in enumerate(lines) if line["key"] not in closed]
        after = {n: fixed[n].value for n in open_}
        if rewriting:
            after = dict(
                zip(open_, rewriting.rewrite(list(after.values()), [lines[n]["id"] for n in open_]), strict=True)
            )
        for n, new in after.items():
            line, one = lines[n], fixed[n]
            if one.unfit:
                done.left["the object would not fit its response class"] += 1
            if new == line["value"] or line["key"] in edited:
                continue
            edited.add(line["key"])
            done.edited += 1
            done.terms += one.terms
            done.aliases += one.aliases
            done.rewritten += new != one.value
            yield Edit(rules.prompt.id, line["id"], line["key"], line["seq"], line["value"], new,
                       made_by="rule" if new == one.value else "model")  # fmt: skip


def _flagged(
    corpus: Corpus, release: Release, rows: Release, store: Store, asked: Prompt, checks: Collection[str],
    progress: Progress,
) -> set[bytes]:  # fmt: skip
    """Keys of the answers in which one of the checks finds a fault."""
    most = sum(rows.manifest.splits.values())
    report = report_of(corpus, release, store, [asked.id], False, most, progress)
    rows_flagged = {fault.row_id for fault in report.faults if fault.check in checks and fault.row_id}
    found = annotations(rows, asked, store)
    return set(found.filter(pl.col("id").is_in(rows_flagged))["key"])


def _write(store: Store, asked: Prompt, edits: list[Edit], rewriter: Rewriter | None) -> None:
    """Add the edits to the store, in order. One of a model is kept under that model's name."""
    store.keep_prompt(asked.sha256, asked.id, asked.model_dump_json())
    for by, some in groupby(edits, lambda edit: edit.made_by):
        model = (rewriter.model if rewriter and by == "model" else None) or asked.model
        store.add(asked.id, asked.sha256, model, [
            Answer(e.key, e.row_id, e.status, e.kind, e.new if e.status == "ok" else None, made_by=by, edits=e.seq)
            for e in some
        ])  # fmt: skip

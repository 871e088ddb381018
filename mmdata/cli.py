"""The command line: arguments in, one function called, its result shown."""

import gc
import json
import os
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
from rich.console import Console, RenderableType

from .errors import MmdataError
from .progress import Terminal

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
out, err = Console(soft_wrap=False, highlight=False), Console(stderr=True, highlight=False)

Folder = Annotated[Path, typer.Argument(help="The corpus folder, such as dataset_builders/skin.", show_default=False)]
Repo = Annotated[str, typer.Option(help="The repository on the Hub, such as my-team/skin.", show_default=False)]
Dsn = Annotated[
    str | None,
    typer.Option(
        help="PostgreSQL with pgvector, such as postgresql://localhost/mmdata; a password is better in PGPASSWORD.",
        envvar="MMDATA_DSN",
        show_default=False,
    ),
]
IndexModel = Annotated[
    str | None, typer.Option(help="The index's model, where there are several indexes.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON instead.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(metadata.version("mmdata-corpus"))
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """A folder of raw pictures and records becomes a validated, versioned, annotated Hugging Face dataset."""


@app.command(context_settings={"allow_extra_args": True})
def build(
    ctx: typer.Context,
    folder: Folder,
    source: Annotated[str | None, typer.Option(help="A folder, a .zip, or a URL such as s3://bucket/prefix.")] = None,
    bump: Annotated[
        Literal["major", "minor", "patch"], typer.Option(help="Which part of the version goes up.")
    ] = "minor",
    decode: Annotated[
        Literal["full", "header"], typer.Option(help="Decode every picture, or read only its header.")
    ] = "full",
    config: Annotated[
        str | None, typer.Option(help="One of the corpus's configs; the first by default.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core by default.", show_default=False)
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Write sample/ out of the corpus's tiny/ instead.")] = False,
    options: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, an option of the config. May be repeated.")
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(help="Only run generation steps up to these, by name or number: clusters, or 1 2 3; all for all."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build the next release: list, check, validate, write, publish."""
    from . import summary
    from .verbs.build import build
    from .verbs.run_steps import as_json as steps_json
    from .verbs.run_steps import as_screen as steps_screen
    from .verbs.run_steps import run_steps

    if ctx.args and steps is None:
        raise typer.BadParameter(f"{ctx.args[0]!r} is one word too many; quote a path that holds a space")
    if steps is not None:
        steps = ",".join([steps, *ctx.args])  # As the original's --steps 1 2 3.
        if source is None:
            raise typer.BadParameter("--steps needs --source: a folder, a .zip or a URL")
        if sample or bump != "minor" or decode != "full":
            raise typer.BadParameter("--steps makes no release: leave out --sample, --bump and --decode")
    try:
        with Terminal(err) as progress:
            if steps is not None:
                ran = run_steps(
                    folder,
                    source or "",
                    _names(steps),
                    config=config,
                    options=_options(options),
                    workers=workers,
                    progress=progress,
                )
            else:
                done = build(
                    folder,
                    source,
                    bump=bump,
                    decode=decode,
                    config=config,
                    options=_options(options),
                    workers=workers,
                    sample=sample,
                    progress=progress,
                )
    except KeyboardInterrupt:
        print(
            "stopped; the releases are as they were. Pictures already checked are not checked again.", file=sys.stderr
        )
        raise typer.Exit(130) from None
    if steps is not None:
        print(steps_json(ran)) if as_json else out.print(steps_screen(ran))
    elif as_json:
        print(summary.as_json(done))
    else:
        out.print(summary.as_screen(done))


def _names(given: str) -> list[str]:
    return [] if given == "all" else [name.strip() for name in given.strip(",").split(",")]


def _options(given: list[str] | None) -> dict[str, str]:
    found = dict(one.partition("=")[::2] for one in given or [])
    if wrong := [one for one in given or [] if "=" not in one]:
        raise typer.BadParameter(f"--set {wrong[0]!r}: KEY=VALUE is wanted, such as --set seed=7")
    return found


@app.command()
def annotate(
    folder: Folder,
    prompt: Annotated[
        str | None, typer.Option(help="A file of prompts/, such as describe; may be left out where there is one.")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(help="Any OpenAI-compatible server, such as http://localhost:8000/v1.", envvar="OPENAI_BASE_URL"),
    ] = None,
    estimate: Annotated[bool, typer.Option("--estimate", help="Only say what it would cost.")] = False,
    budget: Annotated[
        float | None, typer.Option(min=0, help="US dollars for all answers under the prompt, earlier ones included.")
    ] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Only so many rows, the same ones each time.")] = None,
    where: Annotated[str | None, typer.Option(help="Only rows for which this holds: \"label = '건선'\".")] = None,
    retry: Annotated[
        list[str] | None, typer.Option(help="Ask again: failed, refused, truncated, invalid or empty. May be repeated.")
    ] = None,
    max_side: Annotated[
        int | None, typer.Option(min=32, help="Send smaller copies of larger pictures, in pixels.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at once, at most; it finds its own level.")] = 64,
    rpm: Annotated[
        float | None, typer.Option(min=0.1, help="Requests a minute; by default as the server says.")
    ] = None,
    tpm: Annotated[float | None, typer.Option(min=1, help="Tokens a minute; by default as the server says.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds a request may take.")] = 120.0,
    give_up: Annotated[float, typer.Option(min=0, help="Seconds of a server that is down.")] = 600.0,
    minutes: Annotated[float | None, typer.Option(min=0, help="Send nothing more after so many.")] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="Batch API, half the price: send, or take in what is answered.")
    ] = False,
    batch_requests: Annotated[int, typer.Option(min=1, help="Requests in a batch file, at most.")] = 50_000,
    batch_mb: Annotated[float, typer.Option(min=0.001, help="Megabytes of a batch file, at most.")] = 190.0,
    as_json: AsJson = False,
) -> None:
    """Ask a model about each row that has no answer yet. The key comes from OPENAI_API_KEY."""
    # Arrow's own allocator keeps 50 MB that a reader of one column at a time never needs.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from .annotation import screen
    from .verbs.annotate import annotate

    # From here on cycles are garbage again: those of a request hold its picture.
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    with Terminal(err) as progress:
        done = annotate(
            folder, prompt, base_url=base_url, estimate=estimate, budget=budget, sample=sample, where=where,
            retry=retry or (), max_side=max_side, concurrency=concurrency, rpm=rpm, tpm=tpm, timeout=timeout,
            give_up=give_up, minutes=minutes, batch=batch, batch_requests=batch_requests, batch_mb=batch_mb,
            progress=progress,
        )  # fmt: skip
    if as_json:
        print(screen.as_json(done))
    else:
        out.print(screen.as_screen(done))
    if done.stopped:
        raise typer.Exit(130 if "Ctrl-C" in done.stopped else 3)


@app.command()
def demo(
    into: Annotated[
        Path | None, typer.Option(help="Where to put it; by default a new temporary folder.", show_default=False)
    ] = None,
) -> None:
    """See the whole loop, offline and without a key, on drawings that ship with mmdata."""
    from . import summary
    from .annotation.screen import as_screen as of_annotation
    from .checking.report import Report
    from .checking.screen import as_screen as of_report
    from .fixing.outcome import Fixes
    from .fixing.outcome import as_screen as of_fixes
    from .verbs.build import Build
    from .verbs.demo import Step, demo
    from .verbs.release import as_screen as of_release

    def step(command: str, result: Step) -> None:
        out.print(f"\n[bold]$ mmdata {command}[/bold]")
        if isinstance(result, Report):
            out.print(of_report(result, brief=True))
        elif isinstance(result, Fixes):
            out.print(of_fixes(result))
        elif isinstance(result, Build):
            out.print(of_release(result) if command.startswith("release") else summary.as_screen(result))
        else:
            out.print(of_annotation(result))

    out.print("The model is a small server on this machine that replays answers written by hand, faults included.")
    done = demo(into, step)
    out.print(f"\nThe report of the first check, with pictures: {done.report}", markup=False, soft_wrap=True)
    out.print("\nGo on in Python:\n")
    for line in (
        "from datasets import load_dataset",
        f"ds = load_dataset({str(done.folder)!r})",
        'print(ds["train"].info.version, ds["train"][0])',
    ):
        out.print(f"  {line}", markup=False, soft_wrap=True)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Lower case letters, digits and _; such as birds.", show_default=False)],
    under: Annotated[Path, typer.Option(help="The folder to make it in.")] = Path("dataset_builders"),
    like: Annotated[
        str | None, typer.Option(help="Copy one of the corpora that ship with mmdata, such as skin.")
    ] = None,
) -> None:
    """Scaffold a corpus that builds as it is."""
    from .verbs.new import new

    folder = new(name, under, like)
    out.print(f"{folder} is ready. Next:\n", markup=False, soft_wrap=True)
    path = shlex.quote(str(folder))
    out.print(f"  mmdata build {path} --source {path}/tiny", markup=False, soft_wrap=True)
    out.print("  then put your own into its builder.py, labels.yaml, tiny/ and README.md", markup=False, soft_wrap=True)


@app.command("list")
def list_(
    under: Annotated[Path, typer.Argument(help="The folder that holds corpora.")] = Path("dataset_builders"),
    as_json: AsJson = False,
) -> None:
    """Show the corpora, their releases, rows and licences."""
    from . import summary
    from .verbs.overview import overview

    found = overview(under)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        out.print(summary.overview_table(found))


@app.command()
def check(
    folder: Folder,
    prompt: Annotated[
        list[str] | None,
        typer.Option(help="Only this prompt's answers; may be repeated. By default all that have any."),
    ] = None,
    version: Annotated[str | None, typer.Option(help="A release; by default the newest.", show_default=False)] = None,
    pictures: Annotated[bool, typer.Option(help="Look at every picture too.")] = True,
    html: Annotated[
        Path | None, typer.Option(help="Also write the report as one HTML file with pictures.", show_default=False)
    ] = None,
    fail_on: Annotated[Literal["error", "warning"], typer.Option(help="What makes the exit code 1.")] = "error",
    limit: Annotated[int, typer.Option(min=1, help="Faults listed of each check; all are counted.")] = 2000,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with a release and its annotations; exit 1 if anything is."""
    from .checking.screen import as_screen
    from .verbs.check import check

    with Terminal(err) as progress:
        report = check(
            folder, version=version, prompts=prompt, pictures=pictures, limit=limit, html=html, progress=progress
        )
    if as_json:
        print(report.model_dump_json())
    else:
        out.print(as_screen(report))
        if html:
            out.print(f"\nThe report with pictures: {html}", markup=False, soft_wrap=True)
    if report.count("error") or (fail_on == "warning" and report.count("warning")):
        raise typer.Exit(1)


@app.command()
def evaluate(
    folder: Folder,
    predictions: Annotated[
        Path, typer.Option(help="The file that infer.py, rank.py or metric_learning.py wrote.", show_default=False)
    ],
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            help="Only these of the corpus's metrics; may be repeated. By default all that judge what was asked."
        ),
    ] = None,
    options: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, a setting of a metric. May be repeated.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Only answers about this release.", show_default=False)] = None,
    split: Annotated[str | None, typer.Option(help="Only answers about this split.", show_default=False)] = None,
    model: Annotated[
        str | None, typer.Option(help="Only this model's answers, as NAME or NAME@REVISION.", show_default=False)
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Also write the report as one HTML file with pictures.", show_default=False)
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="Also write each answer, O or X, as CSV.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a model's predictions by the corpus's own metrics; exit 1 if some could not be made."""
    from .evaluating.screen import as_screen
    from .verbs.evaluate import evaluate

    with Terminal(err) as progress:
        done = evaluate(
            folder, predictions, metrics=metrics, options=_options(options), version=version, split=split, model=model,
            html=html, table=table, progress=progress,
        )  # fmt: skip
    if as_json:
        print(done.model_dump_json())
    else:
        out.print(as_screen(done))
        for what, path in (("The report with pictures", html), ("Each answer", table)):
            if path:
                out.print(f"\n{what}: {path}", markup=False, soft_wrap=True)
    if any(fault.level == "error" for fault in done.faults):
        raise typer.Exit(1)


@app.command()
def fix(
    folder: Folder,
    prompt: Annotated[
        str | None, typer.Option(help="Only this prompt's answers; by default all that have any.", show_default=False)
    ] = None,
    on_contradiction: Annotated[
        Literal["keep", "reject", "reannotate"],
        typer.Option(help="An answer that names another class than its row: leave it, drop it, or ask again."),
    ] = "keep",
    reannotate: Annotated[
        list[str] | None,
        typer.Option(help="Drop the answers in which this check finds a fault, to be asked again; may be repeated."),
    ] = None,
    only: Annotated[Literal["terms", "labels"] | None, typer.Option(help="Only this map; both by default.")] = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Write the foreign words found into terms.yaml, to be filled in.")
    ] = False,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Let a model rewrite the sentences that still hold foreign words.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="For --rewrite; by default the prompt's.")] = None,
    base_url: Annotated[str | None, typer.Option(help="For --rewrite.", envvar="OPENAI_BASE_URL")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="For --rewrite.")] = 16,
    budget: Annotated[
        float | None, typer.Option(min=0, help="For --rewrite: US dollars, earlier ones included.")
    ] = None,
    row: Annotated[str | None, typer.Option(help="With --prompt and --text: put a person's text in place.")] = None,
    text: Annotated[str | None, typer.Option(help="With --row: the text.")] = None,
    show: Annotated[int, typer.Option(min=0, help="Edits shown; all are counted.")] = 20,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put answers right by terms.yaml and labels.yaml; shows what it would do, and asks."""
    from .fixing import outcome
    from .fixing.rewriting import Rewriter
    from .verbs import fix as verb

    if (row is None) != (text is None) or (row is not None and prompt is None):
        raise typer.BadParameter("--row, --text and --prompt go together")
    if (model or budget is not None) and not rewrite:
        raise typer.BadParameter("--model and --budget are for --rewrite")
    if row is not None and text is not None and prompt is not None:
        verb.set_answer(folder, prompt, row, text)
        out.print(f"{row}: written, by a person.", markup=False)
        return
    with Terminal(err) as progress:
        if suggest:
            added = verb.suggest(folder, prompt, progress=progress)
            print(json.dumps(added, ensure_ascii=False)) if as_json else out.print(
                f"{len(added)} words added to {folder / 'terms.yaml'}; fill them in, then run `mmdata fix` again.",
                markup=False, soft_wrap=True,
            )  # fmt: skip
            return
        who = Rewriter(model=model, base_url=base_url, concurrency=concurrency, budget=budget) if rewrite else None

        def run(apply: bool) -> outcome.Fixes:
            return verb.fix(
                folder, prompt, on_contradiction=on_contradiction, reannotate=reannotate or (), rewrite=who,
                only=(only,) if only else (), apply=apply, show=show, progress=progress,
            )  # fmt: skip

        done = run(apply=yes)
    if as_json:
        print(outcome.as_json(done))
        return
    out.print(outcome.as_screen(done))
    if done.changes and not done.applied:
        typer.confirm("Write these?", abort=True)
        out.print(f"{run(apply=True).changes:,} written.")


@app.command()
def release(
    folder: Folder,
    bump: Annotated[
        Literal["major", "minor", "patch"], typer.Option(help="Which part of the version goes up.")
    ] = "minor",
    prompt: Annotated[
        list[str] | None,
        typer.Option(help="Only this prompt's answers; may be repeated. By default all that have any."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the next release: the newest one's rows, with the answers as columns."""
    from .verbs import release as verb

    with Terminal(err) as progress:
        done = verb.release(folder, bump=bump, prompts=prompt, progress=progress)
    if as_json:
        print(verb.as_json(done))
    else:
        out.print(verb.as_screen(done))


@app.command()
def diff(
    folder: Folder,
    a: Annotated[str | None, typer.Argument(help="A version; by default the one before B.", show_default=False)] = None,
    b: Annotated[str | None, typer.Argument(help="A version; by default the newest.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Show what became of release A in release B: rows, labels, texts."""
    from .verbs import diff as verb

    done = verb.diff(folder, a, b)
    if as_json:
        print(verb.as_json(done))
    else:
        out.print(verb.as_screen(done))


@app.command()
def fetch(
    folder: Folder,
    split: Annotated[str | None, typer.Option(help="Only the files for it, such as train.", show_default=False)] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only these names, or patterns such as '*.json'; may be repeated.")
    ] = None,
    urls: Annotated[
        str | None,
        typer.Option(help="Pictures that a column names, as FILE:COLUMN, instead of sources.yaml.", show_default=False),
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="Where to; by default source/ in the corpus folder.", show_default=False)
    ] = None,
    unpack: Annotated[bool, typer.Option(help="Make folders of archives.")] = True,
    per_host: Annotated[int, typer.Option(min=1, help="Requests at once to one server.")] = 4,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at once to all.")] = 16,
    max_mb: Annotated[
        float | None, typer.Option(min=0.001, help="Of a file whose size is not declared.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Get the files that a corpus's source consists of; exit 1 if any could not be had."""
    from .verbs import fetch as verb

    try:
        with Terminal(err) as progress:
            done = verb.fetch(
                folder, split=split, only=only, urls=urls, into=into, unpack=unpack, per_host=per_host,
                concurrency=concurrency, max_bytes=int(max_mb * 1e6) if max_mb is not None else None, progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        print("stopped; what came is kept, and the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None
    _show(verb.as_json(done) if as_json else verb.as_screen(done))
    if done.failures:
        raise typer.Exit(1)


@app.command()
def export(
    folder: Folder,
    format: Annotated[
        str | None, typer.Option(help="One of the corpus's; may be left out where there is one.", show_default=False)
    ] = None,
    view: Annotated[
        str | None,
        typer.Option(help="Instead of a format: one of the corpus's views, as a dataset for load_dataset and trl."),
    ] = None,
    version: Annotated[str | None, typer.Option(help="A release; by default the newest.", show_default=False)] = None,
    into: Annotated[
        Path | None, typer.Option(help="A new folder; by default CORPUS-VERSION-FORMAT here.", show_default=False)
    ] = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="Write the pictures too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a release as the files of another system, or one of its views as a dataset of its own."""
    _quiet_hub()
    from .verbs import export as verb

    done = verb.export(folder, format, view=view, version=version, into=into, pictures=pictures)
    _show(verb.as_json(done) if as_json else verb.as_screen(done))


@app.command()
def index(
    folder: Folder,
    model: Annotated[
        str,
        typer.Option(help="builtin, or a CLIP, SigLIP or Qwen3-VL embedding model of the Hub, or its folder."),
    ] = "builtin",
    version: Annotated[str | None, typer.Option(help="A release; by default the newest.", show_default=False)] = None,
    dsn: Dsn = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures embedded together.")] = 32,
    as_json: AsJson = False,
) -> None:
    """Embed a release's pictures, so that they can be searched; only those that have no vector yet."""
    _quiet_hub()
    from .verbs import index as verb

    try:
        with Terminal(err) as progress:
            done = verb.index(folder, model=model, version=version, dsn=dsn, batch=batch, progress=progress)
    except KeyboardInterrupt:
        print("stopped; what is embedded is kept. The same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None
    _show(verb.as_json(done) if as_json else verb.as_screen(done))


@app.command()
def search(
    folder: Folder,
    image: Annotated[
        str | None, typer.Option(help="A picture like those that are wanted.", metavar="PATH", show_default=False)
    ] = None,
    text: Annotated[str | None, typer.Option(help='Or words: "파란 원피스".', show_default=False)] = None,
    where: Annotated[
        str | None, typer.Option(help='Only entries for which this holds: "price < 50000".', show_default=False)
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many.")] = 5,
    model: IndexModel = None,
    version: Annotated[
        str | None, typer.Option(help="A release; by default the newest that is indexed.", show_default=False)
    ] = None,
    dsn: Dsn = None,
    html: Annotated[
        Path | None, typer.Option(help="Also write what is found as one HTML file with pictures.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find the pictures nearest to a picture or to words."""
    _quiet_hub()
    from .verbs import search as verb

    with Terminal(err) as progress:
        found = verb.search(
            folder, image=image, text=text, where=where, k=k, model=model, version=version, dsn=dsn, html=html,
            progress=progress,
        )  # fmt: skip
    if as_json:
        print(verb.as_json(found))
    else:
        out.print(verb.as_screen(found, folder))
        if html:
            out.print(f"\nWith pictures: {html}", markup=False, soft_wrap=True)


@app.command()
def serve(
    folder: Folder,
    model: IndexModel = None,
    version: Annotated[
        str | None, typer.Option(help="A release; by default the newest that is indexed.", show_default=False)
    ] = None,
    dsn: Dsn = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8080,
    base_url: Annotated[
        str | None,
        typer.Option(help="The OpenAI-compatible vision server that /recommend asks.", envvar="OPENAI_BASE_URL"),
    ] = None,
    advisor: Annotated[
        str | None, typer.Option(help="The name of its model; without it there is no /recommend.", show_default=False)
    ] = None,
    max_mb: Annotated[float, typer.Option(min=0.01, help="Megabytes of an upload, at most.")] = 10.0,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds a request may take.")] = 30.0,
) -> None:
    """Answer searches over HTTP, with a page to try it. A key that clients must have comes from MMDATA_API_KEY."""
    _quiet_hub()
    from .verbs.serve import serve

    serve(
        folder, model=model, version=version, dsn=dsn, host=host, port=port, base_url=base_url, advisor=advisor,
        max_mb=max_mb, timeout=timeout,
    )  # fmt: skip


@app.command()
def push(
    folder: Folder,
    repo: Repo,
    version: Annotated[str | None, typer.Option(help="A release; by default the newest.", show_default=False)] = None,
    private: Annotated[bool, typer.Option("--private", help="Make the repository private, if it is made.")] = False,
    annotations_only: Annotated[
        bool, typer.Option("--annotations-only", help="Publish ids, hashes, labels and answers, but no pictures.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a release on the Hub: one commit and the tag v<version>. The token comes from HF_TOKEN or `hf auth login`."""
    _quiet_hub()
    from .verbs import push as verb

    with Terminal(err) as progress:
        done = verb.push(
            folder, repo, version=version, private=private, annotations_only=annotations_only, dry_run=dry_run,
            progress=progress,
        )  # fmt: skip
    _show(verb.as_json(done) if as_json else verb.as_screen(done))


@app.command()
def pull(
    repo: Annotated[str, typer.Argument(help="The repository, such as my-team/skin.", show_default=False)],
    version: Annotated[
        str | None, typer.Option(help="Such as 1.1.0; by default the newest.", show_default=False)
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="The corpus folder; by default dataset_builders/<name>.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a version from the Hub as a local release, every file verified."""
    _quiet_hub()
    from .verbs import pull as verb

    with Terminal(err) as progress:
        done = verb.pull(repo, version=version, into=into, progress=progress)
    _show(verb.as_json(done) if as_json else verb.as_screen(done))


@app.command()
def attach(
    folder: Folder,
    repo: Repo,
    version: Annotated[
        str | None, typer.Option(help="Such as 1.1.0; by default the newest.", show_default=False)
    ] = None,
    bump: Annotated[
        Literal["major", "minor", "patch"], typer.Option(help="Which part of the version goes up.")
    ] = "minor",
    as_json: AsJson = False,
) -> None:
    """Join published annotations with your own copy of the pictures, by their hashes."""
    _quiet_hub()
    from .verbs import attach as verb

    with Terminal(err) as progress:
        done = verb.attach(folder, repo, version=version, bump=bump, progress=progress)
    _show(verb.as_json(done) if as_json else verb.as_screen(done))


@app.command()
def card(
    folder: Folder,
    version: Annotated[str | None, typer.Option(help="A release; by default the newest.", show_default=False)] = None,
    repo: Annotated[str | None, typer.Option(help="As it would read in this repository.", show_default=False)] = None,
) -> None:
    """Print the dataset card that `push` would publish."""
    from .verbs import card as verb

    with Terminal(err) as progress:
        text = verb.card(folder, version=version, repo=repo, progress=progress)
    print(text, end="")


@app.command()
def prune(
    folder: Folder,
    keep: Annotated[int, typer.Option(min=1, help="How many of the newest releases stay.")] = 1,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
) -> None:
    """Drop old local releases. What is on the Hub stays there."""
    from .verbs.prune import prune

    gone = prune(folder, keep=keep, dry_run=True)
    if not gone:
        out.print("Nothing to drop.")
        return
    out.print(f"To be dropped: {', '.join(gone)}", markup=False)
    if not yes:
        typer.confirm("Drop them?", abort=True)
    out.print(f"Dropped {len(prune(folder, keep=keep))}; the newest {keep} stay.")


def _quiet_hub() -> None:
    """Hugging Face's own bars, as ours, are for a person who watches; what it logs names signed addresses."""
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    if not err.is_terminal:
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"


def _show(said: RenderableType) -> None:
    """JSON as it is, other things with line breaks where they are wanted."""
    print(said) if isinstance(said, str) else out.print(said, soft_wrap=True)


def _stopped() -> NoReturn:
    """Exit 130. Where the Ctrl-C fell into an `exec`, as in the making of a dataclass, `sys.exit` would end in SIGINT."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(130)


def main() -> None:
    """Entry point: a person's mistake is one message and exit 1, never a traceback."""
    # Imports make some hundred thousand objects that stay: walking them again and again for garbage
    # would take a third of a short command's time.
    gc.set_threshold(100_000, 50, 100)
    try:
        app()
    except MmdataError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        _stopped()
    except SystemExit as end:
        if end.code == 130:
            _stopped()
        raise
    except BrokenPipeError:  # `mmdata list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # Of a place that the user named: no rights, a read-only disk.
        print(f"error: {error.filename or 'the disk'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

"""The command line: arguments in, one function called, its result shown."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from .errors import MmdataError
from .progress import Terminal

app = typer.Typer(
    help="A folder of raw pictures and records becomes a validated, versioned Hugging Face dataset.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
out, err = Console(soft_wrap=False, highlight=False), Console(stderr=True, highlight=False)

Folder = Annotated[Path, typer.Argument(help="The corpus folder, such as dataset_builders/skin.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON instead.")]


@app.command()
def build(
    folder: Folder,
    source: Annotated[str | None, typer.Option(help="A folder, a .zip, or a URL such as s3://bucket/prefix.")] = None,
    bump: Annotated[
        Literal["major", "minor", "patch"], typer.Option(help="Which part of the version goes up.")
    ] = "minor",
    decode: Annotated[
        Literal["full", "header"], typer.Option(help="Decode every picture, or read only its header.")
    ] = "full",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core by default.", show_default=False)
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Write sample/ out of the corpus's tiny/ instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build the next release: list, check, validate, write, publish."""
    from . import summary
    from .verbs.build import build

    try:
        with Terminal(err) as progress:
            done = build(folder, source, bump=bump, decode=decode, workers=workers, sample=sample, progress=progress)
    except KeyboardInterrupt:
        print(
            "stopped; the releases are as they were. Pictures already checked are not checked again.", file=sys.stderr
        )
        raise typer.Exit(130) from None
    if as_json:
        print(summary.as_json(done))
    else:
        summary.show(done, out)


@app.command()
def demo(
    into: Annotated[
        Path | None, typer.Option(help="Where to put it; by default a new temporary folder.", show_default=False)
    ] = None,
) -> None:
    """See it work: build skin from the pictures that ship with mmdata, offline, without a key."""
    from . import summary
    from .verbs.demo import demo

    done = demo(into)
    summary.show(done, out)
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
    from .verbs.overview import as_table, overview

    found = overview(under)
    if as_json:
        import json

        print(json.dumps(found, ensure_ascii=False))
    else:
        out.print(as_table(found))


@app.command()
def prune(
    folder: Folder,
    keep: Annotated[int, typer.Option(min=1, help="How many of the newest releases stay.")] = 1,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
) -> None:
    """Drop old local releases. What is on the Hub stays there."""
    from .verbs.prune import prune, to_prune

    gone = to_prune(folder, keep)
    if not gone:
        out.print("Nothing to drop.")
        return
    out.print(f"To be dropped: {', '.join(gone)}", markup=False)
    if not yes:
        typer.confirm("Drop them?", abort=True)
    prune(folder, keep=keep)


def main() -> None:
    """Entry point: a person's mistake is one message and exit 1, never a traceback."""
    try:
        app()
    except MmdataError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

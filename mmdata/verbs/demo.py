"""`mmdata demo`: the whole loop, offline, with what ships in the package."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..annotation.store import STATUSES
from ..checking.report import Report
from ..corpus import HOME
from ..fixing.outcome import Fixes
from ..replay import replaying
from .annotate import Annotation, annotate
from .build import Build, build
from .check import check
from .fix import fix
from .new import new
from .release import release

ANSWERS = HOME / "skin" / "tiny_answers.jsonl"
"""Written by hand for this demo, faults included; no model made them."""
Step = Build | Annotation | Report | Fixes


@dataclass
class Demo:
    """What the demo left behind."""

    folder: Path
    """The corpus."""
    report: Path
    """The HTML report of the first check, the one that found faults."""
    release: Build
    """The last release: the rows with their descriptions."""


def demo(into: str | Path | None = None, step: Callable[[str, Step], None] = lambda command, result: None) -> Demo:
    """Walk the whole loop: build, annotate, check, fix, ask again, check, release.

    The skin corpus is copied and its drawings are built. The model is a server on loopback that replays
    answers written by hand: some with English words, wrong labels, a refusal, one cut off; its first
    request meets a rate limit, its third a server error.

    Args:
        into: a folder for it; by default a new temporary one.
        step: is called after each step with the command line that does the same, and its result.
    """
    into = Path(into) if into else Path(tempfile.mkdtemp(prefix="mmdata-demo-"))
    folder, html = new("skin", into, like="skin"), into / "report.html"
    with replaying(ANSWERS) as url:
        step("build skin --source skin/tiny", build(folder, folder / "tiny"))
        step("annotate skin --prompt describe", annotate(folder, "describe", base_url=url))
        step("check skin --html report.html", check(folder, prompts=["describe"], html=html))
        fixed = fix(folder, on_contradiction="reannotate", reannotate=["refused"], apply=True, show=3)
        step("fix skin --on-contradiction reannotate --reannotate refused", fixed)
        bad = [status for status in STATUSES if status not in {"ok", "discarded"}]
        again = annotate(folder, "describe", base_url=url, retry=bad)
        step("annotate skin --prompt describe --retry refused --retry empty --retry truncated", again)
        step("check skin", check(folder, prompts=["describe"], pictures=False))
    made = release(folder)
    step("release skin", made)
    return Demo(folder, html, made)

"""The whole way of one corpus: build, annotate, check, release, train, merge, predict, evaluate.

    python training_recipes/run.py training_recipes/runs/skin.yaml --dry-run
    python training_recipes/run.py training_recipes/runs/skin.yaml

It runs the commands that you would type, and shows each. Every one of them does nothing where nothing is left to do,
and goes on where it was stopped: so does this one, run again. It ends where a command fails, with its exit code.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mmdata.training_recipes.common.running import FAILED, STEPS, Run, commands, read


def walk(run: Run, steps: Sequence[str] = STEPS, execute: Callable[[list[str]], int] | None = None) -> int:
    """Runs the commands of these steps, each by `execute`, which returns its exit code; returns that of the one that failed."""
    for step, command in commands(run):
        if step not in steps:
            continue
        print(f"\n$ {shown(command)}", flush=True)
        if execute is None:
            continue
        run.report.parent.mkdir(parents=True, exist_ok=True)
        if step == "check":
            run.report.unlink(missing_ok=True)  # That there is one says afterwards that the check ran.
        code = execute(command)
        if code == FAILED and step == "predict":
            continue  # Answers that failed are in the evaluation, whose code is then 1.
        if code == 1 and step == "check" and run.check == "go on" and run.report.exists():
            continue
        if code:
            print(f"\n{step} ended with {code}. Put right what it says, and run the same again.", file=sys.stderr)
            return code
    return 0


def shown(command: list[str]) -> str:
    """As it is typed."""
    return shlex.join(command).replace(f"{sys.executable} -m mmdata.cli", "mmdata").replace(sys.executable, "python")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--start", choices=STEPS, default=STEPS[0], help="the first step; by default build")
    parser.add_argument("--until", choices=STEPS, default=STEPS[-1], help="the last step; by default evaluate")
    parser.add_argument("--dry-run", action="store_true", help="only show the commands")
    given = parser.parse_args()
    steps = STEPS[STEPS.index(given.start) : STEPS.index(given.until) + 1]
    execute = None if given.dry_run else lambda command: subprocess.run(command, check=False).returncode  # noqa: S603
    raise SystemExit(walk(read(given.config), steps, execute))


if __name__ == "__main__":
    main()

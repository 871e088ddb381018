"""One case of a benchmark in a process of its own: what it says, its CPU time, its peak memory."""

import os
import sys
import time
from pathlib import Path

import psutil


def measured(script: str, case: str, work: Path, memory: bool) -> tuple[float, float, float]:
    """The last word that the case prints, the CPU seconds of its process tree, and the tree's peak PSS in MB.

    Args:
        script: run as `script --case CASE --work WORK`.
        memory: looking slows the process that is looked at; without it the peak is 0.
    """
    command = [sys.executable, script, "--case", case, "--work", str(work)]
    process = psutil.Popen(command, stdout=-1, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    peak = 0.0
    spent: dict[int, float] = {}
    while process.poll() is None:
        time.sleep(0.2)
        total = 0
        for one in [process, *process.children(recursive=True)]:
            try:
                total += one.memory_full_info().pss if memory else 0
                spent[one.pid] = sum(one.cpu_times()[:2])
            except psutil.Error:
                continue
        peak = max(peak, total / 1e6)
    if process.returncode:
        sys.exit(f"{case} failed")
    return float(process.stdout.read().split()[-1]), sum(spent.values()), peak

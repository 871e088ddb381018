"""A fetch killed at any moment and run again ends with every file whole, and nothing else under its name."""

import os
import random
import shutil
import signal
import subprocess
import sys

import yaml
from fetch_server import Fault
from fetching import a_zip, sha256, tree
from kit import encoded, photo

KILLS = 18
# One import for all runs: each is a fork of this.
FORKS = """
import os, signal, sys, time
from fetching import quickly
from mmdata.verbs.fetch import fetch
for line in sys.stdin:
    child = os.fork()
    if not child:
        with quickly():
            done = fetch(sys.argv[1])
        os._exit(1 if done.failures else 0)
    if line != "whole\\n":
        time.sleep(float(line))
        os.kill(child, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_killed_at_any_moment_it_goes_on(corpus, site):
    r = random.Random(3)
    inside = [(f"사진/{n:03}.bin", r.randbytes(2_000)) for n in range(300)]
    site.files = {"/big.bin": r.randbytes(3_000_000), "/a.zip": a_zip(*inside), "/unknown.bin": r.randbytes(400_000)}
    site.files |= {f"/{n}.png": encoded(photo(n)) for n in range(30)}
    site.faults = {"/big.bin": [Fault("cut", part=0.9)] * 3, "/0.png": [Fault("status", status=503)]}
    site.always["/gone.zip"] = Fault("status", status=404)
    site.delay = 0.004
    entries = [{"url": f"{site.url}{path}", "name": path[1:]} for path in [*site.files, "/gone.zip"]]
    for entry in entries[:2]:
        entry["sha256"] = sha256(site.files[f"/{entry['name']}"])
    (corpus / "sources.yaml").write_text(yaml.safe_dump(entries))
    command = [sys.executable, "-c", FORKS, str(corpus)]
    environment = os.environ | {"PYTHONPATH": os.path.dirname(__file__)}
    source, killed = corpus / "source", 0
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as forks:
        for number in range(KILLS + 1):
            forks.stdin.write("whole\n" if number == KILLS else f"{r.uniform(0.01, 0.15)}\n")
            code = int(forks.stdout.readline())
            if code == -signal.SIGKILL:
                killed += 1
            elif number < KILLS:
                shutil.rmtree(source)  # It was faster: there is something to do again.
                continue
            for path, content in site.files.items():
                if (source / path[1:]).exists():
                    assert (source / path[1:]).read_bytes() == content
            if (source / "a").exists():
                assert tree(source / "a") == dict(inside)
        forks.stdin.close()
    assert code == 1, "gone.zip is gone"
    assert killed >= KILLS / 2
    assert {path.name for path in source.iterdir()} == {
        *(path[1:] for path in site.files), "a", ".fetch",
    }  # fmt: skip
    assert tree(source / "a") == dict(inside)
    assert {path.name.rpartition(".")[2] for path in (source / ".fetch").iterdir()} == {"lock", "json", "jsonl", "csv"}
    assert any(site.ranges("/big.bin")), "it was gone on with"

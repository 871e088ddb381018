"""`mmdata annotate` beside the leanest `openai` loop, against a counting server; and its ways to fail.

    python tests/benchmarks/annotate.py --bench ../shared/bench --rounds 3 --work /tmp/mmdata-bench

`--bench` is the folder with the fake server and the other peers; its `peer_ref.py` runs too. Rows are
made by its make_data.py: pictures of about 50 kB.
"""

import argparse
import itertools
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

import mmdata
from mmdata.annotation.prompt import read_prompt
from mmdata.annotation.questions import key_of
from mmdata.annotation.store import Answer, writing
from mmdata.corpus import Corpus
from mmdata.reading import Release
from mmdata.releases import Releases

BUILDER = '''"""Rows of a manifest."""
import json
from pathlib import Path
from typing import Annotated
from mmdata import CorpusBuilder, Item
from mmdata.schemas import Id, Image, Picture, Record

class Row(Record):
    id: Annotated[str, Id()]
    image: Annotated[Picture, Image()]
    label: str

class Rows(CorpusBuilder):
    """Rows of a manifest."""
    schema = Row
    def items(self, listing):
        rows = [json.loads(line) for line in Path({manifest!r}).open(encoding="utf-8")]
        files = {{file.name: file for file in listing.files()}}
        for row in rows:
            name = Path(row["image"]).name
            yield Item(row["id"], "train", {{"image": files[name]}}, {{"label": row["label"]}})
'''
PROMPT = """id: caption
model: gpt-4o-mini
fields: [id, label]
user: "{{ id }} {{ label }} 이 사진을 한국어 한 문장으로 설명하고 JSON으로 답하세요."
"""
CARD = "---\npretty_name: Rows\nlicense: cc0-1.0\nconfigs:\n- config_name: sample\n  data_files: sample/*.parquet\n---\n# Rows\n"
HERE = Path(__file__).parent


class Server:
    """The bench's counting server, started anew."""

    def __init__(self, bench: Path, port: int, *options: str):
        command = [sys.executable, bench / "fake_server.py", "--port", str(port), *options]
        self.process, self.url = subprocess.Popen(command), f"http://127.0.0.1:{port}"
        for _ in range(100):
            try:
                self.stats()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("the server did not start")

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/stats", timeout=5) as reply:
            return json.load(reply)

    def stop(self) -> dict[str, Any]:
        stats = self.stats()
        self.process.kill()
        self.process.wait()
        return stats


def corpus(folder: Path, manifest: Path, pictures: Path) -> Path:
    """A corpus of the manifest's rows, built; the store is kept if there was one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prompts").mkdir(exist_ok=True)
    (folder / "builder.py").write_text(BUILDER.format(manifest=str(manifest)), encoding="utf-8")
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    (folder / "prompts" / "caption.yaml").write_text(PROMPT, encoding="utf-8")
    shutil.rmtree(folder / "data", ignore_errors=True)
    (folder / ".cache.sqlite").unlink(missing_ok=True)
    mmdata.build(folder, pictures, decode="header")
    return folder


def measured(command: list[Any], server: Server, kill_at: int | None = None) -> dict[str, float]:
    """Wall and CPU seconds, peak RSS in MB; killed with -9 once the server has had so many calls."""
    began = time.perf_counter()
    process = psutil.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    peak = cpu = 0.0
    while process.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss)
            times = process.cpu_times()
            cpu = times.user + times.system
        except psutil.Error:
            break
        if kill_at and server.stats()["calls"] >= kill_at:  # Asked every 20 ms.
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.02)
    output = process.communicate()[0].decode()
    if process.returncode and not kill_at:
        raise SystemExit(f"{command}\n{output}")
    return {"wall": time.perf_counter() - began, "cpu": cpu, "MB": peak / 1e6}


def ours(folder: Path, url: str, concurrency: int) -> list[Any]:
    return [
        sys.executable,
        "-m",
        "mmdata.cli",
        "annotate",
        folder,
        "--base-url",
        f"{url}/v1",
        "--concurrency",
        concurrency,
        "--json",
    ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--bench", type=Path, required=True)
    arguments.add_argument("--work", type=Path, default=Path("/tmp/mmdata-bench"))
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--rows", type=int, default=2000)
    arguments.add_argument("--concurrency", type=int, default=64)
    arguments.add_argument("--latency", type=float, default=50)
    arguments.add_argument("--port", type=int, default=8099)
    arguments.add_argument("--modes", default="full,crash,rerun,addrow,prependrow,editrow,r429,p500,resume")
    given = arguments.parse_args()
    n, latency = given.rows, ("--latency-ms", str(given.latency))
    data, work = given.work / f"rows{n}", given.work / "annotate"
    if not (data / "manifest.jsonl").exists():
        subprocess.run([sys.executable, given.bench / "make_data.py", data, str(n)], check=True)
    lines = (data / "manifest.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    manifest = given.work / "manifest.jsonl"
    folder, pictures = work / "rows", data / "images"

    def start(*options: str) -> Server:
        return Server(given.bench, given.port, *latency, *options)

    def fresh(rows: list[str]) -> None:
        shutil.rmtree(work, ignore_errors=True)
        again(rows)

    def again(rows: list[str]) -> None:
        manifest.write_text("".join(rows), encoding="utf-8")
        corpus(folder, manifest, pictures)

    for mode in given.modes.split(","):
        if mode == "resume":
            resume(work, manifest, start)
            continue
        if mode == "full":
            figures: dict[str, list[dict[str, float]]] = {}
            for _ in range(given.rounds):
                fresh(lines)
                for name in ("mmdata", "lean openai", "ref (aiohttp, no SDK)"):
                    server = start()
                    out = work / "out"
                    shutil.rmtree(out, ignore_errors=True)
                    peers = {
                        "lean openai": HERE / "lean_openai.py",
                        "ref (aiohttp, no SDK)": given.bench / "peer_ref.py",
                    }
                    command = (
                        ours(folder, server.url, given.concurrency)
                        if name == "mmdata"
                        else [sys.executable, peers[name], f"{server.url}/v1", manifest, out, given.concurrency]
                    )
                    one = measured(command, server)
                    stats = server.stop()
                    one |= {"calls": stats["calls"], "steady/s": stats["calls"] / (stats["last"] - stats["first"])}
                    figures.setdefault(name, []).append(one)
                    print(f"full {name:24}", {k: round(v, 2) for k, v in one.items()}, flush=True)
            for name, runs in figures.items():
                median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
                print(f"MEDIAN {name:24} {n / median['wall']:6.0f} rows/s, steady {median['steady/s']:6.0f}/s, "
                      f"{1000 * median['cpu'] / n:.2f} ms CPU a call, {median['MB']:.0f} MB")  # fmt: skip
            size = sum(p.stat().st_size for p in folder.glob("annotations.sqlite*"))
            print(f"store: {size / n:.0f} bytes a row", flush=True)
            continue
        options = {"r429": ("--rpm", "1200"), "p500": ("--p500", "0.05", "--dead", "0.02")}.get(mode, ())
        first = {"addrow": lines[:-1], "prependrow": lines[1:]}.get(mode, lines)
        fresh(first)
        server = start(*options)
        kill_at = n // 2 if mode == "crash" else None
        one = measured(ours(folder, server.url, given.concurrency), server, kill_at)
        print(f"{mode} first", {k: round(v, 2) for k, v in one.items()}, brief(server.stats()), flush=True)
        if mode in {"r429", "p500"}:
            server.stop()
            continue
        before = server.stats()["calls"]
        if mode == "editrow":
            edited = json.loads(lines[5]) | {"label": "changed"}
            again([*lines[:5], json.dumps(edited) + "\n", *lines[6:]])
        elif mode in {"addrow", "prependrow"}:
            again(lines)
        two = measured(ours(folder, server.url, given.concurrency), server)
        stats = server.stop()
        print(
            f"{mode} again",
            {k: round(v, 2) for k, v in two.items()},
            f"calls {stats['calls'] - before}",
            brief(stats),
            flush=True,
        )


def resume(work: Path, manifest: Path, start: Callable[..., Server]) -> None:
    """Seconds to find nothing to do in 10,000 answered rows, and to the first request with half of 100,000 answered."""
    shutil.rmtree(work, ignore_errors=True)
    pictures = work / "pictures"
    pictures.mkdir(parents=True)
    Image.new("RGB", (32, 32), "red").save(pictures / "one.png")
    for rows, answered in ((10_000, 10_000), (100_000, 50_000)):
        shutil.rmtree(work / "rows", ignore_errors=True)
        lines = (json.dumps({"id": f"ROW-{n:06d}", "image": "one.png", "label": "x"}) + "\n" for n in range(rows))
        manifest.write_text("".join(lines), encoding="utf-8")
        folder = corpus(work / "rows", manifest, pictures)
        release = Release(folder, Releases(Corpus(folder)).newest())
        prompt = read_prompt(folder, "caption", release.kinds)
        with writing(folder) as store:
            store.keep_prompt(prompt.sha256, prompt.id, prompt.model_dump_json())
            todo = itertools.islice(release.rows(prompt.fields), answered)
            store.add(prompt.id, prompt.sha256, prompt.model, [
                Answer(key_of(prompt, row)[0], row.id, "ok", value="답", raw="{}") for row in todo
            ])  # fmt: skip
        times = []
        for _ in range(3):
            server = start()
            began = time.perf_counter()
            if answered == rows:
                measured(ours(folder, server.url, 64), server)
            else:
                measured(ours(folder, server.url, 64), server, kill_at=1)
            times.append(time.perf_counter() - began)
            server.stop()
        what = "nothing to do" if answered == rows else "to the first request"
        print(f"{rows} rows, {answered} answered, {what}: {statistics.median(times):.2f} s", flush=True)


def brief(stats: dict[str, Any]) -> str:
    return ", ".join(
        f"{k} {stats[k]}" for k in ("calls", "ok", "unique_ok", "repeated_calls", "repeated_ok", "r429", "max_inflight")
    )


if __name__ == "__main__":
    os.environ.pop("OPENAI_BASE_URL", None)
    main()

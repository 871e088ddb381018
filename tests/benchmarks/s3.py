"""Objects a second from a real S3 server on loopback: a build, and obstore alone with 16 threads.

    python tests/benchmarks/s3.py --rounds 5

Each case runs in a fresh process. "read" is the time without the start of the process: for the
build, what is left after taking off a build of 12 objects.
"""

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
from obstore.store import S3Store

sys.path.insert(0, str(Path(__file__).parents[1]))

from weed import KEYS, Server

CLASSES, VIEWS = ["건선", "아토피", "여드름", "주사", "지루", "정상"], ("정면", "측면")


def png(number: int, size: int) -> bytes:
    """A whole PNG of random pixels, as near `size` bytes as rows allow."""
    r = random.Random(number)
    width = 256
    height = max(1, size // (3 * width))
    rows = b"".join(b"\0" + r.randbytes(3 * width) for _ in range(height))

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


def fill(store: S3Store, prefix: str, count: int, size: int) -> None:
    def put(n: int) -> None:
        half, letter = ("Training", "TS") if n % 9 else ("Validation", "VS")
        folder = f"{half}/images/{letter}_{CLASSES[n % 6]}_{VIEWS[n // 6 % 2]}"
        obstore.put(store, f"{prefix}/{folder}/H{n % 7}_{n:06d}_P0_L0.png", png(n, size))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(count)))


ALONE = """
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
import obstore
from obstore.store import from_url
began = time.perf_counter()
store = from_url(sys.argv[1], client_options={"allow_http": True})
keys = [meta["path"] for page in obstore.list(store) for meta in page]
with ThreadPoolExecutor(16) as threads:
    for data in threads.map(lambda key: len(bytes(obstore.get(store, key).bytes())), keys):
        pass
print(time.perf_counter() - began)
"""


def alone(url: str) -> tuple[float, float]:
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", ALONE, url], check=True, capture_output=True, text=True)
    return time.perf_counter() - began, float(done.stdout)


def build(url: str, work: Path) -> float:
    import mmdata

    shutil.rmtree(work / "out", ignore_errors=True)
    folder = mmdata.new("skin", work / "out", like="skin")
    began = time.perf_counter()
    command = [sys.executable, "-m", "mmdata.cli", "build", folder, "--source", url, "--decode", "header"]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    rounds = arguments.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="mmdata-bench-") as place:
        work = Path(place)
        server = Server(work / "weed")
        os.environ.update(KEYS | {"AWS_ENDPOINT_URL": server.url})
        try:
            fill(server.store, "start", 12, 40_000)
            for count, size in ((2000, 40_000), (1000, 500_000)):
                fill(server.store, str(size), count, size)
                figures: dict[str, list[float]] = {}
                for _ in range(rounds):
                    start = build("s3://bucket/start", work)
                    whole, read = alone(f"s3://bucket/{size}")
                    ours = build(f"s3://bucket/{size}", work)
                    one = {"obstore, read": count / read, "mmdata, whole": count / ours}
                    one |= {"mmdata, read": count / (ours - start), "whole / obstore whole": whole / ours}
                    one |= {"whole / obstore read": read / ours, "read / obstore read": read / (ours - start)}
                    print({name: round(value, 2) for name, value in one.items()}, flush=True)
                    for name, value in one.items():
                        figures.setdefault(name, []).append(value)
                for name, values in figures.items():
                    print(f"{count} × {size // 1000} kB   {name:24} {statistics.median(values):8.2f}")
        finally:
            server.stop()


if __name__ == "__main__":
    main()

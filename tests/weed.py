"""A real S3 server on loopback: SeaweedFS with one key and one bucket."""

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.store import S3Store

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
IDENTITIES = {
    "identities": [
        {
            "name": "tests",
            "credentials": [{"accessKey": "key", "secretKey": "secret"}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
    ]
}


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Server:
    """SeaweedFS with one key."""

    def __init__(self, folder: Path):
        folder.mkdir()
        (folder / "s3.json").write_text(json.dumps(IDENTITIES))
        names = ["master.port", "volume.port", "filer.port", "s3.port"]
        ports = free_ports(8)
        flags = [f"-{name}={ports[i]}" for i, name in enumerate(names)]
        flags += [f"-{name}.grpc={ports[i + 4]}" for i, name in enumerate(names)]
        self.port, self.url = ports[3], f"http://127.0.0.1:{ports[3]}"
        weed = Path(sys.executable).parent / "weed"
        command = [weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", "-filer", "-s3"]
        self._log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [*command, f"-s3.config={folder / 's3.json'}", "-volume.max=20", *flags],
            stdout=self._log,
            stderr=self._log,
            cwd=folder,
        )
        self.store = S3Store(
            "bucket", endpoint=self.url, access_key_id="key", secret_access_key="secret", region="us-east-1",
            client_options={"allow_http": True}, retry_config={"max_retries": 0},
        )  # fmt: skip
        self._make_bucket()

    def _make_bucket(self) -> None:
        # A PUT of the bucket itself: obstore has no call for it, but signs the empty key of a bucket-less store.
        root = S3Store(
            "bucket", endpoint=f"{self.url}/bucket", access_key_id="key", secret_access_key="secret", region="us-east-1",
            client_options={"allow_http": True}, retry_config={"max_retries": 0}, virtual_hosted_style_request=True,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while True:
            try:
                return self._put_bucket(root)
            except Exception:
                assert time.monotonic() < deadline and self.process.poll() is None, "weed did not start"
                time.sleep(0.2)

    def _put_bucket(self, root: S3Store) -> None:
        url = obstore.sign(root, "PUT", "", timedelta(minutes=1))
        urllib.request.urlopen(urllib.request.Request(url.rstrip("/"), method="PUT"), timeout=5).close()
        obstore.put(self.store, "probe", b"x")

    def put(self, tree: Path, prefix: str) -> None:
        for path in tree.rglob("*"):
            if path.is_file():
                obstore.put(self.store, f"{prefix}/{path.relative_to(tree)}", path.read_bytes())

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()

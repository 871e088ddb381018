"""One case of `push.py`, in a process of its own that imports nothing else.

push_cases.py CASE FOLDER VERSION REPO SIGNATURE
"""

import os
import sys
from pathlib import Path


def push(folder: Path, version: str, repo: str, signature: str) -> None:
    import mmdata

    mmdata.push(folder, repo, version=version)


def upload_folder(folder: Path, version: str, repo: str, signature: str) -> None:
    """What people do without us: nothing verified, no card made, no tag."""
    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo(repo, repo_type="dataset", exist_ok=True)
    patterns = ["*.md", "*.py", "*.yaml", "prompts/*", "sample/*", f"data/{version}/*"]
    api.upload_folder(repo_id=repo, folder_path=folder, repo_type="dataset", allow_patterns=patterns)


def bare(folder: Path, version: str, repo: str, signature: str) -> None:
    """sha256 of each file and a PUT of it, one after another, and nothing else."""
    import hashlib
    import http.client

    connection = http.client.HTTPConnection(os.environ["HF_ENDPOINT"].removeprefix("http://"), blocksize=1 << 20)
    for path in sorted((folder / "data" / version).iterdir()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            size = {"Content-Length": str(path.stat().st_size)}
            connection.request("PUT", f"/storage/{digest}?X-Signature={signature}", file, size)
            if (reply := connection.getresponse()).read() or reply.status != 200:
                raise SystemExit(f"{path} was not stored")


if __name__ == "__main__":
    case, folder, *rest = sys.argv[1:]
    {"push": push, "upload_folder": upload_folder, "bare": bare}[case](Path(folder), *rest)

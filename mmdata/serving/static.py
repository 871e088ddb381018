"""The page to try it with: its files, as they are served to everyone."""

from collections.abc import Callable
from pathlib import Path

from fastapi import Response

from ..pages import page

HOME = Path(__file__).parent / "page"
FILES = {
    "/": ("text/html", [HOME / "page.html"]),
    "/page.css": ("text/css", [page.COMMON / "page.css", HOME / "page.css"]),
    "/wish.js": ("text/javascript", [HOME / "wish.js"]),
    "/page.js": ("text/javascript", [page.COMMON / "dom.js", HOME / "page.js"]),
}
"""Path → kind, and the files that are served there as one."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What is found and recommended are strangers' texts: none of them runs, whatever it is."""


def answering(path: str) -> Callable[[], Response]:
    """An endpoint that gives what is served at a path."""
    kind, files = FILES[path]
    content = b"".join(file.read_bytes() for file in files)
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    return lambda: Response(content, media_type=kind, headers=headers)

"""One HTML file: how it is put together, and how it is written.

The texts in it are a model's and a stranger's. They travel as JSON that cannot close its element,
reach the page as text nodes only, and a content security policy refuses every script but ours.
"""

import base64
import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import Any

import jinja2

from ..errors import ReleaseError
from .thumbnails import Thumbnails

COMMON = Path(__file__).parent
"""Where what all pages share is: page.html.j2, page.css, page.js; and dom.js, which the service's page has too."""
CHARACTERS = 1_000
"""Of one message, excerpt or answer."""


def rendered(template: Path, *, title: str, data: Any, thumbnails: Thumbnails, licence: str) -> str:
    """The whole file as text.

    Args:
        template: `NAME.html.j2`, with NAME.css and NAME.js beside it, which go on from those that all pages share.
        title: of the page.
        data: what the page's script draws, as JSON has it.
        thumbnails: pictures of rows.
        licence: of the pictures, as the corpus's card says; the footer repeats it.
    """
    name = template.name.removesuffix(".html.j2")
    parts = {"report": _embedded(data), "thumbnails": _embedded({**thumbnails._asdict(), "licence": licence})}
    shared = {"css": ["page.css"], "js": ["dom.js", "page.js"]}
    code = {
        kind: "".join(map(_read, (*(COMMON / one for one in names), template.with_name(f"{name}.{kind}"))))
        for kind, names in shared.items()
    }
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, loader=jinja2.FileSystemLoader([template.parent, COMMON])
    )
    return environment.get_template(template.name).render(
        title=title,
        bytes=sum(len(part.encode()) for part in (*parts.values(), *code.values())),
        hashes={kind: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for kind, text in code.items()},
        **parts,
        **code,
    )


def write(path: Path, text: str, what: str) -> None:
    """Write a file whole: a reader sees the old one or the new one.

    Only a file is ever replaced: renaming over a device would take it away from the whole machine.

    Args:
        path: the file; its folder must exist. Where it is a link, what it leads to is written.
        text: what is to be in it.
        what: it is, for the message.

    Raises:
        ReleaseError: it cannot be written.
    """
    place = Path(os.path.realpath(path))
    if os.path.lexists(place) and not place.is_file():
        kind = "a folder" if place.is_dir() else "no regular file"
        raise ReleaseError(f"{path}: {what} cannot be written there: it is {kind}. Name a file in a folder that exists")
    new = place.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with new.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, place)
    except OSError as error:
        raise ReleaseError(
            f"{path}: {what} cannot be written ({error.strerror}). Name a file in a folder that exists, "
            "may be written to and has room"
        ) from None
    finally:
        new.unlink(missing_ok=True)


def clipped(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _embedded(data: Any) -> str:
    """JSON that is safe inside a script element and, with U+2028 and U+2029 escaped, in JavaScript too."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":  # `translate` would take a second for 10 MB of Korean.
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text

"""From a row to the bytes of a request."""

import base64
import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..reading import Release, Row
from .money import picture_tokens, text_tokens
from .prompt import Prompt, Rendered

MAGIC = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp", b"GIF8": "gif"}


class Question(NamedTuple):
    """One request, ready to be sent."""

    key: bytes
    row_id: str
    body: bytes
    """Of `POST /chat/completions`."""
    tokens_in: int
    """About."""
    unsendable: str = ""
    """Why the row cannot be asked; then there is no body."""


def key_of(prompt: Prompt, row: Row) -> tuple[bytes, Rendered]:
    """What the row asks."""
    rendered = prompt.render(row.values)
    return prompt.key(rendered, row.pictures.get(prompt.image or "", ())), rendered


def questions(
    prompt: Prompt, release: Release, rows: Iterator[Row], tokens_in: int | None = None
) -> Iterator[Question]:
    """The requests of some rows, given in the order of the release.

    Args:
        tokens_in: about what each has; None looks at every picture's size, which takes as long again.
    """
    head = json.dumps({"model": prompt.model, **prompt.parameters, **_format(prompt)}, ensure_ascii=False)[:-1]
    if prompt.image is None:
        pairs: Iterator[tuple[Row, list[bytes]]] = ((row, []) for row in rows)
    else:
        pairs = iter(release.pictures(prompt.image, rows))
    for row, pictures in pairs:
        key, rendered = key_of(prompt, row)
        sizes: list[tuple[int, int]] = []
        try:
            if tokens_in is None or prompt.max_side is not None:
                sent = [smaller(picture, prompt.max_side) for picture in pictures]
                pictures, sizes = [picture for picture, _ in sent], [size for _, size in sent]
            kinds = [media_type(picture) for picture in pictures]
        except (OSError, ValueError) as error:  # What Pillow says of damage that a header check let through.
            yield Question(key, row.id, b"", 0, f"the picture of {row.place} cannot be sent: {error}")
            continue
        tokens = tokens_in
        if tokens is None:
            tokens = text_tokens(rendered.system) + text_tokens(rendered.user) + 10
            tokens += sum(picture_tokens(prompt.model, *size) for size in sizes)
        yield Question(key, row.id, _body(head, rendered, list(zip(pictures, kinds, strict=True))), tokens)


def smaller(picture: bytes, max_side: int | None) -> tuple[bytes, tuple[int, int]]:
    """The picture as it is, or as a JPEG where it is larger than `max_side` pixels a side, or of a kind that no
    server takes; with its (width, height)."""
    from PIL import Image, ImageOps

    image: Image.Image = Image.open(io.BytesIO(picture))
    if max_side is None or (max(image.size) <= max_side and _kind(picture)):
        return picture, image.size
    image = ImageOps.exif_transpose(image).convert("RGB")
    image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue(), image.size


def media_type(picture: bytes) -> str:
    """Such as image/png. Raises ValueError for what no server takes."""
    kind = _kind(picture)
    if not kind:
        raise ValueError("it is no PNG, JPEG, WebP or GIF; --max-side 2048 sends a JPEG copy")
    return f"image/{kind}"


def _kind(picture: bytes) -> str:
    return next((name for magic, name in MAGIC.items() if picture.startswith(magic)), "")


def _body(head: str, rendered: Rendered, pictures: list[tuple[bytes, str]]) -> bytes:
    """JSON put together by hand: the pictures, each with its media type, are by far the most of it, and are copied once."""
    system = (
        json.dumps({"role": "system", "content": rendered.system}, ensure_ascii=False) + ", " if rendered.system else ""
    )
    text = json.dumps(rendered.user, ensure_ascii=False)
    if not pictures:
        return f'{head}, "messages": [{system}{{"role": "user", "content": {text}}}]}}'.encode()
    parts = [f'{head}, "messages": [{system}{{"role": "user", "content": [{{"type": "text", "text": {text}}}'.encode()]
    for picture, kind in pictures:
        parts.append(f', {{"type": "image_url", "image_url": {{"url": "data:{kind};base64,'.encode())
        parts += (base64.b64encode(picture), b'"}}')
    return b"".join((*parts, b"]}]}"))


def _format(prompt: Prompt) -> dict[str, Any]:
    return {"response_format": prompt.response_format} if prompt.response_format else {}

"""Is an upload a picture? Its content says so, never its name, which is not read."""

import io

from fastapi import HTTPException
from PIL import Image, UnidentifiedImageError

from ..errors import MmdataError
from ..searching.decoding import decoded

KINDS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 50_000_000
"""Of an upload: a phone's picture; 150 MB decoded."""


def checked(data: bytes) -> bytes:
    """The bytes, if they are a JPEG, PNG or WebP of MAX_PIXELS at most. Nothing is decoded yet.

    Raises:
        HTTPException: 415, it is none.
        MmdataError: it is too large, or its header is broken.
    """
    try:
        with Image.open(io.BytesIO(data), formats=KINDS) as image:
            width, height = image.size
    except UnidentifiedImageError:
        raise HTTPException(415, "image: the upload is no JPEG, PNG or WebP. Save it as one of these") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise MmdataError(_too_many("it has")) from None
    except Exception as error:  # On damaged files Pillow's decoders raise nearly everything.
        raise MmdataError(f"image: its header cannot be read ({type(error).__name__}). Send it anew") from None
    if width * height > MAX_PIXELS:
        raise MmdataError(_too_many(f"{width} × {height} are"))
    return data


def redrawn(data: bytes, side: int, quality: int) -> bytes:
    """A picture as a small upright JPEG, without what EXIF knows of where it was taken."""
    out = io.BytesIO()
    decoded(data, side).save(out, "JPEG", quality=quality)
    return out.getvalue()


def _too_many(what: str) -> str:
    return f"image: {what} more than {MAX_PIXELS:,} pixels. Send a smaller picture"

"""Pictures as encoders see them: upright, RGB, transparent ones on white, and no larger than is looked at."""

import io
import threading
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import MmdataError
from ..images import MAX_PIXELS

_OPENING = threading.Lock()


class Unreadable(MmdataError):
    """What was given is no picture, or a broken one."""


def decoded(data: bytes, side: int) -> Image.Image:
    """A picture, made smaller while it is decoded where it is larger than `side` pixels on its longer side.

    Raises Unreadable with the fault in a few words.
    """
    try:
        with _OPENING, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's size warning: the next line is stricter.
            image: Image.Image = Image.open(io.BytesIO(data))
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise Unreadable(f"{width} × {height} pixels are more than {MAX_PIXELS:,}")
        if image.format != "JPEG":  # Which is not decoded larger than it is wanted.
            image = _plain(ImageOps.exif_transpose(image))
        image.thumbnail((side, side), reducing_gap=2.0)
        return _plain(ImageOps.exif_transpose(image))
    except Unreadable:
        raise
    except UnidentifiedImageError:
        raise Unreadable(f"no picture that Pillow can read (it begins with {data[:12]!r})") from None
    except Exception as error:  # On damaged files Pillow's forty decoders raise nearly everything.
        raise Unreadable(f"a picture that cannot be decoded: {str(error) or type(error).__name__}") from None


def _plain(image: Image.Image) -> Image.Image:
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        return Image.alpha_composite(white, seen).convert("RGB")
    return image.convert("RGB")

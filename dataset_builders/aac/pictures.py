"""A card's picture as it goes into a release: still, opaque, on white."""

import io
import warnings

from PIL import Image, UnidentifiedImageError

LARGEST = 20 << 20
"""Bytes of a picture."""
MOST_PIXELS = 16_000_000
KEPT = {"PNG", "JPEG"}
"""Formats that are left byte for byte, if they are opaque."""


class Unusable(ValueError):
    """These bytes are no picture of a card; the message says why."""


def on_white(data: bytes, size: int | None = None) -> bytes:
    """The picture itself, or a PNG of it on white where it is transparent, or no PNG or JPEG.

    ARASAAC's pictograms are black lines on nothing: read as RGB, the nothing turns black, or whatever colour lies
    under it.

    Args:
        size: pixels of a square that it is laid in the middle of; by default its own.

    Raises:
        Unusable: it is broken, animated, or too large.
    """
    if len(data) > LARGEST:
        raise Unusable(f"it has {len(data):,} bytes, more than {LARGEST:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own line for large pictures; ours is below.
            image = Image.open(io.BytesIO(data))
            if image.width * image.height > MOST_PIXELS:
                raise Unusable(f"it has {image.width} × {image.height} pixels, more than {MOST_PIXELS:,}")
            if getattr(image, "n_frames", 1) > 1:
                raise Unusable(f"it has {image.n_frames} frames; one picture is wanted")
            image.load()
            clear = _is_clear(image)
            if size is None and image.format in KEPT and not clear and image.mode in {"RGB", "L", "P", "1"}:
                return data
            if size is None and image.mode == "P" and clear:
                return _png(_palette_on_white(image))
            image = image.convert("RGBA" if clear else "RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise Unusable("it is no picture that Pillow reads") from None
    except Unusable:
        raise
    except Exception as error:  # On damaged files Pillow's decoders raise nearly everything.
        raise Unusable(f"it cannot be decoded: {error or type(error).__name__}") from None
    width, height = (size, size) if size else image.size
    page = Image.new("RGB", (width, height), "white")
    page.paste(image, ((width - image.width) // 2, (height - image.height) // 2), image if clear else None)
    return _png(page)


def _is_clear(image: Image.Image) -> bool:
    """Whether anything shines through it."""
    if "A" in image.getbands() or "transparency" in image.info:
        return image.convert("RGBA").getextrema()[3][0] < 255
    return False


def _palette_on_white(image: Image.Image) -> Image.Image:
    """The same pixels with each of the palette's colours on white: as exact, and a third of the size."""
    image.apply_transparency()
    flat = image.getpalette("RGBA") or []
    colours = []
    for at in range(0, len(flat), 4):
        *colour, alpha = flat[at : at + 4]
        colours += [(value * alpha + 255 * (255 - alpha) + 127) // 255 for value in colour]
    image.putpalette(colours)
    return image


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()

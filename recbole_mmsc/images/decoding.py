"""From the bytes of a file that nobody vouches for to a picture, or to the reason why not."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 50_000_000


class BadImage(ValueError):
    """The bytes are no usable picture; the text is the reason, fit for a list of them."""


def decode_image(
    data: bytes, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Decode a picture; its format is told by its content, never by its name.

    Transparent parts become white, the orientation that a camera noted is applied, and of an
    animation the first frame is taken.

    Args:
        data: the whole file.
        max_bytes: a larger file is refused unread.
        max_pixels: a larger picture is refused before it is decoded: a small file can hold one.

    Returns:
        The picture in RGB.

    Raises:
        BadImage: empty, too large, of another format, truncated or damaged.
    """
    check_image(data, max_bytes, max_pixels)
    with _distrusted("damaged or truncated"), Image.open(io.BytesIO(data)) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):
            upright = _in_eight_bits(upright)
        if "transparency" in upright.info or upright.mode in ("RGBA", "LA", "PA"):
            layer = upright.convert("RGBA")
            upright = Image.new("RGBA", layer.size, "white")
            upright.alpha_composite(layer)
        return upright.convert("RGB")


def check_image(data: bytes, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> str:
    """Check all that can be checked without decoding.

    Args:
        data: the whole file.
        max_bytes: the largest file.
        max_pixels: the largest picture, width times height.

    Returns:
        The format, one of :data:`FORMATS`.

    Raises:
        BadImage: empty, too large, or of another format.
    """
    if not data:
        raise BadImage("empty file")
    if len(data) > max_bytes:
        raise BadImage(f"{len(data):,} bytes, the limit is {max_bytes:,}")
    with _distrusted("no picture"), Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height, found = *image.size, str(image.format)
    if width * height > max_pixels:
        raise BadImage(f"{width:,} x {height:,} pixels, the limit is {max_pixels:,} in all")
    return found


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """Greys of 16 bits by their higher byte: Pillow's own conversion makes all above 255 white."""
    grey = image.point(lambda value: value / 256).convert("L")
    if "transparency" in grey.info:
        grey.info["transparency"] //= 256
    return grey


@contextmanager
def without_warnings() -> Iterator[None]:
    """Silence Pillow, whose warnings say nothing that the reasons and our own limits do not.

    To be entered once, around all threads that decode: Python has one list of filters for all of
    them, which two that come and go at once would leave in disorder.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _distrusted(problem: str) -> Iterator[None]:
    """Whatever a decoder throws at hostile bytes becomes :class:`BadImage`."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise BadImage(f"too many pixels ({error})") from error
    except UnidentifiedImageError as error:
        raise BadImage(f"none of {', '.join(FORMATS)}") from error
    except Exception as error:
        raise BadImage(f"{problem} ({type(error).__name__}: {error})") from error

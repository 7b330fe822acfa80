"""Bytes that nobody vouches for become a picture, or a reason."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from recbole_mmsc.images.decoding import BadImage, check_image, decode_image, without_warnings


def encoded(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


RED = Image.new("RGB", (4, 3), (255, 0, 0))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_the_usual_formats_are_told_by_their_content(format):
    data = encoded(RED, format)
    assert check_image(data) == format
    image = decode_image(data)
    assert (image.mode, image.size) == ("RGB", (4, 3))
    assert image.getpixel((1, 1)) == pytest.approx((255, 0, 0), abs=5)


def test_transparent_parts_become_white():
    assert decode_image(encoded(Image.new("RGBA", (2, 2), (0, 0, 0, 0)))).getpixel((0, 0)) == (
        255,
        255,
        255,
    )


def test_greys_of_sixteen_bits_keep_their_shades():
    greys = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    found = decode_image(encoded(Image.fromarray(greys)))
    expected = decode_image(encoded(Image.fromarray((greys // 257).astype(np.uint8))))
    np.testing.assert_allclose(np.asarray(found, int), np.asarray(expected, int), atol=1)
    transparent = encoded(Image.fromarray(greys), transparency=0x1234)
    assert decode_image(transparent).getpixel((0x34, 0x12)) == (255, 255, 255)
    assert decode_image(transparent).getpixel((0x34, 0x56)) == (0x56, 0x56, 0x56)


def test_the_orientation_of_the_camera_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    assert decode_image(encoded(RED, "JPEG", exif=exif)).size == (3, 4)


def bomb(width, height):
    """A PNG of some hundred bytes whose header claims a huge picture."""

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


NOISY = encoded(Image.effect_noise((64, 64), 90).convert("RGB"), "JPEG")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"<html>not found</html>", "none of JPEG, PNG"),
        (b"%PDF-1.7 " + bytes(100), "none of JPEG, PNG"),
        (encoded(RED, "TIFF"), "none of JPEG, PNG"),
        (bomb(10_000, 10_000), "10,000 x 10,000 pixels, the limit is"),
        (bomb(2_000_000, 2_000_000), "too many pixels"),
        (NOISY[: len(NOISY) // 2], "damaged or truncated"),
        (encoded(RED)[:40], "no picture|damaged or truncated|none of"),
        (bytes(21 * 2**20), "bytes, the limit is"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_usable_picture_has_a_reason(data, reason):
    with pytest.raises(BadImage, match=reason), without_warnings():
        decode_image(data)


def test_limits_can_be_narrower():
    with pytest.raises(BadImage, match="4 x 3 pixels, the limit is 11 in all"):
        decode_image(encoded(RED), max_pixels=11)
    with pytest.raises(BadImage, match="the limit is 10"):
        check_image(encoded(RED), max_bytes=10)

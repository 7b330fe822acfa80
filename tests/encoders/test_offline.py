"""Statistics of pictures and the encoder that reads both modalities without weights."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from recbole_mmsc.encoders import get_encoder
from recbole_mmsc.encoders.picture_statistics import SIDE, picture_statistics

COLOURS, EDGES, LAYOUT = slice(0, 135), slice(135, 423), slice(423, 567)


def drawing(shape, colour, box=(20, 20, 76, 76)):
    image = Image.new("RGB", (SIDE, SIDE), "white")
    getattr(ImageDraw.Draw(image), shape)(box, fill=colour)
    return image


def alike(a, b, block=slice(None)):
    """The overlap of two pictures' statistics, in [0, 1]."""
    a, b = picture_statistics(a)[block], picture_statistics(b)[block]
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def test_statistics_have_length_1_at_any_size():
    for size in ((1, 1), (1, 5000), (3000, 2), (96, 96)):
        statistics = picture_statistics(Image.new("RGB", size, "navy"))
        assert (statistics.shape, statistics.dtype) == ((567,), np.float32)
        assert np.linalg.norm(statistics) == pytest.approx(1, abs=1e-6)


def test_each_block_sees_its_own():
    red, blue = drawing("rectangle", "red"), drawing("rectangle", "blue")
    assert alike(red, blue, LAYOUT) == pytest.approx(1)
    assert alike(red, blue, COLOURS) < 0.8
    moved = drawing("rectangle", "red", (0, 0, 40, 40))
    assert alike(red, moved, LAYOUT) < 0.5
    across, down = (
        drawing("rectangle", "black", box) for box in ((0, 40, 95, 52), (40, 0, 52, 95))
    )
    assert alike(across, across, EDGES) == pytest.approx(1)
    assert alike(across, down, EDGES) < 0.2


def test_a_plain_picture_has_all_colour_in_one_place():
    colours = picture_statistics(Image.new("RGB", (SIDE, SIDE), (0, 255, 255)))[COLOURS]
    hues = colours[:90].reshape(9, 10)
    # cyan is half round the circle of ten hues; every cell has a ninth of it, a third of all blocks
    np.testing.assert_allclose(hues[:, 5], np.sqrt(1 / 9 / 3), atol=0.01)
    assert hues[:, [0, 1, 2, 3, 7, 8, 9]].max() == 0


def test_whitened_pictures_tell_shapes_and_colours_apart():
    rng = np.random.default_rng(2026)
    shapes = [(shape, colour) for shape in ("ellipse", "rectangle") for colour in ("red", "blue")]
    kinds = [shapes[n % 4] for n in range(80)]
    boxes = [(x, y, x + 45, y + 45) for x, y in rng.integers(20, 30, (80, 2)).tolist()]
    statistics = np.stack(
        [picture_statistics(drawing(*kind, box)) for kind, box in zip(kinds, boxes, strict=True)]
    )
    encoder = get_encoder("offline")
    raw = statistics @ statistics.T
    assert raw.min() > 0.5, "all are much alike before"
    encoder.fit_images(statistics)
    vectors = encoder.finish_images(statistics)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    cosine = vectors @ vectors.T - 2 * np.eye(80)
    assert abs(cosine[~np.eye(80, dtype=bool)].mean()) < 0.05
    nearest = cosine.argmax(1)
    assert np.mean([kinds[n] == kinds[near] for n, near in enumerate(nearest)]) > 0.95


def test_the_checksum_covers_texts_and_pictures():
    def checksum(texts, vectors):
        encoder = get_encoder("offline")
        if texts:
            encoder.fit(texts)
        if vectors is not None:
            encoder.fit_images(vectors)
        return encoder.describe()["weights_sha256"]

    some, others = np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)[:3]
    seen = [
        checksum(texts, vectors)
        for texts in (None, ["a b", "c"], ["a b", "d"])
        for vectors in (None, some, others)
    ]
    assert len(set(seen)) == 9
    assert checksum(["a b", "c"], some) == seen[4]


@pytest.mark.parametrize("n", [1, 2])
def test_the_same_picture_everywhere_is_left_as_it_is(n):
    encoder = get_encoder("offline")
    vectors = np.tile(picture_statistics(drawing("ellipse", "red")), (n, 1))
    encoder.fit_images(vectors)
    np.testing.assert_allclose(encoder.finish_images(vectors), vectors, atol=1e-6)


def test_it_takes_no_argument():
    with pytest.raises(ValueError, match="offline takes no argument"):
        get_encoder("offline:big")

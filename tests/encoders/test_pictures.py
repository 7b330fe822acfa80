"""Pictures beside texts in one features file, and what became of each of them."""

import json
import zipfile

import numpy as np
import pyarrow.parquet as pq
import pytest

from recbole_mmsc.data.features import read_features
from recbole_mmsc.encoders.encode import encode_dataset
from tests.encoders.catalogues import Colours, picture, write_catalogue, write_pictures

TITLES = {"A": "kettle", "B": "", "C": "hose", "D": "mug", "A.1": "the item of that name"}
IDS = list(TITLES)


@pytest.fixture
def folder(tmp_path):
    return write_catalogue(tmp_path / "toy", TITLES)


def encode(folder, encoder=None, **options):
    return encode_dataset(
        folder, encoder or Colours(), dtype="float32", progress=False, **{"workers": 0, **options}
    )


def lines(summary):
    text = summary.merged.problems_path.read_text()
    return [tuple(json.loads(line).values()) for line in text.splitlines()]


def test_several_pictures_are_averaged_and_the_bad_ones_listed(folder):
    files = {"A.jpg": "red", "A.2.png": "green", "A.10.png": b"<html>", "A.1.png": "blue"}
    write_pictures(folder / "images", {**files, "B.PNG": "blue", "C.gif": b"", "Z.png": "red"})
    summary = encode(folder)
    features = read_features(summary.path, IDS)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(
        features.vectors["image"],
        # A.1.png is the picture of the item A.1, not the second one of A
        [[half, half, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 1]],
        atol=1e-6,
    )
    assert features.available["image"].tolist() == [True, True, False, False, True]
    assert features.available["text"].tolist() == [True, False, True, True, True]
    assert features.vectors["text"][:, 0].tolist() == [6, 0, 4, 3, 21]
    assert lines(summary) == [
        ("A", "A.10.png", "none of JPEG, PNG, WEBP, GIF, BMP"),
        ("C", "C.gif", "empty file"),
        ("D", "", "no picture"),
    ]
    counts = pq.read_table(summary.path.with_name("colours.images.parquet")).to_pydict()
    assert counts == {"item_id": IDS, "pictures": [2, 1, 0, 0, 1]}
    assert features.metadata["images_per_item"] == '{"0": 2, "1": 2, "2": 1}'
    assert "image: 3 of 5 items, 3 dimensions" in summary.render()
    assert "4 pictures used; 3 missing or bad" in summary.render()


def test_workers_change_no_byte_and_hold_no_model(folder):
    class Unpicklable(Colours):
        def __getstate__(self):
            raise AssertionError("the model went to a worker")

    files = {f"{item}.{n}.png": "red" if n % 3 else b"bad" for item in "ACD" for n in range(2, 30)}
    write_pictures(folder / "images", {**files, "B.png": "blue"})
    alone = encode(folder)
    content, listed = alone.path.read_bytes(), lines(alone)
    assert len(listed) == 3 * 9 + 1
    helped = encode(folder, Unpicklable(), workers=2)
    assert (helped.path.read_bytes(), lines(helped)) == (content, listed)


def test_without_pictures_an_encoder_of_both_makes_do_with_text(folder):
    summary = encode(folder)
    assert read_features(summary.path, IDS).modalities == ("text",)
    assert "image: none found, so these features are without it" in summary.render()
    assert not list(summary.path.parent.glob("*.images.*"))


def test_lists_of_an_earlier_run_with_pictures_do_not_stay(folder):
    write_pictures(folder / "images", {"A.png": "red"})
    assert encode(folder).merged.problems_path.is_file()
    (folder / "images" / "A.png").unlink()
    assert encode(folder).merged.problems_path is None
    assert not list((folder / "features").glob("*.images.*"))


def test_only_bad_pictures_leave_text_and_reasons(folder):
    write_pictures(folder / "images", {"A.png": b"bad", "C.png": b"worse"})
    summary = encode(folder)
    assert read_features(summary.path, IDS).modalities == ("text",)
    assert [entry[:2] for entry in lines(summary)][:3] == [
        ("A", "A.png"),
        ("B", ""),
        ("C", "C.png"),
    ]


def test_an_encoder_of_pictures_alone_needs_some(folder):
    class Only(Colours):
        modalities = ("image",)

    with pytest.raises(ValueError, match=r"Expected pictures .* none in 5 items.*--images.*fetch"):
        encode(folder, Only())
    write_pictures(folder / "images", {"A.png": b"bad"})
    with pytest.raises(ValueError, match=r"None of 1 pictures can be used; see .*images.jsonl"):
        encode(folder, Only())
    write_pictures(folder / "images", {"A.png": "red"})
    features = read_features(encode(folder, Only()).path, IDS)
    assert features.modalities == ("image",)
    assert "text_template" not in features.metadata


def test_named_pictures_must_be_there_and_be_wanted(folder, tmp_path):
    with pytest.raises(ValueError, match=r"named after items, such as A.jpg, .* found none"):
        encode(folder, images=write_pictures(tmp_path / "photos", {"Z.png": "red"}))
    with pytest.raises(ValueError, match="tfidf takes no pictures"):
        encode(folder, "tfidf", images=tmp_path / "photos")
    with pytest.raises(ValueError, match=r"found nothing at .*nowhere"):
        encode(folder, images=tmp_path / "nowhere")


def test_an_archive_gives_the_vectors_of_its_folder(folder, tmp_path):
    write_pictures(folder / "images", {"A.png": "red", "C.png": "green", "C.1.png": "blue"})
    from_folder = read_features(encode(folder).path, IDS)
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for name, colour in {"x/A.png": "red", "C.png": "green", "y/z/C.1.png": "blue"}.items():
            archive.writestr(name, picture(colour))
    from_archive = read_features(encode(folder, images=tmp_path / "photos.zip").path, IDS)
    assert np.array_equal(from_archive.vectors["image"], from_folder.vectors["image"])


def test_a_transform_that_fails_costs_one_picture(folder):
    write_pictures(folder / "images", {"A.png": "red", "C.png": "green"})
    encoder = Colours()
    encoder.image_transform = lambda: no_red
    summary = encode(folder, encoder)
    assert summary.merged.available["image"] == 1
    assert lines(summary)[0] == ("A", "A.png", "cannot be prepared (KeyError: 'red')")


def no_red(image):
    if image.getpixel((0, 0)) == (255, 0, 0):
        raise KeyError("red")
    return np.ones(3, np.float32)

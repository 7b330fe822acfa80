"""Products that are in no catalogue are encoded as the catalogue's own are."""

import numpy as np
import pytest

from recbole_mmsc.data.features import read_features
from recbole_mmsc.encoders.encode import encode_dataset
from recbole_mmsc.encoders.products import encode_products
from tests.encoders.catalogues import Colours, write_catalogue, write_pictures

TITLES = {"A": "kettle", "B": "", "C": "hose", "D": ""}
PICTURES = {"A.png": "red", "A.2.png": "green", "B.png": "blue"}


def test_as_the_catalogue_itself(tmp_path):
    folder = write_catalogue(tmp_path / "toy", TITLES)
    pictures = write_pictures(folder / "images", PICTURES)
    summary = encode_dataset(folder, Colours(), dtype="float32", workers=0, progress=False)
    features = read_features(summary.path, list(TITLES))
    products = [
        {"title": title, "images": sorted(pictures.glob(f"{item}.*"))}
        for item, title in TITLES.items()
    ]
    vectors = encode_products(Colours(), products)
    assert list(vectors) == ["text", "image"]
    for name, rows in vectors.items():
        np.testing.assert_allclose(rows, features.vectors[name], atol=1e-6)
        assert rows.dtype == np.float32


def test_a_real_encoder_by_name(tmp_path):
    titles = {"A": "Steel kettle", "B": "Garden hose"}
    folder = write_catalogue(tmp_path / "toy", titles)
    stored = read_features(encode_dataset(folder, "minilm", progress=False).path, list(titles))
    vectors = encode_products("minilm", [{"title": title} for title in titles.values()])
    np.testing.assert_allclose(vectors["text"], stored.vectors["text"], atol=1e-3)
    assert np.sum(vectors["text"][0] * vectors["text"][1]) < 0.9


def test_what_nobody_has_is_left_out(tmp_path):
    assert list(encode_products(Colours(), [{"title": "mug"}, {"images": []}])) == ["text"]
    with pytest.raises(ValueError, match="expected products with text or image, found 2 without"):
        encode_products(Colours(), [{"title": ""}, {"colour": "red"}])


def test_texts_may_be_lists_and_must_be_texts():
    listed = {"title": ["red", "mug"], "category": ["Kitchen", "Mugs"]}
    joined = {"title": "red mug", "category": "Kitchen > Mugs"}
    one, two = (encode_products("minilm", [product])["text"] for product in (listed, joined))
    np.testing.assert_array_equal(one, two)
    with pytest.raises(ValueError, match="a text or a list of texts as title, found 5"):
        encode_products(Colours(), [{"title": 5}])
    with pytest.raises(ValueError, match="put it into a list"):
        encode_products(Colours(), joined)


def test_texts_are_cleaned_as_those_of_a_catalogue():
    found = {
        "title": "<b>Kettle</b> &amp; pot,\n steel",
        "brand": " Acme&reg; ",
        "category": "Kitchen&nbsp;>  > Kettles",
        "description": ["<p>Boils", "water</p>"],
    }
    clean = {
        "title": "Kettle & pot, steel",
        "brand": "Acme®",
        "category": "Kitchen > Kettles",
        "description": "Boils water",
    }
    encoder = Colours()
    encode_products(encoder, [found, clean])
    assert encoder.text_batches == [
        ["Kettle & pot, steel. Acme®. Kitchen > Kettles. Boils water"] * 2
    ]


@pytest.mark.parametrize("products", [["a kettle"], [None], "a kettle", None, [{"title": "a"}, 5]])
def test_what_is_no_product_is_refused(products):
    with pytest.raises(ValueError, match=r"expected a list of mappings.*one for each product"):
        encode_products(Colours(), products)


def test_no_more_at_once_than_the_encoder_likes(tmp_path):
    write_pictures(tmp_path, {"a.png": "red", "b.png": "green"})
    a, b = tmp_path / "a.png", tmp_path / "b.png"
    encoder = Colours()
    found = encode_products(
        encoder,
        [{"title": "x", "images": [a, a, b]}, {"title": "xx"}, {"title": "xxx", "images": [b, b]}],
    )
    assert encoder.text_batches == [["x", "xx"], ["xxx"]]
    assert encoder.image_batches == [2, 2, 1]
    expected = np.array([[2, 1, 0], [0, 0, 0], [0, 1, 0]]) / [[5**0.5], [1], [1]]
    np.testing.assert_allclose(found["image"], expected, atol=1e-6)


def test_one_picture_needs_no_list(tmp_path):
    file = write_pictures(tmp_path, {"a.png": "red"}) / "a.png"
    for images in (file, str(file), [file]):
        found = encode_products(Colours(), [{"images": images}])
        np.testing.assert_allclose(found["image"], [[1, 0, 0]])
    with pytest.raises(ValueError, match="a file or a list of files as images, found 5"):
        encode_products(Colours(), [{"images": 5}])


def test_an_encoder_that_knows_its_catalogue_alone_is_refused():
    with pytest.raises(ValueError, match="found tfidf, fitted on its catalogue"):
        encode_products("tfidf", [{"title": "mug"}])
    for method in ("fit_images", "finish_images"):
        fitted = type("Fitted", (Colours,), {method: lambda self, vectors: vectors})
        with pytest.raises(ValueError, match="found colours, fitted on its catalogue"):
            encode_products(fitted(), [{"title": "mug"}])


def test_a_bad_picture_is_named(tmp_path):
    bad = write_pictures(tmp_path, {"bad.png": b"<html>"}) / "bad.png"
    with pytest.raises(ValueError, match=r"bad\.png: none of JPEG"):
        encode_products(Colours(), [{"images": [bad]}])
    with pytest.raises(ValueError, match=r"gone\.png"):
        encode_products(Colours(), [{"images": [tmp_path / "gone.png"]}])

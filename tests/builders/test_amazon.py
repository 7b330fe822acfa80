"""The three releases of Amazon metadata, record by record and on real files."""

import gzip
import json

import pytest

from recbole_mmsc.dataset_builders.amazon import FORMATS
from recbole_mmsc.dataset_builders.product import (
    SOURCES,
    BuildError,
    Product,
    UnusableRecord,
    id_problem,
)
from recbole_mmsc.dataset_builders.quarantine import Quarantine
from recbole_mmsc.dataset_builders.reading import read_products, sniff_format

IMAGE = "https://images.example/I/31.jpg"


def product(form: str, record: object) -> Product:
    line = repr(record) if form == "amazon-2014" else json.dumps(record)
    return FORMATS[form].to_product(FORMATS[form].read_record(line.encode()))


def test_2014():
    record = {
        "asin": "B01",
        "title": 'Women&#39;s "best" Eau',
        "description": "It's <b>fine</b>",
        "price": 9.99,
        "imUrl": IMAGE,
        "brand": "Perry Ellis",
        "salesRank": {"Beauty": 12},
        "categories": [[], ["Beauty", "Fragrance", "Women's"], ["Other"]],
        "related": {
            "also_viewed": ["B02"],
            "buy_after_viewing": ["B03"],
            "also_bought": ["B04", "B05"],
            "bought_together": ["B04"],
            "unknown_source": ["B06"],
        },
    }
    assert product("amazon-2014", record) == Product(
        item_id="B01",
        title='Women\'s "best" Eau',
        brand="Perry Ellis",
        category=("Beauty", "Fragrance", "Women's"),
        price=9.99,
        description="It's  fine",
        image_urls=(IMAGE,),
        references={
            "also_viewed": ["B02"],
            "buy_after_viewing": ["B03"],
            "also_bought": ["B04", "B05"],
            "bought_together": ["B04"],
        },
    )


def test_2018():
    record = {
        "asin": "B01",
        "title": "Father&#39;s  Day",
        "category": ["Gift Cards", "Boxes &amp; Bags", "</span></span></span>", "Any design"],
        "description": ["One &amp; two", "<p>three</p>"],
        "feature": ["No fees"],
        "brand": "by\n    \n    Microsoft",
        "price": "$1,299.00",
        "also_buy": ["B02", "B02", "B01"],
        "also_view": ["B03"],
        "imageURL": ["https://images.example/small.jpg"],
        "imageURLHighRes": [IMAGE],
        "similar_item": "<table>...",
    }
    assert product("amazon-2018", record) == Product(
        item_id="B01",
        title="Father's Day",
        brand="Microsoft",
        category=("Gift Cards", "Boxes & Bags"),
        price=1299.0,
        description="One & two  three  No fees",
        image_urls=(IMAGE,),
        references={"also_view": ["B03"], "also_buy": ["B02", "B02", "B01"]},
    )


@pytest.mark.parametrize(
    "title", ['<span class="a-size-medium a-color-secondary"', "var a = (new Date()).getTime();"]
)
def test_2018_scraps_in_the_titles_place(title):
    assert product("amazon-2018", {"asin": "B01", "title": title}).title == ""


def test_2018_small_pictures_where_there_are_no_large_ones():
    record = {"asin": "B01", "imageURL": [IMAGE], "imageURLHighRes": []}
    assert product("amazon-2018", record).image_urls == (IMAGE,)


def test_2023():
    record = {
        "parent_asin": "B01",
        "asin": "B99",
        "title": "Case",
        "main_category": "Cell Phones",
        "categories": ["Cell Phones", "Cases"],
        "description": ["Fits."],
        "features": ["Soft", "Light"],
        "price": 8.5,
        "store": "Acme",
        "images": [
            {"large": "https://i.example/2l.jpg", "hi_res": None, "thumb": "", "variant": "PT01"},
            {"large": "https://i.example/l.jpg", "hi_res": IMAGE, "variant": "MAIN"},
            {"thumb": "https://i.example/3t.jpg", "variant": "PT02"},
            {"variant": "PT03"},
        ],
        "bought_together": ["B02"],
    }
    assert product("amazon-2023", record) == Product(
        item_id="B01",
        title="Case",
        brand="Acme",
        category=("Cell Phones", "Cases"),
        price=8.5,
        description="Fits. Soft Light",
        image_urls=(IMAGE, "https://i.example/2l.jpg", "https://i.example/3t.jpg"),
        references={"bought_together": ["B02"]},
    )


def test_2023_with_most_of_it_null():
    record = {
        "parent_asin": "B01",
        "main_category": "All Beauty",
        "categories": [],
        "price": None,
        "store": None,
        "brand": "Acme",
        "images": None,
        "bought_together": None,
    }
    assert product("amazon-2023", record) == Product("B01", brand="Acme", category=("All Beauty",))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("junk", [None, 5, True, "text", ["a", 5, None, ["b"]], {"a": {"b": 5}}])
def test_no_value_in_any_field_breaks_a_record(form, junk):
    fields = ("title", "brand", "price", "description", "category", "categories", "main_category")
    others = ("feature", "features", "imUrl", "imageURL", "imageURLHighRes", "images", "store")
    sources = ("related", "also_buy", "also_view", "bought_together")
    record = dict.fromkeys((*fields, *others, *sources), junk)
    read = product(form, {**record, "asin": "B01", "parent_asin": "B01"})
    assert read.item_id == "B01"
    for texts in (read.title, read.brand, read.description, *read.category, *read.image_urls):
        assert isinstance(texts, str)
    for source, ids in read.references.items():
        assert source in SOURCES
        assert all(isinstance(item, str) for item in ids)


def test_an_unusable_reference_stays_to_be_counted():
    read = product("amazon-2018", {"asin": "B01", "also_buy": ["B02", 5, None, "B03"]})
    assert read.references == {"also_buy": ["B02", "", "", "B03"]}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("item_id", "reason"),
    [
        (None, "missing"),
        ("", "missing"),
        (12345, "not text"),
        (["B01"], "not text"),
        ("x" * 257, "longer than 256"),
        ("NA", "read back as a missing value"),
        ("nan", "read back as a missing value"),
        ("null", "read back as a missing value"),
        ("None", "read back as a missing value"),
        ("[PAD]", "read back as a missing value"),
        ("B 01", "whitespace"),
        ("B\t01", "whitespace"),
        ("B01\n", "whitespace"),
        ("B\x0001", "whitespace"),
        ("B\u202801", "whitespace"),
        ('"B01', "quote"),
        ("B\ud80001", "broken character"),
    ],
)
def test_an_id_that_recbole_could_not_carry_is_refused(form, item_id, reason):
    with pytest.raises(UnusableRecord, match=reason):
        product(form, {"asin": item_id, "parent_asin": item_id})


@pytest.mark.parametrize("item_id", ["B01", "0345816021", "a|b", "na", "NAN0", "é-1", "x" * 256])
def test_other_ids_are_usable(item_id):
    assert id_problem(item_id) is None


def test_what_pandas_takes_for_missing_is_refused():
    parsers = pytest.importorskip("pandas._libs.parsers")
    assert [text for text in parsers.STR_NA_VALUES if id_problem(text) is None] == []


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("amazon-2014", "{'asin': 'B01', 'related': {}}"),
        ("amazon-2014", "{'asin': 'B01', 'title': 'T'}"),
        ("amazon-2014", '{"asin": "B01", "title": "T", "imUrl": "x"}'),
        ("amazon-2018", '{"asin": "B01", "also_buy": []}'),
        ("amazon-2023", '{"parent_asin": "B01", "bought_together": null}'),
    ],
)
def test_the_release_is_told_from_the_content(tmp_path, form, line):
    path = tmp_path / "meta"
    path.write_text("not a record\n\n[]\n" + line + "\n")
    assert sniff_format(path) == form
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        products = list(read_products([path], "auto", quarantine, progress=False))
    assert [product.item_id for product in products] == ["B01"]
    assert quarantine.total == 2


def test_2014_converted_to_json(tmp_path):
    record = {"asin": "B01", "title": "Smile 😀 café", "related": {"also_bought": ["B02"]}}
    record |= {"brand": None, "categories": [["Beauty"]], "price": None}
    path = tmp_path / "meta"
    path.write_text(json.dumps(record) + "\n" + repr(record) + "\n", encoding="utf-8")
    assert sniff_format(path) == "amazon-2014"
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        one, other = read_products([path], "auto", quarantine, progress=False)
    assert one == other
    assert one.title == "Smile 😀 café"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"sku": 1}\n', "none is a record with an asin"),
        (b"", ", which is empty"),
        (gzip.compress(b'{"asin": "A"}\n' * 99, mtime=0)[:20], "the file is truncated"),
    ],
)
def test_an_unknown_release_is_not_guessed(tmp_path, content, said):
    path = tmp_path / "meta"
    path.write_bytes(content)
    with pytest.raises(BuildError, match=rf"Cannot tell the format.*{said}.*amazon-2014"):
        sniff_format(path)


@pytest.mark.parametrize(
    ("name", "lines", "items", "titles", "brands", "pictures"),
    [
        ("amazon-2014/meta_Beauty.json.gz", 12_101, 12_101, 12_101, 10_003, 0),
        ("amazon-2018/meta_Gift_Cards.json.gz", 1_547, 1_547, 1_547, None, 660),
        ("amazon-2018/meta_Magazine_Subscriptions.json.gz", 3_385, 2_320, 232, None, None),
    ],
)
def test_real_files(real_data, tmp_path, name, lines, items, titles, brands, pictures):
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        products = list(read_products([real_data / name], "auto", quarantine, progress=False))
    assert (tmp_path / "quarantine.jsonl").read_bytes() == b""
    assert (len(products), len({p.item_id for p in products})) == (lines, items)
    assert sum(bool(p.title) for p in products) == titles
    assert brands is None or sum(bool(p.brand) for p in products) == brands
    assert pictures is None or sum(bool(p.image_urls) for p in products) == pictures
    for p in products:
        assert "<" not in p.title + p.brand + "".join(p.category)
        assert "&amp;" not in p.title + p.brand + "".join(p.category) + p.description


def test_real_references_are_complete(real_data):
    path = real_data / "amazon-2018" / "meta_Magazine_Subscriptions.json.gz"
    with gzip.open(path, "rb") as lines:
        raw = [json.loads(line) for line in lines]
    with Quarantine("/dev/null") as quarantine:
        products = read_products([path], "amazon-2018", quarantine, progress=False)
        for record, read in zip(raw, products, strict=True):
            for source in ("also_buy", "also_view"):
                assert read.references.get(source, []) == record[source]

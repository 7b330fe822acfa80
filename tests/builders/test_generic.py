"""Anybody's catalogue through a field map."""

import gzip
import json
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recbole_mmsc.dataset_builders.generic import check_field_map
from recbole_mmsc.dataset_builders.product import BuildError, Product
from recbole_mmsc.dataset_builders.quarantine import Quarantine
from recbole_mmsc.dataset_builders.reading import read_products

MAP = {
    "item_id": "sku",
    "title": "name",
    "brand": "details.maker",
    "category": "path",
    "price": "cost",
    "description": "text",
    "image_urls": "pictures",
    "also_view": "seen",
    "also_buy": "bought",
}
ROWS = [
    {
        "sku": 1,
        "name": "Lamp &amp; shade",
        "details": {"maker": "Acme"},
        "path": ["Home", "Light"],
        "cost": 12.5,
        "text": "Bright",
        "pictures": ["https://i.example/1.jpg"],
        "seen": ["2", "3"],
        "bought": ["4"],
    },
    {"sku": 2, "name": None, "details": None, "path": None, "cost": None, "seen": None},
]
LAMP = Product(
    item_id="1",
    title="Lamp & shade",
    brand="Acme",
    category=("Home", "Light"),
    price=12.5,
    description="Bright",
    image_urls=("https://i.example/1.jpg",),
    references={"also_view": ["2", "3"], "also_buy": ["4"]},
)


@pytest.fixture
def read(tmp_path):
    """A function from rows or lines to products and quarantine entries."""

    def read_rows(rows, field_map=MAP, form="jsonl"):
        path = tmp_path / f"shop.{form}"
        if form == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        else:
            lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
            path.write_text("\n".join(lines))
        with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
            products = list(read_products([path], form, quarantine, field_map, progress=False))
        entries = (tmp_path / "quarantine.jsonl").read_text().splitlines()
        return products, [json.loads(entry) for entry in entries]

    return read_rows


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_both_formats_give_the_same_products(read, form):
    assert read(ROWS, form=form) == ([LAMP, Product("2")], [])


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("category", "Home > Light &amp; Co >", ("Home", "Light & Co")),
        ("category", [["Home", "Light"], ["Other"]], ("Home", "Light")),
        ("category", 5, ()),
        ("title", 1984, "1984"),
        ("title", ["two", "parts"], "two parts"),
        ("title", {"en": "x"}, ""),
        ("title", float("nan"), ""),
        ("brand", float("nan"), ""),
        ("description", float("nan"), ""),
        ("price", "$1,299.00", 1299.0),
        ("price", {"amount": 5}, None),
        ("image_urls", "https://a.example/1.jpg https://b.example/2", None),
        ("image_urls", "ftp://a.example", ()),
    ],
)
def test_what_a_column_may_hold(read, field, value, expected):
    [product], _ = read([{"id": "A", "x": value}], {"item_id": "id", field: "x"})
    if field == "image_urls" and expected is None:
        expected = ("https://a.example/1.jpg", "https://b.example/2")
    assert getattr(product, field) == expected


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("B1,B2, B3 B4\tB5", ["B1", "B2", "B3", "B4", "B5"]),
        ("B1|B2", ["B1", "B2"]),
        ("B1 ; B2;B3", ["B1", "B2", "B3"]),
        (["B1", 2, None, True], ["B1", "2", ""]),
        ([123.0, None, 4.5, {"id": 1}, 1e300], ["123", "", "", ""]),
        ("", None),
        ([], None),
        (None, None),
        (5, ["5"]),
        (123.0, ["123"]),
        (4.5, [""]),
        ({"id": "B1"}, [""]),
        ("[1001, 1002]", ["1001", "1002"]),
        (" ['A', 'B', None]", ["A", "B"]),
        ('["A", null, 7.0, {}]', ["A", "7", ""]),
        ("[]", None),
        ("[A, B]", [""]),
        ("['A', 'B'", [""]),
        ("['A', \ud800]", [""]),
        ("[0x" + "f" * 9_000 + "]", [""]),
    ],
)
def test_references_as_lists_and_as_texts(read, value, ids):
    [product], _ = read([{"id": "A", "x": value}], {"item_id": "id", "bought_together": "x"})
    assert product.references.get("bought_together") == ids


def test_integers_that_pandas_made_floats(read):
    rows = [{"id": 7.0, "x": [8.0, float("nan")], "y": float("nan")}, {"id": float("nan")}]
    fields = {"item_id": "id", "also_view": "x", "also_buy": "y"}
    assert read([rows[0]], fields, "parquet")[0] == [Product("7", references={"also_view": ["8"]})]
    products, [entry] = read(rows, fields, "parquet")
    assert [product.item_id for product in products] == ["7"]
    assert entry["reason"] == "the item id is missing"


def test_a_column_with_a_dot_in_its_own_name(read):
    [product], _ = read([{"id": "A", "b.c": "own"}], {"item_id": "id", "title": "b.c"})
    assert product.title == "own"


def test_parquet_types(read):
    rows = [{"id": 7, "cost": Decimal("9.99"), "at": [date(2020, 1, 1)]}]
    [product], _ = read(rows, {"item_id": "id", "price": "cost", "title": "at"}, "parquet")
    assert (product.item_id, product.price, product.title) == ("7", 9.99, "")


def test_whole_decimals_are_ids(read):
    rows = [
        {"id": Decimal("7.00"), "x": [Decimal("8.00"), Decimal("8.50")]},
        {"id": Decimal("9.25"), "x": []},
    ]
    products, [entry] = read(rows, {"item_id": "id", "also_view": "x"}, "parquet")
    assert products == [Product("7", references={"also_view": ["8", ""]})]
    assert entry["reason"] == "the item id is not text"


def test_bytes_are_texts_where_they_are_utf_8(read):
    rows = [
        {"id": b"A", "name": "Löffel".encode(), "x": [b"B", b"\xff"], "in": {"by": b"Acme"}},
        {"id": b"B", "name": b"\xff", "x": None, "in": None},
    ]
    fields = {"item_id": "id", "title": "name", "also_view": "x", "brand": "in.by"}
    products, entries = read(rows, fields, "parquet")
    spoon = Product("A", "Löffel", "Acme", references={"also_view": ["B", ""]})
    assert (products, entries) == ([spoon, Product("B")], [])


def test_a_bad_cell_costs_its_row_alone(tmp_path):
    ids = pa.array([f"B{number}" for number in range(5)])
    titles = pa.array([b"one", b"\xff", b"three", b"four", b"five"]).view(pa.string())
    seconds = pa.array([0, 0, 0, 10**15, 0]).cast(pa.timestamp("s"))
    path = tmp_path / "shop.parquet"
    pq.write_table(pa.table({"sku": ids, "name": titles, "at": seconds}), path)
    fields = {"item_id": "sku", "title": "name", "price": "at"}
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        products = [*read_products([path], "parquet", quarantine, fields, progress=False)]
    assert [product.title for product in products] == ["one", "three", "five"]
    entries = [json.loads(e) for e in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    assert [(entry["line"], entry["reason"]) for entry in entries] == [
        (2, "a text in the row is not valid UTF-8"),
        (4, "a value in the row cannot be read"),
    ]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_unusable_rows_are_kept_out_by_number(read, form):
    rows = [{"sku": sku} for sku in ("A", "NA", "B C", None, "B")]
    products, entries = read(rows, {"item_id": "sku"}, form)
    assert [product.item_id for product in products] == ["A", "B"]
    assert [entry["line"] for entry in entries] == [2, 3, 4]
    assert entries[0]["reason"] == "the item id would be read back as a missing value"
    assert entries[0]["file"] == f"shop.{form}"
    assert "NA" in entries[0]["excerpt"]


def test_a_boolean_is_no_id(read):
    with pytest.raises(BuildError, match="Not one line"):
        read([{"sku": True}], {"item_id": "sku"})


def test_an_unknown_field_is_named_with_the_nearest():
    with pytest.raises(BuildError, match=r"Unknown field 'also_viewd'. Did you mean 'also_viewed'"):
        check_field_map({"item_id": "sku", "also_viewd": "seen"})
    with pytest.raises(BuildError, match="lacks item_id"):
        check_field_map({"title": "name"})
    with pytest.raises(BuildError, match="needs a field map"):
        check_field_map(None)
    with pytest.raises(BuildError, match="Expected a column name for field 'title', got 5"):
        check_field_map({"item_id": "sku", "title": 5})


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_lacking_column_is_named_with_those_found(read, form):
    lacking = r"no column 'label'. Columns found: .*details, details.maker, name"
    with pytest.raises(BuildError, match=lacking):
        read(ROWS, {"item_id": "sku", "title": "label"}, form)


def test_of_several_files_some_may_lack_what_others_have(tmp_path):
    first, second, third = (tmp_path / f"{n}.jsonl" for n in range(3))
    first.write_text('{"sku": "A", "name": "Lamp"}\n')
    second.write_text('{"sku": "B"}\n')
    third.write_text('{"name": "Lamp"}\n')
    fields = {"item_id": "sku", "title": "name"}
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        found = read_products([first, second], "jsonl", quarantine, fields, progress=False)
        assert [(product.item_id, product.title) for product in found] == [("A", "Lamp"), ("B", "")]
        with pytest.raises(BuildError, match=r"2\.jsonl \(the first 1,000 lines\) has no .*'sku'"):
            read_products([first, third], "jsonl", quarantine, fields, progress=False)


def test_a_column_of_few_items_may_first_be_met_far_down(tmp_path):
    rows = [{"sku": f"A{n}", "name": "Lamp"} for n in range(1200)]
    rows[1100]["goes_with"] = ["A1"]
    path = tmp_path / "shop.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    fields = {"item_id": "sku", "also_buy": "goes_with"}
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        products = read_products([path], "jsonl", quarantine, fields, progress=False)
        assert [p.item_id for p in products if p.references] == ["A1100"]
        fields["also_buy"] = "go_with"
        lacking = r"shop\.jsonl has no column 'go_with'. Columns found: goes_with, name, sku"
        with pytest.raises(BuildError, match=lacking):
            read_products([path], "jsonl", quarantine, fields, progress=False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"shop\.gz, which is empty\.$"),
        (gzip.compress(b"", mtime=0), r"shop\.gz, which is empty\.$"),
        (
            gzip.compress(b'{"sku": "A"}\n', mtime=0)[:15],
            r"shop\.gz; the gzip data end too early: .*\.$",
        ),
        (b"PAR1\x15\x04", r"a Parquet file: give --format parquet\.$"),
        (b"sku,name\nA,Lamp\n", r"to_json\(.*lines=True\)\.$"),
        (b'[{"sku": "A"},\n{"sku": "B"}]\n', r"to_json\(.*lines=True\)\.$"),
    ],
)
def test_a_file_without_a_readable_line(tmp_path, content, said):
    path = tmp_path / "shop.gz"
    path.write_bytes(content)
    with (
        Quarantine(tmp_path / "quarantine.jsonl") as quarantine,
        pytest.raises(BuildError, match=said),
    ):
        read_products([path], "jsonl", quarantine, {"item_id": "sku"}, progress=False)


def test_a_broken_parquet_file(tmp_path):
    path = tmp_path / "shop.parquet"
    path.write_bytes(b"PAR1 and no more")
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        products = read_products([path], "parquet", quarantine, {"item_id": "sku"}, progress=False)
        with pytest.raises(BuildError, match="cannot be read as a Parquet file"):
            list(products)


def test_the_good_rows_of_a_damaged_parquet_file_are_kept(tmp_path):
    path = tmp_path / "shop.parquet"
    table = pa.table({"sku": [f"item{number:06d}" for number in range(20_000)]})
    pq.write_table(table, path, row_group_size=2_000, use_dictionary=False)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = b"\xff" * 20_000
    path.write_bytes(content)
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        products = read_products([path], "parquet", quarantine, {"item_id": "sku"}, progress=False)
        ids = [product.item_id for product in products]
    assert ids == table["sku"].to_pylist()[: len(ids)]
    assert len(ids) >= 6_000
    [entry] = [json.loads(e) for e in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    assert entry["reason"] == "the Parquet data are damaged from here on"
    assert entry["line"] == len(ids) + 1


def test_a_field_map_goes_with_generic_formats_only(read):
    with pytest.raises(BuildError, match="A field map goes with"):
        read([{"asin": "A"}], {"item_id": "asin"}, "amazon-2018")


def test_an_unknown_format_is_named_with_the_nearest(read):
    with pytest.raises(BuildError, match=r"Unknown format 'amazon-2017'. Did you mean 'amazon-20"):
        read([{"asin": "A"}], None, "amazon-2017")

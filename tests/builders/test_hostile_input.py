"""Input that wants to break, mislead or run: good records stay, nothing is executed."""

import gzip
import json

import pytest

from recbole_mmsc.dataset_builders.product import BuildError
from recbole_mmsc.dataset_builders.quarantine import EXCERPT_LENGTH, Quarantine
from recbole_mmsc.dataset_builders.reading import read_products

FORMATS = ["amazon-2014", "amazon-2018", "amazon-2023", "jsonl"]


def good(form: str, item_id: str, **fields) -> bytes:
    record = {"parent_asin" if form == "amazon-2023" else "asin": item_id, **fields}
    return (repr(record) if form == "amazon-2014" else json.dumps(record)).encode()


@pytest.fixture
def read(tmp_path):
    """A function from lines to products and quarantine entries."""

    def read_lines(form, lines, pack=bytes):
        path = tmp_path / "meta.json.gz"
        path.write_bytes(pack(b"\n".join(lines) + b"\n"))
        field_map = None
        if form == "jsonl":
            columns = json.loads(lines[0]).keys() & {"title", "brand", "description", "price"}
            field_map = {"item_id": "asin", **{column: column for column in sorted(columns)}}
        with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
            products = list(read_products([path], form, quarantine, field_map, progress=False))
        entries = (tmp_path / "quarantine.jsonl").read_text().splitlines()
        return products, [json.loads(entry) for entry in entries]

    return read_lines


BAD_LINES = {
    "code": b"__import__('os').system('touch %s')",
    "code in a record": b"{'asin': __import__('os').system('touch %s')}",
    "a call": b'{"asin": open("%s", "w")}',
    "bad UTF-8": b"{'asin': 'B01\xff'}",
    "bad UTF-8 in JSON": b'{"asin": "B01\xff", "parent_asin": "B01\xff"}',
    "nul": b"{'asin': 'B\x0001'}",
    "nul in JSON": b'{"asin": "B\x0001", "parent_asin": "B\x0001"}',
    "deep": b"[" * 100_000,
    "deep record": b'{"asin": ' * 50_000,
    "half a record": b'{"asin": "B01", "title": "half',
    "two records": b'{"asin": "B01"} {"asin": "B02"}',
    "a list": b'["asin"]',
    "no id": b'{"title": "no id"}',
    "huge number": b'{"asin": ' + b"9" * 100_000 + b"}",
    "binary": bytes(range(11, 256)) * 10,
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_kept_out_and_its_neighbours_stay(read, tmp_path, form, name):
    witness = tmp_path / "executed"
    line = BAD_LINES[name].replace(b"%s", str(witness).encode())
    products, entries = read(form, [good(form, "B00"), line, good(form, "B02")])
    assert [product.item_id for product in products] == ["B00", "B02"]
    assert [(entry["file"], entry["line"]) for entry in entries] == [("meta.json.gz", 2)]
    assert entries[0]["reason"]
    assert entries[0]["excerpt"] == line.decode("utf-8", "replace")[:EXCERPT_LENGTH]
    assert not witness.exists()


@pytest.mark.parametrize("form", FORMATS)
def test_a_price_of_any_kind_costs_no_record(read, form):
    prices = ["$1,299.00", "free", "", -1, 10**30, 1e308, True, [1], {"a": 1}]
    lines = [good(form, f"B{number}", price=price) for number, price in enumerate(prices)]
    products, entries = read(form, lines)
    assert [product.price for product in products] == [
        *(1299.0, None, None, None, 1e30, 1e308, None, None, None)
    ]
    assert entries == []


@pytest.mark.parametrize("form", ["amazon-2018", "amazon-2023", "jsonl"])
@pytest.mark.parametrize("price", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
def test_a_json_price_that_is_no_number(read, form, price):
    line = good(form, "B01", price=0).replace(b'"price": 0', b'"price": ' + price.encode())
    [product], _ = read(form, [line])
    assert (product.item_id, product.price) == ("B01", None)


@pytest.mark.parametrize("form", FORMATS)
def test_a_truncated_file_in_the_middle_of_a_build(read, form):
    lines = [good(form, f"B{number:05d}", title=f"Title {number**7}") for number in range(3000)]
    products, entries = read(form, lines, lambda data: gzip.compress(data)[:-4000])
    assert 1000 < len(products) < 3000
    assert [entry["line"] for entry in entries] == [len(products) + 1]
    assert "truncated" in entries[0]["reason"]


def test_an_excerpt_cannot_reach_a_terminal(read, tmp_path):
    read("amazon-2018", [good("amazon-2018", "B01"), b"\x1b]0;title\x07\x9b31m\xe2\x80\xae"])
    assert (tmp_path / "quarantine.jsonl").read_bytes().isascii()
    assert b"\x1b" not in (tmp_path / "quarantine.jsonl").read_bytes()


def test_bad_utf8_in_a_field_that_is_not_read_costs_nothing(read):
    line = good("amazon-2018", "B01", details="x").replace(b"x", b"\xff")
    products, _ = read("amazon-2018", [line])
    assert [product.item_id for product in products] == ["B01"]


@pytest.mark.parametrize("form", FORMATS)
def test_every_text_of_a_product_can_be_written(read, form):
    fields = dict.fromkeys(["title", "brand", "description"], "a\ud800\x00\x1b\u202eb\tc")
    fields |= {"category": ["x\udfff"], "categories": ["y\ud83d"], "store": "z\ud800"}
    [product], _ = read(form, [good(form, "B01", **fields)])
    for text in (product.title, product.brand, product.description, *product.category):
        assert text.isprintable()
        text.encode("utf-8")


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_usable_is_an_error_that_says_so(read, form):
    with pytest.raises(BuildError, match=r"Not one line of meta\.json\.gz"):
        read(form, [b'{"asin": "NA"}', b"of no use"])


def test_the_wrong_release_is_an_error_that_helps(read):
    with pytest.raises(BuildError, match="'auto' tells the Amazon releases apart"):
        read("amazon-2018", [good("amazon-2014", "B01")])


def test_the_quarantine_is_there_even_when_it_is_empty(read, tmp_path):
    read("amazon-2018", [good("amazon-2018", "B01")])
    assert (tmp_path / "quarantine.jsonl").read_bytes() == b""


def test_the_quarantine_counts_by_reason(tmp_path):
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        quarantine.add("a", 1, "one", b"\xff" * 1000)
        quarantine.add("a", 2, "two", "text")
        quarantine.add("b", 1, "one")
    assert quarantine.counts == {"one": 2, "two": 1}
    assert quarantine.total == 3
    entries = [json.loads(e) for e in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    assert entries[0]["excerpt"] == "\ufffd" * EXCERPT_LENGTH
    assert entries[1] == {"file": "a", "line": 2, "reason": "two", "excerpt": "text"}


def test_the_bar_follows_the_bytes_on_stderr(tmp_path, capsys):
    path = tmp_path / "meta"
    path.write_bytes(good("amazon-2018", "B01") + b"\n")
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        list(read_products([path], "amazon-2018", quarantine))
        shown = capsys.readouterr()
        list(read_products([path], "amazon-2018", quarantine, progress=False))
    assert "reading: 100%" in shown.err
    assert shown.out == ""
    assert capsys.readouterr().err == ""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from recbole_mmsc.dataset_builders import parquet
from recbole_mmsc.dataset_builders.atomic import write_inter, write_item, write_user
from recbole_mmsc.dataset_builders.catalogue import CatalogueBuilder
from recbole_mmsc.dataset_builders.labels import label_pairs
from recbole_mmsc.dataset_builders.parquet import write_behaviour, write_catalogue
from recbole_mmsc.dataset_builders.product import Product
from recbole_mmsc.dataset_builders.splits import TEST, TRAIN, VALID, Split

PRODUCTS = (
    Product("A", references={"also_view": ["OUT", "B", "C"], "also_buy": ["B", "D"]}),
    Product("B", references={"also_view": ["A"], "bought_together": ["C", "D"]}),
    Product("C", references={"also_buy": ["OUT"]}),
    Product("D", references={"also_view": ["C"]}),
)
# Pairs in order: AB viewed and bought, AC viewed, AD bought, BC bought, BD bought, CD viewed.


def built(products=PRODUCTS, policy="difference"):
    builder = CatalogueBuilder()
    for product in products:
        builder.add(product)
    catalogue = builder.finish()
    return catalogue, label_pairs(catalogue.references, catalogue.n_items, policy)


def warm(*phases):
    return Split("warm", np.array(phases, np.int8), np.zeros(4, np.int8), {})


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def read_as_recbole(path):
    """The very call of RecBole 1.2.1 (``Dataset._load_feat``)."""
    with path.open(encoding="utf-8") as file:
        head = file.readline()[:-1].split("\t")
    dtype = {column: np.float64 if column.endswith(":float") else str for column in head}
    return pd.read_csv(
        path, delimiter="\t", usecols=head, dtype=dtype, encoding="utf-8", engine="python"
    )


def test_inter_files_hold_both_directions_sorted(tmp_path):
    catalogue, relations = built()
    split = warm(TRAIN, TEST, TRAIN, VALID, TEST, TRAIN)
    queries = write_inter(tmp_path, "toy", catalogue, relations, split)
    head = "query_id:token\titem_id:token\tsource:token\tweight:float"
    assert lines(tmp_path / "toy.train.inter") == [
        head,
        "substitute|A\tB\talso_view+also_buy\t2",
        "substitute|B\tA\talso_view+also_buy\t2",
        "substitute|C\tD\talso_view\t1",
        "substitute|D\tC\talso_view\t1",
        "complement|A\tD\talso_buy\t1",
        "complement|D\tA\talso_buy\t1",
    ]
    assert lines(tmp_path / "toy.valid.inter") == [
        head,
        "complement|B\tC\tbought_together\t1",
        "complement|C\tB\tbought_together\t1",
    ]
    assert lines(tmp_path / "toy.test.inter") == [
        head,
        "substitute|A\tC\talso_view\t1",
        "substitute|C\tA\talso_view\t1",
        "complement|B\tD\tbought_together\t1",
        "complement|D\tB\tbought_together\t1",
    ]
    assert queries == {
        "train": {"substitute": 4, "complement": 2},
        "valid": {"substitute": 0, "complement": 2},
        "test": {"substitute": 2, "complement": 2},
    }


def test_raw_policy_writes_a_pair_under_both_relations_with_their_own_weights(tmp_path):
    catalogue, relations = built(policy="raw")
    write_inter(tmp_path, "toy", catalogue, relations, warm(0, 1, 1, 2, 2, 2))
    assert lines(tmp_path / "toy.train.inter")[1:] == [
        "substitute|A\tB\talso_view+also_buy\t2",
        "substitute|B\tA\talso_view+also_buy\t2",
        "complement|A\tB\talso_view+also_buy\t1",
        "complement|B\tA\talso_view+also_buy\t1",
    ]


def test_cold_pairs_are_asked_from_the_cold_side(tmp_path):
    catalogue, relations = built()
    item_phase = np.array([0, VALID, TEST, TEST], np.int8)  # A warm, B valid, C and D test
    phase = np.maximum(item_phase[relations.first], item_phase[relations.second])
    write_inter(tmp_path, "toy", catalogue, relations, Split("cold", phase, item_phase, {}))
    asked = {
        part: [line.split("\t")[:2] for line in lines(tmp_path / f"toy.{part}.inter")[1:]]
        for part in ("train", "valid", "test")
    }
    assert asked == {
        "train": [],
        "valid": [["substitute|B", "A"]],
        "test": [
            ["substitute|C", "A"],
            ["substitute|C", "D"],
            ["substitute|D", "C"],
            ["complement|C", "B"],
            ["complement|D", "A"],
            ["complement|D", "B"],
        ],
    }


def behaviour(path):
    return [tuple(row.values()) for row in pq.read_table(path).to_pylist()]


def test_behaviour_lacks_held_out_pairs_in_both_directions_and_all_sources(tmp_path):
    catalogue, relations = built()
    # AB and BD held out; AB is viewed from both ends and bought.
    split = warm(TEST, TRAIN, TRAIN, TRAIN, VALID, TRAIN)
    counts = write_behaviour(
        tmp_path / "behaviour.parquet", catalogue.ids, catalogue.references, relations, split
    )
    assert behaviour(tmp_path / "behaviour.parquet") == [
        ("A", "C", "also_view", 1, True),  # not 2: no gap tells where B stood
        ("A", "D", "also_buy", 0, True),
        ("A", "OUT", "also_view", 0, False),
        ("B", "C", "bought_together", 0, True),
        ("C", "OUT", "also_buy", 0, False),
        ("D", "C", "also_view", 0, True),
    ]
    assert counts == {"also_view": 3, "also_buy": 2, "bought_together": 1}


def test_cold_items_have_no_behaviour_at_all(tmp_path):
    catalogue, relations = built()
    item_phase = np.array([0, 0, TEST, 0], np.int8)
    phase = np.maximum(item_phase[relations.first], item_phase[relations.second])
    split = Split("cold", phase, item_phase, {})
    write_behaviour(
        tmp_path / "behaviour.parquet", catalogue.ids, catalogue.references, relations, split
    )
    assert behaviour(tmp_path / "behaviour.parquet") == [
        ("A", "B", "also_view", 1, True),
        ("A", "B", "also_buy", 0, True),
        ("A", "D", "also_buy", 1, True),
        ("A", "OUT", "also_view", 0, False),
        ("B", "A", "also_view", 0, True),
        ("B", "D", "bought_together", 0, True),
    ]


def test_behaviour_is_read_as_dictionaries(tmp_path):
    catalogue, relations = built()
    split = warm(0, 0, 0, 0, 0, 0)
    write_behaviour(tmp_path / "b.parquet", catalogue.ids, catalogue.references, relations, split)
    types = {field.name: str(field.type) for field in pq.read_schema(tmp_path / "b.parquet")}
    words = "dictionary<values=string, indices=int32, ordered=0>"
    assert types == {
        "item": words,
        "other": words,
        "source": words,
        "place": "int16",
        "in_catalogue": "bool",
    }


def test_places_are_counted_item_by_item_wherever_a_row_group_ends(tmp_path, monkeypatch):
    products = [Product(f"I{n}", references={"also_buy": ["X", "Y", "Z"]}) for n in range(4)]
    products.append(Product("I4", references={"also_buy": ["I0", "Z", "I1"], "also_view": ["Z"]}))
    catalogue, relations = built(products)
    split = Split("warm", np.zeros(2, np.int8), np.zeros(5, np.int8), {})
    file = tmp_path / "behaviour.parquet"
    monkeypatch.setattr(parquet, "_ROW_GROUP", 4)
    write_behaviour(file, catalogue.ids, catalogue.references, relations, split)
    places = {tuple(row[:3]): row[3] for row in behaviour(file)}
    assert pq.ParquetFile(file).num_row_groups == 3
    for n in range(4):
        assert [places[f"I{n}", other, "also_buy"] for other in "XYZ"] == [0, 1, 2]
    assert places["I4", "I0", "also_buy"] == places["I4", "Z", "also_view"] == 0
    assert (places["I4", "Z", "also_buy"], places["I4", "I1", "also_buy"]) == (1, 2)


HOSTILE = [
    'with "quotes"',
    '"',
    '""',
    '"opens only',
    "tab\there",
    "line\nbreak",
    "carriage\rreturn",
    "both\r\nof them",
    "comma, semicolon; pipe|",
    "back\\slash",
    "  spaces around  ",
    "'single'",
    "\ufeffmark",
    "line\u2028separator",
    "next\x85line",
    "café ☕ 漢字",
    "# no comment",
    "=1+1",
]


def test_hostile_texts_come_back_from_recboles_reader(tmp_path):
    products = [Product(f"I{n}", title=text, brand=text) for n, text in enumerate(HOSTILE)]
    products.append(Product("EMPTY"))
    products.append(Product("0012", title="digits", price=1299.0, category=("A", "B > C")))
    catalogue, _ = built(products)
    write_item(tmp_path, "toy", catalogue)
    write_user(tmp_path, "toy", catalogue)
    write_catalogue(tmp_path / "catalogue.parquet", catalogue)
    table = read_as_recbole(tmp_path / "toy.item")
    assert table["item_id:token"].tolist() == [product.item_id for product in products]
    assert table["title:token_seq"].fillna("").tolist() == [*HOSTILE, "", "digits"]
    assert table["brand:token"].fillna("").tolist() == [*HOSTILE, "", ""]
    assert table["category:token"].tolist()[-1] == "A > B > C"
    assert table["price:float"].tolist()[-1] == 1299.0
    assert table["price:float"].isna().tolist() == [True] * (len(products) - 1) + [False]
    users = read_as_recbole(tmp_path / "toy.user")["query_id:token"].tolist()
    ids = [product.item_id for product in products]
    assert users == [f"substitute|{i}" for i in ids] + [f"complement|{i}" for i in ids]
    rows = pq.read_table(tmp_path / "catalogue.parquet").to_pylist()
    assert [row["item_id"] for row in rows] == ids
    assert [row["title"] for row in rows] == [*HOSTILE, "", "digits"]


@pytest.mark.parametrize("price", [0.0, 0.01, 12.5, 1e-7, 123456789.125, 1e20])
def test_prices_come_back_exactly(tmp_path, price):
    catalogue, _ = built([Product("A", price=price)])
    write_item(tmp_path, "toy", catalogue)
    assert read_as_recbole(tmp_path / "toy.item")["price:float"].tolist() == [price]

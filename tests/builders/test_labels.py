import numpy as np
import pytest

from recbole_mmsc.dataset_builders.catalogue import CatalogueBuilder
from recbole_mmsc.dataset_builders.labels import label_pairs
from recbole_mmsc.dataset_builders.product import SOURCES, Product

# Pair → what is listed: 01 viewed from both ends; 02 viewed and bought; 12 bought, three times
# over; 03 viewed after buying by one end and bought together by the other.
PRODUCTS = (
    Product(
        "0", references={"also_view": ["1", "2"], "also_buy": ["OUT"], "bought_together": ["3"]}
    ),
    Product("1", references={"also_viewed": ["0"], "also_buy": ["2"], "bought_together": ["2"]}),
    Product("2", references={"also_bought": ["1", "0"]}),
    Product("3", references={"buy_after_viewing": ["0"]}),
    Product("4", references={"also_view": ["OUT"]}),
)
PAIRS = [(0, 1), (0, 2), (0, 3), (1, 2)]


def relations(policy, products=PRODUCTS):
    builder = CatalogueBuilder()
    for product in products:
        builder.add(product)
    catalogue = builder.finish()
    return label_pairs(catalogue.references, catalogue.n_items, policy)


def pairs_of(found, relation):
    mask = found.of(relation)
    return list(zip(found.first[mask].tolist(), found.second[mask].tolist(), strict=True))


@pytest.mark.parametrize(
    ("policy", "substitutes", "complements"),
    [
        ("difference", [(0, 1), (0, 2), (0, 3)], [(1, 2)]),
        ("raw", [(0, 1), (0, 2), (0, 3)], [(0, 2), (0, 3), (1, 2)]),
        ("exclusive", [(0, 1)], [(1, 2)]),
    ],
)
def test_policies(policy, substitutes, complements):
    found = relations(policy)
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == PAIRS
    assert pairs_of(found, "substitute") == substitutes
    assert pairs_of(found, "complement") == complements
    assert found.labelled.tolist() == [pair in substitutes + complements for pair in PAIRS]


def test_sources_and_weights_of_a_pair():
    found = relations("difference")
    names = [
        {source for code, source in enumerate(SOURCES) if bits >> code & 1}
        for bits in found.sources.tolist()
    ]
    assert names == [
        {"also_view", "also_viewed"},
        {"also_view", "also_bought"},
        {"buy_after_viewing", "bought_together"},
        {"also_buy", "bought_together", "also_bought"},
    ]
    assert found.weight("substitute").tolist() == [2, 1, 1, 0]
    assert found.weight("complement").tolist() == [0, 1, 1, 3]
    assert found.from_source("also_view").tolist() == [True, True, False, False]
    assert found.viewed.tolist() == [True, True, True, False]
    assert found.bought.tolist() == [False, True, True, True]


def test_references_to_outsiders_alone_make_no_pairs():
    outsiders = (Product("A", references={"also_view": ["X"]}), Product("B"))
    found = relations("raw", outsiders)
    assert len(found) == 0
    assert found.labelled.tolist() == []
    assert found.weight("substitute").dtype == np.uint8


def test_an_unknown_policy_is_refused():
    with pytest.raises(ValueError, match=r"difference, raw, exclusive.*'rwa'"):
        relations("rwa")

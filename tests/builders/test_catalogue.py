import numpy as np
import pytest

from recbole_mmsc.dataset_builders import references
from recbole_mmsc.dataset_builders.catalogue import CatalogueBuilder
from recbole_mmsc.dataset_builders.product import SOURCES, BuildError, Product, UnusableRecord
from recbole_mmsc.dataset_builders.references import References


def finished(*products):
    builder = CatalogueBuilder()
    for product in products:
        builder.add(product)
    return builder.finish()


def listed(catalogue):
    """References as (item, other, source) in words."""
    ids, references = catalogue.ids.to_pylist(), catalogue.references
    return [
        (ids[item], ids[other], SOURCES[source])
        for item, other, source in zip(
            references.item, references.other, references.source, strict=True
        )
    ]


def test_items_come_first_in_their_order_then_the_outsiders():
    catalogue = finished(
        Product("B", references={"also_buy": ["X", "C", "Y"]}),
        Product("A", references={"also_buy": ["B"]}),
        Product("C"),
    )
    assert catalogue.item_ids.to_pylist() == ["B", "A", "C"]
    assert catalogue.outsider_ids.to_pylist() == ["X", "Y"]
    assert listed(catalogue) == [
        ("B", "C", "also_buy"),
        ("B", "X", "also_buy"),
        ("B", "Y", "also_buy"),
        ("A", "B", "also_buy"),
    ]


def test_references_know_their_place_in_the_list():
    catalogue = finished(
        Product("A", references={"also_buy": ["C", "A", "", "B", "C"], "also_view": ["B"]}),
        Product("B"),
        Product("C"),
        Product("A", references={"also_buy": ["B"]}),  # B is first here, fourth above
    )
    places = dict(zip(listed(catalogue), catalogue.references.place.tolist(), strict=True))
    assert places == {
        ("A", "C", "also_buy"): 0,
        ("A", "B", "also_buy"): 0,
        ("A", "B", "also_view"): 0,
    }


def test_the_end_of_a_very_long_list_shares_a_place():
    others = [f"X{n:04d}" for n in range(references.PLACES + 2)]
    catalogue = finished(Product("A", references={"also_buy": others}))
    places = {
        name: place
        for (_, name, _), place in zip(
            listed(catalogue), catalogue.references.place.tolist(), strict=True
        )
    }
    last = references.PLACES - 1
    assert [places[name] for name in others[-4:]] == [last - 1, last, last, last]
    assert len(places) == len(others)


def test_too_many_ids_for_one_number_are_refused():
    reference = [35_000_000, 35_000_001, 6, 1023]
    columns = [np.array([number]) for number in reference]
    found = References.clean(columns, 35_500_000)
    columns_found = (found.item, found.other, found.source, found.place)
    assert [column.item() for column in columns_found] == reference
    with pytest.raises(BuildError, match="found 36,000,000"):
        References.clean(columns, 36_000_000)


def test_a_later_line_fills_holes_and_adds_references_only():
    catalogue = finished(
        Product("A", title="first", price=None, references={"also_view": ["B"]}),
        Product("B", title="other"),
        Product(
            "A",
            title="second",
            brand="maker",
            category=("Home", "Lamps"),
            price=0.0,
            image_urls=("https://images.example/a.jpg",),
            references={"also_view": ["B"], "also_buy": ["B"]},
        ),
        Product("A", brand="too late", price=7.0, description="a lamp"),
    )
    assert catalogue.table.to_pylist() == [
        {
            "item_id": "A",
            "title": "first",
            "brand": "maker",
            "category": "Home > Lamps",
            "price": 0.0,
            "description": "a lamp",
            "image_urls": ["https://images.example/a.jpg"],
        },
        {
            "item_id": "B",
            "title": "other",
            "brand": "",
            "category": "",
            "price": None,
            "description": "",
            "image_urls": [],
        },
    ]
    assert (catalogue.lines, catalogue.n_items) == (4, 2)
    assert catalogue.with_field == {
        "title": 2,
        "brand": 1,
        "category": 1,
        "price": 1,
        "description": 1,
        "image_urls": 1,
    }
    assert listed(catalogue) == [("A", "B", "also_view"), ("A", "B", "also_buy")]
    assert catalogue.dropped.duplicates == 1


def test_junk_references_are_counted_and_dropped():
    junk = ["A", "", "two words", "B", "B", 7, None, ["B"], "nan", "tab\tbed", "\ud800", "A"]
    catalogue = finished(Product("A", references={"also_buy": junk}), Product("B"))
    assert listed(catalogue) == [("A", "B", "also_buy")]
    assert catalogue.dropped.self_relations == 2
    assert catalogue.dropped.duplicates == 1
    assert catalogue.dropped.unusable_ids == 8
    assert catalogue.outsider_ids.to_pylist() == []


def test_an_unusable_id_is_refused_and_leaves_no_trace():
    builder = CatalogueBuilder()
    with pytest.raises(UnusableRecord, match="whitespace"):
        builder.add(Product("two words"))
    builder.add(Product("A"))
    assert builder.finish().ids.to_pylist() == ["A"]


def test_an_item_first_met_as_a_reference_is_an_item():
    builder = CatalogueBuilder()
    builder.add(Product("A", references={"also_buy": ["B"]}))
    assert "A" in builder
    assert "B" not in builder
    builder.add(Product("B"))
    assert "B" in builder
    assert builder.item_ids() == ["A", "B"]
    assert builder.finish().outsider_ids.to_pylist() == []


def test_references_can_be_added_to_items_only():
    builder = CatalogueBuilder()
    builder.add(Product("A", references={"also_buy": ["B"]}))
    with pytest.raises(KeyError, match="'B'"):
        builder.add_references("B", ["A"], "co_review")
    builder.add_references("A", ["B"], "co_review")
    assert listed(builder.finish()) == [("A", "B", "also_buy"), ("A", "B", "co_review")]


def test_batches_keep_order_and_patches_over_many_of_them():
    builder = CatalogueBuilder()
    n = 20_000  # more than two batches
    for number in range(n):
        builder.add(Product(f"I{number}", title="" if number % 9_000 == 5 else f"t{number}"))
    for number in (5, 9_005, 18_005):
        builder.add(Product(f"I{number}", title=f"late {number}"))
    catalogue = builder.finish()
    batches = list(catalogue.batches())
    assert len(batches) > 2
    rows = [row for batch in batches for row in batch.column("title").to_pylist()]
    expected = [f"t{number}" for number in range(n)]
    for number in (5, 9_005, 18_005):
        expected[number] = f"late {number}"
    assert rows == expected
    assert catalogue.table.column("item_id").to_pylist() == catalogue.item_ids.to_pylist()


def test_packing_the_references_in_small_portions_changes_nothing(monkeypatch):
    products = [
        Product(
            f"I{n}",
            references={
                "also_view": [f"I{(n * step) % 40}" for step in (2, 3, 5)] + [f"X{n % 7}"],
                "also_buy": [f"Y{n % 3}", "two words", f"I{n}"],
            },
        )
        for n in range(30)
    ]
    whole = finished(*products)
    monkeypatch.setattr(references, "_PACKED", 5)
    monkeypatch.setattr(references, "_NUMBERED", 2)
    parts = finished(*products)
    assert parts.ids.to_pylist() == whole.ids.to_pylist()
    assert parts.item_ids.to_pylist() == [f"I{n}" for n in range(30)]
    assert listed(parts) == listed(whole)
    assert parts.dropped == whole.dropped
    assert whole.dropped.unusable_ids == 30


def test_an_empty_catalogue_is_no_trouble():
    catalogue = finished()
    assert catalogue.n_items == 0
    assert len(catalogue.references) == 0
    assert catalogue.table.num_rows == 0

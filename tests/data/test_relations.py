from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from recbole_mmsc.data.common_neighbours import parts_of
from recbole_mmsc.data.evidence import EVIDENCE, OTHER_BEHAVIOUR, cosines, evidence_for
from recbole_mmsc.data.relations import read_standings, weigh_behaviours

IDS = {"A": 1, "B": 2, "C": 3, "D": 4}  # 0 is RecBole's padding


def read_behaviours(path, ids, related, content, seed):
    standings, outsiders = read_standings(path, ids, related[0].shape[0])
    return weigh_behaviours(standings, related, content, seed), outsiders


def nothing(n_items):
    return sparse.csr_array((n_items, n_items), dtype=np.float32)


NONE = [nothing(5), nothing(5)]  # no training pairs


def write(path, rows):
    item, other, source = zip(*rows, strict=True)
    table = {"item": item, "other": other, "source": source, "in_catalogue": [True] * len(rows)}
    lists = Counter()
    table["place"] = []
    for named in zip(item, source, strict=True):
        table["place"].append(lists[named])
        lists[named] += 1
    pq.write_table(pa.table({name: list(column) for name, column in table.items()}), path)
    return path


def test_a_build_without_places_is_refused(tmp_path, file):
    pq.write_table(pq.read_table(file).drop_columns("place"), tmp_path / "old.parquet")
    with pytest.raises(ValueError, match=r"expected the columns item, other, source, place"):
        read_standings(tmp_path / "old.parquet", IDS, 5)


def test_behaviour_of_other_items_and_damage_are_named(tmp_path, file):
    with pytest.raises(ValueError, match=r"expected items of the catalogue, found 'A' in .*build"):
        read_standings(file, {name: row for name, row in IDS.items() if name != "A"}, 5)
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 not quite")
    with pytest.raises(ValueError, match=r"expected the columns .* build the dataset again"):
        read_standings(tmp_path / "damaged.parquet", IDS, 5)


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("other", ["B", None], "a value in every row"),
        ("place", [0, None], "a value in every row"),
        ("place", [0, -5], "places in lists, counted from 0"),
        ("place", ["first", "second"], "places in lists, counted from 0"),
    ],
)
def test_damaged_values_are_named(tmp_path, column, values, expected):
    columns = {
        "item": ["A", "A"],
        "other": ["B", "C"],
        "source": ["also_view"] * 2,
        "place": [0, 1],
    }
    pq.write_table(pa.table({**columns, column: values}), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match=rf"expected {expected}.* build the dataset again"):
        read_standings(tmp_path / "b.parquet", IDS, 5)


def test_what_is_alike_for_all_edges_tells_no_pair_apart_by_a_million(file):
    """All that is co-viewed is in the catalogue; some of what is co-purchased is not."""
    behaviours, _ = read_behaviours(file, IDS, NONE, None, seed=0)
    assert any(len(behaviour.contrast) for behaviour in behaviours)
    for behaviour in behaviours:
        assert np.abs(behaviour.contrast).max(initial=0) < 100
        assert behaviour.contrast.dtype == behaviour.evidence.dtype == np.float32


def test_an_edge_counts_by_the_root_of_its_standing(tmp_path):
    """A names B on top and C at the end of a list; of many lists the tops alone are returned."""
    names = [f"I{n:02d}" for n in range(60)]
    ids = {name: n + 1 for n, name in enumerate(names)}
    rows = [
        (name, names[(n + step) % 60], "also_view")
        for n, name in enumerate(names)
        for step in (1, 59, *range(5, 13))  # the two on top are each other's neighbours
    ]
    path = write(tmp_path / "b.parquet", rows)
    (standing, _), _ = read_standings(path, ids, 61)
    assert standing[1, 2] == standing[2, 1] == 1
    assert 0 < standing[1, 13] < 0.4
    (co_view, _), _ = read_behaviours(path, ids, [nothing(61)] * 2, None, seed=0)
    np.testing.assert_allclose(co_view.matrix()[1, 13], standing[1, 13] ** (1 / 3), rtol=1e-5)


@pytest.fixture
def file(tmp_path):
    """Co-view A-B, B-C, A-C; co-purchase A-D and two outsiders: X beside A and D, Y beside A."""
    rows = [("A", "B", "also_view"), ("B", "C", "also_view"), ("C", "A", "buy_after_viewing")]
    rows += [("A", "D", "also_buy"), ("D", "A", "bought_together")]
    rows += [("A", "X", "also_buy"), ("D", "X", "also_buy"), ("A", "Y", "also_buy")]
    rows += [("A", "Y", "bought_together")]  # by another source, and still by A alone
    return write(tmp_path / "behaviour.parquet", rows)


def rows_of(behaviour):
    return [part.tolist() for part in np.split(behaviour.entries, behaviour.offsets[1:-1])]


def test_edges_stand_in_the_rows_of_both_ends(file):
    (co_view, co_purchase), outsiders = read_behaviours(file, IDS, NONE, None, seed=0)
    assert rows_of(co_view) == [[], [2, 3], [1, 3], [1, 2], []]
    assert outsiders == ["X"]
    # node 5 is X; Y stands beside one item alone and connects nothing
    assert rows_of(co_purchase) == [[], [4, 5], [], [], [1, 5]]
    assert co_view.popularity.tolist() == [0, 2, 2, 2, 0, 0]
    assert co_purchase.popularity.tolist() == [0, 2, 0, 0, 2, 2]


def evidence_of(behaviour, item, node):
    """One row of evidence by column name, standardisation undone by comparing."""
    start, stop = behaviour.offsets[item], behaviour.offsets[item + 1]
    edge = start + behaviour.entries[start:stop].tolist().index(node)
    return dict(zip(EVIDENCE, behaviour.evidence[edge].tolist(), strict=True))


def test_a_shared_outsider_is_evidence(tmp_path, file):
    (_, co_purchase), _ = read_behaviours(file, IDS, NONE, None, seed=0)
    shared = "co_purchase with the item, co_purchase with the neighbour"
    # A and D both stand beside X, A and X both beside D, D and X both beside A
    assert {round(evidence_of(co_purchase, *edge)[shared], 5) for edge in ((1, 4), (1, 5))} == {0}
    rows = [("A", "D", "also_buy"), ("A", "X", "also_buy"), ("D", "X", "also_buy")]
    rows += [("B", "C", "also_buy")]
    (_, other), _ = read_behaviours(write(tmp_path / "b.parquet", rows), IDS, NONE, None, seed=0)
    assert evidence_of(other, 1, 4)[shared] > evidence_of(other, 2, 3)[shared]


def test_content_agreement_is_the_cosine(file):
    content = np.array([[0, 0], [1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    (co_view, _), _ = read_behaviours(file, IDS, NONE, content, seed=0)
    agreement = [evidence_of(co_view, *edge)["content agreement"] for edge in ((1, 2), (1, 3))]
    assert agreement[0] > 0 > agreement[1]


def test_contrast_has_no_edge_in_it(tmp_path):
    """Edges have a cosine of 1 and all other pairs of 0, so an edge among them would show."""
    rng = np.random.default_rng(0)
    ids = {f"I{n}": n + 1 for n in range(40)}
    rows = [
        (f"I{n}", f"I{m}", "also_view") for n in range(40) for m in range(40) if n // 4 == m // 4
    ]
    rows = [row for row in rows if row[0] != row[1]]
    rng.shuffle(rows)
    content = np.zeros((41, 10), np.float32)
    content[np.arange(1, 41), np.arange(40) // 4] = 1
    (co_view, _), _ = read_behaviours(
        write(tmp_path / "b.parquet", rows), ids, [nothing(41)] * 2, content, seed=0
    )
    column = EVIDENCE.index("content agreement")
    assert len(co_view.contrast) > 50
    assert co_view.contrast[:, column].max() < co_view.evidence[:, column].min()


def test_an_edge_is_no_evidence_for_itself(tmp_path):
    rows = [("A", "B", "also_view"), ("B", "C", "also_view"), ("A", "C", "also_view")]
    rows += [("C", "D", "also_view"), ("B", "D", "also_view")]
    with_edge = write(tmp_path / "one.parquet", [*rows, ("A", "B", "also_buy")])
    behaviours, _ = read_behaviours(with_edge, IDS, NONE, None, seed=0)
    name = "co_view with the item, co_view with the neighbour"
    both_beside_c_alone = evidence_of(behaviours[0], 1, 2)[name]
    both_beside_b_and_d = evidence_of(behaviours[0], 3, 2)[name]
    assert both_beside_b_and_d > both_beside_c_alone


def test_a_complement_of_a_substitute_is_evidence(tmp_path):
    # A and B are co-viewed, B and C co-purchased: evidence for A-C being co-purchased, not for D-C
    rows = [("A", "B", "also_view"), ("B", "C", "also_buy")]
    rows += [("A", "C", "also_buy"), ("D", "C", "also_buy")]
    file = write(tmp_path / "behaviour.parquet", rows)
    (_, co_purchase), _ = read_behaviours(file, IDS, NONE, None, seed=0)
    name = "co_view with the item, co_purchase with the neighbour"
    assert evidence_of(co_purchase, 1, 3)[name] > evidence_of(co_purchase, 4, 3)[name]


def test_a_missing_file_names_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="recbole-mmsc build"):
        read_behaviours(tmp_path / "behaviour.parquet", IDS, NONE, None, seed=0)


def test_pairs_of_the_other_relation_are_contrasted_without_their_mark(tmp_path):
    """Co-views and co-purchases of two halves: with the mark, the mark alone would tell."""
    rng = np.random.default_rng(0)
    ids = {f"I{n}": n + 1 for n in range(40)}
    rows = [
        (f"I{n}", f"I{m}", "also_view" if n < 20 else "also_buy")
        for n in range(40)
        for m in range(n // 4 * 4, n)
    ]
    rows += [("I0", "I1", "also_buy")]  # both, so that the mark is evidence at all
    rng.shuffle(rows)
    file = write(tmp_path / "b.parquet", rows)
    related = [nothing(41)] * 2
    (_, co_purchase), _ = read_behaviours(file, ids, related, None, seed=0)
    column = EVIDENCE.index(OTHER_BEHAVIOUR)
    unmarked = co_purchase.evidence[:, column].min()
    assert co_purchase.evidence[:, column].max() > unmarked
    assert (co_purchase.contrast[:, column] == unmarked).all()
    # the 30 co-views both ways, I0 and I1 among them, and random partners
    assert len(co_purchase.contrast) > 60

    pair = sparse.csr_array(([1.0, 1.0], ([1, 2], [2, 1])), shape=(41, 41), dtype=np.float32)
    (_, known), _ = read_behaviours(file, ids, [nothing(41), pair], None, seed=0)
    assert len(known.contrast) == len(co_purchase.contrast) - 2


def test_an_edge_that_training_calls_the_other_relation_counts_little(tmp_path):
    rows = [("A", "B", "also_view"), ("A", "B", "also_buy"), ("A", "C", "also_buy")]
    rows += [("A", "X", "also_buy"), ("D", "X", "also_buy")]
    file = write(tmp_path / "b.parquet", rows)
    substitutes, complements = nothing(5).tolil(), nothing(5).tolil()
    substitutes[[1, 2], [2, 1]] = complements[[1, 3], [3, 1]] = 1
    related = [sparse.csr_array(substitutes), sparse.csr_array(complements)]
    (co_view, co_purchase), _ = read_behaviours(file, IDS, related, None, seed=0)
    assert co_view.strength.tolist() == [1, 1]
    assert co_purchase.entries[:3].tolist() == [2, 3, 5]  # B, C, and the outsider
    assert co_purchase.strength[:3].tolist() == pytest.approx([0.3, 1, 1])
    (_, both), _ = read_behaviours(file, IDS, [related[0], related[0]], None, seed=0)
    assert both.strength.tolist() == [1] * len(both.strength)  # a policy that calls it both


def test_evidence_is_the_same_in_whatever_parts(monkeypatch):
    """A part holds so many neighbours that a popular item's many pairs are several parts."""
    rng = np.random.default_rng(0)
    dense = rng.random((2, 30, 40)) < 0.2
    dense[:, 3] = True  # stands beside everything
    shape = (40, 40)
    graphs = [sparse.csr_array(np.pad(some, ((0, 10), (0, 0))), dtype=np.float32) for some in dense]
    assert graphs[0].shape == shape
    pairs = (
        np.append(rng.integers(30, size=50), [3] * 40),
        np.append(rng.integers(40, size=50), range(40)),
    )
    whole = evidence_for(pairs, graphs, 0, None)
    for rows in (1, 100, 1_000):
        monkeypatch.setattr("recbole_mmsc.data.common_neighbours.NODES_AT_ONCE", rows)
        parts = [*parts_of(pairs, [np.diff(graph.indptr) for graph in graphs])]
        assert [0, *(part.stop for part in parts)] == [*(part.start for part in parts), 90]
        assert max(part.stop - part.start for part in parts[:-1]) <= max(1, rows // 8)
        np.testing.assert_array_equal(evidence_for(pairs, graphs, 0, None), whole)
    none = np.zeros(0, np.int64)
    assert evidence_for((none, none), graphs, 0, None).shape == (0, len(EVIDENCE))


@pytest.mark.parametrize("width", [np.float16, np.float32])
def test_cosines_are_added_up_in_32_bits(width):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 1000))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(width)
    pairs = rng.integers(30, size=(2, 1201))  # more than at once
    exact = (vectors[pairs[0]].astype(float) * vectors[pairs[1]]).sum(axis=1)
    found = cosines(vectors, tuple(pairs))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact, atol=1e-5)

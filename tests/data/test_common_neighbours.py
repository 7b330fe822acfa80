import numpy as np
import pytest
from scipy import sparse

from recbole_mmsc.data import common_neighbours as module
from recbole_mmsc.data.common_neighbours import common_neighbours, rarity_of


def graph(rows, n_nodes=4):
    found = np.zeros((len(rows), n_nodes), np.float32)
    for row, nodes in enumerate(rows):
        found[row, nodes] = 1
    return sparse.csr_array(found)


# Node 3 is no item. Co-viewed: 0 with 1, 2, 3; 1 with 2 and 3. Co-purchased: 1 with 3.
VIEWED = graph([[1, 2, 3], [0, 2, 3], [0, 1]])
BOUGHT = graph([[], [3], []])
GRAPHS = [VIEWED, BOUGHT]


def of(item, other):
    (found,) = common_neighbours((np.array([item]), np.array([other])), GRAPHS, rarity_of(GRAPHS))
    return found.reshape(2, 2, 3)  # behaviour of the item, of the other, what is counted


def test_a_node_is_the_rarer_the_fewer_items_it_stands_beside():
    nowhere = graph([[], [], []], 5)
    np.testing.assert_allclose(rarity_of(GRAPHS), [1 / 2, 1 / 2, 1 / 2, 1 / 3])
    assert rarity_of([nowhere, nowhere]).tolist() == [1] * 5


def test_nodes_in_common_are_counted_for_each_two_behaviours():
    found = of(0, 1)
    # 2 stands beside two items, 3 beside two by co-view and one by co-purchase
    assert found[0, 0] == pytest.approx([np.log(3), 2 / 3, 1 / 2 + 1 / 3])
    assert found[0, 1] == pytest.approx([np.log(2), 1 / np.sqrt(3), 1 / 3])
    assert found[1].tolist() == [[0, 0, 0]] * 2


def test_the_other_way_round_the_behaviours_change_places():
    np.testing.assert_allclose(of(1, 0), of(0, 1).transpose(1, 0, 2))


def test_a_node_that_a_pair_is_itself_is_not_in_common():
    assert of(0, 2)[0, 0] == pytest.approx([np.log(2), 1 / np.sqrt(6), 1 / 2])  # 1 alone


def test_items_that_stand_beside_very_many_nodes_share_no_more_than_all_of_them():
    many = sparse.csr_array(np.ones((2, 50_000), np.float32))  # 2.5e9 pairs of nodes
    nothing = sparse.csr_array(many.shape, dtype=np.float32)
    graphs = [many, nothing]
    (found,) = common_neighbours((np.array([0]), np.array([1])), graphs, rarity_of(graphs))
    assert found[:3] == pytest.approx([np.log1p(50_000), 1, 25_000])


def test_it_is_the_same_in_whatever_parts(monkeypatch):
    rng = np.random.default_rng(0)
    graphs = [sparse.csr_array((rng.random((30, 40)) < 0.2).astype(np.float32)) for _ in range(2)]
    pairs = rng.integers(30, size=50), rng.integers(30, size=50)
    given = pairs, graphs, rarity_of(graphs)
    whole = common_neighbours(*given)
    assert whole.shape == (50, 12)
    assert whole.any(axis=0).all()
    monkeypatch.setattr(module, "NODES_AT_ONCE", 20)
    np.testing.assert_array_equal(common_neighbours(*given), whole)


def test_of_no_pairs_there_is_nothing():
    none = np.zeros(0, np.int64)
    assert common_neighbours((none, none), GRAPHS, rarity_of(GRAPHS)).shape == (0, 12)

import numpy as np
import pytest
from scipy import sparse

from recbole_mmsc.data.standing import (
    PARTS,
    part_of_list,
    standing_by_part,
    standing_of,
    symmetric_standing,
    weighed,
)


def test_a_list_is_cut_into_parts_and_a_short_one_is_all_top():
    item = np.repeat([1, 2], [20, 3])
    place = np.concatenate([np.arange(20), np.arange(3)])
    parts = part_of_list(item, np.zeros(23, int), place)
    assert parts.tolist() == [*np.arange(20) // 2, 0, 1, 2]


def test_the_lists_of_each_source_are_their_own():
    parts = part_of_list(np.ones(40, int), np.repeat([0, 1], 20), np.tile(np.arange(20), 2))
    assert parts.tolist() == [*np.arange(20) // 2] * 2


def lists(returned_in_part):
    """Items 0 … 999 name 1000 + 10 item + part each; those named return it in some parts' share."""
    rng = np.random.default_rng(0)
    item, part = np.divmod(np.arange(1000 * PARTS), PARTS)
    node = 1000 + np.arange(1000 * PARTS)
    back = rng.random(len(item)) < np.asarray(returned_in_part)[part]
    source = np.zeros(len(item), int)
    other = node + 1000 * PARTS  # all who are named name somebody
    return tuple(
        np.concatenate(columns)
        for columns in (
            (item, node[back], node),
            (node, item[back], other),
            (source, source[back] + 1, source + 1),
            (part, source[back], source),
        )
    )


def test_standing_falls_as_fewer_references_are_returned():
    shares = np.linspace(0.8, 0.2, PARTS)
    item, node, source, part = lists(shares)
    standing = standing_by_part(item, node, source, part, 30_000)
    found = np.array([standing[(source == 0) & (part == p)][0] for p in range(PARTS)])
    np.testing.assert_allclose(found, shares / 0.8, atol=0.06)
    assert (np.diff(found) <= 0).all()
    assert found[0] == 1


@pytest.mark.parametrize("shares", [[0.5] * PARTS, np.linspace(0.2, 0.8, PARTS), [0.0] * PARTS])
def test_where_order_says_nothing_all_references_count_the_same(shares):
    item, node, source, part = lists(shares)
    standing = standing_by_part(item, node, source, part, 30_000)
    assert standing.min() > 0.9
    assert standing.max() == 1


def test_those_who_name_nothing_are_not_asked():
    """Outsiders return nothing; a list that is full of them at its end is no worse there."""
    item, node, source, part = lists([0.5] * PARTS)
    named = np.arange(900) + 25_000
    more = np.arange(900), named, np.zeros(900, int), np.full(900, PARTS - 1)
    columns = [np.concatenate(both) for both in zip((item, node, source, part), more, strict=True)]
    standing = standing_by_part(*columns, 30_000)
    assert standing.min() > 0.9


def test_no_reference_is_returned_or_there_is_none():
    item, node = np.array([1, 2]), np.array([2, 3])
    assert standing_by_part(item, node, item * 0, item * 0, 5).tolist() == [1, 1]
    none = np.zeros(0, int)
    assert standing_by_part(none, none, none, none, 5).tolist() == []
    assert part_of_list(none, none, none).tolist() == []


def test_an_edge_has_the_best_standing_that_either_end_gives_in_any_source():
    item, node = np.array([1, 2, 1, 3, 3]), np.array([2, 1, 2, 1, 1])
    source, standing = np.array([0, 0, 1, 0, 0]), np.array([0.25, 0.5, 0.75, 1.0, 1.0])
    found = symmetric_standing(item, node, source, standing.astype(np.float32), 4).toarray()
    expected = np.zeros((4, 4))
    expected[1, 2] = expected[2, 1] = 0.75
    expected[1, 3] = expected[3, 1] = 1  # said twice, counted once
    assert found.tolist() == expected.tolist()


def matrix(pairs, values):
    ends = np.array(pairs).T
    both = np.concatenate([ends[0], ends[1]]), np.concatenate([ends[1], ends[0]])
    return sparse.csr_array((np.tile(np.float32(values), 2), both), shape=(5, 5))


STANDINGS = [matrix([(1, 2), (1, 3)], [0.5, 1]), matrix([(1, 2), (2, 4)], [0.25, 0.125])]


def test_a_moved_pair_keeps_its_standing_and_a_new_one_has_one():
    items, nodes = np.array([1, 1, 2, 3]), np.array([2, 3, 4, 4])
    assert standing_of(STANDINGS, 0, items, nodes).tolist() == [0.5, 1, 0.125, 1]
    assert standing_of(STANDINGS, 1, items, nodes).tolist() == [0.25, 1, 0.125, 1]


def test_pairs_count_by_their_standing_and_add_up_to_what_they_did():
    pairs = matrix([(1, 2), (1, 3)], [1, 1])
    found = weighed(STANDINGS, 0, pairs).toarray()
    np.testing.assert_allclose(found[1, [2, 3]], [2 / 3, 4 / 3], rtol=1e-6)
    np.testing.assert_allclose(found, found.T)
    root = 0.5 ** (1 / 3)
    found = weighed(STANDINGS, 0, pairs, root=3).toarray()
    np.testing.assert_allclose(found[1, 2], 2 * root / (1 + root), rtol=1e-6)
    assert weighed(STANDINGS, 0, sparse.csr_array((5, 5), dtype=np.float32)).nnz == 0

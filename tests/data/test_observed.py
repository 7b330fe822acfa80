"""Training pairs in parts, and what is observed without some of them."""

import numpy as np
from scipy import sparse

from recbole_mmsc.data.observed import Observed
from recbole_mmsc.data.training import undirected

N = 6
SUBSTITUTES, COMPLEMENTS = [(0, 1), (1, 2), (3, 4)], [(0, 5), (1, 2)]


def graph(pairs, n_nodes=N):
    ends = np.array(pairs)
    found = undirected(ends[:, 0], ends[:, 1], n_nodes)
    return sparse.csr_array(found[:N])


def observed():
    outsider = N  # beside 1 and 2
    behaviours = [graph([*SUBSTITUTES, (1, outsider), (2, outsider)], N + 1), graph(COMPLEMENTS, 7)]
    known = [graph(SUBSTITUTES), graph(COMPLEMENTS)]
    return Observed(behaviours, known, [2 * matrix for matrix in known])


def pairs_of(matrix):
    return {
        tuple(sorted(pair)) for pair in zip(*map(np.ndarray.tolist, matrix.nonzero()), strict=True)
    }


def test_every_pair_of_either_relation_is_in_one_part_both_ways():
    parts = observed().parts(3, np.random.default_rng(0))
    assert len(parts) == 3
    assert sum(parts).toarray().tolist() == (graph([*SUBSTITUTES, (0, 5)])).toarray().tolist()


def test_without_pairs_neither_behaviour_nor_relation_knows_them_in_any_direction():
    left = observed().without(graph([(1, 2)]))
    one, other = left.behaviours
    assert pairs_of(one) == {(0, 1), (3, 4), (1, N), (2, N)}
    assert pairs_of(other) == {(0, 5)}
    assert [pairs_of(matrix) for matrix in left.known] == [{(0, 1), (3, 4)}, {(0, 5)}]
    assert [pairs_of(matrix) for matrix in left.sought] == [{(0, 1), (3, 4)}, {(0, 5)}]
    assert left.sought[0][0, 1] == 2
    assert all(matrix.data.all() for matrix in (*left.behaviours, *left.known))


def test_taking_pairs_out_leaves_what_was_observed_as_it_is():
    given = observed()
    given.without(graph([(1, 2)]))
    assert pairs_of(given.known[0]) == set(SUBSTITUTES)

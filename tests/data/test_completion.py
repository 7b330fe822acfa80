"""Completed graphs of small worlds whose right answers are known."""

import numpy as np
import pytest
from scipy import sparse

from recbole_mmsc.data.completion import Completion, Reason, borrowing_of, solve_completion
from recbole_mmsc.data.observed import Observed
from recbole_mmsc.data.relations import Behaviour
from recbole_mmsc.data.training import undirected

N = 12  # two groups of five, then two items without behaviour
GROUPS = (range(5), range(5, 10))
HELD_OUT = ({0, 1}, {5, 9})
BORROWED = 0.5  # what a borrowed row adds up to
TURN = 5  # an item's complement stands as many places further on


def behaviour(pairs, outsiders=()) -> Behaviour:
    """Of pairs of items, and of outsiders, each a list of the items it stands beside."""
    n_nodes = N + len(outsiders)
    edges = {(i, j) for pair in pairs for i in pair for j in pair if i != j}
    edges |= {(item, N + o) for o, items in enumerate(outsiders) for item in items}
    edges = np.array(sorted(edges)).reshape(-1, 2)
    return Behaviour(
        offsets=np.concatenate([[0], np.bincount(edges[:, 0], minlength=N).cumsum()]),
        entries=edges[:, 1],
        evidence=np.zeros((len(edges), 1), np.float32),
        contrast=np.zeros((0, 1), np.float32),
        popularity=np.bincount(edges[:, 1], minlength=n_nodes),
        target=np.zeros(len(edges), np.float32),
        trust=np.zeros(len(edges), np.float32),
        strength=np.ones(len(edges), np.float32),
    )


def pairs_within_groups():
    pairs = [{i, j} for group in GROUPS for i in group for j in group if i < j]
    return [pair for pair in pairs if pair not in HELD_OUT]


def graph_of(pairs):
    ends = np.array([sorted(pair) for pair in pairs])
    return undirected(ends[:, 0], ends[:, 1], N)


def solve(behaviours, known, alike=None, sought=None) -> Completion:
    warm = sum(np.diff(b.offsets) for b in behaviours) > 0
    borrowing = borrowing_of(alike, warm, BORROWED)
    rows = [behaviour.matrix() for behaviour in behaviours]
    observed = Observed(rows, known, known if sought is None else sought)
    return solve_completion(observed, alike, borrowing, at_most=50, reg_weight=1.0)


def complete(behaviours, known, alike=None):
    completion = solve(behaviours, known, alike)
    return [completion.graph(relation) for relation in range(len(known))]


def best_unknown(graph, known, item):
    scores = graph.toarray()[item]
    scores[known.toarray()[item] > 0] = -np.inf
    return int(scores.argmax())


def test_held_out_pairs_of_a_group_are_suggested_in_both_directions():
    views = pairs_within_groups()
    bought = [{i, i + TURN} for i in range(5)]
    known = [graph_of(views), graph_of(bought)]
    substitutes, _ = complete([behaviour(views), behaviour(bought)], known)
    for one, other in map(sorted, HELD_OUT):
        assert best_unknown(substitutes, known[0], one) == other
        assert best_unknown(substitutes, known[0], other) == one


def test_a_complement_of_a_substitute_is_a_complement():
    views = pairs_within_groups() + list(HELD_OUT)
    bought = [{i, 5 + j} for i in range(5) for j in range(5) if (i, j) != (2, 3)]
    known = [graph_of(views), graph_of(bought)]
    _, complements = complete([behaviour(views), behaviour(bought)], known)
    assert best_unknown(complements, known[1], 2) == 8


def test_outsiders_show_what_belongs_together():
    # 9 stands beside 6; that 7 goes with 6 is known from products outside the catalogue alone
    views, bought = [{0, 1}], [{2, 3}, {6, 9}]
    outsiders = [[6, 7], [6, 7], [6, 7, 8]]
    nobody = [[]] * len(outsiders)
    known = [graph_of(views), graph_of(bought)]
    _, complements = complete([behaviour(views, nobody), behaviour(bought, outsiders)], known)
    assert best_unknown(complements, known[1], 9) == 7
    _, without = complete([behaviour(views), behaviour(bought)], known)
    assert without.toarray()[9].tolist() == known[1].toarray()[9].tolist()


def test_an_item_without_behaviour_takes_the_rows_of_its_content_neighbours():
    views = pairs_within_groups()
    known = [graph_of(views), graph_of([{0, 5}])]
    alike = sparse.csr_array(([0.9, 0.3], ([10, 10], [0, 5])), shape=(N, N), dtype=np.float32)
    substitutes, _ = complete([behaviour(views), behaviour([{0, 5}])], known, alike)
    rows = substitutes.toarray()
    expected = BORROWED * (0.75 * rows[0] + 0.25 * rows[5])
    np.testing.assert_allclose(rows[10], expected, rtol=1e-5)
    assert rows[10].argmax() in range(1, 5)
    assert rows[11].sum() == 0
    assert rows[:, 10].sum() == 0


def test_an_item_is_never_suggested_to_itself():
    views = pairs_within_groups()
    for graph in complete([behaviour(views), behaviour(views)], [graph_of(views)] * 2):
        assert graph.diagonal().sum() == 0
        assert (graph.data > 0).all()


def test_the_reasons_of_an_entry_add_up_to_it():
    views = pairs_within_groups()
    bought = [{i, i + TURN} for i in range(5)]
    known = [graph_of(views), graph_of(bought)]
    known[0][[0, 3], [3, 0]] = 0.5  # a pair that is doubted
    alike = sparse.csr_array(([0.9, 0.3], ([10, 10], [0, 5])), shape=(N, N), dtype=np.float32)
    completion = solve([behaviour(views), behaviour(bought)], known, alike)
    graph = completion.graph(0).toarray()
    for query, target in np.ndindex(N, N):
        reasons = completion.reasons(0, query, target)
        added = sum(reason.weight for reason in reasons)
        assert added == pytest.approx(graph[query, target], abs=1e-6), (query, target)
    assert Reason(0, 2, "training pair", 1.0) in completion.reasons(0, 0, 2)
    assert Reason(0, 3, "training pair", 0.5) in completion.reasons(0, 0, 3)
    held_out = completion.reasons(0, 0, 1)
    assert {(held_out[0].how, held_out[0].item)} <= {("co_view", 0), ("co_view", 1)}
    assert held_out[0].beside in {2, 3, 4}
    assert completion.reasons(0, 10, 1)[0].beside == 0
    assert completion.reasons(0, 11, 1) == []


def test_what_is_sought_is_learned_and_what_is_known_is_lent():
    known = graph_of(pairs_within_groups())
    behaviours = [behaviour(pairs_within_groups())] * 2
    as_known, doubled = (
        solve(behaviours, [known, known], sought=[known * factor] * 2) for factor in (1, 2)
    )
    np.testing.assert_allclose(
        doubled.weights[0].toarray(), 2 * as_known.weights[0].toarray(), rtol=1e-4, atol=1e-6
    )
    assert doubled.known[0] is known

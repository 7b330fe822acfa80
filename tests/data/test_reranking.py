"""Re-ranking in a world where behaviour names the group of an item, and content its half of it.

Two items of a group are related if they are of the same half, and what stands beside an item says
nothing of halves. So linear models suggest the whole group, and trees that see contents learn which
of that comes true.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from recbole_mmsc.data import reranking
from recbole_mmsc.data.completion import Reason, borrowing_of, solve_completion
from recbole_mmsc.data.observed import Observed
from recbole_mmsc.data.reranking import PARTS, rerank
from recbole_mmsc.data.training import keys_of_pairs, undirected

GROUPS, SIZE = 30, 16
N = GROUPS * SIZE
COLD = N  # alike to the first item, without behaviour
ITEMS = np.arange(N)
HALF = ITEMS % 2


def pairs(same_half, rng, share):
    """A share of the pairs of each group that are, or are not, of the same half."""
    one, other = np.triu_indices(SIZE, 1)
    start = np.arange(0, N, SIZE)[:, None]
    one, other = ((start + ends).ravel() for ends in (one, other))
    chosen = ((HALF[one] == HALF[other]) == same_half) & (rng.random(len(one)) < share)
    return one[chosen], other[chosen]


def world(share=0.6):
    """What is observed, the pairs of both kinds, and the contents."""
    rng = np.random.default_rng(0)
    true, false = (undirected(*pairs(same, rng, 1), N + 1) for same in (True, False))
    known = undirected(*pairs(True, rng, share), N + 1)
    outsiders = N + 1 + ITEMS // SIZE  # one of each group
    beside = sparse.csr_array(
        (np.ones(N, np.float32), (ITEMS, outsiders)), shape=(N + 1, N + 1 + GROUPS)
    )
    nothing = sparse.csr_array(beside.shape, dtype=np.float32)
    empty = sparse.csr_array(known.shape, dtype=np.float32)
    vectors = np.zeros((N + 1, 2), np.float32)
    vectors[ITEMS, HALF] = 1
    observed = Observed([beside, nothing], [known, empty], [known, empty])
    return observed, true, false, vectors


def solver(observed):
    alike = sparse.csr_array(([1.0], ([COLD], [0])), shape=(N + 1, N + 1), dtype=np.float32)
    warm = np.arange(N + 1) < N
    borrowing = borrowing_of(alike, warm, 0.5)
    return partial(solve_completion, alike=None, borrowing=borrowing, at_most=50, reg_weight=1.0)


def watched(observed, vectors):
    """What re-ranking makes of it, and everything that was completed for that."""
    solve, given = solver(observed), []

    def spy(seen):
        given.append(seen)
        return solve(seen)

    return rerank(observed, spy, {"text": vectors}, 1.0), given


def auc(graph, known, true, false):
    """How well a graph tells pairs that come true from those that do not."""
    unknown = keys_of_pairs(true)[~np.isin(keys_of_pairs(true), keys_of_pairs(known))]
    keys = np.concatenate([unknown, keys_of_pairs(false)])
    scores = graph[np.divmod(keys, N + 1)]
    return roc_auc_score(np.arange(len(keys)) < len(unknown), np.asarray(scores).ravel())


@pytest.fixture(scope="module")
def completed():
    observed, true, false, vectors = world()
    solve = solver(observed)
    return observed, true, false, solve(observed), rerank(observed, solve, {"text": vectors}, 4.0)


def test_trees_tell_which_suggestions_come_true(completed):
    observed, true, false, solved, reranked = completed
    known = observed.known[0]
    assert auc(solved.graph(0), known, true, false) < 0.6
    assert auc(reranked.graph(0), known, true, false) > 0.95


def test_what_is_added_is_a_weighted_probability_of_pairs_that_are_not_known(completed):
    observed, _, _, _, reranked = completed
    added = reranked.reranked[0]
    assert 3 < added.max() <= 4
    assert added.min() >= 0
    assert added.multiply(observed.known[0]).sum() == 0
    assert np.diff(added.indptr).max() <= reranking.CANDIDATES
    assert added.diagonal().sum() == 0
    assert added[[COLD]].sum() == 0


def test_a_relation_without_pairs_is_as_it_is_solved(completed):
    _, _, _, solved, reranked = completed
    assert reranked.reranked[1].nnz == 0
    assert (reranked.graph(1) - solved.graph(1)).nnz == 0


def test_what_an_item_lends_is_not_re_ranked(completed):
    _, _, _, solved, reranked = completed
    lent, before = (completion.graph(0)[[COLD]].toarray() for completion in (reranked, solved))
    np.testing.assert_array_equal(lent, before)
    assert lent.max() > 0


def test_the_reasons_of_a_re_ranked_entry_add_up_to_it(completed):
    _, _, _, _, reranked = completed
    graph = reranked.graph(0)
    for query in (0, 7, COLD):
        for target in graph[[query]].indices[:20].tolist():
            reasons = reranked.reasons(0, query, target)
            entry = graph[query, target]
            assert sum(reason.weight for reason in reasons) == pytest.approx(entry, abs=1e-5)
    target = int(reranked.reranked[0][[0]].toarray().argmax())
    weight = float(reranked.reranked[0][0, target])
    assert Reason(0, target, "re-ranking", weight) in reranked.reasons(0, 0, target)


def test_of_what_does_not_come_true_a_share_is_enough(completed, monkeypatch):
    observed, true, false, _, reranked = completed
    _, _, _, vectors = world()
    read = []

    class Trees(reranking.BoostedTrees):
        def fit(self, evidence, comes_true, counts):
            read.append((comes_true.sum(), len(comes_true), counts.sum()))
            return super().fit(evidence, comes_true, counts)

    monkeypatch.setattr(reranking, "BoostedTrees", Trees)
    sampled = {}
    for untrue in (reranking.UNTRUE, 1000):
        monkeypatch.setattr(reranking, "UNTRUE", untrue)
        sampled[untrue] = rerank(observed, solver(observed), {"text": vectors}, 4.0)
    (n_true, n_all, n_counted), (n_found, n_read, counted) = read
    assert n_found == n_true
    assert n_read - n_found < (n_all - n_true) / 4
    assert counted == pytest.approx(n_counted, rel=0.05)
    assert auc(sampled[1000].graph(0), observed.known[0], true, false) > 0.95
    assert sampled[1000].reranked[0].sum() == pytest.approx(reranked.reranked[0].sum(), rel=0.2)


def test_each_look_is_at_a_graph_completed_without_the_pairs_it_is_to_find():
    observed, _, _, vectors = world()
    _, (*looks, last) = watched(observed, vectors)
    assert last is observed
    assert len(looks) == reranking.LOOKS  # few pairs, so as many as there may be
    keys = [keys_of_pairs(observed.known[0]), *(keys_of_pairs(look.known[0]) for look in looks)]
    missing = [np.setdiff1d(keys[0], some) for some in keys[1:]]
    assert len(np.unique(np.concatenate(missing))) == sum(map(len, missing))
    for some in missing:
        assert len(some) == pytest.approx(len(keys[0]) / PARTS, rel=0.3)


def test_where_pairs_are_plenty_one_look_is_enough(monkeypatch):
    monkeypatch.setattr(reranking, "PLENTY", 100)
    observed, _, _, vectors = world()
    assert len(watched(observed, vectors)[1]) == 2


def test_a_pair_in_doubt_is_shared_by_the_relations_that_it_counts_in(monkeypatch):
    observed, _, _, vectors = world()
    plenty = observed.known[0].nnz / 2 / PARTS * 0.9  # one part has enough, half of one has not
    monkeypatch.setattr(reranking, "PLENTY", plenty)
    doubted = replace(observed, known=[observed.known[0], observed.known[0]])
    assert [len(watched(seen, vectors)[1]) - 1 for seen in (observed, doubted)] == [1, 2]


@pytest.mark.parametrize("share", [0.2, 0.0])
def test_of_too_few_pairs_nothing_is_learned(share):
    observed, _, _, vectors = world(share)
    assert observed.known[0].nnz / 2 / PARTS < reranking.ENOUGH
    found, given = watched(observed, vectors)
    assert given == [observed]
    assert found.reranked[0].nnz == 0


def test_where_nothing_is_suggested_nothing_is_learned():
    observed, _, _, vectors = world()
    behaviours, sought = (
        [sparse.csr_array(matrix.shape, dtype=np.float32) for matrix in matrices]
        for matrices in (observed.behaviours, observed.sought)
    )
    blind = Observed(behaviours, observed.known, sought)
    found = rerank(blind, solver(blind), {"text": vectors}, 1.0)
    assert found.reranked[0].nnz == 0


def test_the_same_pairs_give_the_same_digits(completed):
    observed, _, _, _, reranked = completed
    _, _, _, vectors = world()
    again = rerank(observed, solver(observed), {"text": vectors}, 4.0)
    assert (again.reranked[0] - reranked.reranked[0]).nnz == 0

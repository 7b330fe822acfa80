"""Training pairs that are filed under the wrong relation, found by what the other pairs look like.

A wrong mark here and there does not change what most pairs of a relation look like. So a classifier
that learns the relation from the evidence for a pair, and is asked about pairs that it has not
seen, tells where the mark and the evidence disagree. How many marks are wrong shows where the
evidence is plainest; where hardly any is, nothing is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier

from recbole_mmsc.data.beliefs import APPROVED, Beliefs, beliefs_of
from recbole_mmsc.data.training import keys_of_pairs

FOLDS = 3
ENOUGH = 500  # pairs of each relation; of fewer no rate can be told
LEARNED = 80_000  # pairs that a classifier learns from at most
PLAIN = 0.05  # share of the pairs, those most like a relation, that are taken to be of it
LEAST = 0.02  # probability of a relation, however plainly the evidence speaks for the other
HOPELESS = 0.8  # both rates together; above, the marks hardly say what a relation looks like
# Small trees with large leaves cannot read a pair's own mark from the traces that it leaves in the
# evidence for its neighbours.
TREES = {"max_leaf_nodes": 8, "min_samples_leaf": 200, "early_stopping": False}
SEED = 2026

Pairs = tuple[np.ndarray, np.ndarray]
Evidence = Callable[[Pairs, Sequence[sparse.csr_array]], np.ndarray]  # of pairs, in graphs


def find_misfiled(
    related: Sequence[sparse.csr_array], graphs: Sequence[sparse.csr_array], evidence: Evidence
) -> Beliefs | None:
    """Beliefs of the training pairs that are more likely of the other relation.

    The evidence is looked at twice, the second time in behaviour that the first has mended. Pairs
    of both relations are left alone.

    Args:
        related: for substitutes and complements ``[n_items, n_items]``, the training pairs.
        graphs: for co-view and co-purchase ``[n_nodes, n_nodes]`` of ones.
        evidence: of pairs in such graphs ``[m, f]``, none of it telling how a pair is marked.

    Returns:
        Beliefs of those pairs alone; None where there are none, or too few pairs to tell.
    """
    n_items = related[0].shape[0]
    keys = [keys_of_pairs(graph) for graph in related]
    alone = [np.setdiff1d(keys[0], keys[1]), np.setdiff1d(keys[1], keys[0])]
    if min(map(len, alone)) < ENOUGH:
        return None
    ends = np.divmod(np.concatenate(alone), n_items)
    marked = np.repeat([0, 1], [len(some) for some in alone])
    probability = _unseen(evidence(ends, graphs), marked)
    wrong = wrong_marks(probability, marked)
    if wrong.sum() > HOPELESS:
        return None
    found = _moved(ends, belief_in_each(probability, marked, wrong), marked, n_items)
    if found is None:
        return None
    mended = [_mended(graph, found, relation) for relation, graph in enumerate(graphs)]
    probability = _unseen(evidence(ends, mended), marked)
    return _moved(ends, belief_in_each(probability, marked, wrong), marked, n_items)


def wrong_marks(probability: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """``[2]``, which share of the pairs of each relation is marked as the other.

    It is what the marks of the pairs say that are most plainly of a relation: the extremes of the
    probability of a mark (Menon, van Rooyen, Ong, Williamson, "Learning from Corrupted Binary
    Labels via Class-Probability Estimation", ICML 2015).

    Args:
        probability: ``[m]`` that a pair is marked 1, by those who have not seen its mark.
        marked: ``[m]``, 0 or 1.
    """
    low, high = np.quantile(probability, [PLAIN, 1 - PLAIN])
    return np.array([marked[probability <= low].mean(), 1 - marked[probability >= high].mean()])


def belief_in_each(probability: np.ndarray, marked: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """What to believe of pairs, given how they are marked and what their evidence looks like.

    With a and b the shares of wrong marks, the probability of a mark is (1 - a - b) p + a, where p
    is that of the relation (Menon et al. 2015, see :func:`wrong_marks`). The pair's own mark is
    evidence as well: by Bayes' rule.

    Args:
        probability: ``[m]``, see :func:`wrong_marks`.
        marked: ``[m]``, 0 or 1.
        wrong: ``[2]``, together less than one.

    Returns:
        ``[m, 2]`` probabilities of the relations.
    """
    second = (probability - wrong[0]) / (1 - wrong.sum())
    relation = np.column_stack([1 - second, second]).clip(LEAST, 1 - LEAST)
    marks = np.array([[1 - wrong[0], wrong[0]], [wrong[1], 1 - wrong[1]]])  # relation by mark
    joint = relation * marks[:, marked].T
    return joint / joint.sum(axis=1, keepdims=True)


def _unseen(evidence: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """``[m]`` probability that a pair is marked 1, by a classifier that has not seen the pair."""
    rng = np.random.default_rng(SEED)
    fold = rng.integers(FOLDS, size=len(marked))
    found = np.empty(len(marked))
    for each in range(FOLDS):
        others = rng.permutation(np.flatnonzero(fold != each))[:LEARNED]
        classifier = HistGradientBoostingClassifier(**TREES, random_state=SEED)
        classifier.fit(evidence[others], marked[others])
        found[fold == each] = classifier.predict_proba(evidence[fold == each])[:, 1]
    return found


def _moved(ends: Pairs, belief: np.ndarray, marked: np.ndarray, n_items: int) -> Beliefs | None:
    """The beliefs of the pairs that are believed to be of the relation they are not marked as."""
    wrong = belief[np.arange(len(marked)), 1 - marked] > APPROVED
    if not wrong.any():
        return None
    return beliefs_of((ends[0][wrong], ends[1][wrong]), belief[wrong], n_items)


def _mended(graph: sparse.csr_array, beliefs: Beliefs, relation: int) -> sparse.csr_array:
    """A behaviour with the pairs that are believed to be of its relation, without the others'."""
    gained, lost = beliefs.approved(relation), beliefs.approved(1 - relation)
    for some in (gained, lost):
        some.data[:] = 1
        some.resize(graph.shape)
    mended = sparse.csr_array((graph + gained - graph.multiply(lost)) > 0, dtype=graph.dtype)
    mended.eliminate_zeros()
    return mended

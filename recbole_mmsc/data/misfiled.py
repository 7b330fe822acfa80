"""Training pairs that are filed under the wrong relation, found by what the other pairs look like.

A wrong mark here and there does not change what most pairs of a relation look like. So classifiers
that learn the marks and are asked about pairs that they have not seen tell where the mark and what
the pair looks like disagree. How many marks are wrong shows where pairs are plainest; where hardly
any is, nothing is doubted. Where marks say hardly anything, more is told by what is known of the
relations beforehand: substitutes are more alike than complements are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse
from scipy.stats import rankdata

from recbole_mmsc.data.beliefs import APPROVED, Beliefs, beliefs_of
from recbole_mmsc.data.evidence import cosines
from recbole_mmsc.data.marks import Pairs, unseen_marks
from recbole_mmsc.data.training import keys_of_pairs

ENOUGH = 500  # pairs of each relation; of fewer no rate can be told
PLAIN = 0.05  # share of the pairs, those most like a relation, that are taken to be of it
LEAST = 0.02  # probability of a relation, however plainly the evidence speaks for the other
LIKELY = 0.05  # of the other relation, that a pair is said to be in doubt, and counts there as well
HOPELESS = 0.8  # both rates together; above, the marks hardly say anything
MANY = 5000  # pairs of each relation; of fewer it may be that too few were learned from

Evidence = Callable[[Pairs, Sequence[sparse.csr_array]], np.ndarray]  # of pairs, in graphs


def find_misfiled(
    related: Sequence[sparse.csr_array],
    graphs: Sequence[sparse.csr_array],
    evidence: Evidence,
    content: np.ndarray | None = None,
    modalities: Sequence[np.ndarray] = (),
) -> Beliefs | None:
    """Beliefs of the training pairs that may be of the other relation.

    Where the evidence alone doubts no mark, nothing is done. Else the contents of the two are read
    as well, and behaviour is looked at again when it has been mended. Where the marks of many
    pairs say hardly anything, they are told apart by how much alike the contents of the two are,
    or not at all where there are none. Pairs that are marked as both are left alone.

    Args:
        related: for substitutes and complements ``[n_items, n_items]``, the training pairs.
        graphs: for co-view and co-purchase ``[n_nodes, n_nodes]`` of ones.
        evidence: of pairs in such graphs ``[m, f]``, none of it telling how a pair is marked.
        content: ``[n_items, d]`` unit vectors of all modalities side by side, or None.
        modalities: of each ``[n_items, d]`` unit vectors, zero where an item has none.

    Returns:
        Beliefs of those pairs alone, trusted where they are more likely of the other relation, or
        of all pairs where they are told apart by likeness; None where no pair is doubted, or there
        are too few to tell.
    """
    n_items = related[0].shape[0]
    keys = [keys_of_pairs(graph) for graph in related]
    alone = [np.setdiff1d(keys[0], keys[1]), np.setdiff1d(keys[1], keys[0])]
    if min(map(len, alone)) < ENOUGH:
        return None
    ends = np.divmod(np.concatenate(alone), n_items)
    marked = np.repeat([0, 1], [len(some) for some in alone])
    seen = evidence(ends, graphs)
    belief, wrong = _look(unseen_marks(seen, marked), marked)
    if belief is not None and content is not None:
        belief, wrong = _look(unseen_marks(seen, marked, ends, content), marked)
    if belief is None:
        return None
    if wrong.sum() > HOPELESS:
        if min(map(len, alone)) < MANY:
            return None
        return beliefs_of(ends, belief_by_likeness(ends, modalities), n_items, LIKELY)
    moved = _likelier(ends, belief, marked, APPROVED, n_items)
    mended = [_mended(graph, moved, relation) for relation, graph in enumerate(graphs)]
    probability = unseen_marks(evidence(ends, mended), marked, ends, content)
    belief, _ = _look(probability, marked, wrong)
    if belief is None:
        return None
    doubted, moved = (
        _likelier(ends, belief, marked, least, n_items) for least in (LIKELY, APPROVED)
    )
    # That a pair is of one relation rather than the other says not that it is an edge at all.
    return replace(doubted, trust=moved.trust)


def wrong_marks(probability: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """``[2]``, which share of the pairs of each relation is marked as the other.

    It is what the marks of the pairs say that are most plainly of a relation: the extremes of the
    probability of a mark (Menon, van Rooyen, Ong, Williamson, "Learning from Corrupted Binary
    Labels via Class-Probability Estimation", ICML 2015).

    Either relation counts as much, or the rarer one would have no extreme of its own.

    Args:
        probability: ``[m]`` that a pair is marked 1, by those who have not seen its mark, were
            there as many pairs of either mark.
        marked: ``[m]``, 0 or 1, both among them.
    """
    counts = 0.5 / np.bincount(marked)[marked]
    order = np.argsort(probability)
    bounds = np.searchsorted(counts[order].cumsum(), [PLAIN, 1 - PLAIN])
    low, high = probability[order[bounds]]
    return np.array(
        [
            np.average(marked != relation, weights=counts * plain)
            for relation, plain in enumerate((probability <= low, probability >= high))
        ]
    )


def belief_in_each(probability: np.ndarray, marked: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """What to believe of pairs, given how they are marked and what their evidence looks like.

    With a and b the shares of wrong marks, the probability of a mark is (1 - a - b) p + a, where p
    is that of the relation (Menon et al. 2015, see :func:`wrong_marks`). The pair's own mark is
    evidence as well: by Bayes' rule. Beside it, it is no matter how many pairs have that mark.

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


def belief_by_likeness(ends: Pairs, modalities: Sequence[np.ndarray]) -> np.ndarray:
    """What to believe of related pairs whose marks say nothing: the most alike are substitutes.

    Half of them are taken to be of either relation, and the belief that a pair is of substitutes
    grows evenly with its place between the least and the most alike: by the mean of its places in
    the modalities that both of its items have. Either relation is as likely where they have none.

    Args:
        ends: ``[m]`` items and ``[m]`` others.
        modalities: of each ``[n_items, d]`` unit vectors, zero where an item has none.

    Returns:
        ``[m, 2]`` probabilities of the relations.
    """
    total, had = np.zeros((2, len(ends[0])))
    for vectors in modalities:
        there = vectors.any(axis=1)
        both = there[ends[0]] & there[ends[1]]
        total[both] += _places(cosines(vectors, (ends[0][both], ends[1][both])))
        had += both
    told = had > 0
    belief = np.full((len(told), 2), 0.5)
    belief[told, 0] = _places(total[told] / had[told])
    belief[:, 1] = 1 - belief[:, 0]
    return belief


def _places(values: np.ndarray) -> np.ndarray:
    """``[m]`` in (0, 1), from the lowest to the highest."""
    return (rankdata(values) - 0.5) / len(values)


def _look(
    probability: np.ndarray, marked: np.ndarray, wrong: np.ndarray | None = None
) -> tuple[np.ndarray | None, np.ndarray]:
    """What to believe of the pairs, and which shares are wrong if they are not given.

    Where marks say hardly anything either relation is as likely. Nothing is believed where no pair
    is more likely of the relation that it is not marked as.
    """
    wrong = wrong_marks(probability, marked) if wrong is None else wrong
    if wrong.sum() > HOPELESS:
        return np.full((len(marked), 2), 0.5), wrong
    belief = belief_in_each(probability, marked, wrong)
    return (belief if (_in_other(belief, marked) > APPROVED).any() else None), wrong


def _likelier(
    ends: Pairs, belief: np.ndarray, marked: np.ndarray, least: float, n_items: int
) -> Beliefs:
    """The beliefs of the pairs that are of the other relation with more than some probability."""
    likelier = _in_other(belief, marked) > least
    return beliefs_of((ends[0][likelier], ends[1][likelier]), belief[likelier], n_items, least)


def _in_other(belief: np.ndarray, marked: np.ndarray) -> np.ndarray:
    return belief[np.arange(len(marked)), 1 - marked]


def _mended(graph: sparse.csr_array, beliefs: Beliefs, relation: int) -> sparse.csr_array:
    """A behaviour with the pairs that are believed to be of its relation, without the others'."""
    gained, lost = beliefs.approved(relation), beliefs.approved(1 - relation)
    for some in (gained, lost):
        some.data[:] = 1
        some.resize(graph.shape)
    mended = sparse.csr_array((graph + gained - graph.multiply(lost)) > 0, dtype=graph.dtype)
    mended.eliminate_zeros()
    return mended

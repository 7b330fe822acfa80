"""What labellers say of pairs, put together for MMSC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from recbole_mmsc.data.generalise import generalise
from recbole_mmsc.data.labels import CLASSES, read_labels
from recbole_mmsc.data.queries import RELATIONS

DOUBT = 5.0  # judgements that a labeller is taken to have made at random, before any is looked at
SPARSE = 2  # training pairs of an item that has few
APPROVED = 0.5  # a pair is related if that is likelier than all else together
REJECTED = 1e-6  # what a pair counts at least: at zero it would be no known pair any more


Evidence = Callable[[tuple[np.ndarray, np.ndarray]], np.ndarray]  # pairs → [n_pairs, f]


@dataclass(frozen=True, eq=False)
class Supervision:
    """For each relation what is believed of pairs.

    Args:
        targets: for each relation ``[n_items, n_items]`` symmetric, belief in (0, 1] that the pair
            is of that relation.
        trust: ``[n_items, n_items]`` symmetric, of the same pairs, in [0, 1]: how much it counts.
    """

    targets: Sequence[sparse.csr_array]
    trust: sparse.csr_array

    def of(self, relation: int, items: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, ...]:
        """Belief and trust ``[m]`` of pairs of ``[m]`` items and ``[m]`` nodes, 0 if not judged.

        Nodes beyond the items are products outside the catalogue, which nobody judges.
        """
        inside = np.flatnonzero(nodes < self.trust.shape[0])
        found = np.zeros((2, len(items)), np.float32)
        for row, matrix in zip(found, (self.targets[relation], self.trust), strict=True):
            row[inside] = np.asarray(matrix[items[inside], nodes[inside]]).ravel()
        return found[0], found[1]

    def approved(self, relation: int) -> sparse.csr_array:
        """``[n_items, n_items]``, belief of the pairs that are of the relation."""
        target = self.targets[relation]
        approved = sparse.csr_array(target.multiply(target > APPROVED))
        approved.eliminate_zeros()
        return approved

    def weigh(self, relation: int, pairs: sparse.csr_array) -> sparse.csr_array:
        """Training pairs after supervision.

        Args:
            relation: of the pairs.
            pairs: ``[n_items, n_items]``, one for each training pair.

        Returns:
            ``[n_items, n_items]``: a pair that is judged counts for its :func:`strength`; approved
            pairs that are no training pairs are added.
        """
        items = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
        counts = strength(*self.of(relation, items, pairs.indices))
        weighed = sparse.csr_array((counts, pairs.indices, pairs.indptr), shape=pairs.shape)
        approved = self.approved(relation)
        return sparse.csr_array(weighed + approved - approved.multiply(pairs > 0))


def strength(target: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """How much an observed pair counts: in full, but ``1 - trust (1 - target)`` if not approved.

    So the doubt that is cast on every pair by a labeller that errs takes nothing from those that
    are more likely related than not.
    """
    doubted = np.maximum(1 - trust * (1 - target), REJECTED)
    return np.where(target > APPROVED, 1, doubted).astype(np.float32)


def read_supervision(
    folder: Path,
    labellers: Sequence[str],
    ids: dict[str, int],
    related: Sequence[sparse.csr_array],
    evidence: Evidence | None = None,
) -> Supervision:
    """Read the labels of some labellers and put them together.

    The logarithms of two things add up, and a softmax turns them into beliefs:

    - *votes.* A labeller's vote is worth what its labels have been worth so far: from the pairs
      that it was given at random we count how often it says each label of pairs that training
      calls substitutes, complements, or neither (Dawid and Skene 1979, with behaviour as the
      reference). It counts by the confidence in the label; ``unsure`` says nothing.
    - *likeness.* What :func:`generalise` expects the labels to be, by the evidence for the pair
      and by what training says of it: so a labeller speaks of all training pairs that are like
      those it was given, and behaviour is believed as far as it goes with the labels.

    So a labeller that says the same of everything, or anything of anything, has no say, and
    labellers that contradict each other leave a belief that few trust. Beliefs are of all training
    pairs, and of judged pairs without behaviour where an item has few of them (:func:`_used`).

    Args:
        folder: ``dataset/<name>``.
        labellers: whose labels, ``supervision/<labeller>.parquet`` each.
        ids: item id → row.
        related: for each relation ``[n_items, n_items]``, its training pairs.
        evidence: what is known of pairs; without it labels speak of the judged pairs alone.

    Raises:
        SupervisionError: a file is missing, damaged, or speaks of items that are not there.
    """
    n_items = related[0].shape[0]
    keys, votes, counts = [], [], []
    for labeller in labellers:
        labels = read_labels(folder, labeller, ids)
        classes = _classes(tuple(labels.pairs.T), related)
        random, said, confidence = labels.random, labels.said, labels.confidence[:, None]
        chances = _chances(said[random], classes[:, random])
        keys.append(labels.pairs.min(axis=1) * n_items + labels.pairs.max(axis=1))
        votes.append(confidence * np.log(chances)[:, said].T)
        counts.append(confidence * np.eye(len(CLASSES))[said])
    judged, place = np.unique(np.concatenate(keys), return_inverse=True)
    total, said = np.zeros((2, len(judged), len(CLASSES)))
    np.add.at(total, place, np.concatenate(votes))
    np.add.at(said, place, np.concatenate(counts))
    pairs = judged
    if evidence is not None:
        others = np.setdiff1d(_training_keys(related), judged)
        pairs = np.concatenate([judged, others])
        ends = np.divmod(pairs, n_items)
        known = np.column_stack([evidence(ends), _classes(ends, related).T])
        total = np.concatenate([total, np.zeros((len(others), len(CLASSES)))])
        total += _by_likeness(said, known)
    belief = _softmax(total)
    used = _used(np.divmod(pairs, n_items), belief, related)
    belief, ends = belief[used], np.divmod(pairs[used], n_items)
    return Supervision(
        [_symmetric(ends, column, n_items) for column in belief.T[: len(RELATIONS)]],
        _symmetric(ends, _trust(belief), n_items),
    )


def _classes(
    ends: tuple[np.ndarray, np.ndarray], related: Sequence[sparse.csr_array]
) -> np.ndarray:
    """``[n_classes, m]`` bool: what training says of pairs; that it says nothing is the last."""
    behaviour = np.stack([np.asarray(graph[ends]).ravel() > 0 for graph in related])
    return np.concatenate([behaviour, ~behaviour.any(axis=0, keepdims=True)])


def _training_keys(related: Sequence[sparse.csr_array]) -> np.ndarray:
    """Smaller end times n_items plus the larger one, of all training pairs."""
    n_items = related[0].shape[0]
    upper = sparse.coo_array(sparse.triu(sum(related[1:], related[0]), k=1))
    return upper.coords[0].astype(np.int64) * n_items + upper.coords[1]


def _by_likeness(said: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """``[n, n_classes]`` logarithms of what is expected of pairs like the judged ones.

    Args:
        said: ``[m, n_classes]`` summed confidence in each label of the judged pairs, which come
            first.
        evidence: ``[n, f]``.
    """
    ranked = np.sort(said, axis=1)
    margin = ranked[:, -1] - ranked[:, -2]  # what labellers dispute teaches little
    labels, weights = said.argmax(axis=1)[margin > 0], margin[margin > 0]
    teaches = np.zeros(len(evidence), bool)
    teaches[: len(said)] = margin > 0
    found = np.empty((len(evidence), len(CLASSES)))
    found[teaches], found[~teaches] = generalise(
        evidence[teaches], labels, weights, evidence[~teaches], len(CLASSES)
    )
    return found


def _softmax(total: np.ndarray) -> np.ndarray:
    belief = np.exp(total - total.max(axis=1, keepdims=True))
    return belief / belief.sum(axis=1, keepdims=True)


def _trust(belief: np.ndarray) -> np.ndarray:
    """``[n]`` in [0, 1], how far the largest belief is above an even one."""
    even = 1 / belief.shape[1]
    return (belief.max(axis=1) - even) / (1 - even)


def _used(
    ends: tuple[np.ndarray, np.ndarray], belief: np.ndarray, related: Sequence[sparse.csr_array]
) -> np.ndarray:
    """``[m]`` bool: training pairs, and new pairs for items that have few of them.

    A labeller says what would do; behaviour, where it is rich, says which of all that would do is
    chosen, and how often. So an item with up to :data:`SPARSE` training pairs gets as many new ones
    at the most, those most believed to be of a relation. Of an item without any nobody knows yet
    whether it is chosen at all: it borrows.
    """
    observed = ~_classes(ends, related)[-1]
    had = sum(np.diff(graph.indptr) for graph in related)
    fewer = np.minimum(had[ends[0]], had[ends[1]])
    sure = belief[:, : len(RELATIONS)].max(axis=1)
    new = np.flatnonzero(~observed & (fewer > 0) & (fewer <= SPARSE) & (sure > APPROVED))
    item = np.where(had[ends[0]] == fewer, ends[0], ends[1])[new]
    order = np.lexsort((-sure[new], item))
    of_item = item[order]
    place = np.arange(len(new)) - np.searchsorted(of_item, of_item)  # among its item's, from 0
    observed[new[order[place < had[of_item]]]] = True
    return observed


def _chances(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """How likely a labeller says each label of each class.

    Args:
        labels: ``[m]``, indices into :data:`CLASSES`.
        classes: ``[n_classes, m]`` bool, what training says of the pairs.

    Returns:
        ``[n_classes, n_classes]``, class by label; rows add up to one. To the counts are added
        :data:`DOUBT` judgements that follow the labeller's habit whatever the class.
    """
    said = np.eye(len(CLASSES))[labels]
    habit = (said.sum(axis=0) + 1) / (len(labels) + len(CLASSES))
    counts = classes.astype(np.float64) @ said + DOUBT * habit
    return counts / counts.sum(axis=1, keepdims=True)


def _symmetric(
    ends: tuple[np.ndarray, np.ndarray], values: np.ndarray, n_items: int
) -> sparse.csr_array:
    both = np.concatenate(ends), np.concatenate(ends[::-1])
    data = np.concatenate([values, values]).astype(np.float32)
    return sparse.csr_array((data, both), shape=(n_items, n_items))

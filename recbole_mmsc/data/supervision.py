"""What labellers say of pairs, put together for MMSC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy import sparse

from recbole_mmsc.data.beliefs import APPROVED, Beliefs, beliefs_of
from recbole_mmsc.data.generalise import generalise
from recbole_mmsc.data.labels import CLASSES, read_labels
from recbole_mmsc.data.queries import RELATIONS
from recbole_mmsc.data.sparse_rows import values_at
from recbole_mmsc.data.training import keys_of_pairs

DOUBT = 5.0  # judgements that a labeller is taken to have made at random, before any is looked at
SPARSE = 2  # training pairs of an item that has few

Evidence = Callable[[tuple[np.ndarray, np.ndarray]], np.ndarray]  # pairs → [n_pairs, f]


def read_supervision(
    folder: Path,
    labellers: Sequence[str],
    ids: dict[str, int],
    related: Sequence[sparse.csr_array],
    evidence: Evidence | None = None,
) -> Beliefs:
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
        others = np.setdiff1d(keys_of_pairs(sum(related[1:], related[0])), judged)
        pairs = np.concatenate([judged, others])
        ends = np.divmod(pairs, n_items)
        known = np.column_stack([evidence(ends), _classes(ends, related).T])
        total = np.concatenate([total, np.zeros((len(others), len(CLASSES)))])
        total += _by_likeness(said, known)
    belief = _softmax(total)
    used = _used(np.divmod(pairs, n_items), belief, related)
    belief, ends = belief[used], np.divmod(pairs[used], n_items)
    return beliefs_of(ends, belief, n_items)


def _classes(
    ends: tuple[np.ndarray, np.ndarray], related: Sequence[sparse.csr_array]
) -> np.ndarray:
    """``[n_classes, m]`` bool: what training says of pairs; that it says nothing is the last."""
    behaviour = np.stack([values_at(graph, *ends) > 0 for graph in related])
    return np.concatenate([behaviour, ~behaviour.any(axis=0, keepdims=True)])


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

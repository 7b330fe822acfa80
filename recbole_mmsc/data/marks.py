"""How a training pair is marked, told by classifiers that have not seen its mark.

Either mark counts as much in them, however rare it is: so what they say is of the pair, and not of
how many pairs its relation has.

Of two kinds: trees read the evidence for a pair; a network reads it beside the contents of the two,
so that it learns which kinds of products go together in which way. What the network says is
evidence for the trees.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from sklearn.decomposition import PCA

from recbole_mmsc.data.boosted_trees import BoostedTrees
from recbole_mmsc.nn.draws import own_draws
from recbole_mmsc.nn.pair_network import PairNetwork

FOLDS = 3
LEARNED = 80_000  # pairs that the trees of a fold learn from at most
READ = 400_000  # pairs that its network learns from at most, contents and all
# Small trees with large leaves cannot read a pair's own mark from the traces that it leaves in the
# evidence for its neighbours.
TREES = {
    "max_leaf_nodes": 8,
    "min_samples_leaf": 200,
    "class_weight": "balanced",
}
COMPONENTS = 64  # of the contents
FITTED = 20_000  # items that the components are found in
SEED = 2026

Pairs = tuple[np.ndarray, np.ndarray]


def unseen_marks(
    evidence: np.ndarray,
    marked: np.ndarray,
    ends: Pairs | None = None,
    content: np.ndarray | None = None,
) -> np.ndarray:
    """``[m]`` probability that a pair is marked 1, by those who have not seen its mark.

    It is the probability were there as many pairs of either mark.

    Args:
        evidence: ``[m, f]``.
        marked: ``[m]``, 0 or 1.
        ends: ``[m]`` items and ``[m]`` others; needed with ``content``.
        content: ``[n_items, d]`` unit vectors; without them the evidence alone is read.
    """
    if content is not None:
        told = _told_by_network(evidence, marked, ends, content)
        evidence = np.column_stack([evidence, told])
    found = np.empty(len(marked))
    for others, asked in _folds(len(marked)):
        learned = others[:LEARNED]
        trees = BoostedTrees(**TREES).fit(evidence[learned], marked[learned])
        found[asked] = trees.probability(evidence[asked])
    return found


def _folds(n_pairs: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each fold the pairs of the others, in random order, and its own."""
    rng = np.random.default_rng(SEED)
    fold = rng.integers(FOLDS, size=n_pairs)
    for each in range(FOLDS):
        yield rng.permutation(np.flatnonzero(fold != each)), np.flatnonzero(fold == each)


def _told_by_network(
    evidence: np.ndarray, marked: np.ndarray, ends: Pairs, content: np.ndarray
) -> np.ndarray:
    """``[m]`` float32 logits that a pair is marked 1, by a network that has not seen its mark."""
    components = torch.from_numpy(_components(content))
    scaled = (evidence - evidence.mean(axis=0)) / (evidence.std(axis=0) + 1e-6)
    known, labels = (torch.from_numpy(each.astype(np.float32)) for each in (scaled, marked))
    items, others = map(torch.from_numpy, ends)
    found = np.empty(len(marked), np.float32)
    with own_draws(SEED):
        for unasked, asked in _folds(len(marked)):
            learned = unasked[:READ]
            network = PairNetwork(components, known.shape[1])
            network.fit((items[learned], others[learned]), known[learned], labels[learned])
            told = network.tell((items[asked], others[asked]), known[asked])
            found[asked] = told.numpy()
    return found


def _components(content: np.ndarray) -> np.ndarray:
    """``[n_items, k]`` float32, the contents on their largest axes, at the scale of one."""
    drawn = np.random.default_rng(SEED).permutation(len(content))[:FITTED]
    k = min(COMPONENTS, content.shape[1], len(drawn))
    axes = PCA(k, svd_solver="full").fit(content[drawn])
    components = axes.transform(content).astype(np.float32)
    return components / (components.std() + 1e-6)

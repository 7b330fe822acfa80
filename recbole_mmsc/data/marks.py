"""How a training pair is marked, told by classifiers that have not seen its mark.

Of two kinds: trees read the evidence for a pair; a network reads it beside the contents of the two,
so that it learns which kinds of products go together in which way. What the network says is
evidence for the trees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor, nn
from torch.nn import functional as F

FOLDS = 3
LEARNED = 80_000  # pairs that the trees of a fold learn from at most
# Small trees with large leaves cannot read a pair's own mark from the traces that it leaves in the
# evidence for its neighbours.
TREES = {"max_leaf_nodes": 8, "min_samples_leaf": 200, "early_stopping": False}
COMPONENTS = 64  # of the contents
FITTED = 20_000  # items that the components are found in
# Few epochs and much dropout, for the same reason: what is learned late is the wrong marks.
HIDDEN, DROPOUT, EPOCHS, BATCH = 128, 0.3, 6, 1024
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 1e-4
SEED = 2026

Pairs = tuple[np.ndarray, np.ndarray]


def unseen_marks(
    evidence: np.ndarray,
    marked: np.ndarray,
    ends: Pairs | None = None,
    content: np.ndarray | None = None,
) -> np.ndarray:
    """``[m]`` probability that a pair is marked 1, by those who have not seen its mark.

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
        classifier = HistGradientBoostingClassifier(**TREES, random_state=SEED)
        classifier.fit(evidence[others[:LEARNED]], marked[others[:LEARNED]])
        found[asked] = classifier.predict_proba(evidence[asked])[:, 1]
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

    def seen(pairs: Tensor) -> Tensor:
        one, other = components[items[pairs]], components[others[pairs]]
        return torch.cat([one + other, (one - other).abs(), one * other, known[pairs]], dim=1)

    found = np.empty(len(marked), np.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        for learned, asked in _folds(len(marked)):
            network = _network(3 * components.shape[1] + known.shape[1])
            _train(network, seen, torch.from_numpy(learned), labels)
            with torch.no_grad():
                parts = torch.from_numpy(asked).split(BATCH)
                told = [network(seen(part)).squeeze(1) for part in parts]
            found[asked] = torch.cat(told).numpy()
    return found


def _components(content: np.ndarray) -> np.ndarray:
    """``[n_items, k]`` float32, the contents on their largest axes, at the scale of one."""
    drawn = np.random.default_rng(SEED).permutation(len(content))[:FITTED]
    k = min(COMPONENTS, content.shape[1], len(drawn))
    axes = PCA(k, svd_solver="full").fit(content[drawn])
    components = axes.transform(content).astype(np.float32)
    return components / (components.std() + 1e-6)


def _network(n_inputs: int) -> nn.Sequential:
    """``[b, n_inputs]`` → ``[b, 1]`` logits."""
    layers: list[nn.Module] = []
    for width in (n_inputs, HIDDEN):
        layers += [nn.Linear(width, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT)]
    return nn.Sequential(*layers, nn.Linear(HIDDEN, 1))


def _train(
    network: nn.Sequential, seen: Callable[[Tensor], Tensor], learned: Tensor, labels: Tensor
) -> None:
    steps = EPOCHS * -(-len(learned) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    rate = torch.optim.lr_scheduler.LinearLR(optimiser, 1, 0.01, steps)
    for _ in range(EPOCHS):
        for batch in learned[torch.randperm(len(learned))].split(BATCH):
            optimiser.zero_grad()
            logits = network(seen(batch)).squeeze(1)
            F.binary_cross_entropy_with_logits(logits, labels[batch]).backward()
            optimiser.step()
            rate.step()
    network.eval()

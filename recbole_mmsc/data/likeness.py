"""How alike items are: what text, image and words are each worth, found in known behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize

from recbole_mmsc.data.lending import lending
from recbole_mmsc.data.neighbours import content_neighbours

ASKED = 500  # items that are treated as cold to find the shares
STEPS = 10  # of which a share is a whole number
SEED = 2026

Sources = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Likeness:
    """The cosine of two items is the mean of their cosines by source, weighted by the shares.

    Args:
        shares: source → share; they add up to one.
    """

    shares: Mapping[str, float]

    def vectors(self, sources: Sources) -> np.ndarray:
        """One vector for each of m items, whose cosines are as above where no source is missing.

        Args:
            sources: source → ``[m, d]`` unit vectors, zeros where an item lacks it.

        Returns:
            ``[m, sum of d]`` float32 unit vectors, zeros where an item lacks every source.
        """
        parts = [
            np.float32(share**0.5) * sources[name].astype(np.float32)
            for name, share in self.shares.items()
            if share
        ]
        return normalize(np.hstack(parts))


def find_likeness(
    sources: Sources,
    related: Sequence[sparse.csr_array],
    lenders: np.ndarray,
    k: int,
    sharpness: float,
    reg_weight: float,
) -> Likeness:
    """The shares by which items borrow what they have themselves.

    Some items with behaviour are treated as if they had none: the mean cosine between their
    training pairs and what their look-alikes lend them of theirs is to be the largest. The search
    starts at even shares and moves a tenth from one source to another as long as that helps.
    Nothing but content and training pairs is looked at.

    Args:
        sources: source → ``[n_items, d]`` unit vectors, zeros where an item lacks it.
        related: for each relation ``[n_items, n_items]``, its training pairs.
        lenders: ``[n_items]`` bool, the items with behaviour.
        k, sharpness, reg_weight: how items borrow, see :func:`lending`.
    """
    names = list(sources)
    drawn = np.random.default_rng(SEED).permutation(np.flatnonzero(lenders))[:ASKED]

    def worth(steps: tuple[int, ...]) -> float:
        shares = dict(zip(names, (step / STEPS for step in steps), strict=True))
        vectors = Likeness(shares).vectors(sources)
        alike = _without(content_neighbours(vectors, lenders, k + 1, vectors[drawn]), drawn)
        lent = lending(alike, vectors, sharpness, reg_weight)
        return sum(_mean_cosine(lent @ graph, graph[drawn]) for graph in related)

    best = tuple((STEPS + place) // len(names) for place in range(len(names)))
    known = {best: worth(best)}
    while True:
        here = best
        for giver, taker in permutations(range(len(names)), 2):
            moved = list(here)
            moved[giver] -= 1
            moved[taker] += 1
            if min(moved) >= 0 and tuple(moved) not in known:
                known[tuple(moved)] = worth(tuple(moved))
        best = max(known, key=known.__getitem__)
        if best == here:
            return Likeness({name: step / STEPS for name, step in zip(names, best, strict=True)})


def _without(alike: sparse.csr_array, itself: np.ndarray) -> sparse.csr_array:
    """Neighbours ``[m, n_items]`` of the ``[m]`` items, none of them its own."""
    found = sparse.coo_array(alike)
    row, column = found.coords
    other = column != itself[row]
    return sparse.csr_array((found.data[other], (row[other], column[other])), shape=found.shape)


def _mean_cosine(lent: sparse.csr_array, own: sparse.csr_array) -> float:
    """Of the rows of two ``[m, n]`` matrices, over the rows where ``own`` has entries."""
    has_own = np.diff(own.indptr) > 0
    if not has_own.any():
        return 0.0
    return float(normalize(lent).multiply(normalize(own)).sum(axis=1)[has_own].mean())

"""What is believed of pairs, and what follows for edges and training pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from recbole_mmsc.data.queries import RELATIONS
from recbole_mmsc.data.sparse_rows import values_at

APPROVED = 0.5  # a pair is related if that is likelier than all else together
REJECTED = 1e-6  # what a pair counts at least: at zero it would be no known pair any more


@dataclass(frozen=True, eq=False)
class Beliefs:
    """For each relation what is believed of pairs.

    Args:
        targets: for each relation ``[n_items, n_items]`` symmetric, belief in (0, 1] that the pair
            is of that relation.
        trust: ``[n_items, n_items]`` symmetric, in [0, 1]: how much the belief counts for or
            against the pair as an edge; of pairs that have no entry here it does not.
        least: belief above which a training pair counts in the relation that it is not marked as.
    """

    targets: Sequence[sparse.csr_array]
    trust: sparse.csr_array
    least: float = APPROVED

    def of(self, relation: int, items: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, ...]:
        """Belief and trust ``[m]`` of pairs of ``[m]`` items and ``[m]`` nodes, 0 if not judged.

        Nodes beyond the items are products outside the catalogue, which nobody judges.
        """
        inside = np.flatnonzero(nodes < self.trust.shape[0])
        found = np.zeros((2, len(items)), np.float32)
        for row, matrix in zip(found, (self.targets[relation], self.trust), strict=True):
            row[inside] = values_at(matrix, items[inside], nodes[inside])
        return found[0], found[1]

    def approved(self, relation: int) -> sparse.csr_array:
        """``[n_items, n_items]``, belief of the pairs that are of the relation."""
        target = self.targets[relation]
        approved = sparse.csr_array(target.multiply(target > APPROVED))
        approved.eliminate_zeros()
        return approved

    def surer(self, other: Self) -> Self:
        """Of each pair what is trusted more, here or there; the higher ``least`` of the two.

        Where nothing is trusted here, all is as it is there, its ``least`` too.
        """
        if not self.trust.data.any():
            return other
        mine = self.trust > other.trust

        def choose(here: sparse.csr_array, there: sparse.csr_array) -> sparse.csr_array:
            return sparse.csr_array(here.multiply(mine) + there - there.multiply(mine))

        targets = [choose(*both) for both in zip(self.targets, other.targets, strict=True)]
        trust = choose(self.trust, other.trust)
        return type(self)(targets, trust, max(self.least, other.least))

    def weigh(self, relation: int, related: Sequence[sparse.csr_array]) -> sparse.csr_array:
        """The pairs of a relation as they are believed.

        Args:
            relation: of the pairs.
            related: for each relation ``[n_items, n_items]``, one for each training pair.

        Returns:
            ``[n_items, n_items]``: a training pair of the relation counts for its
            :func:`strength`; one of the other relation twice its belief, in full if approved; an
            approved pair of neither counts its belief.
        """
        pairs, trained = related[relation], sum(related[1:], related[0])
        items = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
        counts = strength(*self.of(relation, items, pairs.indices))
        weighed = sparse.csr_array((counts, pairs.indices, pairs.indptr), shape=pairs.shape)
        judged = sparse.coo_array(self.targets[relation])
        ends, belief = judged.coords, judged.data
        own, marked = (values_at(graph, *ends) > 0 for graph in (pairs, trained))
        added = ~own & (belief > np.where(marked, self.least, APPROVED))
        counts = np.where(marked, np.minimum(belief / APPROVED, 1), belief)
        others = (counts[added], tuple(end[added] for end in ends))
        return sparse.csr_array(weighed + sparse.csr_array(others, shape=pairs.shape))


def strength(target: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """How much an observed pair counts: in full, but ``1 - trust (1 - target)`` if not approved.

    So the doubt that is cast on every pair by a labeller that errs takes nothing from those that
    are more likely related than not.
    """
    doubted = np.maximum(1 - trust * (1 - target), REJECTED)
    return np.where(target > APPROVED, 1, doubted).astype(np.float32)


def beliefs_of(
    ends: tuple[np.ndarray, np.ndarray], belief: np.ndarray, n_items: int, least: float = APPROVED
) -> Beliefs:
    """Beliefs of some pairs.

    Args:
        ends: ``[m]`` items and ``[m]`` others, each pair once.
        belief: ``[m, n_classes]`` probabilities, the relations first. A pair is trusted as far as
            the largest is above an even one.
        n_items: of the catalogue.
        least: see :class:`Beliefs`.
    """
    even = 1 / belief.shape[1]
    trust = (belief.max(axis=1) - even) / (1 - even)
    return Beliefs(
        [_symmetric(ends, column, n_items) for column in belief.T[: len(RELATIONS)]],
        _symmetric(ends, trust, n_items),
        least,
    )


def _symmetric(
    ends: tuple[np.ndarray, np.ndarray], values: np.ndarray, n_items: int
) -> sparse.csr_array:
    both = np.concatenate(ends), np.concatenate(ends[::-1])
    data = np.concatenate([values, values]).astype(np.float32)
    return sparse.csr_array((data, both), shape=(n_items, n_items))

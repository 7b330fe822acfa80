"""What each query is known to be related to, and how much each known pair counts in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from recbole_mmsc.data.beliefs import Beliefs
from recbole_mmsc.nn.shared import Shared, WeightedRows


@dataclass(frozen=True, eq=False)
class Positives(Shared):
    """Known pairs of each relation.

    A query is a number: relation times the number of items, plus the item.

    Args:
        rows: one row for each query, its known targets; weights are what a pair counts.
        added_queries: ``[m]`` queries of the pairs that are no training pairs but believed to be
            of the relation.
        added_targets: ``[m]`` their targets.
    """

    rows: WeightedRows
    added_queries: Tensor
    added_targets: Tensor

    def counts(self, queries: Tensor, targets: Tensor) -> Tensor:
        """What known pairs count, ``[m]`` and ``[m]`` → ``[m]``."""
        _, position = self.rows.find(queries, targets)
        return self.rows.weights[position]

    def draw_added(self, batch_size: int) -> tuple[Tensor, Tensor]:
        """As many added pairs as a batch's share of an epoch, ``[m]`` queries and targets."""
        m = len(self.added_queries)
        if not m:
            return self.added_queries, self.added_targets
        trained = max(len(self.rows.entries) - m, 1)
        wanted = max(round(m * batch_size / trained), 1)
        drawn = torch.randint(m, (wanted,), device=self.added_queries.device)
        return self.added_queries[drawn], self.added_targets[drawn]


def positives_of(related: Sequence[sparse.csr_array], beliefs: Beliefs | None) -> Positives:
    """The training pairs, weighed by what is believed of them.

    Args:
        related: for each relation ``[n_items, n_items]``, its training pairs.
        beliefs: what is believed of pairs, where anything is.
    """
    trained = sparse.csr_array(sparse.vstack(related))
    weighed = trained
    if beliefs is not None:
        rows = [beliefs.weigh(relation, related) for relation in range(len(related))]
        weighed = sparse.csr_array(sparse.vstack(rows))
    weighed.sort_indices()
    added = sparse.coo_array(weighed - weighed.multiply(trained > 0))
    added.eliminate_zeros()
    queries, targets = added.coords
    return Positives(
        WeightedRows(
            torch.from_numpy(weighed.indptr.astype(np.int64)),
            torch.from_numpy(weighed.indices.astype(np.int64)),
            torch.from_numpy(weighed.data.astype(np.float32)),
        ),
        torch.from_numpy(queries.astype(np.int64)),
        torch.from_numpy(targets.astype(np.int64)),
    )

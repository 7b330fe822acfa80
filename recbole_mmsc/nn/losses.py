"""The losses of MMSC. Every one returns a scalar mean."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def sampled_softmax(
    positive: Tensor, row: Tensor, scores: Tensor, known: Tensor, counts: Tensor
) -> Tensor:
    """Cross-entropy of each positive against the candidates that are not known positives.

    Args:
        positive: ``[p]`` scores of the positives.
        row: ``[p]`` row in ``scores`` of the query of each positive.
        scores: ``[q, c]`` scores of the candidates; those of known positives are overwritten.
        known: ``[q, c]`` bool, candidates that are positives of the query.
        counts: ``[p]`` what each positive counts, 1 for one that is not doubted.
    """
    negatives = scores.masked_fill_(known, float("-inf")).logsumexp(dim=1)
    return (counts * F.softplus(negatives[row] - positive)).mean()


def info_nce(one: Tensor, other: Tensor, temperature: float, known: Tensor | None = None) -> Tensor:
    """Contrast of two views: row k of one belongs to row k of the other, and to no other row.

    InfoNCE (van den Oord et al., 2018), symmetric as in CLIP (Radford et al., 2021).

    Args:
        one: ``[m, d]``.
        other: ``[m, d]``.
        temperature: divides the cosines.
        known: ``[m, m]`` bool, rows of one and rows of the other that belong together as well and
            are no negatives of each other; the diagonal is not looked at.
    """
    if len(one) < 2:
        return one.sum() * 0
    cosines = F.normalize(one, dim=-1) @ F.normalize(other, dim=-1).T / temperature
    same = torch.arange(len(one), device=one.device)
    if known is not None:
        beside = known & (same != same.unsqueeze(1))
        cosines = cosines.masked_fill(beside, float("-inf"))
    return (F.cross_entropy(cosines, same) + F.cross_entropy(cosines.T, same)) / 2

"""The losses of MMSC, each a scalar mean, and what they are made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

QUERIES_AT_ONCE = 256  # their scores of some thousand candidates stay in the processor's cache


def sampled_softmax(positive: Tensor, row: Tensor, negatives: Tensor, counts: Tensor) -> Tensor:
    """Cross-entropy of each positive against its query's negatives.

    Args:
        positive: ``[p]`` scores of the positives.
        row: ``[p]`` row in ``negatives`` of the query of each positive.
        negatives: ``[q]`` :func:`log_mass` of each query's negatives.
        counts: ``[p]`` what each positive counts, 1 for one that is not doubted.
    """
    return (counts * F.softplus(negatives[row] - positive)).mean()


def log_mass(queries: Tensor, candidates: Tensor, bias: Tensor, known: Tensor) -> Tensor:
    """log Σ exp(score) over the candidates that are not known positives of the query.

    The matrix of scores is never held: it is made for some queries at a time, and again for the
    gradient.

    Args:
        queries: ``[q, d]``.
        candidates: ``[c, d]``.
        bias: ``[c]``; a score is the inner product and the bias of the candidate.
        known: ``[q, c]`` bool, candidates that are positives of the query.

    Returns:
        ``[q]``, minus infinity where every candidate is known.
    """
    return _LogMass.apply(queries, candidates, bias, known)  # type: ignore[no-any-return]


class _LogMass(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, candidates: Tensor, bias: Tensor, known: Tensor
    ) -> Tensor:
        """See :func:`log_mass`."""
        blocks = zip(queries.split(QUERIES_AT_ONCE), known.split(QUERIES_AT_ONCE), strict=True)
        masses = [
            torch.addmm(bias, some, candidates.T).masked_fill_(mask, -torch.inf).logsumexp(dim=1)
            for some, mask in blocks
        ]
        mass = torch.cat(masses)
        ctx.save_for_backward(queries, candidates, bias, known, mass)
        return mass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """``[q]`` → the gradients of queries, candidates and bias: each score's is its softmax."""
        queries, candidates, bias, *by_query = ctx.saved_tensors
        of_queries = []
        of_candidates, of_bias = torch.zeros_like(candidates), torch.zeros_like(bias)
        parts = [each.split(QUERIES_AT_ONCE) for each in (queries, *by_query, gradient)]
        for some, mask, mass, outer in zip(*parts, strict=True):
            scores = torch.addmm(bias, some, candidates.T)
            share = scores.sub_(mass.unsqueeze(1)).exp_().masked_fill_(mask, 0)
            share.mul_(outer.unsqueeze(1))
            of_queries.append(share @ candidates)
            of_candidates.addmm_(share.T, some)
            of_bias += share.sum(dim=0)
        return torch.cat(of_queries), of_candidates, of_bias, None


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

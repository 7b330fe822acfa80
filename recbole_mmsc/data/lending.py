"""How much each content neighbour lends to an item without behaviour."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def lending(
    alike: sparse.csr_array,
    content: np.ndarray,
    sharpness: float,
    reg_weight: float,
) -> sparse.csr_array:
    """Kernel ridge regression among the content neighbours of each item.

    With the kernel ``k(a, b) = max(cos(a, b), 0) ** sharpness`` the prediction of anything that is
    known of the neighbours L is ``k(i, L) (k(L, L) + reg_weight I)⁻¹`` times what is known
    (Gaussian process regression, Rasmussen and Williams 2006, eq. 2.25): neighbours that are
    nearly one and the same share one say, which a mean weighted by cosines gives to each of them.
    Ours: only the nearest are looked at, no weight is below zero, and the weights add up to one,
    so that what is lent is a mean.

    Args:
        alike: ``[m, n_items]`` cosines of the content neighbours, positive ones only.
        content: ``[n_items, d]`` unit vectors.
        sharpness: power of the cosines.
        reg_weight: lambda, positive; the larger, the nearer to the mean weighted by the kernel.

    Returns:
        ``[m, n_items]`` float32 weights; a row adds up to one, or is empty where ``alike``'s is.
    """
    shares = np.zeros_like(alike.data, dtype=np.float32)
    for row in range(alike.shape[0]):
        entries = slice(alike.indptr[row], alike.indptr[row + 1])
        neighbours = content[alike.indices[entries]]
        kernel = (neighbours @ neighbours.T).clip(min=0).astype(np.float64) ** sharpness
        kernel[np.diag_indices_from(kernel)] += reg_weight
        wanted = alike.data[entries].astype(np.float64) ** sharpness
        solved = np.linalg.solve(kernel, wanted).clip(min=0)
        shares[entries] = solved / solved.sum() if solved.any() else 1 / max(len(solved), 1)
    # copies: eliminate_zeros works in place
    lent = sparse.csr_array((shares, alike.indices, alike.indptr), shape=alike.shape, copy=True)
    lent.eliminate_zeros()
    return lent

"""What an item without behaviour borrows: the behaviour of the items most like it in content."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from recbole_mmsc.data.sparse_rows import largest_of_rows

ROWS_AT_ONCE = 512
BORROWED_AT_MOST = 64


def content_neighbours(
    content: np.ndarray, lenders: np.ndarray, k: int, asking: np.ndarray | None = None
) -> sparse.csr_array:
    """The ``k`` lenders most like each item, by exact search.

    Args:
        content: ``[n_items, d]`` unit vectors, zero where nothing is known.
        lenders: ``[n_items]`` bool, items that have behaviour.
        k: neighbours of an item, never itself.
        asking: ``[m, d]`` unit vectors of items outside the catalogue; by default all items ask.

    Returns:
        ``[m, n_items]`` cosines, positive ones only.
    """
    own = asking is None
    asking = content if asking is None else asking
    lender_ids = np.flatnonzero(lenders & (np.abs(content).sum(axis=1) > 0))
    borrower_ids = np.flatnonzero(np.abs(asking).sum(axis=1) > 0)
    k = min(k, max(len(lender_ids) - own, 0))
    rows, columns, values = [], [], []
    for start in range(0, len(borrower_ids) if k else 0, ROWS_AT_ONCE):
        borrowers = borrower_ids[start : start + ROWS_AT_ONCE]
        cosines = asking[borrowers] @ content[lender_ids].T
        if own:
            cosines[borrowers[:, None] == lender_ids] = -np.inf
        nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        rows.append(np.repeat(borrowers, k))
        columns.append(lender_ids[nearest].ravel())
        values.append(np.take_along_axis(cosines, nearest, axis=1).ravel())
    if not rows:
        return sparse.csr_array((len(asking), len(content)), dtype=np.float32)
    entries = np.concatenate(values).clip(min=0)
    ends = np.concatenate(rows), np.concatenate(columns)
    shape = len(asking), len(content)
    matrix = sparse.csr_array((entries, ends), shape=shape, dtype=np.float32)
    matrix.eliminate_zeros()
    return matrix


def borrow_rows(
    lenders: sparse.csr_array, neighbours: sparse.csr_array, own: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What stands beside the content neighbours of each item.

    Args:
        lenders: ``[n_items, n_nodes]``, the rows to borrow from; strengths in [0, 1].
        neighbours: ``[m, n_items]``, how like the lenders are.
        own: the m borrowers are the catalogue's items, and none of them borrows itself.

    Returns:
        Offsets ``[m + 1]``, node ids ``[n_borrowed]`` ascending within a row, and weights
        ``[n_borrowed]`` in (0, 1]: the similarity-weighted share of the lenders that have the node
        beside them. A row has at most :data:`BORROWED_AT_MOST` nodes, those of most weight.
    """
    m = neighbours.shape[0]
    total = np.asarray(neighbours.sum(axis=1)).ravel()
    offsets = np.zeros(m + 1, np.int64)
    nodes, weights = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for start in range(0, m, ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, m)
        block = sparse.coo_array(neighbours[start:stop] @ lenders)
        row, node = block.coords
        proper = (node != row + start) | (not own)
        share = (block.data / total[start:stop][row])[proper].astype(np.float32)
        ends = row[proper], node[proper]
        kept = largest_of_rows(sparse.csr_array((share, ends), shape=block.shape), BORROWED_AT_MOST)
        offsets[start + 1 : stop + 1] = np.diff(kept.indptr)
        nodes.append(kept.indices.astype(np.int64))
        weights.append(kept.data)
    return offsets.cumsum(), np.concatenate(nodes), np.concatenate(weights)

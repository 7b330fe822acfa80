"""How much a reference counts, by where it stands in its list.

Catalogues list what belongs to a product most on top: a product that is named at the top of a list
names the other in return more often than one that is named at its end. How much more is read off
the references themselves. Where lists are in no order, all references count the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from sklearn.isotonic import IsotonicRegression

from recbole_mmsc.data.sparse_rows import values_at

ROOT = 3  # of its standing, that an edge counts by in what stands beside an item
PARTS = 10  # of a list, that are told apart
SHORT = 10  # a shorter list is taken for the top of one that long
PRIOR = 20  # references' worth of belief that a part is like all others


def part_of_list(item: np.ndarray, source: np.ndarray, place: np.ndarray) -> np.ndarray:
    """In which part of its list each reference stands, ``[r]`` below :data:`PARTS`.

    Args:
        item: ``[r]`` who names.
        source: ``[r]`` small integers, the kind of list.
        place: ``[r]`` from 0, where in the list.
    """
    _, list_of, length = np.unique(
        item * (source.max(initial=0) + 1) + source, return_inverse=True, return_counts=True
    )
    return np.minimum(place * PARTS // np.maximum(length, SHORT)[list_of], PARTS - 1)


def standing_by_part(
    item: np.ndarray, node: np.ndarray, source: np.ndarray, part: np.ndarray, n_nodes: int
) -> np.ndarray:
    """Standing of the references of one behaviour, ``[r]`` float32 in (0, 1].

    It is the share of references in such a part of a list that are returned, falling from part to
    part, over that of references at the top; found for each source apart.

    Args:
        item: ``[r]`` who names.
        node: ``[r]`` who is named.
        source: ``[r]`` small integers, the kind of list.
        part: ``[r]`` of the list, see :func:`part_of_list`.
        n_nodes: ids are below it.
    """
    returned = np.isin(node * n_nodes + item, item * n_nodes + node)
    answers = np.isin(node, item)  # those who name nothing return nothing
    standing = np.ones(len(item), np.float32)
    for each in np.unique(source[returned]):
        of = source == each
        asked = of & answers
        count = np.bincount(part[asked], minlength=PARTS)
        mean = returned[asked].mean()
        share = np.bincount(part[asked], returned[asked], minlength=PARTS)
        share = (share + PRIOR * mean) / (count + PRIOR)
        falling = IsotonicRegression(increasing=False).fit_transform(
            np.arange(PARTS), share, sample_weight=count + PRIOR
        )
        standing[of] = (falling / falling[0])[part[of]]
    return standing


def symmetric_standing(
    item: np.ndarray,
    node: np.ndarray,
    source: np.ndarray,
    standing: np.ndarray,
    n_nodes: int,
) -> sparse.csr_array:
    """The best standing that either end gives the other, ``[n_nodes, n_nodes]`` float32."""
    best = sparse.csr_array((n_nodes, n_nodes), dtype=np.float32)
    for each in np.unique(source):
        of = source == each
        one_way = sparse.csr_array((standing[of], (item[of], node[of])), shape=best.shape)
        best = best.maximum(one_way.minimum(1))  # a reference that is there twice counts once
    return sparse.csr_array(best.maximum(best.T))


def standing_of(
    standings: Sequence[sparse.csr_array], index: int, items: np.ndarray, nodes: np.ndarray
) -> np.ndarray:
    """``[m]`` float32 standing of pairs as edges of a behaviour.

    A pair that is none of its edges, but was moved there, has its standing in the other behaviour,
    and one that is in neither has one: nothing is known against it.
    """
    own, other = (values_at(standings[which], items, nodes) for which in (index, 1 - index))
    found = np.where(own > 0, own, other)
    return np.where(found > 0, found, 1).astype(np.float32)


def weighed(
    standings: Sequence[sparse.csr_array],
    index: int,
    pairs: sparse.csr_array,
    root: int = 1,
) -> sparse.csr_array:
    """Pairs of a relation ``[n_items, n_items]``, each times a root of its standing.

    They are scaled so that they add up to what they did before.
    """
    items = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
    standing = standing_of(standings, index, items, pairs.indices)
    counts = pairs.data * standing ** np.float32(1 / root)
    counts *= pairs.data.sum() / max(counts.sum(), 1e-30)
    return sparse.csr_array((counts, pairs.indices, pairs.indptr), shape=pairs.shape)

"""What is known of the pairs of a dataset, as sorted arrays: fast for millions of queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from recbole_mmsc.data.queries import RELATIONS, Queries
from recbole_mmsc.dataset_builders.keys import contains, sorted_unique
from recbole_mmsc.nn.shared import Rows


def user_item_keys(dataset: Any) -> np.ndarray:
    """``[n_pairs]`` int64, ascending, unique: ``user * n_items + item`` of each interaction."""
    users = dataset.inter_feat[dataset.uid_field].numpy().astype(np.int64)
    items = dataset.inter_feat[dataset.iid_field].numpy()
    return sorted_unique(users * dataset.item_num + items)


def rows_of(keys: np.ndarray, rows: np.ndarray, n_columns: int) -> Rows:
    """The columns of some rows.

    Args:
        keys: ``[n]`` ascending ``row * n_columns + column``.
        rows: ``[m]`` the rows wanted, in the order wanted.
        n_columns: of the matrix.

    Returns:
        ``m`` rows of columns.
    """
    begins = np.searchsorted(keys, rows * n_columns)
    lengths = np.searchsorted(keys, (rows + 1) * n_columns) - begins
    offsets = np.concatenate([[0], lengths.cumsum()])
    places = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
    return Rows(torch.from_numpy(offsets), torch.from_numpy(keys[places] % n_columns))


def twins(queries: Queries, n_items: int) -> np.ndarray:
    """``[n_users]`` the user that asks the other relation of the same item, 0 for none."""
    relation, item = queries.relation[1:], queries.item[1:]
    user_of = np.zeros((len(RELATIONS), n_items), dtype=np.int64)
    user_of[relation, item] = np.arange(1, len(queries.item))
    return np.concatenate([[0], user_of[1 - relation, item]])


def degrees(train: Any, queries: Queries) -> np.ndarray:
    """``[n_items]`` in how many training pairs an item stands, of both relations.

    Args:
        train: the training dataset. A pair counts once, however many directions are written.
        queries: of the dataset.
    """
    relation, item, other = _related(train, queries)
    low, high = np.minimum(item, other), np.maximum(item, other)
    pairs = sorted_unique((relation * train.item_num + low) * train.item_num + high)
    ends = np.concatenate([pairs // train.item_num % train.item_num, pairs % train.item_num])
    return np.bincount(ends, minlength=train.item_num)


def other_relation_alone(parts: Sequence[Any], queries: Queries) -> Rows:
    """The items known to stand in the other relation to an item, and not in this one too.

    Args:
        parts: the datasets that know pairs; a pair holds in both directions.
        queries: of the dataset.

    Returns:
        Row ``relation * n_items + item`` holds them for that relation and query item.
    """
    n_items = parts[0].item_num
    relation, item, other = (
        np.concatenate(columns)
        for columns in zip(*(_related(part, queries) for part in parts), strict=True)
    )
    pairs = np.concatenate([item * n_items + other, other * n_items + item])
    relation = np.concatenate([relation, relation])
    known = [sorted_unique(pairs[relation == index]) for index in range(len(RELATIONS))]
    alone = [known[r][~contains(known[1 - r], known[r])] for r in (1, 0)]
    keys = np.concatenate([alone[0], n_items * n_items + alone[1]])
    return rows_of(keys, np.arange(len(RELATIONS) * n_items), n_items)


def _related(dataset: Any, queries: Queries) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Relation, query item and other item of each interaction."""
    users = dataset.inter_feat[dataset.uid_field].numpy()
    others = dataset.inter_feat[dataset.iid_field].numpy()
    return queries.relation[users], queries.item[users], others.astype(np.int64)

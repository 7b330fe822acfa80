"""Query tokens: RecBole's "users" are pairs of a relation and a query item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

RELATIONS = ("substitute", "complement")
SEPARATOR = "|"


@dataclass(frozen=True)
class Queries:
    """What each of RecBole's user ids asks. Padding, id 0, asks nothing.

    Args:
        relation: ``[n_users]`` int64, index into :data:`RELATIONS`, -1 for padding.
        item: ``[n_users]`` int64, RecBole's id of the query item, 0 for padding.
    """

    relation: np.ndarray
    item: np.ndarray


def relation_index(relation: str) -> int:
    """Where a relation stands in :data:`RELATIONS`.

    Raises:
        ValueError: there is no such relation.
    """
    if relation not in RELATIONS:
        raise ValueError(f"expected one of {', '.join(RELATIONS)}, found {relation!r}")
    return RELATIONS.index(relation)


def read_queries(dataset: Any) -> Queries:
    """Read the query tokens of a RecBole dataset.

    Raises:
        ValueError: a user token is no query token, or asks for an item outside ``.item``.
    """
    tokens = dataset.field2id_token[dataset.uid_field]
    item_of = dataset.field2token_id[dataset.iid_field]
    relation = np.full(len(tokens), -1, dtype=np.int64)
    item = np.zeros(len(tokens), dtype=np.int64)
    for user, token in enumerate(tokens[1:], start=1):
        name, _, item_id = str(token).partition(SEPARATOR)
        if name not in RELATIONS or item_id not in item_of:
            raise ValueError(
                f"expected query tokens such as 'substitute|B000123456' that ask for an item of "
                f"{dataset.dataset_name}.item, found {str(token)!r}; "
                f"check the folder: recbole-mmsc audit {dataset.dataset_path}"
            )
        relation[user] = RELATIONS.index(name)
        item[user] = item_of[item_id]
    return Queries(relation, item)

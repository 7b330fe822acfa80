from types import SimpleNamespace

import numpy as np
import torch

from recbole_mmsc.data.queries import Queries
from recbole_mmsc.evaluation.known import (
    degrees,
    other_relation_alone,
    rows_of,
    twins,
)

N_ITEMS = 6
# users 1 to 5: substitutes of items 1, 2 and 3, complements of items 1 and 4
QUERIES = Queries(np.array([-1, 0, 0, 0, 1, 1]), np.array([0, 1, 2, 3, 1, 4]))


def part(*pairs):
    users, items = zip(*pairs, strict=True) if pairs else ((), ())
    return SimpleNamespace(
        uid_field="user",
        iid_field="item",
        item_num=N_ITEMS,
        inter_feat={
            "user": torch.tensor(users, dtype=torch.int64),
            "item": torch.tensor(items, dtype=torch.int64),
        },
    )


def test_rows_in_the_order_asked_for():
    keys = np.array([0, 2, 3 * N_ITEMS + 1, 3 * N_ITEMS + 5])
    rows = rows_of(keys, np.array([3, 1, 0]), N_ITEMS)
    assert rows.offsets.tolist() == [0, 2, 2, 4]
    assert rows.entries.tolist() == [1, 5, 0, 2]


def test_twins_ask_the_other_relation_of_the_same_item():
    assert twins(QUERIES, N_ITEMS).tolist() == [0, 4, 0, 0, 1, 0]


def test_degree_counts_a_pair_once_in_each_relation():
    # substitutes 1-2 (both directions written), 1-5; complements 1-2, 1-4 (both directions)
    train = part((1, 2), (2, 1), (1, 5), (4, 2), (4, 4), (5, 1))
    #                        0  1  2  3  4  5
    assert degrees(train, QUERIES).tolist() == [0, 4, 2, 0, 1, 1]


def test_the_other_relation_alone_in_any_part_and_direction():
    parts = [part((1, 2), (1, 3)), part((4, 3), (5, 1)), part((3, 5))]
    # substitutes 1-2, 1-3, 3-5; complements 1-3, 1-4: the pair 1-3 is known to be both
    rows = other_relation_alone(parts, QUERIES)
    entries, owner = rows.of(torch.arange(2 * N_ITEMS))
    found = {}
    for row, item in zip(owner.tolist(), rows.entries[entries].tolist(), strict=True):
        found.setdefault((row // N_ITEMS, row % N_ITEMS), []).append(item)
    assert found == {(0, 1): [4], (0, 4): [1], (1, 1): [2], (1, 2): [1], (1, 3): [5], (1, 5): [3]}

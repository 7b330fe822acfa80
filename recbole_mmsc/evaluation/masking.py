"""Full ranking that never offers the query itself, nor what is known to be the other relation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader

from recbole_mmsc.data.queries import RELATIONS, read_queries


class RelationFullSortDataLoader(FullSortEvalDataLoader):
    """RecBole's full-sort loader for query items, the same masks for every model.

    Beside RecBole's own mask, the query's known positives, two more items are never ranked: the
    query item, and, where the label policy makes the relations exclusive, the items known from
    training to stand in the other relation to the query.
    """

    def __init__(self, config: Any, dataset: Any, sampler: Any, shuffle: bool = False) -> None:
        super().__init__(config, dataset, sampler, shuffle=shuffle)
        queries = read_queries(dataset)
        others = (
            _training_items_of_the_other_relation(dataset, sampler, queries)
            if _exclusive(Path(config["data_path"]))
            else {}
        )
        for user in self.uid_list.tolist():
            masked = {int(queries.item[user]), *others.get(user, ())}
            masked |= set(self.uid2history_item[user].tolist())
            masked -= set(self.uid2positive_item[user].tolist())
            self.uid2history_item[user] = torch.tensor(sorted(masked), dtype=torch.int64)


def _exclusive(folder: Path) -> bool:
    """Whether a pair of this dataset has one relation at most."""
    return json.loads((folder / "dataset.json").read_text("utf-8"))["exclusive_relations"]


def _training_items_of_the_other_relation(
    dataset: Any, sampler: Any, queries: Any
) -> dict[int, np.ndarray]:
    train = sampler.datasets[sampler.phases.index("train")].inter_feat
    users = train[dataset.uid_field].numpy()
    items = train[dataset.iid_field].numpy()
    user_of = {
        (relation, item): user
        for user, (relation, item) in enumerate(
            zip(queries.relation.tolist(), queries.item.tolist(), strict=True)
        )
    }
    order = np.argsort(users, kind="stable")
    asked, begins = np.unique(users[order], return_index=True)
    rows = np.split(items[order], begins[1:])
    other = {
        user_of.get((len(RELATIONS) - 1 - queries.relation[user], queries.item[user])): row
        for user, row in zip(asked.tolist(), rows, strict=True)
    }
    return {user: row for user, row in other.items() if user is not None}

"""RecBole's metrics, also for each relation apart."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from recbole.evaluator import Collector, Evaluator
from recbole.evaluator.collector import DataStruct
from torch import Tensor

from recbole_mmsc.data.queries import RELATIONS, read_queries

QUERY_RELATION = "rec.relation"
PER_QUERY = ("rec.topk", "rec.meanrank", "rec.items")


class RelationCollector(Collector):
    """RecBole's collector, which also keeps the relation that each ranked row was asked for."""

    relation: Tensor | None = None  # [n_users], of each query token

    def read_relations(self, eval_data: Any) -> None:
        """Learn what each query asks for, once: all parts of a dataset share their ids.

        From the data to evaluate, not in ``data_collect``: a model that was loaded, not trained,
        has no training data collected.
        """
        if self.relation is None:
            self.relation = torch.from_numpy(read_queries(eval_data.dataset).relation)

    def eval_batch_collect(
        self, scores_tensor: Tensor, interaction: Any, positive_u: Tensor, positive_i: Tensor
    ) -> None:
        """Collect one batch.

        Args:
            scores_tensor: ``[n_queries, n_items]``.
            interaction: the queries of the batch, a query's candidates in a row.
            positive_u: ``[n_positives]`` row of each positive.
            positive_i: ``[n_positives]`` item of each positive.
        """
        super().eval_batch_collect(scores_tensor, interaction, positive_u, positive_i)
        users = torch.unique_consecutive(interaction[self.config["USER_ID_FIELD"]].cpu())
        self.data_struct.update_tensor(QUERY_RELATION, self.relation[users])

    def get_data_struct(self) -> DataStruct:
        """Hand over what was collected, and forget it."""
        struct = super().get_data_struct()
        del self.data_struct[QUERY_RELATION]
        return struct


class RelationEvaluator(Evaluator):
    """RecBole's evaluator: its results first, unchanged, then ``substitute/ndcg@10`` and so on."""

    def evaluate(self, dataobject: DataStruct) -> OrderedDict[str, float]:
        """Evaluate all queries together, then those of each relation."""
        result = super().evaluate(dataobject)
        relation = dataobject.get(QUERY_RELATION)
        for index, name in enumerate(RELATIONS):
            asked = relation == index
            if not asked.any():
                continue
            part = DataStruct()
            for key, value in dataobject._data_dict.items():
                part.set(key, value[asked] if key in PER_QUERY else value)
            for metric, value in super().evaluate(part).items():
                result[f"{name}/{metric}"] = value
        return result

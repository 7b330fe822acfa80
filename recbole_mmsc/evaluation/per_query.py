"""Every query's own results, from one pass over the scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from recbole_mmsc.data.queries import RELATIONS, Queries, read_queries
from recbole_mmsc.evaluation.candidates import Candidates, query_means, read_candidates
from recbole_mmsc.evaluation.known import degrees, other_relation_alone
from recbole_mmsc.evaluation.query_metrics import QueryMetrics
from recbole_mmsc.evaluation.ranking import best_items, found
from recbole_mmsc.evaluation.scoring import CatalogueScores
from recbole_mmsc.evaluation.summary import summarise

METRICS = ("ndcg", "hit", "recall", "mrr", "precision", "map")


@dataclass(frozen=True)
class QueryResults:
    """What a model gives for each query of a part of a dataset.

    Args:
        table: one row per query, in the order of the dataset; the columns of
            :func:`recbole_mmsc.benchmark.record.read_queries_of`.
        summary: the means, of all queries and of each relation's: see :func:`summarise`.
    """

    table: pa.Table
    summary: dict[str, float]


def rank_queries(
    model: Any,
    test_data: Any,
    config: Any,
    cutoffs: Sequence[int],
    metrics: Sequence[str] = METRICS,
) -> QueryResults:
    """Rank the catalogue for each query, with the masks of every evaluation here.

    Args:
        model: a trained RecBole general recommender.
        test_data: the loader of the part to rank, a ``RelationFullSortDataLoader``. Fixed
            candidates are read from ``candidates/<phase>.parquet`` of the dataset, if there.
        config: RecBole's configuration of the model.
        cutoffs: the k of every metric.
        metrics: RecBole's names of metrics of the first k.

    Raises:
        ValueError: the part is empty; a metric is none of the first k; a score is not a number;
            the candidates do not fit the dataset.
    """
    dataset, sampler = test_data._dataset, test_data._sampler
    users = test_data.uid_list.numpy()
    if not len(users):
        raise ValueError(f"expected queries in the {sampler.phase} part, found none")
    cutoffs = sorted(set(cutoffs))
    queries, measure = read_queries(dataset), QueryMetrics(metrics, cutoffs)
    file = Path(config["data_path"]) / "candidates" / f"{sampler.phase}.parquet"
    candidates = read_candidates(file, dataset, test_data.uid_list)
    batches = list(_rank(model, test_data, config, queries, cutoffs, measure, candidates))
    ranked = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    relation, item = queries.relation[users], queries.item[users]
    tokens = dataset.field2id_token[dataset.iid_field].astype(str)
    known = {
        "query": dataset.field2id_token[dataset.uid_field][users].astype(str),
        "relation": np.array(RELATIONS)[relation],
        "item": tokens[item],
        "degree": degrees(sampler.datasets[0], queries)[item].astype(np.int32),
    }
    summary = summarise(ranked, relation, cutoffs, measure.columns, dataset.item_num)
    return QueryResults(pa.table(known | _arrow(ranked, tokens)), summary)


@torch.no_grad()
def _rank(
    model: Any,
    test_data: Any,
    config: Any,
    queries: Queries,
    cutoffs: Sequence[int],
    measure: QueryMetrics,
    candidates: Candidates | None,
) -> Iterator[dict[str, np.ndarray]]:
    """Columns of results, batch by batch: ``[b]`` each, ``[b, k]`` item ids in ``recommended``."""
    model.eval()
    dataset = test_data._dataset
    n_items = dataset.item_num
    alone = other_relation_alone(test_data._sampler.datasets, queries)
    asked = torch.from_numpy(queries.relation * n_items + queries.item)[test_data.uid_list]
    score, begin = CatalogueScores(model, dataset, config["eval_batch_size"]), 0
    for interaction, masked, row, item in test_data:
        scores = score(interaction.to(config["device"]))
        batch = torch.arange(begin, begin + len(scores))
        begin += len(scores)
        of_candidates = {}
        if candidates:  # before the scores are masked
            ranks = candidates.ranks(scores, batch, row, item)
            of_candidates = query_means(ranks, row, len(batch), cutoffs)
        scores[:, 0] = -torch.inf
        scores[masked] = -torch.inf
        items = best_items(scores, cutoffs[-1], config["model"]).cpu()
        n_positives = torch.bincount(row, minlength=len(batch))
        elsewhere, its_row = alone.of(asked[batch])
        confused = found(items, its_row, alone.entries[elsewhere], n_items).numpy()
        yield {
            "n_positives": n_positives.numpy().astype(np.int32),
            **measure(found(items, row, item, n_items), n_positives),
            **of_candidates,
            "recommended": items.numpy().astype(np.int32),
            **{f"confused@{k}": confused[:, :k].sum(axis=1, dtype=np.int32) for k in cutoffs},
        }


def _arrow(ranked: dict[str, np.ndarray], tokens: np.ndarray) -> dict[str, pa.Array]:
    """NaN, of queries without candidates, becomes null, item ids become lists of tokens."""
    columns = {}
    for name, values in ranked.items():
        if name == "recommended":
            there = values > 0
            ends = np.append(0, there.sum(axis=1).cumsum()).astype(np.int32)
            items = pa.DictionaryArray.from_arrays(values[there], tokens)
            columns[name] = pa.ListArray.from_arrays(ends, items)
        else:
            columns[name] = pa.array(values, mask=np.isnan(values))
    return columns

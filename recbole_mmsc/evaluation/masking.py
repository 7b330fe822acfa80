"""Full ranking that never offers the query itself, nor what is known to be the other relation."""

from __future__ import annotations

import copy
import json
from functools import cached_property
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.data.interaction import Interaction
from torch import Tensor

from recbole_mmsc.data.queries import Queries, read_queries
from recbole_mmsc.dataset_builders.keys import contains, sorted_unique
from recbole_mmsc.evaluation.known import rows_of, twins, user_item_keys
from recbole_mmsc.nn.shared import Rows

# On the CPU a batch of scores should stay in the cache, and below GLIBC_LARGEST: measured, it is
# 1.1 times as fast as 5 million, 1.3 times as fast as 10 or 40 million.
SCORES_AT_ONCE = 8_000_000
QUERIES_AT_LEAST = 32  # with fewer, reading the catalogue's vectors takes longer than the products
GLIBC_LARGEST = 32 * 2**20  # bytes; larger blocks are fresh memory every time


class RelationFullSortDataLoader(FullSortEvalDataLoader):
    """RecBole's full-sort loader for query items, the same masks for every model.

    Beside RecBole's own mask, the query's known positives, two more items are never ranked: the
    query item, and, where the label policy makes the relations exclusive, the items known from
    training to stand in the other relation to the query.

    Masks and positives are arrays (:class:`Rows`, one row for each of ``uid_list``), where RecBole
    has a Python set per query. ``eval_batch_size`` bounds a batch as in RecBole; on the CPU a
    batch is smaller, for speed.

    Args:
        config: RecBole's configuration.
        dataset: the part to evaluate.
        sampler: RecBole's, which knows the earlier parts.
        shuffle: not done, as in RecBole.

    Attributes:
        positives: the items to find.
        masked: the items that are not ranked, never a positive.
    """

    def __init__(self, config: Any, dataset: Any, sampler: Any, shuffle: bool = False) -> None:
        self.logger = getLogger()
        self.uid_field, self.iid_field = dataset.uid_field, dataset.iid_field
        self.is_sequential = False
        wanted = user_item_keys(dataset)
        hidden = _masked(Path(config["data_path"]), dataset, sampler, wanted)
        users = sorted_unique(wanted // dataset.item_num)
        self.positives = rows_of(wanted, users, dataset.item_num)
        self.masked = rows_of(hidden, users, dataset.item_num)
        self.uid_list = torch.from_numpy(users)
        self.uid2items_num = np.zeros(dataset.user_num, dtype=np.int64)
        self.uid2items_num[users] = np.diff(self.positives.offsets.numpy())
        self.user_df = dataset.join(Interaction({self.uid_field: self.uid_list}))
        self.sample_size = len(users)
        sampler = copy.copy(sampler)
        sampler.used_ids = None  # what the arrays hold, as Python sets: 1.6 kB a query
        # past RecBole's own __init__, which builds more of them
        super(FullSortEvalDataLoader, self).__init__(config, dataset, sampler, shuffle=False)

    def _init_batch_size_and_step(self) -> None:
        super()._init_batch_size_and_step()
        if torch.device(self.config["device"]).type == "cpu":
            n_items = self._dataset.item_num
            self.step = min(self._batch_size // n_items, queries_at_once(n_items))
            self.set_batch_size(self.step * n_items)
            _let_memory_be_reused()

    def collate_fn(self, index: list[int]) -> tuple[Any, tuple[Tensor, Tensor], Tensor, Tensor]:
        """One batch, as RecBole's loader gives it.

        Args:
            index: ``[b]`` places in ``uid_list``.

        Returns:
            The queries, ``[b]``; row and item of what is masked; rows and items of the positives.
        """
        chosen = torch.as_tensor(index)
        masked, masked_row = self.masked.of(chosen)
        positive, positive_row = self.positives.of(chosen)
        return (
            self.user_df[np.array(index)],
            (masked_row, self.masked.entries[masked]),
            positive_row,
            self.positives.entries[positive],
        )

    @cached_property
    def uid2history_item(self) -> np.ndarray:
        """``[n_users]`` the masked items of each user, as RecBole's case study reads them."""
        return self._by_user(self.masked)

    @cached_property
    def uid2positive_item(self) -> np.ndarray:
        """``[n_users]`` the positives of each user."""
        return self._by_user(self.positives)

    def _by_user(self, rows: Rows) -> np.ndarray:
        lists = np.full(len(self.uid2items_num), None)
        lengths = rows.offsets.diff().tolist()
        for user, items in zip(self.uid_list.tolist(), rows.entries.split(lengths), strict=True):
            lists[user] = items
        return lists


def queries_at_once(n_items: int) -> int:
    """How many queries to rank the catalogue for at once, on the CPU."""
    return max(SCORES_AT_ONCE // n_items, QUERIES_AT_LEAST)


def never_offered(
    folder: Path, queries: Queries, users: np.ndarray, known: np.ndarray, n_items: int
) -> np.ndarray:
    """What is no answer to a query: its own item, and what is known to be of the other relation.

    Args:
        folder: of the dataset, whose label policy says whether a pair has one relation at most.
        queries: of the dataset.
        users: ``[m]`` query tokens.
        known: ``[n]`` ``user * n_items + item`` of known pairs.
        n_items: of the catalogue, padding included.

    Returns:
        Ascending ``user * n_items + item``, beside those of the users others'.
    """
    keys = [users * n_items + queries.item[users]]
    if _exclusive(folder):
        user, item = np.divmod(known, n_items)
        twin = twins(queries, n_items)[user]
        keys.append((twin * n_items + item)[twin > 0])
    return sorted_unique(np.concatenate(keys))


def _let_memory_be_reused() -> None:
    """Have glibc keep the memory of one batch of scores for the next.

    It hands freed blocks back to the system, whose pages then have to be faulted in anew, unless
    one as large was freed before (mallopt(3), M_MMAP_THRESHOLD). No page of this one is touched.
    Measured: a fifth of the time, where RecBole's trainer holds two batches at once.
    """
    torch.empty(GLIBC_LARGEST - 2**16, dtype=torch.uint8)


def _masked(folder: Path, dataset: Any, sampler: Any, wanted: np.ndarray) -> np.ndarray:
    """Ascending ``user * n_items + item`` of what is masked, beside other users' pairs."""
    known = [user_item_keys(part) for part in _parts_until(sampler)]
    users = sorted_unique(wanted // dataset.item_num)
    never = never_offered(folder, read_queries(dataset), users, known[0], dataset.item_num)
    hidden = sorted_unique(np.concatenate([never, *known]))
    return hidden[~contains(wanted, hidden)]


def _parts_until(sampler: Any) -> list[Any]:
    """The parts of the dataset from training up to the sampler's own."""
    return sampler.datasets[: sampler.phases.index(sampler.phase) + 1]


def _exclusive(folder: Path) -> bool:
    """Whether a pair of this dataset has one relation at most."""
    return json.loads((folder / "dataset.json").read_text("utf-8"))["exclusive_relations"]

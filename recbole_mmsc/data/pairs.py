"""The training pairs of a dataset folder, read from its file; no other part is looked at."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from recbole_mmsc.data.queries import RELATIONS, SEPARATOR
from recbole_mmsc.data.training import undirected
from recbole_mmsc.dataset_builders.checksums import file_checksum


@dataclass(frozen=True)
class TrainingPairs:
    """Unordered pairs of items, each once in each of its relations.

    Args:
        relation: ``[p]`` int64, index into :data:`RELATIONS`.
        first: ``[p]`` int64, row of the item in ``.item``.
        second: ``[p]`` int64, greater than ``first``.
        n_items: number of items.
    """

    relation: np.ndarray
    first: np.ndarray
    second: np.ndarray
    n_items: int

    def of(self, relations: Collection[str]) -> np.ndarray:
        """``[p]`` bool, the pairs of these relations."""
        return np.isin(self.relation, [RELATIONS.index(name) for name in relations])

    def graph(self, relations: Collection[str]) -> sparse.csr_array:
        """``[n_items, n_items]`` float32, one where two items are related in one of these."""
        chosen = self.of(relations)
        return undirected(self.first[chosen], self.second[chosen], self.n_items)


def training_path(folder: Path) -> Path:
    """``<name>.train.inter`` of a dataset folder."""
    return folder / f"{folder.resolve().name}.train.inter"


def training_checksum(folder: Path) -> str:
    """SHA-256 of ``<name>.train.inter``: what was learned from it, or beside it, names it."""
    return file_checksum(training_path(folder))


def read_training_pairs(folder: Path, item_ids: Sequence[str]) -> TrainingPairs:
    """Read ``<name>.train.inter``; no validation or test pair and no behaviour is looked at.

    Args:
        folder: a dataset folder.
        item_ids: the ids in ``.item`` order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or a row asks for no known relation or item.
    """
    path = training_path(folder)
    if not path.is_file():
        raise FileNotFoundError(
            f"expected the training pairs of the dataset in {path}, found no such file; "
            f"build the dataset again: recbole-mmsc build"
        )
    columns = ["query_id:token", "item_id:token"]
    try:
        table = pd.read_csv(path, sep="\t", usecols=columns, dtype=str, keep_default_na=False)
    except ValueError as error:  # pandas' own errors among them
        raise ValueError(
            f"expected the columns {' and '.join(columns)} in {path}: {error}"
        ) from error
    number = {item_id: row for row, item_id in enumerate(item_ids)}
    parts = [token.partition(SEPARATOR) for token in table[columns[0]]]
    known = {name: index for index, name in enumerate(RELATIONS)}
    relation = _numbers([name for name, _, _ in parts], known, "relation", path)
    query = _numbers([item_id for _, _, item_id in parts], number, "item", path)
    target = _numbers(table[columns[1]], number, "item", path)
    first, second = np.minimum(query, target), np.maximum(query, target)
    rows = np.unique(np.stack([relation, first, second], axis=1)[first < second], axis=0)
    return TrainingPairs(rows[:, 0], rows[:, 1], rows[:, 2], len(item_ids))


def _numbers(names: Sequence[str], number: dict[str, int], what: str, path: Path) -> np.ndarray:
    found = np.array([number.get(name, -1) for name in names], dtype=np.int64)
    if (found < 0).any():
        line = int((found < 0).argmax())
        raise ValueError(
            f"expected a known {what} in line {line + 2} of {path}, found {names[line]!r}; "
            f"check the folder: recbole-mmsc audit {path.parent}"
        )
    return found

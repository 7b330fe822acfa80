"""What a catalogue's columns say of each item, as small integers to embed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recbole_mmsc.data.built import catalogue_columns

UNKNOWN = 0
PRICE_BINS = 20
SEPARATOR = " > "  # between the steps of a category path


def read_attributes(folder: Path, dataset: Any) -> dict[str, Tensor]:
    """Category, brand and price of every item.

    Args:
        folder: ``dataset/<name>``, with its ``catalogue.parquet``.
        dataset: a RecBole dataset of that folder; its item ids number the rows.

    Returns:
        Name → ``[n_items]`` int64 codes, :data:`UNKNOWN` for what is not known and for the padding:
        ``department`` (the first two steps of the category path), ``category`` (the first three),
        ``type`` (all of them), ``brand``, and ``price``, one of :data:`PRICE_BINS` bins with
        equally many items each.

    Raises:
        FileNotFoundError: there is no ``catalogue.parquet``.
        ValueError: it is damaged.
    """
    table = catalogue_columns(folder, "item_id", "category", "brand", "price")
    ids = dataset.field2token_id[dataset.iid_field]
    row = np.array([ids[item] for item in table["item_id"].to_pylist()])
    paths = [(path or "").split(SEPARATOR) for path in table["category"].to_pylist()]
    columns = {
        "department": _codes([SEPARATOR.join(path[:2]) for path in paths]),
        "category": _codes([SEPARATOR.join(path[:3]) for path in paths]),
        "type": _codes([SEPARATOR.join(path) for path in paths]),
        "brand": _codes([brand or "" for brand in table["brand"].to_pylist()]),
        "price": _bins(table["price"].to_numpy()),
    }
    attributes = {}
    for name, codes in columns.items():
        attributes[name] = torch.zeros(dataset.item_num, dtype=torch.long)
        attributes[name][row] = torch.from_numpy(codes)
    return attributes


def _codes(values: list[str]) -> np.ndarray:
    """``[n]``: 0 for "", and one number from 1 for each other value, in its alphabetical order."""
    known = sorted({*values} - {""})
    code = {value: number for number, value in enumerate(known, start=1)}
    return np.array([code.get(value, 0) for value in values], dtype=np.int64)


def _bins(prices: np.ndarray) -> np.ndarray:
    """``[n]``: 0 for NaN, and the number of the quantile, from 1, for a price."""
    known = np.isfinite(prices)
    codes = np.zeros(len(prices), dtype=np.int64)
    if known.any():
        inner = np.linspace(0, 1, PRICE_BINS + 1)[1:-1]
        edges = np.quantile(prices[known], inner)
        codes[known] = np.searchsorted(edges, prices[known], side="right") + 1
    return codes

"""The catalogue as labellers see it, and the pairs of it that may be judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from scipy import sparse

from recbole_mmsc.data.built import catalogue_columns
from recbole_mmsc.data.inputs import read_inputs
from recbole_mmsc.data.modalities import item_ids
from recbole_mmsc.data.queries import read_queries
from recbole_mmsc.data.training import training_graphs
from recbole_mmsc.nn.behaviour import BehaviourGraph
from recbole_mmsc.settings import MMSCSettings
from recbole_mmsc.supervision.judgement import Key, Pair, Product
from recbole_mmsc.supervision.selection import Material, choose_pairs

DESCRIPTION = 300  # characters of a description that are shown
SEED = 2026


@dataclass(frozen=True)
class Catalogue:
    """Products, and what pairs are chosen from.

    Args:
        material: rows and columns are RecBole's item ids.
        ids: item id → row.
        products: item id → what a labeller is told, in the order of the catalogue.
        beside: for co-view and co-purchase ``[n_items, n_nodes]`` bool.
    """

    material: Material
    ids: dict[str, int]
    products: dict[str, Product]
    beside: list[sparse.csr_array]

    def pair(self, first: str, second: str) -> Pair:
        """Two items, with what training says of them."""
        ends = self.ids[first], self.ids[second]
        viewed, bought = (bool(matrix[ends]) for matrix in self.beside)
        return Pair(self.products[first], self.products[second], viewed, bought)

    def chosen(self, budget: int) -> dict[Pair, str]:
        """The pairs of a budget → how each was chosen.

        RecBole numbers the items of every split anew; the order of the catalogue stays, so that a
        pair is known again.
        """
        names = {row: item_id for item_id, row in self.ids.items()}
        place = {item_id: row for row, item_id in enumerate(self.products)}
        return {
            self.pair(*sorted((names[row] for row in rows), key=place.__getitem__)): how
            for rows, how in choose_pairs(self.material, budget, SEED).items()
        }

    def judged(self, keys: Iterable[Key]) -> dict[Key, Pair]:
        """Those of some pairs that may be judged here: of the catalogue, and not held out."""
        there = [key for key in keys if key[0] in self.ids and key[1] in self.ids]
        return {key: self.pair(*key) for key in there if not self._is_held_out(key)}

    def checked(self, keys: Mapping[Key, str], labeller: str) -> dict[Pair, str]:
        """Pairs that a labeller brings.

        Raises:
            ValueError: an item is not in the catalogue, or a pair is held out.
        """
        for key in keys:
            if strangers := [item_id for item_id in key if item_id not in self.ids]:
                raise ValueError(
                    f"expected items of the catalogue in the pairs of {labeller}, found "
                    f"{strangers[0]!r} in the pair {key[0]}, {key[1]}; {self._advice(strangers[0])}"
                )
            if self._is_held_out(key):
                raise ValueError(
                    f"expected pairs that are not held out, found {key[0]} with {key[1]}, of "
                    "validation or test; take it out: labels are for training only"
                )
        return {self.pair(*key): how for key, how in keys.items()}

    def _advice(self, stranger: str) -> str:
        bare = stranger.lstrip("0")
        if meant := [item_id for item_id in self.ids if item_id.lstrip("0") == bare]:
            return (
                f"is it {meant[0]!r}? spreadsheets drop zeros at the front: format the columns of "
                "ids as text"
            )
        return "take it out, or see whether the pairs are of another dataset"

    def _is_held_out(self, key: Key) -> bool:
        return bool(self.material.held_out[self.ids[key[0]], self.ids[key[1]]])


def read_catalogue(folder: Path, encoder: str | None, progress: bool) -> Catalogue:
    """Read a dataset folder.

    Args:
        folder: ``dataset/<name>``.
        encoder: whose features tell which items are alike; None where no pairs are to be chosen.
        progress: show progress bars.

    Raises:
        FeatureError: the features are missing, broken, or of another catalogue.
        OSError: the dataset lacks a file.
    """
    content: dict[str, Any] = {"encoder": encoder}
    if encoder is None:
        content = {"modalities": [], "completion_weight": 0}
    config = Config(
        model="MMSC",
        dataset=folder.name,
        config_dict={
            "data_path": str(folder.parent),
            **content,
            "supervision": [],
            "show_progress": progress,
            "gpu_id": "",
        },
    )
    parts = [loader.dataset for loader in data_preparation(config, create_dataset(config))]
    train, ids = parts[0], item_ids(parts[0])
    queries = read_queries(train)
    settings = MMSCSettings.from_config(config)
    inputs = read_inputs(folder, train, settings, SEED)
    held_out = [graph for part in parts[1:] for graph in training_graphs(part, queries)]
    material = Material(
        training_graphs(train, queries),
        sparse.csr_array(sum(held_out[1:], held_out[0])),
        inputs.graphs,
        inputs.complete and inputs.complete(),
        inputs.alike,
    )
    return Catalogue(material, ids, _products(folder), [_edges(g) for g in inputs.graphs])


def _edges(graph: BehaviourGraph) -> sparse.csr_array:
    """``[n_items, n_nodes]`` bool."""
    entries, offsets = graph.entries.numpy(), graph.offsets.numpy()
    shape = len(offsets) - 1, len(graph.popularity)
    return sparse.csr_array((np.ones(len(entries), bool), entries, offsets), shape=shape)


def _products(folder: Path) -> dict[str, Product]:
    names = ("item_id", "title", "brand", "category", "price", "description")
    return {
        row["item_id"]: Product(
            row["item_id"],
            row["title"] or "",
            row["brand"] or "",
            row["category"] or "",
            row["price"] if row["price"] is not None and np.isfinite(row["price"]) else None,
            (row["description"] or "")[:DESCRIPTION],
        )
        for row in catalogue_columns(folder, *names).to_pylist()
    }

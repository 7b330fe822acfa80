"""Adapt an encoder's features to the relations of a dataset's training split."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from recbole_mmsc.data.built import catalogue_columns
from recbole_mmsc.data.features import (
    ADAPTED,
    FeatureError,
    features_path,
    read_features,
    write_features,
)
from recbole_mmsc.data.pairs import read_training_pairs, training_checksum
from recbole_mmsc.dataset_builders.checksums import file_checksum
from recbole_mmsc.encoders.adapter_file import adapted, adapter_path, unit, write_adapter
from recbole_mmsc.encoders.adapter_training import train_adapter
from recbole_mmsc.settings.adaptation import AdaptationSettings


@dataclass(frozen=True)
class AdaptSummary:
    """What ``adapt_dataset`` wrote and how training went (see ``Trained``)."""

    path: Path
    encoder: str
    losses: list[float]
    best: int
    n_pairs: int
    n_held_out: int
    seconds: float

    def render(self) -> str:
        """For the terminal."""
        first, best = self.losses[0], self.losses[self.best]
        loss = f"fell from {first:.3f} to {best:.3f} in epoch {self.best}"
        if not self.best:
            loss = f"of {first:.3f} did not fall: the features are as they were"
        return (
            f"{self.path}: trained on {self.n_pairs:,} training pairs, stopped by "
            f"{self.n_held_out:,} others, whose loss {loss}, {self.seconds:.0f} s\n"
            f"to use it: encoder: {self.encoder}"
        )


def adapt_dataset(
    folder: str | os.PathLike[str],
    encoder: str,
    settings: AdaptationSettings | None = None,
    *,
    progress: bool = True,
) -> AdaptSummary:
    """Train an adapter on the training pairs and write the adapted features and the adapter.

    Nothing but the features, the catalogue's order and ``<name>.train.inter`` is read. Every item
    is adapted, those without a training pair too. The same input, settings, machine and number of
    threads give the same bytes. The features it starts from stay as they are.

    Args:
        folder: a dataset folder.
        encoder: whose features to adapt.
        settings: how; by default :class:`AdaptationSettings`'s.
        progress: show a progress bar on stderr.

    Raises:
        FeatureError: the features are missing, damaged, of another catalogue, or adapted already.
        OSError: the catalogue or the training pairs are missing.
        ValueError: there are too few training pairs.
    """
    started = time.perf_counter()
    folder, settings = Path(folder), settings or AdaptationSettings()
    if encoder.endswith(ADAPTED):
        raise FeatureError(
            f"expected the features of an encoder, found {encoder!r}, which are adapted already; "
            f"adapt those of {encoder.removesuffix(ADAPTED)!r}"
        )
    source = features_path(folder, encoder)
    item_ids = catalogue_columns(folder, "item_id")["item_id"].to_pylist()
    features = read_features(source, item_ids, encoder)
    pairs = read_training_pairs(folder, item_ids)
    modalities = {
        name: unit(features.vectors[name], features.available[name]) for name in features.modalities
    }
    trained = train_adapter(modalities, pairs, settings, progress)
    origin = {
        "adapted_from": encoder,
        "adapted_from_sha256": file_checksum(source),
        "train_sha256": training_checksum(folder),
    }
    adapter = write_adapter(
        adapter_path(folder, encoder),
        trained.adapter,
        {
            **origin,
            "settings": settings.model_dump_json(),
            "held_out_losses": json.dumps(trained.losses),
            "best_epoch": str(trained.best),
            "pairs": str(trained.n_pairs),
            "held_out_pairs": str(trained.n_held_out),
            "libraries": f"torch {torch.__version__}",
        },
    )
    path = write_features(
        features_path(folder, encoder + ADAPTED),
        item_ids,
        {
            name: adapted(trained.adapter, name, rows).astype(rows.dtype)
            for name, rows in features.vectors.items()
        },
        features.available,
        # an encoder asked for by the name of its file keeps its own
        encoder=(features.encoder or encoder) + ADAPTED,
        metadata={**features.metadata, **origin, "adapter_sha256": file_checksum(adapter)},
    )
    return AdaptSummary(
        path=path,
        encoder=encoder + ADAPTED,
        losses=trained.losses,
        best=trained.best,
        n_pairs=trained.n_pairs,
        n_held_out=trained.n_held_out,
        seconds=time.perf_counter() - started,
    )

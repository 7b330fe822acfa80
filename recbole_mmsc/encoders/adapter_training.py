"""Train a :class:`ContentAdapter` on the training pairs of a dataset."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from tqdm import tqdm

from recbole_mmsc.data.pairs import TrainingPairs
from recbole_mmsc.nn.adapter import ContentAdapter
from recbole_mmsc.nn.content import Modality
from recbole_mmsc.nn.draws import own_draws
from recbole_mmsc.settings.adaptation import AdaptationSettings


@dataclass(frozen=True)
class Trained:
    """What training came to.

    Args:
        adapter: as it was after the best epoch.
        losses: held-out loss before training and after each epoch.
        best: the epoch of the least one; 0, before training, keeps the vectors as they are.
        n_pairs: pairs it was trained on.
        n_held_out: pairs that only decided when to stop.
    """

    adapter: ContentAdapter
    losses: list[float]
    best: int
    n_pairs: int
    n_held_out: int


@dataclass(frozen=True)
class _Part:
    """Pairs, and the items whose own modalities are contrasted: to train on, or held out."""

    first: np.ndarray
    second: np.ndarray
    items: np.ndarray


def train_adapter(
    modalities: Mapping[str, Modality],
    pairs: TrainingPairs,
    settings: AdaptationSettings,
    progress: bool = True,
) -> Trained:
    """Pull related items together, and an item's text and image, from where they stand.

    Known training pairs of the chosen relations are no negatives of each other; those of another
    relation are: what goes with an item need not be like it. The pairs of a share of the items are
    held out whole: the adapter has to do well on items that it has not seen.

    Args:
        modalities: of the catalogue, unit vectors in float32.
        pairs: training pairs of the same items.
        settings: how.
        progress: show a progress bar on stderr.

    Raises:
        ValueError: too few pairs to train on.
    """
    rng = np.random.default_rng(settings.seed)
    train, held_out = _divide(modalities, pairs, settings, rng)
    related = (
        pairs.graph(settings.relations)
        + sparse.eye_array(pairs.n_items, format="csr", dtype=np.float32)
    ).tocsr()
    with own_draws(settings.seed):
        sizes = {name: modality.vectors.shape[1] for name, modality in modalities.items()}
        adapter = ContentAdapter(sizes, settings.hidden)

    def loss(first: np.ndarray, second: np.ndarray, items: np.ndarray) -> Tensor:
        known = torch.from_numpy(related[first][:, second].toarray() > 0)
        one, other = adapter(_rows(modalities, first)), adapter(_rows(modalities, second))
        total = adapter.between_items(one, other, known, settings.temperature)
        if len(items):
            own = adapter(_rows(modalities, items))
            itc = adapter.between_modalities(own, settings.temperature)
            total = total + settings.itc_weight * itc
        return total

    @torch.no_grad()
    def held_out_loss() -> float:
        fixed = np.random.default_rng(settings.seed)
        found = [loss(*batch).item() for batch in _batches(held_out, settings.batch_size, fixed)]
        return float(np.mean(found))

    optimizer = torch.optim.AdamW(
        adapter.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    n_steps = _n_batches(train, settings.batch_size)
    schedule = torch.optim.lr_scheduler.LinearLR(
        optimizer, start_factor=1, end_factor=0, total_iters=settings.epochs * n_steps
    )
    losses, best, kept = [held_out_loss()], 0, copy.deepcopy(adapter.state_dict())
    with tqdm(
        total=settings.epochs * n_steps, unit="batch", desc="adapt", disable=not progress
    ) as bar:
        for epoch in range(1, settings.epochs + 1):
            for batch in _batches(train, settings.batch_size, rng):
                optimizer.zero_grad()
                loss(*batch).backward()
                optimizer.step()
                schedule.step()
                bar.update()
            losses.append(held_out_loss())
            bar.set_postfix(held_out=f"{losses[-1]:.4f}")
            if losses[-1] < losses[best]:
                best, kept = epoch, copy.deepcopy(adapter.state_dict())
            elif epoch - best >= settings.patience:
                break
    adapter.load_state_dict(kept)
    return Trained(adapter, losses, best, len(train.first), len(held_out.first))


def _divide(
    modalities: Mapping[str, Modality],
    pairs: TrainingPairs,
    settings: AdaptationSettings,
    rng: np.random.Generator,
) -> tuple[_Part, _Part]:
    """What is trained on, and what is held out."""
    available = np.stack([modality.available.numpy() for modality in modalities.values()])
    known = available.any(axis=0)
    chosen = pairs.of(settings.relations) & known[pairs.first] & known[pairs.second]
    first, second = pairs.first[chosen], pairs.second[chosen]
    with_pairs = np.unique([first, second])
    n_held_out = max(round(settings.held_out * len(with_pairs)), min(len(with_pairs), 1))
    held_out = np.zeros(pairs.n_items, bool)
    held_out[rng.choice(with_pairs, n_held_out, replace=False)] = True
    aside = held_out[first] | held_out[second]
    if min(aside.sum(), (~aside).sum()) < 2:
        raise ValueError(
            f"expected training pairs of {' or '.join(settings.relations)} between items with "
            f"features, at least two to train on and two to hold out; found {len(first)}"
        )
    whole = available.all(axis=0) & (len(available) > 1) & (settings.itc_weight > 0)
    return tuple(
        _Part(first[part], second[part], np.flatnonzero(whole & items))
        for part, items in ((~aside, ~held_out), (aside, held_out))
    )


def _n_batches(part: _Part, size: int) -> int:
    return max(len(part.first) // size, 1)


def _batches(
    part: _Part, size: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Full batches in random order, each with as many items drawn for their own contrast."""
    order = rng.permutation(len(part.first))
    for start in range(0, _n_batches(part, size) * size, size):
        batch = order[start : start + size]
        items = rng.choice(part.items, min(size, len(part.items)), replace=False)
        yield part.first[batch], part.second[batch], items


def _rows(modalities: Mapping[str, Modality], items: np.ndarray) -> dict[str, Modality]:
    chosen = torch.from_numpy(items)
    return {
        name: Modality(modality.vectors[chosen], modality.available[chosen])
        for name, modality in modalities.items()
    }

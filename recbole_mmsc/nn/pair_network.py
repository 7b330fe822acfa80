"""A small network that tells how a pair of items is labelled, from what the two are."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Few epochs and much dropout: what is learned late is the wrong labels.
HIDDEN, DROPOUT, EPOCHS, BATCH = 128, 0.3, 6, 1024
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 1e-4


class PairNetwork(nn.Module):
    """Logits of one label of two, the same for a pair whichever way round it is given.

    Args:
        items: ``[n_items, k]``, what the items are.
        n_known: numbers that are known of a pair itself.
    """

    def __init__(self, items: Tensor, n_known: int) -> None:
        super().__init__()
        self.register_buffer("items", items, persistent=False)
        layers: list[nn.Module] = []
        for width in (3 * items.shape[1] + n_known, HIDDEN):
            layers += [nn.Linear(width, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT)]
        self.layers = nn.Sequential(*layers, nn.Linear(HIDDEN, 1))

    def forward(self, ends: tuple[Tensor, Tensor], known: Tensor) -> Tensor:
        """``[b]`` items, ``[b]`` others and ``[b, n_known]`` → ``[b]`` logits."""
        one, other = (self.items[end] for end in ends)
        seen = torch.cat([one + other, (one - other).abs(), one * other, known], dim=1)
        return self.layers(seen).squeeze(1)

    def fit(self, ends: tuple[Tensor, Tensor], known: Tensor, labels: Tensor) -> None:
        """Learn ``[m]`` labels of 0 and 1, either of which counts as much in all.

        Torch's own random numbers are drawn.
        """
        rarity = (len(labels) - labels.sum()) / labels.sum()
        steps = EPOCHS * -(-len(labels) // BATCH)
        optimiser = torch.optim.AdamW(self.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        rate = torch.optim.lr_scheduler.LinearLR(optimiser, 1, 0.01, steps)
        self.train()
        for _ in range(EPOCHS):
            for batch in torch.randperm(len(labels)).split(BATCH):
                optimiser.zero_grad()
                logits = self((ends[0][batch], ends[1][batch]), known[batch])
                F.binary_cross_entropy_with_logits(
                    logits, labels[batch], pos_weight=rarity
                ).backward()
                optimiser.step()
                rate.step()

    @torch.no_grad()
    def tell(self, ends: tuple[Tensor, Tensor], known: Tensor) -> Tensor:
        """``[m]`` logits of ``[m]`` pairs."""
        self.eval()
        parts = torch.arange(len(known)).split(BATCH)
        return torch.cat([self((ends[0][part], ends[1][part]), known[part]) for part in parts])

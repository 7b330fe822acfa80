"""Content: frozen foundation-model vectors adapted to one shared space."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from recbole_mmsc.nn.shared import Shared


@dataclass(frozen=True, eq=False)
class Modality(Shared):
    """One modality of all items.

    Args:
        vectors: ``[n_items, d_m]``, unit length, zero where absent.
        available: ``[n_items]`` bool.
    """

    vectors: Tensor
    available: Tensor


class ContentEncoder(nn.Module):
    """An adapter for each modality: frozen vectors → the shared space.

    Args:
        modalities: name → :class:`Modality`.
        size: width d of the shared space.
    """

    def __init__(self, modalities: dict[str, Modality], size: int) -> None:
        super().__init__()
        self.modalities = modalities
        self.adapters = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(modality.vectors.shape[1], size),
                    nn.Tanh(),
                    nn.Linear(size, size),
                    nn.LayerNorm(size),
                )
                for name, modality in modalities.items()
            }
        )

    def forward(self, items: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Adapt some items.

        Args:
            items: ``[m]`` item ids.

        Returns:
            For each modality ``[m, d]`` vectors, zero where absent, and ``[m]`` bool, who has it.
        """
        chosen = {
            name: Modality(modality.vectors[items], modality.available[items])
            for name, modality in self.modalities.items()
        }
        return self.adapt(chosen)

    def adapt(self, modalities: dict[str, Modality]) -> tuple[list[Tensor], list[Tensor]]:
        """Adapt any m items, of the catalogue or not, to what :meth:`forward` returns.

        Args:
            modalities: for each modality of the encoder the vectors ``[m, d_m]`` and who has it.
        """
        vectors, available = [], []
        for name, adapter in self.adapters.items():
            present = modalities[name].available
            vectors.append(adapter(modalities[name].vectors.float()) * present.unsqueeze(-1))
            available.append(present)
        return vectors, available


def fused(vectors: list[Tensor], available: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean over the modalities an item has: ``[m, d]``, and ``[m]`` bool, which have any."""
    counts = torch.stack(available).sum(dim=0)
    return torch.stack(vectors).sum(dim=0) / counts.clamp(min=1).unsqueeze(-1), counts > 0

"""Small residual adapters of frozen vectors, and the contrasts that train them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recbole_mmsc.nn.content import Modality
from recbole_mmsc.nn.losses import info_nce


class ResidualAdapter(nn.Module):
    """v ↦ (v + W₂ gelu(W₁ LN(v))) at unit length; W₂ starts at zero, so it starts as the identity.

    Args:
        size: width d of the vectors.
        hidden: width between W₁ and W₂.
    """

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.down = nn.Linear(size, hidden)
        self.up = nn.Linear(hidden, size)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """``[m, d]`` → ``[m, d]`` of unit length."""
        return F.normalize(vectors + self.up(F.gelu(self.down(self.norm(vectors)))), dim=-1)


class ContentAdapter(nn.Module):
    """A :class:`ResidualAdapter` for each modality.

    Where the modalities differ in width their cosines need a space in common: each then has a
    linear head into the narrowest width, which the contrast between modalities alone looks at.

    Args:
        sizes: modality → width of its vectors.
        hidden: width inside the adapters.
    """

    def __init__(self, sizes: Mapping[str, int], hidden: int) -> None:
        super().__init__()
        self.adapters = nn.ModuleDict(
            {name: ResidualAdapter(size, hidden) for name, size in sizes.items()}
        )
        narrowest, alike = min(sizes.values()), len(set(sizes.values())) == 1
        self.heads = nn.ModuleDict(
            {
                name: nn.Identity() if alike else nn.Linear(size, narrowest, bias=False)
                for name, size in sizes.items()
            }
        )

    def forward(self, modalities: Mapping[str, Modality]) -> dict[str, Modality]:
        """Adapt the vectors of m items; an absent modality stays absent, and zero."""
        return {
            name: Modality(
                adapter(modalities[name].vectors) * modalities[name].available.unsqueeze(-1),
                modalities[name].available,
            )
            for name, adapter in self.adapters.items()
        }

    def between_modalities(self, items: Mapping[str, Modality], temperature: float) -> Tensor:
        """Image-text contrast (ITC): an item's text belongs to its own image.

        Args:
            items: adapted, of m different items.
            temperature: divides the cosines.

        Returns:
            A scalar, zero where there is one modality only.
        """
        names = list(items)
        return _mean(
            self._contrast(items, one, items, other, temperature)
            for n, one in enumerate(names)
            for other in names[n + 1 :]
        )

    def between_items(
        self,
        one: Mapping[str, Modality],
        other: Mapping[str, Modality],
        known: Tensor,
        temperature: float,
    ) -> Tensor:
        """Cross-item contrast (CIC), within each modality and across them.

        Args:
            one: adapted, the first items of p related pairs.
            other: the second ones.
            known: ``[p, p]`` bool, first and second items that are no negatives of each other.
            temperature: divides the cosines.
        """
        return _mean(
            self._contrast(one, first, other, second, temperature, known)
            for first in one
            for second in other
        )

    def _contrast(
        self,
        one: Mapping[str, Modality],
        first: str,
        other: Mapping[str, Modality],
        second: str,
        temperature: float,
        known: Tensor | None = None,
    ) -> Tensor:
        """InfoNCE over the rows that have both modalities."""
        both = one[first].available & other[second].available
        left, right = one[first].vectors[both], other[second].vectors[both]
        if first != second:
            left, right = self.heads[first](left), self.heads[second](right)
        return info_nce(left, right, temperature, None if known is None else known[both][:, both])


def _mean(terms: Iterable[Tensor]) -> Tensor:
    """Their mean, zero where there are none."""
    found = list(terms)
    return torch.stack(found).mean() if found else torch.zeros(())

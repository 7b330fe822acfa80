"""Adam, which of a table of vectors moves the rows alone that a batch has met."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class RowAdam(Optimizer):
    """Adam without momentum (β₁ = 0, β₂ = 0.999) of the rows that a sparse gradient has.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1, for each row
    that was met; of the others nothing changes, not even the decay of their second moments. A
    step costs what the batch costs, however long the table is. torch's ``SparseAdam`` does the
    same with a momentum, which has a row repeat what it was told when it was last met, at twice
    the time and half as much memory again.

    Args:
        weights: ``[n_rows, d]`` tables, whose gradients are sparse.
        lr: learning rate.
    """

    def __init__(self, weights: Iterable[Tensor], lr: float) -> None:
        super().__init__(weights, {"lr": lr, "decay": 0.999, "eps": 1e-8})

    @torch.no_grad()
    def step(self) -> None:
        """Move the rows that have a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, self.state[weight], **group)

    @staticmethod
    def _move(
        weight: Tensor, state: dict[str, Any], lr: float, decay: float, eps: float, **_: Any
    ) -> None:
        if not state:
            state.update(step=0, square=torch.zeros_like(weight))
        state["step"] += 1
        gradient = weight.grad.coalesce()
        rows, values = gradient.indices()[0], gradient.values()
        square = state["square"][rows].mul_(decay).addcmul_(values, values, value=1 - decay)
        state["square"][rows] = square
        scale = square.div_(1 - decay ** state["step"]).sqrt_().add_(eps)
        weight.index_add_(0, rows, values / scale, alpha=-lr)


class LayersAndRows:
    """Two optimisers as one: of the layers, and by :class:`RowAdam` of tables of vectors.

    Args:
        layers: the optimiser of everything but the tables; these take its learning rate.
        tables: their vectors, whose gradients are sparse.
    """

    def __init__(self, layers: Optimizer, tables: Iterable[Tensor]) -> None:
        self.parts = {"layers": layers, "rows": RowAdam(tables, layers.param_groups[0]["lr"])}

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of both, to be changed in place."""
        return [group for part in self.parts.values() for group in part.param_groups]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self.parts.values():
            part.zero_grad()

    def step(self) -> None:
        """Move the layers, and the rows that have a gradient."""
        for part in self.parts.values():
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        for name, part in self.parts.items():
            part.load_state_dict(state[name])

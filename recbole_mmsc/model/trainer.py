"""RecBole's trainer with a learning rate that falls to zero, and steps by row."""

from __future__ import annotations

from typing import Any

from recbole.trainer import Trainer
from torch import nn

from recbole_mmsc.model.row_adam import LayersAndRows


class MMSCTrainer(Trainer):
    """RecBole's trainer; before each epoch the learning rate falls, linearly over ``epochs``.

    The rate follows from the epoch's number alone, so that a resumed run goes on as if it had not
    been interrupted. By ``learner: adam`` tables of vectors are trained by
    :class:`recbole_mmsc.model.row_adam.RowAdam`.
    """

    def _build_optimizer(self, **kwargs: Any) -> Any:
        tables = [module for module in self.model.modules() if isinstance(module, nn.Embedding)]
        for table in tables:
            table.sparse = self._row_by_row()
        if not self._row_by_row():
            return super()._build_optimizer(**kwargs)
        rows = [table.weight for table in tables]  # a checkpoint knows them by their places
        layers = [w for w in self.model.parameters() if all(w is not row for row in rows)]
        return LayersAndRows(super()._build_optimizer(params=layers, **kwargs), rows)

    def _row_by_row(self) -> bool:
        """Whether nothing needs the gradient of a whole table."""
        return (
            self.learner.lower() == "adam"
            and not self.weight_decay
            and not self.clip_grad_norm
            and self.config["single_spec"]  # several processes add up whole gradients
        )

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """RecBole's; what is solved belongs to training, not to the first validation."""
        self.model.solve()
        return super().fit(*args, **kwargs)

    def _train_epoch(self, train_data: Any, epoch_idx: int, *args: Any, **kwargs: Any) -> Any:
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * (1 - epoch_idx / self.epochs)
        return super()._train_epoch(train_data, epoch_idx, *args, **kwargs)

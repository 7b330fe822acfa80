"""RecBole's trainer with a learning rate that falls to zero, and fused steps."""

from __future__ import annotations

from typing import Any

from recbole.trainer import Trainer
from torch.optim import Adam, AdamW, Optimizer


class MMSCTrainer(Trainer):
    """RecBole's trainer; before each epoch the learning rate falls, linearly over ``epochs``.

    The rate follows from the epoch's number alone, so that a resumed run goes on as if it had not
    been interrupted.
    """

    def _build_optimizer(self, **kwargs: Any) -> Optimizer:
        optimizer = super()._build_optimizer(**kwargs)
        if isinstance(optimizer, Adam | AdamW):
            # a step goes over every node's vector: a tenth of the time in one pass over memory
            for group in optimizer.param_groups:
                group["fused"] = True
        return optimizer

    def _train_epoch(self, train_data: Any, epoch_idx: int, *args: Any, **kwargs: Any) -> Any:
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * (1 - epoch_idx / self.epochs)
        return super()._train_epoch(train_data, epoch_idx, *args, **kwargs)

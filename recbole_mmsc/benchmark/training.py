"""Training within a budget, by RecBole's own objects and in the order of its own call."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field
from typing import Any

from recbole_mmsc.benchmark.job import Job
from recbole_mmsc.benchmark.record import Moment


class BudgetSpent(Exception):
    """Raised after the epoch in which the budget was spent; what was best so far stands."""


@dataclass
class Trained:
    """A model at its best epoch, and what evaluation needs.

    Args:
        prepared: seconds of reading the data.
        seconds: of training, validation not counted.
        cut_short: why training ended before its time, empty if it did not.
    """

    model: Any
    config: Any
    test_data: Any
    prepared: float
    seconds: float = 0.0
    valid: dict[str, float] = field(default_factory=dict)
    history: list[Moment] = field(default_factory=list)
    epochs: int = 0
    cut_short: str = ""


class Stopwatch:
    """Seconds of work; it begins running.

    On the CPU the processor's time over the number of threads, so that runs side by side on a busy
    machine take nothing from each other's budget; on a GPU the wall clock.
    """

    def __init__(self, job: Job) -> None:
        gpu = bool(job.resources.gpu_id)
        self._clock = time.perf_counter if gpu else time.process_time
        self._share = 1 if gpu else job.resources.threads
        self._passed, self._started = 0.0, self._clock()

    def start(self) -> None:
        """Go on."""
        self._started = self._clock()

    def stop(self) -> float:
        """Stop, and return the seconds passed so far."""
        self._passed = self.read()
        return self._passed

    def read(self) -> float:
        """The seconds passed so far, of a watch that runs."""
        return self._passed + (self._clock() - self._started) / self._share


def recbole_settings(job: Job) -> dict[str, Any]:
    """RecBole's ``config_dict`` of a run; a copy, since RecBole writes into nested settings."""
    settings = {
        "metrics": job.metrics,
        "topk": job.cutoffs,
        "valid_metric": job.valid_metric,
        "show_progress": False,
        "metric_decimal_place": 8,
        **job.recbole,
        **job.settings,
        "seed": job.seed,
        "data_path": job.data,
        "checkpoint_dir": "saved",
        "gpu_id": job.resources.gpu_id,
    }
    return copy.deepcopy(settings)


def train(job: Job) -> Trained:
    """Train the model of a job until it stops by itself, or its budget is spent.

    Raises:
        RuntimeError: the plan names a GPU, and there is none.
        ValueError: the dataset has no validation queries.
        Exception: whatever RecBole or the model raises.
    """
    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_logger, init_seed

    reading = Stopwatch(job)
    config = Config(job.model, job.dataset, config_dict=recbole_settings(job))
    gpu = job.resources.gpu_id
    if gpu and config["device"].type == "cpu":  # RecBole trains on the CPU in silence
        raise RuntimeError(
            f"expected a GPU for resources.gpu_id {gpu!r}, found none; leave it out for the CPU"
        )
    init_seed(config["seed"], config["reproducibility"])
    init_logger(config)
    train_data, valid_data, test_data = data_preparation(config, create_dataset(config))
    if not len(valid_data):
        raise ValueError(
            f"expected validation queries in {job.dataset}.valid.inter, found none: nothing could "
            "choose an epoch; build the dataset again"
        )
    init_seed(config["seed"] + config["local_rank"], config["reproducibility"])

    prepared = reading.stop()
    torch.optim.Adam([torch.zeros(1)])  # what torch imports for its first one is no training
    watch = Stopwatch(job)  # baselines that solve a system do so when they are made
    model = get_model(config["model"])(config, train_data._dataset).to(config["device"])
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    trainer.eval_step = min(trainer.eval_step, trainer.epochs)  # what solves has one epoch
    trained = Trained(model, config, test_data, prepared)
    budget = job.resources.budget
    _watch_training(trainer, watch, budget, trained)
    _watch_validation(trainer, watch, trained)
    try:
        stop = _stop_at(budget, trainer.epochs, trained)
        trainer.fit(train_data, valid_data, show_progress=False, callback_fn=stop)
    except BudgetSpent as spent:
        trained.cut_short = str(spent)
    trained.seconds = watch.stop()
    trained.valid = {name: float(value) for name, value in trainer.best_valid_result.items()}
    _load_best(trainer)
    return trained


def _watch_training(trainer: Any, watch: Stopwatch, budget: float, trained: Trained) -> None:
    """The epoch in which the budget is over is looked at, whatever ``eval_step`` says."""
    train_epoch = trainer._train_epoch

    def timed(train_data: Any, epoch: int, *args: Any, **kwargs: Any) -> Any:
        loss = train_epoch(train_data, epoch, *args, **kwargs)
        trained.epochs = epoch + 1
        if watch.read() >= budget:
            trainer.eval_step = 1
        return loss

    trainer._train_epoch = timed


def _watch_validation(trainer: Any, watch: Stopwatch, trained: Trained) -> None:
    """Validation stops the watch and notes what it saw."""
    validate = trainer._valid_epoch

    def valid_epoch(*args: Any, **kwargs: Any) -> Any:
        seconds = watch.stop()
        score, result = validate(*args, **kwargs)
        trained.history.append(Moment(seconds=seconds, value=float(score)))
        watch.start()
        return score, result

    trainer._valid_epoch = valid_epoch


def _stop_at(budget: float, epochs: int, trained: Trained) -> Any:
    def after_validation(epoch: int, _score: float) -> None:
        seconds = trained.history[-1].seconds
        if seconds >= budget and epoch + 1 < epochs:
            raise BudgetSpent(f"budget of {budget:g} s spent after epoch {epoch + 1} of {epochs}")

    return after_validation


def _load_best(trainer: Any) -> None:
    """As ``Trainer.evaluate`` does before it tests; the run itself wrote the checkpoint."""
    import torch

    from recbole_mmsc.trust import trusting

    with trusting(trainer.saved_model_file):
        checkpoint = torch.load(trainer.saved_model_file, map_location=trainer.device)
    trainer.model.load_state_dict(checkpoint["state_dict"])
    trainer.model.load_other_parameter(checkpoint.get("other_parameter"))

"""One run of a model through RecBole, measured."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Run:
    """What one run gave.

    Args:
        model: the model's name.
        test: metric → value on the test part, ``ndcg@10`` and ``substitute/ndcg@10`` alike.
        valid: the same of the best epoch on the validation part.
        seconds: of the whole run, reading the data included.
        peak_memory: of this process so far, in GiB.
    """

    model: str
    test: Mapping[str, float]
    valid: Mapping[str, float]
    seconds: float
    peak_memory: float


def run_model(model: str, dataset: str, settings: Mapping[str, Any]) -> Run:
    """Train and test a model by RecBole's own call.

    Args:
        model: a name RecBole knows.
        dataset: the name of a built dataset.
        settings: RecBole's ``config_dict``.
    """
    from recbole_mmsc import run_recbole

    started = time.perf_counter()
    result = run_recbole(model=model, dataset=dataset, config_dict=dict(settings))
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Run(
        model,
        result["test_result"],
        result["best_valid_result"],
        time.perf_counter() - started,
        kilobytes / 2**20,
    )

"""What today's libraries break in RecBole 1.2.1, one guard for each breakage.

A guard changes RecBole (or the one attribute RecBole misses), never the behaviour of numpy,
pandas or torch for anybody else, and only where :attr:`Guard.needed` says the breakage is there.
``recbole-mmsc doctor`` lists them. A line such as ``config/configurator.py:625`` is a line of
RecBole 1.2.1.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.sparse import dok_matrix

from recbole_mmsc.columns import fill_nan, read_atomic_file, row_lengths
from recbole_mmsc.trust import trusting


@dataclass(frozen=True)
class Guard:
    """One breakage: where it is, since when, whether it is here, and its repair."""

    name: str
    mends: str
    since: str
    does: str
    needed: Callable[[], bool]
    apply: Callable[[], None]


def major_minor(version: str) -> tuple[int, int]:
    """``"3.1.1" -> (3, 1)``; suffixes such as ``2.13.0+cpu`` and ``2.0rc1`` are understood."""
    major, minor = version.split(".")[:2]
    return int(major), int("".join(c for c in minor if c.isdigit()) or 0)


# --- numpy -------------------------------------------------------------------------------------

NUMPY_ALIASES = {
    "bool": np.bool_,
    "int": np.int_,
    "float": np.float64,
    "complex": np.complex128,
    "object": np.object_,
    "str": np.str_,
    "long": np.int_,
    "unicode": np.str_,
}


def give_numpy_its_aliases(_config: object = None) -> None:
    """Put ``np.float`` and its like back, each only where numpy has no such name of its own."""
    for name, kind in NUMPY_ALIASES.items():
        # hasattr() would answer through numpy's own __getattr__, with a warning
        if name not in vars(np):
            setattr(np, name, kind)


def _mend_numpy() -> None:
    from recbole.config import Config

    Config.compatibility_settings = give_numpy_its_aliases
    give_numpy_its_aliases()


# --- ray ---------------------------------------------------------------------------------------


@functools.cache
def ray_tune_imports() -> bool:
    """Whether the real ``ray.tune`` can be imported here; a failed try leaves no trace."""
    if "recbole.quick_start" in sys.modules:  # it imported ray.tune, so it could
        return True
    modules, path = set(sys.modules), list(sys.path)
    try:
        importlib.import_module("ray.tune")
    except Exception:
        # `import ray` may have worked, and only `ray.tune` failed: then ray stays
        gone = "ray.tune" if "ray" in sys.modules else "ray"
        for name in set(sys.modules) - modules:
            if f"{name}.".startswith(f"{gone}."):
                del sys.modules[name]
        if gone == "ray":
            sys.path[:] = path  # ray puts its vendored packages first before it fails
        return False
    return True


def _mend_ray() -> None:
    ray, tune = ModuleType("ray"), ModuleType("ray.tune")
    ray.__spec__, tune.__spec__ = ModuleSpec("ray", None), ModuleSpec("ray.tune", None)
    ray.tune = tune  # type: ignore[attr-defined]
    # objective_function reports to a Tune session; without Tune there is none to report to
    tune.report = lambda **_metrics: None  # type: ignore[attr-defined]
    stand_in: dict[str, ModuleType] = {"ray": ray, "ray.tune": tune}
    real = {name: sys.modules[name] for name in stand_in if name in sys.modules}
    sys.modules |= stand_in
    try:
        importlib.import_module("recbole.quick_start")
    finally:
        for name in stand_in:
            del sys.modules[name]
        sys.modules |= real


# --- torch -------------------------------------------------------------------------------------


def _mend_torch() -> None:
    from recbole import quick_start
    from recbole.trainer import Trainer

    evaluate, resume, load = (
        Trainer.evaluate,
        Trainer.resume_checkpoint,
        quick_start.load_data_and_model,
    )
    evaluate_arguments = inspect.signature(evaluate)

    @functools.wraps(evaluate)
    def trusting_evaluate(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = evaluate_arguments.bind(self, *args, **kwargs).arguments
        with trusting(given.get("model_file") or getattr(self, "saved_model_file", None)):
            return evaluate(self, *args, **kwargs)

    @functools.wraps(resume)
    def trusting_resume(self: Any, resume_file: str | Path) -> Any:
        with trusting(resume_file):
            return resume(self, resume_file)

    @functools.wraps(load)
    def trusting_load(model_file: str | Path) -> Any:
        with trusting(model_file):
            return load(model_file)

    Trainer.evaluate = trusting_evaluate
    Trainer.resume_checkpoint = trusting_resume
    for name in ("recbole.quick_start", "recbole.quick_start.quick_start"):
        vars(sys.modules[name])["load_data_and_model"] = trusting_load


# --- scipy -------------------------------------------------------------------------------------


def _mend_scipy() -> None:
    def _update(self: dok_matrix, data: dict[tuple[int, int], float]) -> None:
        self._dict.update(data)

    dok_matrix._update = _update


# --- pandas ------------------------------------------------------------------------------------


def pandas_copies_on_write() -> bool:
    """Whether ``df[column].fillna(inplace=True)`` leaves `df` as it was (pandas 3)."""
    return major_minor(pd.__version__) >= (3, 0)


def _mend_pandas_nan() -> None:
    from recbole.data.dataset import dataset

    pandas = ModuleType("pandas")
    pandas.__getattr__ = lambda name: getattr(pd, name)  # type: ignore[method-assign]
    pandas.read_csv = read_atomic_file  # type: ignore[attr-defined]
    dataset.pd = pandas
    dataset.Dataset._fill_nan = fill_nan


def _mend_pandas_agg() -> None:
    from recbole.data.dataset import dataset, kg_dataset, sequential_dataset

    # a global of these three modules, where `agg(len)` looks before the builtins
    for module in (dataset, kg_dataset, sequential_dataset):
        module.len = row_lengths


GUARDS = (
    Guard(
        "numpy-aliases",
        "config/configurator.py:625",
        "numpy >= 2; numpy >= 1.24 until the first Config",
        "np.float, np.bool, … back where absent; Config no longer asks for np.float_",
        lambda: "float" not in vars(np),
        _mend_numpy,
    ),
    Guard(
        "ray-stand-in",
        "quick_start/quick_start.py:20",
        "setuptools >= 82 or numpy >= 2, with ray 2.6.3; no ray at all",
        "a ray.tune whose report() does nothing, while recbole.quick_start is imported",
        lambda: not ray_tune_imports(),
        _mend_ray,
    ),
    Guard(
        "torch-checkpoints",
        "trainer/trainer.py:323, trainer/trainer.py:583, quick_start/quick_start.py:250",
        "torch >= 2.6",
        "the file named to evaluate, resume_checkpoint or load_data_and_model may be unpickled",
        lambda: major_minor(torch.__version__) >= (2, 6),
        _mend_torch,
    ),
    Guard(
        "scipy-dok-update",
        "model/general_recommender/lightgcn.py:111 (and gcmc, ncl, ngcf, spectralcf, kgin, mcclk)",
        "scipy >= 1.13",
        "dok_matrix._update back",
        lambda: not hasattr(dok_matrix, "_update"),
        _mend_scipy,
    ),
    Guard(
        "pandas-missing-values",
        "data/dataset/dataset.py:501, 648, 650",
        "pandas >= 3",
        "missing tokens, floats and sequences are filled, as fillna(inplace=True) no longer does",
        pandas_copies_on_write,
        _mend_pandas_nan,
    ),
    Guard(
        "pandas-sequence-lengths",
        "data/dataset/dataset.py:712, 792, 809, 1217; kg_dataset.py:316; sequential_dataset.py:165",
        "pandas >= 3",
        "agg(len) of a sequence column gives each row's length again, not the number of rows",
        pandas_copies_on_write,
        _mend_pandas_agg,
    ),
)

_active: dict[str, bool] = {}


def activate() -> dict[str, bool]:
    """Apply every guard that is needed, once a process; return ``name -> was it needed``."""
    for guard in GUARDS:
        if guard.name not in _active:
            _active[guard.name] = guard.needed()
            if _active[guard.name]:
                guard.apply()
    return dict(_active)

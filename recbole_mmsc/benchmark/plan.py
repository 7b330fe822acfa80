"""The plan of a benchmark: a YAML file, validated before anything runs."""

from __future__ import annotations

import difflib
import functools
import json
import operator
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from recbole_mmsc.benchmark.recbole_keys import setting_problems
from recbole_mmsc.properties_files import ready_plans

# pydantic puts them into the place of an error, whence _explain takes them; no setting is called so
INTERVAL, VALUES = "[interval]", "[values]"


class PlanError(ValueError):
    """A plan that cannot be run; the message names the key, what was expected and found."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Noise(_Strict):
    """Noise planted into the training pairs, written ``random-30`` or ``swapped-10``."""

    kind: Literal["random", "swapped"]
    share: float = Field(gt=0, le=1, description="of the training pairs of each relation")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        kind, _, percent = value.partition("-")
        if kind not in ("random", "swapped") or not re.fullmatch(r"\d{1,3}", percent):
            raise ValueError("expected noise such as random-30 or swapped-10 (percent)")
        return {"kind": kind, "share": int(percent) / 100}


class DatasetPlan(_Strict):
    """A catalogue, and every way in which it is cut."""

    name: str = Field(
        min_length=1, description="a preset, or the name of a dataset that was built before"
    )
    meta: list[Path] = Field(default=[], description="raw files to build it from where it is not")
    images: Path | None = Field(default=None, description="pictures named after item ids")
    splits: list[Literal["warm", "cold"]] = Field(default=["warm"], min_length=1)
    policies: list[Literal["difference", "raw", "exclusive"]] = Field(
        default=["difference"], min_length=1, description="label policies"
    )
    noise: list[Noise] = Field(default=[], description="each beside the clean dataset")
    encoders: list[str] = Field(default=[], description="features to make where there are none")


class Range(_Strict):
    """An interval to search in."""

    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    log: bool = Field(default=False, description="sample the logarithm")
    integer: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(
                "expected low < high, and low > 0 where log is true, "
                f"found low {self.low:g} and high {self.high:g}"
            )
        if self.integer and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(
                "expected whole numbers as low and high where integer is true, "
                f"found low {self.low:g} and high {self.high:g}"
            )
        return self

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value that is tried."""
        return (int(self.low), int(self.high)) if self.integer else (self.low, self.high)


def _kind(value: Any) -> str | None:
    if isinstance(value, (dict, Range)):
        return INTERVAL
    return VALUES if isinstance(value, list) else None


# told apart by their kind, so that an error is about the one that was meant
IntervalOrValues = Annotated[
    Annotated[Range, Tag(INTERVAL)] | Annotated[list[Any], Field(min_length=1), Tag(VALUES)],
    Discriminator(
        _kind,
        custom_error_type="search",
        custom_error_message="expected a list of values, or an interval with low and high",
    ),
]
Space = dict[str, IntervalOrValues]


class ModelPlan(_Strict):
    """One row of the leaderboard."""

    model: str = Field(description="a model of RecBole's or of ours")
    label: str = Field(
        default="", max_length=80, description="its name in the leaderboard, by default the model"
    )
    settings: dict[str, Any] = Field(default={}, description="fixed, above the model's defaults")
    search: Space = Field(default={}, description="setting → values, or an interval")

    @property
    def name(self) -> str:
        """Of the row."""
        return self.label or self.model


class SearchPlan(_Strict):
    """How settings are tuned on validation, alike for every model."""

    method: Literal["grid", "random", "tpe"] = "grid"
    trials: int = Field(default=8, gt=0, description="runs at most, for each model and dataset")


class Resources(_Strict):
    """What one run may take. The same for every run, tuning included."""

    parallel: int = Field(default=1, gt=0, description="runs at once on one machine")
    threads: int = Field(default=1, gt=0, description="threads of a run")
    budget: float = Field(
        default=3600.0,
        gt=0,
        allow_inf_nan=False,
        description="seconds of training; it ends with the epoch in which they are over",
    )
    timeout: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="seconds after which a run is stopped; by default 3 times budget + 900",
    )
    memory: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="GiB, by default no limit"
    )
    gpu_id: str = Field(default="", description="RecBole's key; empty: the CPU")

    @property
    def seconds(self) -> float:
        """After which a run is stopped."""
        return self.timeout or 3 * self.budget + 900


class MLflow(_Strict):
    """Where finished runs are logged, by MLflow's own names."""

    tracking_uri: str
    experiment_name: str = "recbole-mmsc"


class Plan(_Strict):
    """Models, datasets and seeds, and how they are compared."""

    title: str = ""
    datasets: list[DatasetPlan] = Field(min_length=1)
    models: list[ModelPlan] = Field(min_length=1)
    settings: dict[str, Any] = Field(default={}, description="RecBole's, for every run")
    search: SearchPlan = SearchPlan()
    # what numpy takes, and so RecBole
    seeds: list[Annotated[int, Field(ge=0, lt=2**32)]] = Field(default=[2026], min_length=1)
    metrics: list[Literal["ndcg", "hit", "recall", "mrr", "precision", "map"]] = Field(
        default=["ndcg", "hit", "recall", "mrr"], min_length=1
    )
    cutoffs: list[Annotated[int, Field(gt=0)]] = Field(default=[10], min_length=1)
    valid_metric: str = Field(
        default="ndcg@10", description="chooses epochs and settings, on validation"
    )
    resources: Resources = Resources()
    mlflow: MLflow | None = None

    @field_validator("seeds", "cutoffs")
    @classmethod
    def _distinct(cls, values: list[int]) -> list[int]:
        if len(set(values)) < len(values):
            raise ValueError("expected each value once")
        return values

    @model_validator(mode="after")
    def _coherent(self) -> Plan:
        labels = [model.name for model in self.models]
        if twice := sorted({label for label in labels if labels.count(label) > 1}):
            raise ValueError(f"expected a label of its own for every model, found twice: {twice}")
        measured = [f"{metric}@{k}" for metric in self.metrics for k in self.cutoffs]
        if self.valid_metric.lower() not in measured:
            raise ValueError(
                f"valid_metric: expected one of {', '.join(measured)}, found {self.valid_metric}; "
                "metrics and cutoffs of the plan say what is measured"
            )
        for model in self.models:
            if both := sorted(set(model.settings) & set(model.search)):
                raise ValueError(
                    f"{model.name}: expected {both} in settings or in search, not both"
                )
            if self.search.method == "grid":
                _check_grid(model, self.search.trials)
        return self


def _check_grid(model: ModelPlan, trials: int) -> None:
    size = 1
    for name, values in model.search.items():
        if isinstance(values, Range):
            raise ValueError(
                f"{model.name}: expected a list of values for {name}, found an interval; "
                "an interval needs the search method random or tpe"
            )
        size *= len(values)
    if size > trials:
        raise ValueError(
            f"{model.name}: expected at most {trials} combinations, found {size}; every model has "
            "the same number of trials: raise search.trials, or take the method random or tpe"
        )


def find_plan(name: str) -> Path:
    """The file of a plan: a path, or the name of a ready one.

    Raises:
        PlanError: there is neither.
    """
    if (path := Path(name)).is_file():
        return path
    ready = ready_plans()
    if name in ready:
        return ready[name]
    near = difflib.get_close_matches(path.stem, ready, n=1)
    raise PlanError(
        f"expected the file of a plan, or one of the ready plans {', '.join(ready)}; "
        f"found no {name!r}" + (f" (did you mean {near[0]!r}?)" if near else "")
    )


def read_plan(path: Path) -> Plan:
    """Read and check a plan.

    Raises:
        PlanError: it is no YAML, has an unknown key or setting, sets what is the same for every
            run, or asks for what cannot be run.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PlanError(f"{path} is not YAML: {error}") from None
    if not isinstance(found, dict):
        raise PlanError(f"{path}: expected a mapping with datasets and models, found {found!r:.60}")
    try:
        json.dumps(found)
        plan = Plan.model_validate(found)
    except TypeError as error:
        raise PlanError(
            f"{path}: expected numbers, texts, lists and mappings, found another value ({error}); "
            "write a date in quotes"
        ) from None
    except ValidationError as error:
        raise PlanError(f"{path}: {_explain(error, found)}") from None
    if problems := list(setting_problems(plan)):
        raise PlanError(f"{path}: {'; '.join(problems)}")
    return plan


def _explain(error: ValidationError, found: Any) -> str:
    return "; ".join(_explain_one(problem, found) for problem in error.errors())


def _explain_one(problem: Any, found: Any) -> str:
    where = [part for part in problem["loc"] if part not in (INTERVAL, VALUES)]
    place = ".".join(map(str, where))
    if problem["type"] == "extra_forbidden":
        names = _fields_beside(where)
        given = functools.reduce(operator.getitem, where[:-1], found)
        meant = [name for name in names if name not in given]
        near = difflib.get_close_matches(str(where[-1]), meant, n=1, cutoff=0.5)
        hint = f" (did you mean {near[0]!r}?)" if near else f"; known: {', '.join(names)}"
        return f"unknown key {place}{hint}"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "missing":
        return f"{place}: expected a value, found nothing"
    value = problem["input"]
    shown = f", found {value!r:.60}" if place and not isinstance(value, dict) else ""
    return f"{place}: {message}{shown}" if place else message


def _fields_beside(where: list[Any]) -> list[str]:
    """The keys that are known where an unknown one stands."""
    parts: dict[tuple[str, ...], type[BaseModel]] = {
        (): Plan,
        ("datasets",): DatasetPlan,
        ("datasets", "noise"): Noise,
        ("models",): ModelPlan,
        ("models", "search"): Range,
        ("search",): SearchPlan,
        ("resources",): Resources,
        ("mlflow",): MLflow,
    }
    names = [part for part in where[:-1] if isinstance(part, str)]  # without places in a list
    return list(parts[tuple(names[:2])].model_fields)  # and without the setting that is searched

"""Which settings a plan may give: those of a model and of its training, as they are spelt.

RecBole takes any key in silence. One that changes the split, the masks or the metrics would give a
row that cannot be compared with the others, and a misspelt one would change nothing.
"""

from __future__ import annotations

import difflib
import functools
import re
from ast import literal_eval
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import recbole
import yaml
from recbole.utils.argument_list import (
    dataset_arguments,
    evaluation_arguments,
    general_arguments,
    training_arguments,
)

from recbole_mmsc.missing import recbole_models
from recbole_mmsc.properties_files import model_defaults, relation_base
from recbole_mmsc.registration import MODELS
from recbole_mmsc.settings.base import OTHER_RECBOLE_KEYS, SettingsError

if TYPE_CHECKING:
    from recbole_mmsc.benchmark.plan import Plan

PACKAGE = Path(recbole.__path__[0])

READ = re.compile(r"""config\[\s*["']([\w-]+)["']""")  # how RecBole's models read a setting


def _keys(file: Path) -> set[str]:
    """Of a YAML file, none if there is no file."""
    if not file.is_file():
        return set()
    return set(yaml.safe_load(file.read_text(encoding="utf-8")) or ())


# RecBole's settings that change how a run trains and what it logs, for any model
FREE = frozenset(training_arguments) | {
    "eval_batch_size",  # queries at a time: memory and speed alone
    "reproducibility",
    "state",  # the logging level
    "log_wandb",
    "wandb_project",
    "worker",
    "shuffle",
    "require_pow",
    "enable_amp",
    "enable_scaler",
}
DEPRECATED = {"neg_sampling", "training_neg_sample_num"}  # RecBole warns, and does not use them
# All others are refused, so that whatever reads the data or evaluates is the same for every row
REFUSED = (
    {*general_arguments, *dataset_arguments, *evaluation_arguments, *OTHER_RECBOLE_KEYS}
    | _keys(PACKAGE / "properties" / "overall.yaml")
    | _keys(PACKAGE / "properties" / "dataset" / "sample.yaml")
    | set(relation_base())
    # what Config works out by itself
    | {"device", "single_spec", "eval_type", "MODEL_TYPE", "MODEL_INPUT_TYPE"}
    | {"valid_neg_sample_args", "test_neg_sample_args"}
) - (FREE | DEPRECATED)
INSTEAD = {
    "model": "the plan's models",
    "dataset": "the plan's datasets",
    "benchmark_filename": "the plan's datasets.splits",
    "eval_args": "the plan's datasets.splits",
    "seed": "the plan's seeds",
    "metrics": "the plan's metrics",
    "topk": "the plan's cutoffs",
    "valid_metric": "the plan's valid_metric",
    "gpu_id": "the plan's resources.gpu_id",
    "use_gpu": "the plan's resources.gpu_id",
    "device": "the plan's resources.gpu_id",
    "nproc": "the plan's resources.parallel",
    "data_path": "the option --data",
    "checkpoint_dir": "the option --out",
    "config_file": "the plan's settings",
    "config_files": "the plan's settings",
}
COUNTS = ("epochs", "eval_step", "stopping_step")  # below 1 a run is not trained, or not validated


def setting_problems(plan: Plan) -> Iterator[str]:
    """What is wrong with the settings of a plan and with those it searches, one line each.

    Where a model does not exist, whether it knows a setting is not asked.
    """
    known = [known_settings(entry.model) for entry in plan.models]
    there = [names for names in known if names is not None]
    by_any = frozenset[str]().union(*there) if len(there) == len(known) else None
    yield from _problems("settings", plan.settings, by_any)
    yield from _not_for_all(plan, by_any)
    for place, (entry, names) in enumerate(zip(plan.models, known, strict=True)):
        yield from _problems(f"models.{place}.settings", entry.settings, names)
        yield from _problems(f"models.{place}.search", entry.search, names)
        fixed = {**plan.settings, **entry.settings}
        if wrong := list(_values(f"models.{place}", entry.model, fixed)):
            yield from wrong
            continue
        for name, space in entry.search.items():
            for value in space if isinstance(space, list) else space.ends:
                searched = f"models.{place}.search.{name}"
                yield from _values(searched, entry.model, {**fixed, name: value})


def _not_for_all(plan: Plan, by_any: frozenset[str] | None) -> Iterator[str]:
    """Settings for every run that a model of ours would refuse; RecBole's take no notice."""
    ours = sorted({entry.model for entry in plan.models} & set(MODELS))
    for name in plan.settings:
        if by_any is not None and name in by_any:
            without = [model for model in ours if name not in (known_settings(model) or ())]
            if without:
                yield (
                    f"settings.{name}: expected a setting that every model knows, found one that "
                    f"{', '.join(without)} does not: move it to the settings of those that do"
                )


@functools.cache
def known_settings(model: str) -> frozenset[str] | None:
    """What a plan may set for a model, None if there is no model of that name."""
    if model in MODELS:
        settings = MODELS[model].settings
        own = {*model_defaults(model), *(settings.model_fields if settings else ())}
    elif model in recbole_models():
        own = _keys(PACKAGE / "properties" / "model" / f"{model}.yaml") | _read_by(model)
    else:
        return None
    return (FREE | own) - REFUSED


def _read_by(model: str) -> set[str]:
    """The settings read in the file of a model of RecBole's, or of one that it extends.

    Some are in no YAML file, such as DiffRec's ``norm``.
    """
    found: set[str] = set()
    for file in PACKAGE.glob(f"model/*_recommender/{model.lower()}.py"):
        text = file.read_text(encoding="utf-8")
        found.update(READ.findall(text))
        for bases in re.findall(rf"^class {model}\(([^)]*)\)", text, re.MULTILINE):
            found.update(name for base in re.findall(r"\w+", bases) for name in _read_by(base))
    return found


def _problems(place: str, given: Mapping[str, Any], known: frozenset[str] | None) -> Iterator[str]:
    for name, value in given.items():
        if name in REFUSED:
            advice = f"use {INSTEAD[name]}" if name in INSTEAD else "leave it out"
            yield (
                f"{place}.{name}: expected a setting of a model or of its training, "
                f"found one that is the same for every run: {advice}"
            )
        elif known is not None and name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
            listed = ", ".join(sorted(known))
            hint = f" (did you mean {near[0]!r}?)" if near else f"; known: {listed}"
            yield f"unknown setting {place}.{name}{hint}"
        elif name in COUNTS and not _is_count(value, place.endswith("search")):
            yield f"{place}.{name}: expected a whole number of 1 or more, found {value!r:.60}"


def _values(place: str, model: str, given: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the values of a model of ours; RecBole's models do not say."""
    settings = MODELS[model].settings if model in MODELS else None
    if settings is None:
        return
    read = {name: _as_read(value) for name, value in given.items()}
    try:
        settings.from_config({**model_defaults(model), **read})
    except SettingsError as error:
        yield f"{place}: {' '.join(str(error).split())}"


def _as_read(value: Any) -> Any:
    """A value as RecBole reads it: a text may spell a number, a list, or true and false."""
    if not isinstance(value, str):
        return value
    try:
        return literal_eval(value)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(value.lower(), value)


def _is_count(value: Any, searched: bool) -> bool:
    """Whether a setting, or all that a search tries for it, is a whole number of 1 or more."""
    if not searched:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if isinstance(value, list):
        return all(_is_count(each, searched=False) for each in value)
    return value.integer and value.low >= 1

"""From a plan to cases: datasets built and encoded where they are not, models looked up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recbole.utils import ModelType, get_model

from recbole_mmsc.benchmark.job import Case
from recbole_mmsc.benchmark.plan import DatasetPlan, Noise, Plan, PlanError
from recbole_mmsc.dataset_builders.build import build_dataset
from recbole_mmsc.dataset_builders.demo import dataset as demo
from recbole_mmsc.dataset_builders.labels import DEFAULT_POLICY
from recbole_mmsc.dataset_builders.names import dataset_name
from recbole_mmsc.dataset_builders.noise import add_noise
from recbole_mmsc.dataset_builders.presets import load_presets
from recbole_mmsc.missing import build_command, how_to_build, recbole_models, unknown_model
from recbole_mmsc.registration import MODELS

SEED = 2026  # of the noise that is planted here
# Solved, but by the seed: the last two draw the order of descent.
DRAWS = ("Random", "SLIMElastic", "SLIM")


def prepare(plan: Plan, data: Path) -> list[Case]:
    """Make what the runs of a plan need.

    Args:
        plan: the plan.
        data: the folder of datasets.

    Returns:
        Every model on every dataset, in the plan's order.

    Raises:
        PlanError: a model or a dataset is not known, or a dataset is not there and cannot be built.
    """
    deterministic = {model.model: _is_deterministic(model.model) for model in plan.models}
    folders = [folder for entry in plan.datasets for folder in _folders(entry, data)]
    return [
        Case(
            plan=plan,
            model=model,
            dataset=folder.name,
            data=str(data.resolve()),
            split_sha256=_split(folder),
            deterministic=deterministic[model.model],
        )
        for folder in folders
        for model in plan.models
    ]


def _is_deterministic(name: str) -> bool:
    """Whether a model gives the same whatever the seed: those that solve instead of train."""

    if name not in MODELS and name not in recbole_models():
        raise PlanError(str(unknown_model(name, MODELS)))
    return get_model(name).type == ModelType.TRADITIONAL and name not in DRAWS


def _folders(entry: DatasetPlan, data: Path) -> Iterator[Path]:
    """The dataset folders of an entry, made where they are not there."""
    for policy in entry.policies:
        for split in entry.splits:
            clean = data / dataset_name(entry.name, policy, split)
            if not _is_there(clean):
                _build(entry, policy, split, data)
            _encode(entry, clean)
            yield clean
            for noise in entry.noise:
                noisy = _noisy(clean, noise)
                _encode(entry, noisy)
                yield noisy


def _is_there(folder: Path) -> bool:
    return (folder / "dataset.json").is_file()


def _build(entry: DatasetPlan, policy: str, split: str, data: Path) -> None:
    if entry.name == demo.NAME and not entry.meta:
        demo.build_demo(data, policy=policy, split=split)
        return
    missing = [str(file) for file in entry.meta if not file.is_file()]
    if missing or not entry.meta:
        raise PlanError(_how_to_build(entry, policy, split, data, missing))
    name = _name_to_build(entry, policy)
    build_dataset(name, entry.meta, data, images=entry.images, policy=policy, split=split)


def _how_to_build(
    entry: DatasetPlan, policy: str, split: str, data: Path, missing: list[str]
) -> str:
    presets = load_presets()
    folder = data / dataset_name(entry.name, policy, split)
    found = f"found no {', '.join(missing)}" if missing else "found no such folder"
    message = f"expected the dataset in {folder}, or files under meta to build it from; {found}. "
    if entry.name in presets:
        return message + how_to_build(presets[entry.name], data, policy, split)
    name = _name_to_build(entry, policy)
    command = build_command(f"--name {name}", "FILE", data, policy, split)
    return f"{message}Build it with\n    {command}"


def _name_to_build(entry: DatasetPlan, policy: str) -> str:
    """What a build is told to call its folder: it marks a cold split itself, no policy."""
    return dataset_name(entry.name, policy, "warm")


def _encode(entry: DatasetPlan, folder: Path) -> None:
    from recbole_mmsc.data.features import features_path
    from recbole_mmsc.encoders.encode import encode_dataset

    for encoder in entry.encoders:
        if not features_path(folder, encoder).is_file():
            encode_dataset(folder, encoder)


def _noisy(clean: Path, noise: Noise) -> Path:
    folder = clean.parent / dataset_name(
        clean.name, DEFAULT_POLICY, "warm", (noise.kind, noise.share)
    )
    if not _is_there(folder):
        add_noise(clean, clean.parent, noise.kind, noise.share, SEED)
    elif _noise(folder).get("of_split_sha256") != _split(clean):
        raise PlanError(
            f"expected {folder} with the noise of {clean.name} as it is now, found that of another "
            f"split: remove {folder}, and it is made again"
        )
    return folder


def _split(folder: Path) -> str:
    return _document(folder)["split_sha256"]


def _noise(folder: Path) -> dict[str, Any]:
    return _document(folder).get("noise", {})


def _document(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "dataset.json").read_text(encoding="utf-8"))

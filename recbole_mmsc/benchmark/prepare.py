"""From a plan to cases: datasets built and encoded where they are not, models looked up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recbole.utils import ModelType, get_model

from recbole_mmsc.benchmark.job import Case
from recbole_mmsc.benchmark.plan import DatasetPlan, Noise, Plan, PlanError
from recbole_mmsc.data.built import read_document, split_of
from recbole_mmsc.dataset_builders.build import build_dataset
from recbole_mmsc.dataset_builders.demo import dataset as demo
from recbole_mmsc.dataset_builders.names import COLD, dataset_name
from recbole_mmsc.dataset_builders.noise import add_noise
from recbole_mmsc.encoders import check_encoder
from recbole_mmsc.missing import (
    build_command,
    how_to_build,
    preset_of,
    recbole_models,
    unknown_model,
)
from recbole_mmsc.registration import MODELS

SEED = 2026  # of the noise that is planted here
# Solved, but by the seed: the last two draw the order of descent.
DRAWS = ("Random", "SLIMElastic", "SLIM")


@dataclass(frozen=True)
class _Cut:
    """One dataset folder of an entry of the plan, which is of one policy and split."""

    entry: DatasetPlan
    policy: str
    split: str
    noise: Noise | None = None

    @property
    def name(self) -> str:
        noise = self.noise and (self.noise.kind, self.noise.share)
        return dataset_name(self.entry.name, self.policy, self.split, noise)


def prepare(plan: Plan, data: Path, make: bool = True) -> list[Case]:
    """Make what the runs of a plan need.

    Args:
        plan: the plan.
        data: the folder of datasets.
        make: False makes nothing: every dataset must be there.

    Returns:
        Every model on every dataset, in the plan's order.

    Raises:
        PlanError: a model, an encoder or a dataset is not known, a dataset is not there and cannot
            be built, or is asked for twice; all of that before anything is built.
    """
    deterministic = {model.model: _is_deterministic(model.model) for model in plan.models}
    cuts = [cut for entry in plan.datasets for cut in _cuts(entry)]
    _check(cuts, data, make)
    folders = [_folder(cut, data) if make else data / cut.name for cut in cuts]
    return [
        Case(
            plan=plan,
            model=model,
            dataset=folder.name,
            data=str(data.resolve()),
            split_sha256=split_of(folder),
            deterministic=deterministic[model.model],
        )
        for folder in folders
        for model in plan.models
    ]


def _is_deterministic(name: str) -> bool:
    """Whether a model gives the same whatever the seed: those that solve instead of train.

    Raises:
        PlanError: there is no such model, or none that knows but pairs.
    """
    if name not in MODELS and name not in recbole_models():
        raise PlanError(str(unknown_model(name, MODELS)))
    kind = get_model(name).type
    if kind not in (ModelType.GENERAL, ModelType.TRADITIONAL):
        raise PlanError(
            f"expected general recommenders, found {name}, which is a {kind.name.lower()} one: it "
            "needs columns or an order that these datasets do not have"
        )
    return kind == ModelType.TRADITIONAL and name not in DRAWS


def _cuts(entry: DatasetPlan) -> Iterator[_Cut]:
    """The dataset folders of an entry; what is planted with noise comes behind its clean one."""
    for policy in entry.policies:
        for split in entry.splits:
            clean = _Cut(entry, policy, split)
            if clean.name.endswith(COLD):  # an entry may name a cold split itself
                clean = replace(clean, split="cold")
            yield clean
            yield from (replace(clean, noise=noise) for noise in entry.noise)


def _check(cuts: Sequence[_Cut], data: Path, make: bool) -> None:
    """Find before anything is built what would fail after it."""
    names = [cut.name for cut in cuts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PlanError(f"datasets: expected each dataset once, found more of {', '.join(twice)}")
    for cut in cuts:
        folder = data / cut.name
        if not make and not _is_there(folder):
            raise PlanError(f"expected the dataset in {folder}, found none; nothing is built here")
        if cut.noise is None and not _is_there(folder) and not _is_demo(cut.entry):
            missing = [str(file) for file in cut.entry.meta if not file.is_file()]
            if missing or not cut.entry.meta:
                raise PlanError(_how_to_build(cut, data, missing))
        for encoder in cut.entry.encoders:
            try:
                check_encoder(encoder)
            except ValueError as error:
                raise PlanError(f"datasets of {cut.entry.name}, encoders: {error}") from None


def _folder(cut: _Cut, data: Path) -> Path:
    """The folder of a dataset, made and encoded where it is not."""
    folder = data / cut.name
    if cut.noise is not None:
        _plant(folder, data / replace(cut, noise=None).name, cut.noise)
    elif not _is_there(folder):
        _build(cut, data)
    _encode(cut.entry, folder)
    return folder


def _is_there(folder: Path) -> bool:
    return (folder / "dataset.json").is_file()


def _is_demo(entry: DatasetPlan) -> bool:
    return entry.name == demo.NAME and not entry.meta


def _build(cut: _Cut, data: Path) -> None:
    entry, how = cut.entry, {"policy": cut.policy, "split": cut.split}
    if _is_demo(entry):
        demo.build_demo(data, **how)
    else:
        build_dataset(_name_to_build(cut), entry.meta, data, images=entry.images, **how)


def _how_to_build(cut: _Cut, data: Path, missing: list[str]) -> str:
    found = f"found no {', '.join(missing)}" if missing else "found no such folder"
    message = (
        f"expected the dataset in {data / cut.name}, or files under meta to build it from; {found}."
    )
    if known := preset_of(cut.name):
        preset, policy, split = known
        return f"{message} {how_to_build(preset, data, policy, split)}"
    command = build_command(f"--name {_name_to_build(cut)}", "FILE", data, cut.policy, cut.split)
    return f"{message} Build it with\n    {command}"


def _name_to_build(cut: _Cut) -> str:
    """What a build is told to call its folder: it marks a cold split itself, no policy."""
    return dataset_name(cut.entry.name, cut.policy, "warm")


def _encode(entry: DatasetPlan, folder: Path) -> None:
    from recbole_mmsc.data.features import features_path
    from recbole_mmsc.encoders.encode import encode_dataset

    for encoder in entry.encoders:
        if not features_path(folder, encoder).is_file():
            encode_dataset(folder, encoder)


def _plant(folder: Path, clean: Path, noise: Noise) -> None:
    if not _is_there(folder):
        add_noise(clean, clean.parent, noise.kind, noise.share, SEED)
    elif _noise(folder).get("of_split_sha256") != split_of(clean):
        raise PlanError(
            f"expected {folder} with the noise of {clean.name} as it is now, found that of another "
            f"split: remove {folder}, and it is made again"
        )


def _noise(folder: Path) -> dict[str, Any]:
    return read_document(folder, lambda document: document.get("noise", {}))

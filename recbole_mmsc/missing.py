"""Clear errors for what is not there: a dataset that is not built, a model with another name."""

from __future__ import annotations

import difflib
import functools
import glob
import json
import re
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import recbole.model
import yaml

from recbole_mmsc.dataset_builders.audit.reading import has_our_files
from recbole_mmsc.dataset_builders.labels import DEFAULT_POLICY, POLICIES
from recbole_mmsc.dataset_builders.names import dataset_name
from recbole_mmsc.dataset_builders.presets import Preset, load_presets
from recbole_mmsc.dataset_builders.splits import SPLITS

SPLIT = "relation_split"  # in RecBole's configuration: a dataset and the checksum of its split


class DatasetNotBuilt(FileNotFoundError, ValueError):
    """There is no such dataset folder, or not all of it; the message says what to do."""


class OtherSplit(ValueError):
    """A dataset is not the one that a configuration, such as a checkpoint's, was made for."""


class UnknownModel(ValueError):
    """Neither RecBole nor this package has a model of that name."""


def require_dataset(name: str, folder: Path) -> None:
    """Pass if `folder` holds interactions, or if RecBole can say better what is wrong.

    Raises:
        DatasetNotBuilt: `folder` was built by us and its dataset.json is gone; `name` is a preset
            without interactions in `folder`; or `folder` does not exist and RecBole knows no
            download of that name.
    """
    if has_our_files(folder) and not (folder / "dataset.json").exists():
        raise DatasetNotBuilt(
            f"Dataset '{name}' is not whole: no dataset.json in {folder.absolute()}, which says "
            "how RecBole is to read the folder. Copy the whole folder, or build it again."
        )
    if any(folder.glob(f"{glob.escape(name)}*.inter")):
        return
    if known := preset_of(name):
        preset, policy, split = known
        raise DatasetNotBuilt(
            f"Dataset '{name}' is not built: no {name}.*.inter in {folder.absolute()}.\n"
            + how_to_build(preset, folder.parent, policy, split)
        )
    presets = load_presets()
    if folder.exists() or name in recbole_downloads():
        return  # RecBole names the file it misses, or downloads
    near = difflib.get_close_matches(name, [*presets, *neighbours(folder)], n=1)
    advice = [f"There is no dataset '{name}': {folder.absolute()} does not exist."]
    if near:
        advice.append(f"Did you mean '{near[0]}'?")
        if near[0] in presets:
            advice.append(how_to_build(presets[near[0]], folder.parent))
    advice.append(
        f"Datasets that `recbole-mmsc build` makes: {', '.join(presets)}; for a catalogue "
        "of your own see `recbole-mmsc build --help`."
    )
    raise DatasetNotBuilt("\n".join(advice))


def require_split(config: Any, folder: Path) -> None:
    """Pass if `folder` names no split, or holds the one that `config` knows of it.

    A configuration that knows none learns it, and takes it into the checkpoints of its runs: a
    model that was trained on another split of these items may know what is held out here.

    Raises:
        DatasetNotBuilt: dataset.json is none.
        OtherSplit: `config` knows another split of this folder.
    """
    card = folder / "dataset.json"
    if not card.is_file():
        return
    try:
        checksum = json.loads(card.read_text(encoding="utf-8")).get("split_sha256")
    except (ValueError, AttributeError) as error:
        raise DatasetNotBuilt(
            f"Expected a JSON object in {card}, found none ({error}); copy the whole folder, or "
            "build it again."
        ) from error
    if checksum is None:
        return
    found = [folder.name, checksum]
    known = config[SPLIT] or found
    if known[0] == found[0] and known != found:
        raise OtherSplit(
            f"Expected the split {known[1]} of {folder.absolute()}, which this configuration was "
            f"used with, found {found[1]}: what was trained on one may know pairs that are held "
            "out in the other. Train again, or name the dataset as it was."
        )
    config[SPLIT] = found


def preset_of(name: str) -> tuple[Preset, str, str] | None:
    """The preset, label policy and split of a dataset of that name, None if it is no preset's."""
    for preset, policy, split in product(load_presets().values(), POLICIES, SPLITS):
        if name == dataset_name(preset.name, policy, split):
            return preset, policy, split
    return None


def how_to_build(
    preset: Preset, data: Path, policy: str = DEFAULT_POLICY, split: str = "warm"
) -> str:
    """The command that builds a preset, and where its source file is to be had."""
    if not preset.file:  # the demo generates it
        command = f"recbole-mmsc {preset.name}"
        if (policy, split) != (DEFAULT_POLICY, "warm"):
            source = data / f"{preset.name}-source"
            meta = f"{source / f'meta_{preset.name}.json.gz'} --images {source / 'images'}"
            name = dataset_name(preset.name, policy, "warm")
            command += f"\n    {build_command(f'--name {name}', meta, data, policy, split)}"
        return f"Build it with\n    {command}"
    command = build_command(preset.name, preset.file, data, policy, split)
    source = f"\n{preset.file} is at {preset.address}" if preset.address else ""
    return f"Build it with\n    {command}{source}"


def build_command(what: str, meta: str, data: Path, policy: str, split: str) -> str:
    """The command line of a build.

    Args:
        what: a preset's name, or `--name` and a name.
        meta: the source files.
        data: the folder of datasets.
        policy: the label policy.
        split: `warm` or `cold`.
    """
    options = [f"--meta {meta}"]
    options += [f"--policy {policy}"] if policy != DEFAULT_POLICY else []
    options += [f"--split {split}"] if split != "warm" else []
    return " ".join(["recbole-mmsc build", what, *options, f"--out {data}"])


def neighbours(folder: Path) -> list[str]:
    """Names of the datasets that do lie beside `folder`."""
    if not folder.parent.is_dir():
        return []
    return [other.name for other in folder.parent.iterdir() if any(other.glob("*.inter"))]


@functools.cache
def recbole_downloads() -> frozenset[str]:
    """Names RecBole downloads by itself."""
    url_file = Path(recbole.__path__[0]) / "properties" / "dataset" / "url.yaml"
    return frozenset(yaml.safe_load(url_file.read_text(encoding="utf-8")))


@functools.cache
def recbole_models() -> frozenset[str]:
    """Class names ``get_model`` finds: in each model file, the class named like the file."""
    found: set[str] = set()
    for file in Path(recbole.model.__path__[0]).glob("*_recommender/*.py"):
        classes = re.findall(r"^class (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
        found.update(name for name in classes if name.lower() == file.stem)
    return frozenset(found)


def unknown_model(name: str, ours: Iterable[str]) -> UnknownModel:
    """The error for a name that is no model's, with the nearest ones."""
    names = {known.lower(): known for known in sorted({*recbole_models(), *ours})}
    near = difflib.get_close_matches(name.lower(), names, n=3)
    hint = " or ".join(f"'{names[one]}'" for one in near)
    return UnknownModel(
        f"There is no model '{name}'."
        + (f" Did you mean {hint}?" if near else " Known models: " + ", ".join(names.values()))
    )

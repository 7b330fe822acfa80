"""Presets: catalogues that the build command knows by name, one file each in ``properties/``."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from .. import properties
from .product import BuildError

PRESETS = Path(properties.__path__[0]) / "dataset"
#: The settings every dataset shares; it lies beside the presets and is none.
BASE = "relation.yaml"


class Preset(BaseModel):
    """A catalogue by name: ``properties/dataset/<name>.yaml``.

    Attributes:
        name: the file's stem, and the default name of the dataset folder.
        title: for people.
        format: the usual format of the source file; reading still looks at the file itself.
        file: the source file's usual name, empty for a catalogue that is generated.
        address: where the file is to be had.
        page: where its owners describe it.
        citation: what to cite.
        recbole: RecBole settings of this dataset alone, on top of those all our datasets share.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    format: Literal["amazon-2014", "amazon-2018", "amazon-2023"]
    file: str = ""
    address: str = ""
    page: str = ""
    citation: str = ""
    recbole: dict[str, Any] = {}


def load_presets(folder: Path = PRESETS) -> dict[str, Preset]:
    """All presets by name, in alphabetical order.

    Raises:
        BuildError: a file is no preset; the message names the file and the key.
    """
    files = sorted(folder.glob("*.yaml"), key=lambda file: file.stem)
    return {file.stem: _read(file) for file in files if file.name != BASE}


def get_preset(name: str) -> Preset:
    """The preset called ``name``, of those that are built from a file.

    Raises:
        BuildError: there is none; the message lists all and suggests the nearest.
    """
    presets = {name: preset for name, preset in load_presets().items() if preset.file}
    if name in presets:
        return presets[name]
    near = difflib.get_close_matches(
        name, [*presets, *(p.removeprefix("amazon-") for p in presets)]
    )
    hint = ""
    if near:
        meant = near[0] if near[0] in presets else f"amazon-{near[0]}"
        hint = f" Did you mean {meant!r}?"
    raise BuildError(f"Expected a preset among {', '.join(presets)} (got {name!r}).{hint}")


def _read(file: Path) -> Preset:
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not isinstance(entries, dict):
            raise BuildError(f"Preset {file}: expected a mapping, found {type(entries).__name__}.")
        return Preset.model_validate({**entries, "name": file.stem})
    except yaml.YAMLError as error:
        raise BuildError(f"Preset {file}: not YAML ({error}).") from error
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        raise BuildError(f"Preset {file}: {key}: {problem['msg']}.") from error

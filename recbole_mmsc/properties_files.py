"""The YAML files of ``properties/`` that RecBole's Config is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from recbole_mmsc import properties

PROPERTIES = Path(properties.__path__[0])


def ready_plans() -> dict[str, Path]:
    """The plans of ``properties/benchmark/`` by name."""
    return {file.stem: file for file in sorted((PROPERTIES / "benchmark").glob("*.yaml"))}


def model_defaults(model: str, loader: type = yaml.SafeLoader) -> dict[str, Any]:
    """``properties/model/<model>.yaml``, empty if there is none."""
    return _read(PROPERTIES / "model" / f"{model}.yaml", loader)


def relation_base(loader: type = yaml.SafeLoader) -> dict[str, Any]:
    """``properties/dataset/relation.yaml``: what every model needs to read a folder of ours."""
    return _read(PROPERTIES / "dataset" / "relation.yaml", loader)


def _read(path: Path, loader: type) -> dict[str, Any]:
    if not path.is_file():
        return {}
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader) or {}

"""``recbole-mmsc doctor``: versions, guards, what is missing, which datasets are there."""

from __future__ import annotations

import importlib.util
import json
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recbole_mmsc import compat

PACKAGES = (
    "recbole-mmsc",
    "recbole",
    "torch",
    "torch-geometric",
    "numpy",
    "pandas",
    "scipy",
    "ray",
    "setuptools",
    "transformers",
    "open_clip_torch",
    "pyarrow",
    "safetensors",
    "scikit-learn",
)

# Package → the module it is imported as, and what does not work without it.
OPTIONAL = {
    "faiss-cpu": ("faiss", "NCL; fast exact search over large catalogues"),
    "kmeans-pytorch": ("kmeans_pytorch", "LDiffRec with n_cate above 1"),
    "networkx": ("networkx", "NNCF with neigh_info_method: louvain"),
    "python-louvain": ("community", "NNCF with neigh_info_method: louvain"),
    "lightgbm": ("lightgbm", "LightGBM"),
    "xgboost": ("xgboost", "XGBoost"),
    "hyperopt": ("hyperopt", "RecBole's HyperTuning"),
    "wandb": ("wandb", "log_wandb: True"),
}


@dataclass(frozen=True)
class GuardState:
    """A guard and whether it is at work in this process."""

    guard: compat.Guard
    active: bool


@dataclass(frozen=True)
class Missing:
    """An optional package that is not installed, and what it is for."""

    package: str
    needed_for: str


@dataclass(frozen=True)
class DatasetFound:
    """A dataset folder: its name, its features files, and what it lacks to be used."""

    name: str
    features: tuple[str, ...]
    lacks: tuple[str, ...]


@dataclass(frozen=True)
class Diagnosis:
    """What :func:`diagnose` found; ``versions`` maps a package to None where it is absent."""

    data: Path
    versions: dict[str, str | None]
    guards: tuple[GuardState, ...]
    missing: tuple[Missing, ...]
    datasets: tuple[DatasetFound, ...]

    def render(self, console: Console | None = None) -> None:
        """Print the diagnosis as tables."""
        console = console or Console()
        table = _table("Versions", "package", "version")
        for package, found in self.versions.items():
            table.add_row(package, found or "not installed")
        console.print(table)

        title = "Guards against what today's libraries break in RecBole"
        table = _table(title, "guard", "state", "for what")
        for state in self.guards:
            guard = state.guard
            word = "[green]active" if state.active else "not needed"
            table.add_row(guard.name, word, f"{guard.since}: {guard.does} ({guard.mends})")
        console.print(table)

        if self.missing:
            table = _table("Optional packages that are not installed", "package", "needed for")
            for missing in self.missing:
                table.add_row(missing.package, missing.needed_for)
            console.print(table)

        if not self.datasets:
            console.print(f"No datasets in {escape(str(self.data.absolute()))}.")
            return
        title = f"Datasets in {escape(str(self.data.absolute()))}"
        table = _table(title, "dataset", "features", "state")
        for dataset in self.datasets:
            features = escape(", ".join(dataset.features)) or "none"
            lacks = escape(", ".join(dataset.lacks))
            table.add_row(
                escape(dataset.name), features, f"[red]lacks {lacks}" if lacks else "ready"
            )
        console.print(table)


def diagnose(data: Path) -> Diagnosis:
    """Look at this process's libraries and at the dataset folders in `data`."""
    active = compat.activate()
    missing = (
        Missing(package, needed_for)
        for package, (module, needed_for) in OPTIONAL.items()
        if importlib.util.find_spec(module) is None
    )
    return Diagnosis(
        data=data,
        versions=versions(),
        guards=tuple(GuardState(guard, active[guard.name]) for guard in compat.GUARDS),
        missing=tuple(missing),
        datasets=tuple(_inspect(card.parent) for card in sorted(data.glob("[!.]*/dataset.json"))),
    )


def versions() -> dict[str, str | None]:
    """Package → version of what results depend on, None where it is absent."""
    return {
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
    }


def _inspect(folder: Path) -> DatasetFound:
    name = folder.name
    needed = [f"{name}.{part}" for part in ("train.inter", "valid.inter", "test.inter")]
    needed += [f"{name}.item", f"{name}.user", "behaviour.parquet", "catalogue.parquet"]
    lacks = [file for file in needed if not (folder / file).is_file()]
    try:
        json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        lacks.append("a readable dataset.json")
    features = sorted(file.stem for file in folder.glob("features/*.safetensors"))
    return DatasetFound(name, tuple(features), tuple(lacks))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")
    return table

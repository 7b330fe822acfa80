"""A checkpoint of RecBole's made a model again, wherever its dataset lies now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from recbole.config import Config
from recbole.data import create_dataset
from recbole.utils import get_model, init_seed

from recbole_mmsc.missing import DatasetNotBuilt
from recbole_mmsc.trust import trusting


@dataclass(frozen=True)
class Loaded:
    """A trained model and what it was trained for.

    Args:
        model: in evaluation mode.
        config: RecBole's configuration.
        parts: the dataset's parts: training, validation, test.
    """

    model: Any
    config: Any
    parts: list[Any]


def load_checkpoint(file: Path, data: Path | None = None) -> Loaded:
    """Make a trained model again, on the device it was trained on if there is one, else on the CPU.

    A checkpoint is unpickled, which may run what it holds: name none that you do not trust.

    Args:
        file: ``saved/<model>-….pth``.
        data: the folder that holds the dataset's, where it is not the one of the training.

    Raises:
        FileNotFoundError: there is no such file, or the dataset or a file of it is missing
            (``DatasetNotBuilt``).
        OtherSplit: the dataset was built anew, with another split.
        ValueError: the file is no checkpoint of RecBole's, its dataset none that we built, or what
            the model reads of it has other sizes than in training.
    """
    checkpoint = _read(file)
    config = checkpoint["config"]
    if not config["relation_dataset"]:
        raise ValueError(
            f"{file}: expected a model of a dataset that `recbole-mmsc build` made, found one of "
            f"{config['dataset']!r}"
        )
    if not torch.cuda.is_available():
        config["device"] = torch.device("cpu")
    if data is not None:
        config["data_path"] = str(data / config["dataset"])
    init_seed(config["seed"], config["reproducibility"])
    try:
        parts = create_dataset(config).build()
    except DatasetNotBuilt as error:
        raise DatasetNotBuilt(
            f"{error}\nIf it lies elsewhere, say in which folder: --data."
        ) from error
    model = get_model(config["model"])(config, parts[0]).to(config["device"])
    try:
        model.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:  # by its words every size that differs
        raise ValueError(
            f"{file}: expected the dataset with the features that the model was trained with "
            f"({error})"
        ) from error
    model.load_other_parameter(checkpoint.get("other_parameter"))
    return Loaded(model.eval(), config, parts)


def _read(file: Path) -> dict[str, Any]:
    where = None if torch.cuda.is_available() else "cpu"
    try:
        with trusting(file):
            checkpoint = torch.load(file, map_location=where)
    except OSError:
        raise
    except Exception as error:  # whatever torch and pickle make of another file
        raise ValueError(f"{file}: expected a checkpoint of RecBole's ({error})") from error
    if (
        not isinstance(checkpoint, dict)
        or not isinstance(checkpoint.get("config"), Config)
        or "state_dict" not in checkpoint
    ):
        raise ValueError(f"{file}: expected a checkpoint of RecBole's, found another kind of file")
    return checkpoint

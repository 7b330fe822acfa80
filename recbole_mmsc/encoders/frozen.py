"""What encoders around a frozen torch model share: loading, placing, and saying what they are."""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
import transformers
from huggingface_hub import metadata_load
from torch.nn.functional import normalize

from . import Encoder
from .precision import choose_device, choose_dtype
from .template import TextTemplate


class FrozenEncoder(Encoder):
    """An encoder whose vectors come from a torch model that does not learn.

    Args:
        name: the name it is registered under, with its argument.
        model: the model, in float32 on the CPU; :meth:`place` moves it.
        weights: the files the model was loaded from.
        source: what they are, for the header.
        licence: of the weights.
        libraries: names and versions of what computes beside torch.
        max_tokens: the length at which the model cuts a text.
    """

    def __init__(
        self,
        name: str,
        model: torch.nn.Module,
        weights: Sequence[Path],
        source: str,
        licence: str,
        libraries: str,
        max_tokens: int,
    ) -> None:
        self.name = name
        self.model = model.eval().requires_grad_(False)
        self.weights_sha256 = files_sha256(weights)
        self.source, self.licence, self.libraries = source, licence, libraries
        self.max_tokens = max_tokens
        self.template = TextTemplate.for_tokens(max_tokens)
        self.device, self.dtype = torch.device("cpu"), torch.float32

    def place(self, precision: str, device: str) -> None:
        """Move the model to a device and round its weights; once, before anything is encoded."""
        self.device = choose_device(device)
        self.dtype = choose_dtype(precision, self.device)
        self.model.to(self.device, self.dtype)
        self.fills_cores = self.device.type == "cpu"

    def describe(self) -> dict[str, str]:
        """Header entries; the checksum is that of the weights' file, or of several in a row."""
        return {
            "weights_sha256": self.weights_sha256,
            "weights": self.source,
            "licence": self.licence,
            "computed": f"{str(self.dtype).removeprefix('torch.')} on {self.device.type}",
            "libraries": f"torch {torch.__version__}, {self.libraries}",
        }

    def pixels(self, pixels: np.ndarray) -> torch.Tensor:
        """A batch of pictures where and as the model wants it."""
        return torch.from_numpy(pixels).to(self.device, self.dtype)


def unit_rows(vectors: torch.Tensor) -> np.ndarray:
    """Vectors of any precision as float32 rows of length 1."""
    return normalize(vectors.float(), dim=-1).cpu().numpy()


def files_sha256(paths: Iterable[Path]) -> str:
    """SHA-256 of the files' contents one after the other, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def licence_of(folder: str | os.PathLike[str], page: str) -> str:
    """The licence in the front matter of the ``README.md`` of a model's folder, if it has one."""
    card = Path(folder) / "README.md"
    try:
        said = (metadata_load(card) if card.is_file() else None) or {}
    except Exception:  # a card is written by anyone; what is unreadable says nothing
        said = {}
    licence = said.get("license_name") or said.get("license")
    return str(licence) if licence else f"unknown: see the page of {page}"


@contextmanager
def loading(expected: str, where: str | os.PathLike[str]) -> Iterator[None]:
    """Silence the libraries; whatever they throw at a damaged or hostile file is a ValueError."""
    silenced, bar = logging.root.manager.disable, transformers.utils.logging
    shown = bar.is_progress_bar_enabled()
    bar.disable_progress_bar()  # it would break ours
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        if isinstance(error, pickle.UnpicklingError):
            # the library's advice is to run what is in the file
            reason = "no tensors alone, or damaged; Python objects in a file are never run"
        raise ValueError(
            f"Expected {expected} in {where}, could not load it ({reason})."
        ) from error
    finally:
        logging.disable(silenced)
        if shown:
            bar.enable_progress_bar()

"""What one features file holds: modalities, coverage, where its weights come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recbole_mmsc.data.features import FeatureError, Features, features_path, read_features
from recbole_mmsc.memory import require_memory

_CHUNK = 1 << 16
# Of the file's form; what they say is checked when the file is read.
_FORM = {"format_version", "encoder", "n_items", "items_sha256", "item_set_sha256"}


@dataclass(frozen=True, slots=True)
class ModalitySummary:
    """One modality of a features file.

    Attributes:
        name: "text" or "image".
        dim: width of its vectors.
        dtype: as which they are stored.
        n_with: items that have it.
        n_empty: items that have it, but whose vector is zero, so that it says nothing.
    """

    name: str
    dim: int
    dtype: str
    n_with: int
    n_empty: int


@dataclass(frozen=True, slots=True)
class FeaturesSummary:
    """A features file that belongs to the dataset.

    Attributes:
        path: the file.
        size: in bytes.
        encoder: that made it.
        n_items: of the catalogue.
        modalities: what it has, text before image.
        n_with_all: items that have every modality of the file.
        n_with_none: items that have none of them.
        header: the remaining entries: weights, weights_sha256, text_template, libraries, …
        filed_as: the name under which a file of this encoder is looked for.
    """

    path: Path
    size: int
    encoder: str
    n_items: int
    modalities: tuple[ModalitySummary, ...]
    n_with_all: int
    n_with_none: int
    header: dict[str, str]
    filed_as: str


def features_files(folder: Path) -> list[Path]:
    """The features files of a dataset folder by name; unfinished ones (hidden) are left out."""
    found = (folder / "features").glob("*.safetensors")
    return sorted(path for path in found if not path.name.startswith("."))


def read_checked(path: Path, item_ids: Sequence[str]) -> Features:
    """``read_features``, refusing a file that does not fit into memory.

    Raises:
        FeatureError: as ``read_features`` says, or the file is too large.
    """
    size = path.stat().st_size if path.is_file() else 0
    try:
        require_memory(size, f"Features {path}: the file", "Use a machine with more memory.")
    except MemoryError as error:
        raise FeatureError(str(error)) from error
    return read_features(path, item_ids)


def summarise(path: Path, features: Features) -> FeaturesSummary:
    """Count what is in a features file that has been read."""
    masks = np.stack([features.available[name] for name in features.modalities])
    dims = {f"{name}_dim" for name in features.modalities}
    return FeaturesSummary(
        path=path,
        size=path.stat().st_size,
        encoder=features.encoder,
        n_items=features.n_items,
        modalities=tuple(_summarise(features, name) for name in features.modalities),
        n_with_all=int(masks.all(axis=0).sum()),
        n_with_none=int((~masks.any(axis=0)).sum()),
        header={k: v for k, v in sorted(features.metadata.items()) if k not in _FORM | dims},
        filed_as=features_path(path.parent.parent, features.encoder).name,
    )


def _summarise(features: Features, name: str) -> ModalitySummary:
    vectors, n_with = features.vectors[name], int(features.available[name].sum())
    n_filled = sum(
        int(vectors[start : start + _CHUNK].any(axis=1).sum())
        for start in range(0, len(vectors), _CHUNK)
    )
    return ModalitySummary(name, features.dim(name), str(vectors.dtype), n_with, n_with - n_filled)

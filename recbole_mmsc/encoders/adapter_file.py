"""The adapter of features it made: ``features/adapters/<encoder>+adapted.safetensors``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from recbole_mmsc.data.features import ADAPTED, FeatureError, features_path, write_tensors
from recbole_mmsc.nn.adapter import ContentAdapter
from recbole_mmsc.nn.content import Modality

KIND = "adapter"
FORMAT_VERSION = "1"
ROWS_AT_ONCE = 8192


def adapter_path(folder: Path, encoder: str) -> Path:
    """Where the adapter of an encoder's features lies in a dataset folder."""
    features = features_path(folder, encoder + ADAPTED)
    return features.parent / "adapters" / features.name


def write_adapter(path: Path, adapter: ContentAdapter, metadata: Mapping[str, str]) -> Path:
    """Write the weights atomically; the same weights and metadata give the same bytes.

    Args:
        path: the file to write.
        adapter: whose weights.
        metadata: what the header says of where they come from.
    """
    weights = {name: tensor.numpy() for name, tensor in adapter.state_dict().items()}
    return write_tensors(
        path, weights, {**metadata, "kind": KIND, "format_version": FORMAT_VERSION}
    )


def read_adapter(path: Path) -> ContentAdapter:
    """Read an adapter back.

    Raises:
        FeatureError: the file is missing, damaged, or no adapter.
    """
    try:
        if not path.is_file():
            raise FeatureError("there is no such file")
        with safe_open(path, framework="pt") as file:
            found = file.metadata() or {}
            if (found.get("kind"), found.get("format_version")) != (KIND, FORMAT_VERSION):
                raise FeatureError(
                    f"expected an adapter of format {FORMAT_VERSION}, found "
                    f"{found.get('kind', 'another kind of file')} of format "
                    f"{found.get('format_version')}"
                )
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if not all(tensor.isfinite().all() for tensor in weights.values()):
            raise FeatureError("expected finite weights, found NaN or inf")
        down = {
            name.split(".")[1]: tensor
            for name, tensor in weights.items()
            if name.endswith(".down.weight")
        }
        sizes = {name: tensor.shape[1] for name, tensor in sorted(down.items())}
        adapter = ContentAdapter(sizes, next(iter(down.values())).shape[0])
        adapter.load_state_dict(weights)
    except (FeatureError, SafetensorError, OSError, RuntimeError, LookupError, StopIteration) as e:
        problem = str(e) if isinstance(e, FeatureError) else f"damaged, or no adapter ({e})"
        raise FeatureError(
            f"Adapter {path}: {problem}. Make it with `recbole-mmsc adapt DATASET --encoder E`."
        ) from e
    return adapter.eval()


def apply_adapter(
    path: str | os.PathLike[str], vectors: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Adapt the vectors of items, of the catalogue or not, as the catalogue's were.

    Args:
        path: a ``features/adapters/<encoder>+adapted.safetensors``.
        vectors: modality → ``[m, d]`` of the encoder, of any length; zeros where it is absent.

    Returns:
        modality → ``[m, d]`` float32 of unit length; zeros stay zeros.

    Raises:
        FeatureError: the file is damaged, or was made for other modalities or widths.
    """
    adapter = read_adapter(Path(path))
    return {name: adapted(adapter, name, rows) for name, rows in vectors.items()}


@torch.no_grad()
def adapted(adapter: ContentAdapter, modality: str, rows: np.ndarray) -> np.ndarray:
    """One modality of :func:`apply_adapter`, with the adapter at hand."""
    sizes = {name: part.norm.normalized_shape[0] for name, part in adapter.adapters.items()}
    if rows.ndim != 2 or rows.shape[1] != sizes.get(modality):
        raise FeatureError(
            f"expected vectors of {', '.join(f'{n} [m, {d}]' for n, d in sizes.items())} for this "
            f"adapter, found {modality} of shape {list(rows.shape)}"
        )
    if not np.isfinite(rows).all():
        raise FeatureError(f"expected finite {modality} vectors, found NaN or inf")
    out = np.zeros(rows.shape, np.float32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = unit(rows[start : start + ROWS_AT_ONCE])
        out[start : start + ROWS_AT_ONCE] = adapter.adapters[modality](part.vectors).numpy()
        out[start : start + ROWS_AT_ONCE][~part.available.numpy()] = 0
    return out


def unit(rows: np.ndarray, available: np.ndarray | None = None) -> Modality:
    """``[m, d]`` rows as a :class:`Modality` in float32; by default zero rows are absent."""
    vectors = torch.from_numpy(rows.astype(np.float32))
    length = vectors.norm(dim=1, keepdim=True)
    present = length.squeeze(1) > 0
    if available is not None:
        present &= torch.from_numpy(available)
    return Modality(vectors / length.clamp(min=1e-12), present)

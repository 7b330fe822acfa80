"""Encode a built dataset: ``catalogue.parquet`` → ``features/<encoder>.safetensors``."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from ..data.features import features_path, write_features
from . import Encoder, get_encoder


@dataclass(frozen=True, slots=True)
class EncodeSummary:
    """What ``encode_dataset`` wrote: where, for how many items, how fast."""

    path: Path
    encoder: str
    n_items: int
    n_with_text: int
    dim: int
    seconds: float


def encode_dataset(
    folder: str | os.PathLike[str],
    encoder: str | Encoder,
    *,
    dtype: str = "float16",
    progress: bool = True,
) -> EncodeSummary:
    """Encode the text of every item of a dataset folder, atomically and reproducibly.

    Items without any text get a row of zeros and 0 in the mask. The same catalogue, encoder and
    machine give the same bytes.

    Args:
        folder: a built dataset folder.
        encoder: a registered name (see ``recbole_mmsc.encoders``) or an encoder.
        dtype: how the vectors are stored, "float16" or "float32"; they are computed in float32.
        progress: show a progress bar on stderr.

    Raises:
        FileNotFoundError: the folder holds no ``catalogue.parquet``.
        ValueError: unknown encoder, or no item has any text.
    """
    started = time.perf_counter()
    catalogue = _read_catalogue(Path(folder))
    encoder = get_encoder(encoder) if isinstance(encoder, str) else encoder
    texts = encoder.template.texts(catalogue)
    available = np.array([bool(text) for text in texts], dtype=bool)
    if not available.any():
        raise ValueError(f"Expected text in {folder}, found none in {len(texts)} items.")
    rows = _encode(encoder, texts, available, np.dtype(dtype), progress)
    path = write_features(
        features_path(folder, encoder.name),
        catalogue.column("item_id").to_pylist(),
        {"text": rows},
        {"text": available},
        encoder=encoder.name,
        metadata={**encoder.describe(), "text_template": str(encoder.template)},
    )
    return EncodeSummary(
        path=path,
        encoder=encoder.name,
        n_items=len(texts),
        n_with_text=int(available.sum()),
        dim=rows.shape[1],
        seconds=time.perf_counter() - started,
    )


def _encode(
    encoder: Encoder, texts: list[str], available: np.ndarray, dtype: np.dtype, progress: bool
) -> np.ndarray:
    order = np.flatnonzero(available).tolist()
    with tqdm(total=len(order), unit="item", disable=not progress) as bar:
        bar.set_description(f"fit {encoder.name}")
        encoder.fit([texts[item] for item in order])
        bar.set_description(f"encode {encoder.name}")
        # Texts of like length together waste no computation on padding; the longest come first,
        # so that a lack of memory shows at once.
        order.sort(key=lambda item: -len(texts[item]))
        rows = np.empty((0, 0), dtype)
        for start in range(0, len(order), encoder.batch_size):
            batch = order[start : start + encoder.batch_size]
            vectors = encoder.encode_texts([texts[item] for item in batch])
            if not start:
                rows = np.zeros((len(texts), vectors.shape[1]), dtype)
            rows[batch] = vectors
            bar.update(len(batch))
    return rows


def _read_catalogue(folder: Path) -> pa.Table:
    path = folder / "catalogue.parquet"
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a built dataset in {folder}, found no {path.name}; "
            "make one with `recbole-mmsc build PRESET --meta FILE`."
        )
    return pq.read_table(path)

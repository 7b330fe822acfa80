"""Vectors of products that are in no catalogue yet, as an encoder makes them of a catalogue's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recbole_mmsc.data.attributes import SEPARATOR
from recbole_mmsc.encoders import Encoder, get_encoder
from recbole_mmsc.images.decoding import BadImage, decode_image


def encode_products(
    encoder: str | Encoder, products: Sequence[Mapping[str, Any]]
) -> dict[str, np.ndarray]:
    """Encode products for :meth:`MMSC.rank_unseen`.

    Where the catalogue's features are adapted, :func:`.adapter_file.apply_adapter` adapts these.

    Args:
        encoder: the one that made the catalogue's features, by name or itself.
        products: for each of m products what is known of it: ``title``, ``brand``, ``category``
            (a path, ``Kitchen > Kettles``), ``description``, texts or lists of texts, and
            ``images``, files of its pictures.

    Returns:
        Modality → ``[m, d]`` float32, rows of length 1, or zero for a product without it; a
        modality that no product has is left out.

    Raises:
        ValueError: the encoder is fitted on its catalogue, so that it knows no other texts; a
            picture cannot be read; a text is none; no product has anything to encode.
    """
    if isinstance(products, Mapping):
        raise ValueError("expected a list of products, found one product; put it into a list")
    if isinstance(encoder, str):
        encoder = get_encoder(encoder)
    if type(encoder).fit is not Encoder.fit:
        raise ValueError(
            f"expected an encoder with weights of its own, found {encoder.name}, fitted on its "
            "catalogue: encode the catalogue with the new products in it, or by minilm, say"
        )
    encode = {"text": _texts, "image": _pictures}
    found = {name: _stacked(encode[name](encoder, products)) for name in encoder.modalities}
    vectors = {name: rows for name, rows in found.items() if rows is not None}
    if not vectors:
        raise ValueError(
            f"expected products with {' or '.join(encoder.modalities)}, found {len(products)} "
            "without"
        )
    return vectors


def _texts(encoder: Encoder, products: Sequence[Mapping[str, Any]]) -> list[np.ndarray | None]:
    columns = {
        name: pa.array([_text(each, name) for each in products], pa.string())
        for name in encoder.template.fields
    }
    texts = encoder.template.texts(pa.table(columns))
    some = [text for text in texts if text]
    vectors = iter(encoder.encode_texts(some) if some else ())
    return [next(vectors) if text else None for text in texts]


def _text(product: Mapping[str, Any], name: str) -> str:
    value = product.get(name) or ""
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        value = (SEPARATOR if name == "category" else " ").join(value)
    if not isinstance(value, str):
        raise ValueError(f"expected a text or a list of texts as {name}, found {value!r}")
    return value


def _pictures(encoder: Encoder, products: Sequence[Mapping[str, Any]]) -> list[np.ndarray | None]:
    return [_mean_picture(encoder, each.get("images", ())) for each in products]


def _mean_picture(encoder: Encoder, files: Sequence[str | os.PathLike[str]]) -> np.ndarray | None:
    """The normalised mean, as of an item with several pictures; None without any."""
    if not files:
        return None
    prepare = encoder.image_transform()
    try:
        pixels = [prepare(decode_image(Path(file).read_bytes())) for file in files]
    except (BadImage, OSError) as error:
        raise ValueError(f"expected pictures in {', '.join(map(str, files))}: {error}") from None
    total = encoder.encode_images(np.stack(pixels)).sum(axis=0)
    return total / max(float(np.linalg.norm(total)), 1e-12)


def _stacked(rows: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """One row for each product, zeros for those without; None where all are."""
    width = next((len(row) for row in rows if row is not None), None)
    if width is None:
        return None
    return np.stack([np.zeros(width) if row is None else row for row in rows]).astype(np.float32)
